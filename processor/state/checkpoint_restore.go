package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"
)

const (
	// restoreTableBytes is where a table ends, before compression: Pebble's own target for the last level.
	restoreTableBytes = 128 << 20
	// restoreWorkers is at most how many stretches of a checkpoint are rewritten at once. Each holds a few blocks in memory.
	restoreWorkers = 4
	// restoreCacheBytes is for blocks of the checkpoint: each is read once.
	restoreCacheBytes = 8 << 20
	// restoreReportKeys is after how many keys progress is told, and a cancelled context noticed.
	restoreReportKeys = 20_000
	lastLevel         = 6
)

// Restored says what RestorePartition brought.
type Restored struct {
	Keys int64
	// Bytes is the size of keys and values before compression.
	Bytes int64
}

// RestorePartition replaces everything of a partition by what the checkpoint in dir (on the store's file system) holds of it,
// in one step: after a crash, or an error, the partition is either as it was or as in the checkpoint. Other partitions may
// be in use; views of this one lose their unflushed writes. Until it is done it takes once more the space of the state.
//
// progress, which may be nil, hears of compressed bytes done and in all; the latter is an estimate until the end. It is
// called by several goroutines, one at a time is not promised. An error wraps ErrCheckpoint when dir is to blame, else
// ErrStorage or the context's.
func (s *Store) RestorePartition(ctx context.Context, id int32, dir string, progress func(done, total int64)) (Restored, error) {
	s.mu.Lock()
	if view := s.views[id]; view != nil {
		view.discard()
		view.counted = false
	}
	s.mu.Unlock()
	src, err := s.openCheckpoint(dir)
	if err != nil {
		return Restored{}, err
	}
	r := &restore{store: s, src: src, id: id, dir: s.scratch(fmt.Sprintf("restore-%d", id)), progress: progress}
	out, err := r.run(ctx)
	if cerr := src.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("%w: closing %s: %w", ErrCheckpoint, dir, cerr)
	}
	if rerr := s.opts.FS.RemoveAll(r.dir); rerr != nil && err == nil {
		err = fmt.Errorf("%w: removing %s: %w", ErrStorage, r.dir, rerr)
	}
	return out, err
}

func (s *Store) openCheckpoint(dir string) (*pebble.DB, error) {
	db, err := pebble.Open(dir, &pebble.Options{
		FS: s.opts.FS, ReadOnly: true, ErrorIfNotExists: true, CacheSize: restoreCacheBytes, Logger: quiet{}, MaxOpenFiles: 100,
		FormatMajorVersion: pebble.FormatNewest, Merger: sumMerger,
		// Without this Pebble ends the process when it meets a damaged block; here the reader's error is enough.
		EventListener: &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s (made by a newer version, or incomplete?): %w", ErrCheckpoint, dir, err)
	}
	return db, nil
}

type restore struct {
	store    *Store
	src      *pebble.DB
	id       int32
	dir      string // of the new tables
	progress func(done, total int64)

	total       int64
	written     atomic.Int64 // compressed bytes of finished and running tables
	keys, bytes atomic.Int64
}

func (r *restore) run(ctx context.Context) (Restored, error) {
	low, high := bounds(r.id)
	size, err := r.src.EstimateDiskUsage(low, high)
	if err != nil {
		return Restored{}, fmt.Errorf("%w: measuring: %w", ErrCheckpoint, err)
	}
	r.total = int64(size)
	if err := r.store.opts.FS.MkdirAll(r.dir, 0o755); err != nil {
		return Restored{}, fmt.Errorf("%w: making %s: %w", ErrStorage, r.dir, err)
	}
	edges, err := r.split(low, high)
	if err != nil {
		return Restored{}, fmt.Errorf("%w: listing tables: %w", ErrCheckpoint, err)
	}
	stretches := make([][]string, len(edges)-1)
	group, gctx := errgroup.WithContext(ctx)
	for i := range stretches {
		group.Go(func() error {
			var err error
			stretches[i], err = r.rewrite(gctx, i, edges[i], edges[i+1])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Restored{}, err
	}
	out := Restored{Keys: r.keys.Load(), Bytes: r.bytes.Load()}
	if out.Keys == 0 {
		return Restored{}, fmt.Errorf("%w: it holds nothing of partition %d", ErrCheckpoint, r.id)
	}
	// One edit of the database's manifest takes the old content out and brings the new in.
	if _, err := r.store.db.IngestAndExcise(ctx, slices.Concat(stretches...), nil, nil, pebble.KeyRange{Start: low, End: high}); err != nil {
		return Restored{}, fmt.Errorf("%w: taking the tables of partition %d in: %w", ErrStorage, r.id, err)
	}
	r.total = max(r.total, r.written.Load())
	r.report(r.total)
	return out, nil
}

// split answers the edges of stretches of about equal size.
func (r *restore) split(low, high []byte) ([][]byte, error) {
	workers := min(runtime.GOMAXPROCS(0), restoreWorkers)
	levels, err := r.src.SSTables()
	if err != nil {
		return nil, err
	}
	tables := levels[lastLevel]
	var sum, passed uint64
	inside := tables[:0]
	for _, t := range tables {
		if bytes.Compare(t.Smallest.UserKey, low) > 0 && bytes.Compare(t.Smallest.UserKey, high) < 0 {
			inside = append(inside, t)
			sum += t.Size
		}
	}
	edges := [][]byte{low}
	for _, t := range inside {
		if passed >= sum*uint64(len(edges))/uint64(workers) && len(edges) < workers {
			edges = append(edges, slices.Clone(t.Smallest.UserKey))
		}
		passed += t.Size
	}
	return append(edges, high), nil
}

// rewrite copies the keys of [low, high) into new tables and answers their paths.
func (r *restore) rewrite(ctx context.Context, stretch int, low, high []byte) (paths []string, err error) {
	it, err := r.src.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return nil, fmt.Errorf("%w: reading: %w", ErrCheckpoint, err)
	}
	defer it.Close()
	t := &tableWriter{restore: r}
	defer func() {
		if err != nil {
			t.abandon()
		}
	}()
	var keys, size int64
	count := func() {
		r.keys.Add(keys)
		r.bytes.Add(size)
		keys, size = 0, 0
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("%w: reading: %w", ErrCheckpoint, err)
		}
		if t.w == nil {
			path := r.store.opts.FS.PathJoin(r.dir, fmt.Sprintf("%d-%d.sst", stretch, len(paths)))
			if err := t.open(path); err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
		if err := t.set(it.Key(), v); err != nil {
			return nil, err
		}
		if keys++; keys == restoreReportKeys {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			count()
			t.report()
		}
		size += int64(len(it.Key()) + len(v))
		if t.raw >= restoreTableBytes {
			if err := t.finish(); err != nil {
				return nil, err
			}
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("%w: reading: %w", ErrCheckpoint, err)
	}
	count()
	return paths, t.finish()
}

func (r *restore) report(done int64) {
	if r.progress != nil {
		r.progress(min(done, r.total), r.total)
	}
}

// tableWriter writes one table after the other.
type tableWriter struct {
	*restore
	w        *sstable.Writer
	raw      int64 // bytes before compression
	reported int64 // compressed bytes already in written
}

func (t *tableWriter) open(path string) error {
	f, err := t.store.opts.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("%w: making a table: %w", ErrStorage, err)
	}
	// Written out as it goes, so that the last sync is short and does not hold the cycle's syncs up.
	f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: t.store.opts.BytesPerSync})
	t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), t.store.opts.MakeWriterOptions(lastLevel, t.store.db.TableFormat()))
	t.raw, t.reported = 0, 0
	return nil
}

func (t *tableWriter) set(key, value []byte) error {
	if err := t.w.Set(key, value); err != nil {
		return fmt.Errorf("%w: writing a table: %w", ErrStorage, err)
	}
	t.raw += int64(len(key) + len(value))
	return nil
}

func (t *tableWriter) report() {
	if t.w == nil {
		return
	}
	size := int64(t.w.Raw().EstimatedSize())
	done := t.written.Add(size - t.reported)
	t.reported = size
	t.restore.report(done)
}

func (t *tableWriter) finish() error {
	if t.w == nil {
		return nil
	}
	t.report()
	err := t.w.Close()
	t.w = nil
	if err != nil {
		return fmt.Errorf("%w: finishing a table: %w", ErrStorage, err)
	}
	return nil
}

func (t *tableWriter) abandon() {
	if t.w != nil {
		_ = errors.Join(t.w.Close())
	}
}
