package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tributary/processor/state"
)

// strangersGrace is how long a file that no manifest names stays when it is of another database: its owner may still be
// shipping the checkpoint that names it.
const strangersGrace = 24 * time.Hour

// Sent says what shipping one checkpoint took.
type Sent struct {
	Manifest             Manifest
	SentFiles, KeptFiles int
	SentBytes, KeptBytes int64
}

// sums remembers the checksums of a database's tables, which do not change.
type sums struct {
	mu    sync.Mutex
	known map[tableKey]string
}

type tableKey struct {
	name     string
	bytes    int64
	modified int64 // Unix nanoseconds
}

// of answers the SHA-256 of a checkpoint's file, read once for each table.
func (s *sums) of(ctx context.Context, fs vfs.FS, path string, bytes int64) (string, tableKey, error) {
	info, err := fs.Stat(path)
	if err != nil {
		return "", tableKey{}, err
	}
	key := tableKey{fs.PathBase(path), bytes, info.ModTime().UnixNano()}
	s.mu.Lock()
	sum, ok := s.known[key]
	s.mu.Unlock()
	if ok && filepath.Ext(key.name) == ".sst" {
		return sum, key, nil
	}
	sum, err = fileSum(ctx, fs, path)
	return sum, key, err
}

// keep forgets all but these.
func (s *sums) keep(known map[tableKey]string) {
	s.mu.Lock()
	s.known = known
	s.mu.Unlock()
}

func fileSum(ctx context.Context, fs vfs.FS, path string) (string, error) {
	f, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, copyBytes)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", err
		}
	}
}

// send ships a frozen partition: first the files that the destination lacks, then the manifest, then it clears away what is not
// needed any more. known may be nil.
func (s *Store) send(ctx context.Context, cp *state.Checkpoint, database string, meta Meta, known *sums, tell func(Progress)) (Sent, error) {
	if known == nil {
		known = &sums{}
	}
	m := Manifest{Version: manifestVersion, Group: s.deps.Group, Partition: cp.Partition, Database: database, Meta: meta}
	var seen = make(map[tableKey]string, len(cp.Files))
	for _, f := range cp.Files {
		sum, key, err := known.of(ctx, cp.FS, cp.FS.PathJoin(cp.Dir, f.Name), f.Bytes)
		if err != nil {
			return Sent{}, fmt.Errorf("reading %s: %w", f.Name, err)
		}
		seen[key] = sum
		m.Files = append(m.Files, File{f.Name, f.Bytes, sum})
	}
	known.keep(seen)
	there, err := s.kept(ctx, &m)
	if err != nil {
		return Sent{}, err
	}
	out := Sent{}
	progress := newMeter("shipping", m.Bytes(), s.now, tell)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(s.cfg.Transfers)
	asked := map[string]bool{}
	for _, f := range m.Files {
		if f.Bytes == 0 {
			continue
		}
		if there[f.SHA256] == f.Bytes || asked[f.SHA256] {
			out.KeptFiles++
			out.KeptBytes += f.Bytes
			progress.skip(f.Bytes)
			continue
		}
		asked[f.SHA256] = true
		out.SentFiles++
		out.SentBytes += f.Bytes
		group.Go(func() error { return s.sendFile(gctx, cp, &m, f, progress) })
	}
	if err := group.Wait(); err != nil {
		return Sent{}, err
	}
	m.CreatedMS = s.now().UnixMilli()
	b, name, err := m.encode()
	if err != nil {
		return Sent{}, err
	}
	key := s.home(cp.Partition) + manifestsFolder + name
	err = transfer(ctx, s.up, func(int64) {}, s.retried("writing "+key), func(ctx context.Context, pass through) error {
		return s.bucket.put(ctx, key, pass(io.NopCloser(bytes.NewReader(b))), int64(len(b)), sumHex(b))
	})
	if err != nil {
		return Sent{}, fmt.Errorf("%w: writing %s: %w", ErrDestination, key, err)
	}
	out.Manifest = m
	s.metrics.sentFiles.Add(float64(out.SentFiles))
	s.metrics.keptFiles.Add(float64(out.KeptFiles))
	s.metrics.keptBytes.Add(float64(out.KeptBytes))
	if err := s.sweep(ctx, &m, key); errors.Is(err, ErrDamaged) {
		return Sent{}, err
	} else if err != nil {
		s.metrics.sweepFailures.Inc()
		s.log.Warn("clearing old checkpoints away", zap.Int32("partition", m.Partition), zap.Error(err))
	}
	return out, nil
}

func (s *Store) sendFile(ctx context.Context, cp *state.Checkpoint, m *Manifest, f File, progress *meter) error {
	key := s.fileKey(m.Partition, m.Database, f.SHA256)
	moved := func(n int64) {
		progress.add(n)
		if n > 0 {
			s.metrics.sentBytes.Add(float64(n))
		}
	}
	err := transfer(ctx, s.up, moved, s.retried("sending "+f.Name), func(ctx context.Context, pass through) error {
		src, err := cp.FS.Open(cp.FS.PathJoin(cp.Dir, f.Name), vfs.SequentialReadsOption)
		if err != nil {
			return err
		}
		return s.bucket.put(ctx, key, pass(src), f.Bytes, f.SHA256)
	})
	if err != nil {
		return fmt.Errorf("%w: sending %s as %s: %w", ErrDestination, f.Name, key, err)
	}
	return nil
}

// kept answers the files of m that need not be sent, by checksum: their size. A file counts only while nobody would
// sweep it: it is named by a stored manifest, or was sent a short while ago.
func (s *Store) kept(ctx context.Context, m *Manifest) (map[string]int64, error) {
	objects, err := s.list(ctx, s.fileKey(m.Partition, m.Database, ""))
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 {
		return nil, nil
	}
	stored, err := s.manifests(ctx, m.Partition)
	if err != nil {
		return nil, err
	}
	named := namedFiles(stored)
	there := map[string]int64{}
	for _, o := range objects {
		sum := path.Base(o.key)
		if named[m.Database+"/"+sum] || s.now().Sub(o.modified) < strangersGrace/2 {
			there[sum] = o.bytes
		}
	}
	return there, nil
}

// namedFiles answers the files that manifests name, as DATABASE/SHA256.
func namedFiles(manifests []storedManifest) map[string]bool {
	named := map[string]bool{}
	for i := range manifests {
		for _, f := range manifests[i].Files {
			named[manifests[i].Database+"/"+f.SHA256] = true
		}
	}
	return named
}

// sweep makes sure that what was just written under key is whole, then removes all but the newest checkpoints of the partition,
// and the files that no checkpoint needs.
func (s *Store) sweep(ctx context.Context, written *Manifest, key string) error {
	stored, err := s.manifests(ctx, written.Partition)
	if err != nil {
		return err
	}
	objects, err := s.list(ctx, s.home(written.Partition)+filesFolder)
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, o := range objects {
		sizes[strings.TrimPrefix(o.key, s.home(written.Partition)+filesFolder)] = o.bytes
	}
	for _, f := range written.Files {
		if sizes[written.Database+"/"+f.SHA256] != f.Bytes {
			err := fmt.Errorf("%w: file %s of checkpoint %s is not as it was sent (was it swept by another process?)", ErrDamaged, f.Name, written.ID())
			return errors.Join(err, s.remove(ctx, key))
		}
	}
	var kept []storedManifest
	for _, m := range stored {
		switch {
		case m.err != nil && s.now().Sub(m.modified) < strangersGrace:
			kept = append(kept, m) // maybe of a newer version that is being rolled out
		case m.err == nil && (len(kept) < s.cfg.Keep || m.key == key):
			kept = append(kept, m)
		default:
			if err := s.remove(ctx, m.key); err != nil {
				return err
			}
		}
	}
	named := namedFiles(kept)
	for _, o := range objects {
		name := strings.TrimPrefix(o.key, s.home(written.Partition)+filesFolder)
		ours := strings.HasPrefix(name, written.Database+"/")
		if named[name] || !ours && s.now().Sub(o.modified) < strangersGrace {
			continue
		}
		if err := s.remove(ctx, o.key); err != nil {
			return err
		}
	}
	return nil
}
