package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// partSuffix ends the names of files that are being written.
const partSuffix = ".part"

// partAge is when an abandoned part goes.
const partAge = 24 * time.Hour

// dirBucket keeps objects as files.
type dirBucket struct {
	fs   vfs.FS
	root string
	now  func() time.Time
}

func openDir(fs vfs.FS, root string, now func() time.Time) (*dirBucket, error) {
	d := &dirBucket{fs, root, now}
	if err := d.makeDir(root); err != nil {
		return nil, fmt.Errorf("%w: making directory %s: %w", ErrDestination, root, err)
	}
	return d, nil
}

func (d *dirBucket) path(key string) string {
	return d.fs.PathJoin(append([]string{d.root}, strings.Split(key, "/")...)...)
}

// makeDir makes a directory that outlives a crash.
func (d *dirBucket) makeDir(dir string) error {
	if _, err := d.fs.Stat(dir); err == nil {
		return nil
	}
	parent := d.fs.PathDir(dir)
	if parent != dir {
		if err := d.makeDir(parent); err != nil {
			return err
		}
	}
	if err := d.fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return d.syncDir(parent)
}

func (d *dirBucket) syncDir(dir string) error {
	f, err := d.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *dirBucket) put(_ context.Context, key string, r io.Reader, size int64, _ string) (err error) {
	path := d.path(key)
	dir := d.fs.PathDir(path)
	if err := d.makeDir(dir); err != nil {
		return judgeDir(err)
	}
	part := fmt.Sprintf("%s-%08x%s", path, rand.Uint32(), partSuffix)
	f, err := d.fs.Create(part, vfs.WriteCategoryUnspecified)
	if err != nil {
		return judgeDir(err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, copyBytes))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came, %d were promised", n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.fs.Rename(part, path)
	}
	if err != nil {
		return judgeDir(errors.Join(err, ignoreAbsent(d.fs.Remove(part))))
	}
	return judgeDir(d.syncDir(dir))
}

func (d *dirBucket) get(_ context.Context, key string) (io.ReadCloser, error) {
	f, err := d.fs.Open(d.path(key), vfs.SequentialReadsOption)
	if err != nil {
		return nil, judgeDir(err)
	}
	return f, nil
}

func (d *dirBucket) list(_ context.Context, prefix string, visit func(object)) error {
	return judgeDir(ignoreAbsent(d.walk(strings.TrimSuffix(prefix, "/"), visit)))
}

func (d *dirBucket) walk(key string, visit func(object)) error {
	names, err := d.fs.List(d.path(key))
	if err != nil {
		return err
	}
	for _, name := range names {
		child := key + "/" + name
		info, err := d.fs.Stat(d.path(child))
		switch {
		case errors.Is(err, iofs.ErrNotExist):
		case err != nil:
			return err
		case info.IsDir():
			if err := d.walk(child, visit); err != nil {
				return err
			}
		case strings.HasSuffix(name, partSuffix):
			if d.now().Sub(info.ModTime()) > partAge {
				if err := ignoreAbsent(d.fs.Remove(d.path(child))); err != nil {
					return err
				}
			}
		default:
			visit(object{child, info.Size(), info.ModTime()})
		}
	}
	return nil
}

func (d *dirBucket) remove(_ context.Context, key string) error {
	return judgeDir(ignoreAbsent(d.fs.Remove(d.path(key))))
}

func (d *dirBucket) close() error { return nil }

func ignoreAbsent(err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

func judgeDir(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, iofs.ErrNotExist):
		return backoff.Permanent(fmt.Errorf("%w: %w", errAbsent, err))
	case errors.Is(err, iofs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.ENOTDIR):
		return backoff.Permanent(err)
	}
	return err
}
