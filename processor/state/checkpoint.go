package state

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrCheckpoint is wrapped by errors that are a checkpoint's own fault: the store is as it was, and another checkpoint, or
// the topics alone, may do.
var ErrCheckpoint = errors.New("checkpoint")

// Below the store's directory: what scratchDir holds is worthless after a crash and goes at the next Open, what fetchDir
// holds is worth continuing.
const (
	scratchDir = "scratch"
	fetchDir   = "fetch"
)

// idKey lies below every partition's range.
var idKey = []byte{firstKeyVersion - 1, 'i', 'd'}

// A Checkpoint is one partition's state at one moment, as files that do not change any more. Most are hard links: they cost
// no space until the database rewrites them, and then they keep the old ones until Remove.
type Checkpoint struct {
	Partition int32
	// Dir is on FS. The files are an openable Pebble database; of other partitions it holds scraps that mean nothing.
	Dir   string
	FS    vfs.FS
	Files []CheckpointFile
}

// A CheckpointFile is one file of a checkpoint.
type CheckpointFile struct {
	Name  string
	Bytes int64
}

// Bytes is the size of all files.
func (c *Checkpoint) Bytes() (sum int64) {
	for _, f := range c.Files {
		sum += f.Bytes
	}
	return sum
}

// Remove gives the files up.
func (c *Checkpoint) Remove() error {
	if err := c.FS.RemoveAll(c.Dir); err != nil {
		return fmt.Errorf("removing the checkpoint in %s: %w", c.Dir, err)
	}
	return nil
}

// Checkpoint freezes the state of a partition as of its last Flush. The partition may not Flush while it runs, others may: of
// batches that come meanwhile it holds any number, whole. It syncs the database and links files; its time grows with the
// number of files and with what is not flushed from the write buffers (see FlushSoon), not with the state.
// The caller owns the result; a checkpoint that is not removed goes at the next Open.
func (s *Store) Checkpoint(id int32) (*Checkpoint, error) {
	low, high := bounds(id)
	fs := s.opts.FS
	if err := fs.MkdirAll(fs.PathJoin(s.dir, scratchDir), 0o755); err != nil {
		return nil, fmt.Errorf("%w: making the directory of checkpoints: %w", ErrStorage, err)
	}
	c := &Checkpoint{Partition: id, FS: fs, Dir: s.scratch(fmt.Sprintf("checkpoint-%d", id))}
	err := s.db.Checkpoint(c.Dir, pebble.WithFlushedWAL(), pebble.WithRestrictToSpans([]pebble.CheckpointSpan{{Start: low, End: high}}))
	if err != nil {
		return nil, fmt.Errorf("%w: freezing partition %d in %s: %w", ErrStorage, id, c.Dir, err)
	}
	names, err := fs.List(c.Dir)
	if err == nil {
		slices.Sort(names)
		for _, name := range names {
			var info vfs.FileInfo
			if info, err = fs.Stat(fs.PathJoin(c.Dir, name)); err != nil {
				break
			}
			c.Files = append(c.Files, CheckpointFile{name, info.Size()})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: listing the checkpoint in %s: %w", ErrStorage, c.Dir, err), c.Remove())
	}
	return c, nil
}

// FlushSoon writes the write buffers out in the background and closes the channel when that is done. A checkpoint after
// it is faster and smaller: it copies the log of what is still in the buffers, with the writes of every partition.
func (s *Store) FlushSoon() (<-chan struct{}, error) {
	done, err := s.db.AsyncFlush()
	if err != nil {
		return nil, fmt.Errorf("%w: flushing: %w", ErrStorage, err)
	}
	return done, nil
}

// ID names this database for good: 16 hex digits, drawn at the first call.
func (s *Store) ID() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, closer, err := s.db.Get(idKey)
	if err == nil {
		id := hex.EncodeToString(v)
		return id, closer.Close()
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return "", fmt.Errorf("%w: reading the database's name: %w", ErrStorage, err)
	}
	v = binary.BigEndian.AppendUint64(nil, rand.Uint64())
	if err := s.db.Set(idKey, v, pebble.Sync); err != nil {
		return "", fmt.Errorf("%w: naming the database: %w", ErrStorage, err)
	}
	return hex.EncodeToString(v), nil
}

// FS is the file system that the state lies on.
func (s *Store) FS() vfs.FS { return s.opts.FS }

// FetchDir is where a partition's checkpoint is brought to before RestorePartition. It outlives the process, so that a
// broken-off transfer can go on; whoever fetched removes it.
func (s *Store) FetchDir(id int32) string {
	fs := s.opts.FS
	return fs.PathJoin(s.dir, fetchDir, fmt.Sprint(id))
}

// DropFetchDirs removes what was fetched for partitions that keep says are of no interest any more.
func (s *Store) DropFetchDirs(keep func(id int32) bool) error {
	fs := s.opts.FS
	names, err := fs.List(fs.PathJoin(s.dir, fetchDir))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing fetched checkpoints: %w", err)
	}
	for _, name := range names {
		var id int32
		if _, err := fmt.Sscan(name, &id); err == nil && keep(id) {
			continue
		}
		if err := fs.RemoveAll(fs.PathJoin(s.dir, fetchDir, name)); err != nil {
			return fmt.Errorf("removing a fetched checkpoint: %w", err)
		}
	}
	return nil
}

// scratch answers a path of no file yet.
func (s *Store) scratch(name string) string {
	return s.opts.FS.PathJoin(s.dir, scratchDir, fmt.Sprintf("%s-%d", name, s.scratches.Add(1)))
}

// dropScratch removes what a crash left behind.
func (s *Store) dropScratch() error {
	fs := s.opts.FS
	if err := fs.RemoveAll(fs.PathJoin(s.dir, scratchDir)); err != nil {
		return fmt.Errorf("%w: removing what a crash left in %s: %w", ErrStorage, scratchDir, err)
	}
	return nil
}
