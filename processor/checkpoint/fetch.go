package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math"

	"github.com/cenkalti/backoff/v5"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tributary/processor/state"
)

// spaceMargin is what a disk must have beyond the need, as a share of it: tables compress a little worse or better on
// their way.
const spaceMargin = 0.1

// Fetch brings the files of a checkpoint to dir on fs, which afterwards holds nothing else. Files that are there already
// with the right bytes are kept, so that a broken-off transfer goes on. Before it starts it makes sure that the disk has
// room for the files and once more for what RestorePartition writes. tell may be nil.
func (s *Store) Fetch(ctx context.Context, m Manifest, fs vfs.FS, dir string, tell func(Progress)) error {
	progress := newMeter("fetching", m.Bytes(), s.now, tell)
	return s.fetch(ctx, m, fs, dir, progress)
}

func (s *Store) fetch(ctx context.Context, m Manifest, fs vfs.FS, dir string, progress *meter) error {
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	missing, err := clearStrays(ctx, m, fs, dir)
	if err != nil {
		return err
	}
	var bytes int64
	for _, f := range missing {
		bytes += f.Bytes
	}
	progress.skip(m.Bytes() - bytes)
	if err := checkSpace(fs, dir, bytes, m.Bytes()); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(s.cfg.Transfers)
	for _, f := range missing {
		group.Go(func() error { return s.fetchFile(gctx, &m, f, fs, dir, progress) })
	}
	return group.Wait()
}

// clearStrays removes what is not of the checkpoint and answers the files that are still missing. Any other file could
// pass for a part of the database.
func clearStrays(ctx context.Context, m Manifest, fs vfs.FS, dir string) (missing []File, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	there := map[string]bool{}
	want := map[string]File{}
	for _, f := range m.Files {
		want[f.Name] = f
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		if f, ok := want[name]; ok {
			info, err := fs.Stat(path)
			if err == nil && info.Size() == f.Bytes && !info.IsDir() {
				if sum, err := fileSum(ctx, fs, path); err == nil && sum == f.SHA256 {
					there[name] = true
					continue
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := fs.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("removing %s: %w", path, err)
		}
	}
	for _, f := range m.Files {
		if !there[f.Name] {
			missing = append(missing, f)
		}
	}
	return missing, nil
}

// checkSpace makes sure of room for the files to fetch and for the tables made of them.
func checkSpace(fs vfs.FS, dir string, fetched, tables int64) error {
	usage, err := fs.GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("measuring the disk of %s: %w", dir, err)
	}
	need := uint64(math.Ceil(float64(fetched+tables) * (1 + spaceMargin)))
	if usage.AvailBytes < need {
		return fmt.Errorf("%w: %d bytes are free at %s, %d are needed (%d to fetch, %d to apply, and a margin)", ErrSpace, usage.AvailBytes, dir, need, fetched, tables)
	}
	return nil
}

func (s *Store) fetchFile(ctx context.Context, m *Manifest, f File, fs vfs.FS, dir string, progress *meter) error {
	key := s.fileKey(m.Partition, m.Database, f.SHA256)
	path := fs.PathJoin(dir, f.Name)
	part := path + partSuffix
	moved := func(n int64) {
		progress.add(n)
		if n > 0 {
			s.metrics.fetchedBytes.Add(float64(n))
		}
	}
	if f.Bytes == 0 { // not stored: its name is all there is
		dst, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		if err == nil {
			err = dst.Close()
		}
		if err != nil {
			return fmt.Errorf("making %s: %w", path, err)
		}
		return nil
	}
	damaged, wrong := false, ""
	err := transfer(ctx, s.down, moved, s.retried("fetching "+f.Name), func(ctx context.Context, pass through) (err error) {
		src, err := s.bucket.get(ctx, key)
		if err != nil {
			return err
		}
		body := pass(src)
		dst, err := fs.Create(part, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		h := sha256.New()
		// The checksum comes first: a vfs.File may change the bytes that it is given.
		n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, dst)}, io.LimitReader(body, f.Bytes+1), make([]byte, copyBytes))
		if err = errors.Join(err, dst.Close()); err != nil {
			return err
		}
		// What came may have been cut off on the way: that is tried again like any failure.
		if sum := hex.EncodeToString(h.Sum(nil)); n != f.Bytes || sum != f.SHA256 {
			damaged = true
			err := fmt.Errorf("%d bytes with SHA-256 %s came, %d with %s were shipped", n, sum, f.Bytes, f.SHA256)
			if sum == wrong {
				return backoff.Permanent(err) // the same wrong bytes twice: they lie there like this
			}
			wrong = sum
			return err
		}
		damaged = false
		return fs.Rename(part, path)
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case damaged || errors.Is(err, errAbsent):
		return fmt.Errorf("%w: file %s of checkpoint %s of partition %d (%s): %w", ErrDamaged, f.Name, m.ID(), m.Partition, key, err)
	}
	return fmt.Errorf("%w: fetching %s: %w", ErrDestination, key, err)
}

// Restore replaces a partition's state in db by the checkpoint that is furthest among those that fits (nil: any) has no
// error for; it answers that checkpoint and whether there was one. A damaged one is passed over for the next. On an error
// or when there was none the partition is as it was. Views of the partition made before are of no use afterwards. Several
// calls at once take turns.
//
// tell, which may be nil, hears of "fetching", then of "applying". Errors wrap ErrDestination or ErrSpace (reading the topics
// alone is right then), state.ErrStorage (the process must stop), or are the context's.
func (s *Store) Restore(ctx context.Context, db *state.Store, partition int32, fits func(*Manifest) error, tell func(Progress)) (Manifest, bool, error) {
	m, ok, err := s.restore(ctx, db, partition, fits, tell)
	switch {
	case err != nil && ctx.Err() == nil:
		s.metrics.restoreFailures.Inc()
	case ok:
		s.metrics.restored.Inc()
	}
	return m, ok, err
}

func (s *Store) restore(ctx context.Context, db *state.Store, partition int32, fits func(*Manifest) error, tell func(Progress)) (Manifest, bool, error) {
	select {
	case s.restoring <- struct{}{}:
		defer func() { <-s.restoring }()
	case <-ctx.Done():
		return Manifest{}, false, ctx.Err()
	}
	failed := map[string]bool{}
	for {
		// Listed anew each time: a sweep may have been the reason, and there are newer ones then.
		all, err := s.Manifests(ctx, partition)
		if err != nil {
			return Manifest{}, false, err
		}
		var chosen *Manifest
		for i := range all {
			m := &all[i]
			if failed[m.ID()] {
				continue
			}
			if fits != nil {
				if err := fits(m); err != nil {
					s.log.Info("passing a checkpoint over", zap.Int32("partition", partition), zap.String("checkpoint", m.ID()), zap.Error(err))
					continue
				}
			}
			chosen = m
			break
		}
		dir := db.FetchDir(partition)
		if chosen == nil {
			return Manifest{}, false, removeAll(db.FS(), dir)
		}
		err = s.restoreOne(ctx, db, *chosen, dir, tell)
		if err == nil {
			return *chosen, true, removeAll(db.FS(), dir)
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, state.ErrCheckpoint) {
			return Manifest{}, false, err
		}
		failed[chosen.ID()] = true
		s.metrics.damaged.Inc()
		s.log.Error("a checkpoint cannot be restored, trying an older one", zap.Int32("partition", partition), zap.String("checkpoint", chosen.ID()), zap.Error(err))
	}
}

func (s *Store) restoreOne(ctx context.Context, db *state.Store, m Manifest, dir string, tell func(Progress)) error {
	// Each byte counts twice, fetched and applied, so that the gauges' share grows evenly.
	total, last := m.Bytes(), int64(0)
	s.metrics.restoreTotal.Add(float64(2 * total))
	note := func(base int64) func(Progress) {
		return func(p Progress) {
			done := base
			if p.Total > 0 {
				done += int64(float64(total) * float64(p.Done) / float64(p.Total))
			}
			s.metrics.restoreDone.Add(float64(done - last))
			last = done
			if tell != nil {
				tell(p)
			}
		}
	}
	defer func() {
		s.metrics.restoreDone.Sub(float64(last))
		s.metrics.restoreTotal.Sub(float64(2 * total))
	}()
	if err := s.fetch(ctx, m, db.FS(), dir, newMeter("fetching", total, s.now, note(0))); err != nil {
		return err
	}
	progress := newMeter("applying", total, s.now, note(total))
	got, err := db.RestorePartition(ctx, m.Partition, dir, progress.at)
	if err != nil {
		return fmt.Errorf("applying checkpoint %s of partition %d: %w", m.ID(), m.Partition, err)
	}
	s.log.Info("restored a partition from a checkpoint", zap.Int32("partition", m.Partition), zap.String("checkpoint", m.ID()),
		zap.Int64("keys", got.Keys), zap.Int64("fetched_bytes", total), zap.Any("positions", m.Positions))
	return nil
}

func removeAll(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err := fs.RemoveAll(dir); err != nil {
		return fmt.Errorf("%w: removing %s: %w", state.ErrStorage, dir, err)
	}
	return nil
}
