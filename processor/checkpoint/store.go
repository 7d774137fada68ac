package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Deps is what a Store gets from outside.
type Deps struct {
	// Group is the consumer group whose state this is: other groups' checkpoints are not seen.
	Group      string
	Registerer prometheus.Registerer
	Logger     *zap.Logger
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
	// FS is the file system of a destination that is a directory; nil for the machine's.
	FS vfs.FS
}

// A Store is the destination of one group's checkpoints.
type Store struct {
	cfg      Config
	deps     Deps
	log      *zap.Logger
	now      func() time.Time
	bucket   bucket
	up, down *rate.Limiter
	metrics  *metrics
	// restoring holds a token while a partition is restored: one at a time uses disk and CPUs fully, and the measure of the
	// free space is true.
	restoring chan struct{}
}

// Open makes the destination's client. A directory is made when it does not exist; an object store is not asked before
// the first use.
func Open(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.URL == "" {
		return nil, fmt.Errorf("opening the checkpoints' destination: url is empty; %w", errURL)
	}
	s := &Store{cfg: cfg, deps: deps, log: deps.Logger, now: deps.Now, up: limiter(cfg.BytesPerSecond), down: limiter(cfg.RestoreBytesPerSecond), restoring: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.now == nil {
		s.now = time.Now
	}
	fs := deps.FS
	if fs == nil {
		fs = vfs.Default
	}
	d, err := parseDestination(cfg.URL)
	if err != nil {
		return nil, err
	}
	if d.dir != "" {
		s.bucket, err = openDir(fs, d.dir, s.now)
	} else {
		s.bucket, err = openS3(d)
	}
	if err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, err
	}
	return s, nil
}

// Close frees connections and metrics. No call may be running.
func (s *Store) Close() error {
	s.metrics.unregister()
	return s.bucket.close()
}

// home is the key of a partition's folder, with a slash at its end.
func (s *Store) home(partition int32) string {
	return fmt.Sprintf("group=%s/partition=%d/", url.PathEscape(s.deps.Group), partition)
}

const (
	manifestsFolder = "manifests/"
	filesFolder     = "files/"
)

func (s *Store) fileKey(partition int32, database, sum string) string {
	return s.home(partition) + filesFolder + database + "/" + sum
}

// Manifests returns the checkpoints of a partition, the furthest first. One that is damaged, or made by a newer version,
// is logged, counted and left out.
func (s *Store) Manifests(ctx context.Context, partition int32) ([]Manifest, error) {
	stored, err := s.manifests(ctx, partition)
	out := make([]Manifest, 0, len(stored))
	for _, m := range stored {
		if m.err == nil {
			out = append(out, m.Manifest)
		}
	}
	return out, err
}

// Latest returns the checkpoint of a partition that is furthest, and whether there is one.
func (s *Store) Latest(ctx context.Context, partition int32) (Manifest, bool, error) {
	all, err := s.Manifests(ctx, partition)
	if err != nil || len(all) == 0 {
		return Manifest{}, false, err
	}
	return all[0], true, nil
}

// storedManifest is a manifest as found.
type storedManifest struct {
	Manifest
	key      string
	modified time.Time
	err      error // it cannot be read
}

// manifests answers the readable ones in order, then the others.
func (s *Store) manifests(ctx context.Context, partition int32) ([]storedManifest, error) {
	objects, err := s.list(ctx, s.home(partition)+manifestsFolder)
	if err != nil {
		return nil, err
	}
	var good, bad []storedManifest
	for _, o := range objects {
		b, err := s.read(ctx, o.key)
		if errors.Is(err, errAbsent) {
			continue // swept meanwhile
		}
		if err != nil {
			return nil, err
		}
		m := storedManifest{key: o.key, modified: o.modified}
		m.Manifest, m.err = readManifest(path.Base(o.key), b)
		if m.err == nil && (m.Group != s.deps.Group || m.Partition != partition) {
			m.err = fmt.Errorf("%w: manifest %s is of group %s, partition %d, and lies with group %s, partition %d", ErrDamaged, path.Base(o.key), m.Group, m.Partition, s.deps.Group, partition)
		}
		if m.err != nil {
			s.metrics.damaged.Inc()
			s.log.Warn("leaving a checkpoint out", zap.Int32("partition", partition), zap.Error(m.err))
			bad = append(bad, m)
			continue
		}
		good = append(good, m)
	}
	slices.SortFunc(good, func(a, b storedManifest) int { return newer(a.Manifest, b.Manifest) })
	return append(good, bad...), nil
}

func (s *Store) list(ctx context.Context, prefix string) (objects []object, err error) {
	err = retry(ctx, s.retried("listing "+prefix), func() error {
		objects = objects[:0]
		return s.bucket.list(ctx, prefix, func(o object) { objects = append(objects, o) })
	})
	if err != nil {
		return nil, fmt.Errorf("%w: listing %s: %w", ErrDestination, prefix, err)
	}
	slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.key, b.key) })
	return objects, nil
}

func (s *Store) read(ctx context.Context, key string) (b []byte, err error) {
	err = transfer(ctx, nil, func(int64) {}, s.retried("reading "+key), func(ctx context.Context, pass through) error {
		r, err := s.bucket.get(ctx, key)
		if err != nil {
			return err
		}
		b, err = io.ReadAll(io.LimitReader(pass(r), maxManifestBytes+1))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrDestination, key, err)
	}
	return b, nil
}

func (s *Store) remove(ctx context.Context, key string) error {
	if err := retry(ctx, s.retried("removing "+key), func() error { return s.bucket.remove(ctx, key) }); err != nil {
		return fmt.Errorf("%w: removing %s: %w", ErrDestination, key, err)
	}
	s.metrics.removed.Inc()
	return nil
}

func (s *Store) retried(doing string) func(error) {
	return func(err error) {
		s.metrics.retries.Inc()
		s.log.Warn("trying the checkpoints' destination again", zap.String("doing", doing), zap.Error(err))
	}
}
