package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tributary/deploy/embedded"
	"tributary/ingest/durable"
)

// Files of a backup beside its folders.
const (
	manifestFile = "backup.json"
	sumFile      = manifestFile + ".sha256"
	// incompleteFile is there until everything else is.
	incompleteFile = "INCOMPLETE"
	configFolder   = "config"
)

// format is the version of a backup's layout: a reader refuses a later one.
const format = 1

// A Manifest says what a backup has.
type Manifest struct {
	Format int `json:"format"`
	// Version is of the program that took it.
	Version string `json:"version"`
	// AtMS is the moment whose state it has.
	AtMS int64 `json:"at_ms"`
	// Config is the configuration's file below config/; empty for none.
	Config  string  `json:"config,omitempty"`
	Entries []entry `json:"entries"`
}

// At is the moment whose state the backup has.
func (m *Manifest) At() time.Time { return time.UnixMilli(m.AtMS).UTC() }

// Progress says how far a copy is, in bytes.
type Progress struct {
	Done, Total int64
	// Rate is in bytes a second, Left the time until the end at that rate; 0 while unknown.
	Rate float64
	Left time.Duration
}

// WriteOptions say what is written where.
type WriteOptions struct {
	Snapshot *Snapshot
	// To is the backup's folder: missing or empty, and outside of what is copied.
	To      string
	Version string
	// Config is a file to keep beside, or empty.
	Config string
	// Progress is called often; nil for never.
	Progress func(Progress)
}

// CheckTarget refuses a folder that a backup may not be written to, before anything is asked of anybody.
func CheckTarget(to string, folders []Folder) error {
	target, err := filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("finding %s: %w", to, err)
	}
	for _, folder := range folders {
		from, err := filepath.Abs(folder.Path)
		if err != nil {
			return fmt.Errorf("finding %s: %w", folder.Path, err)
		}
		if target == from || strings.HasPrefix(target, from+string(filepath.Separator)) {
			return fmt.Errorf(
				"%s is inside %s, which is what the backup is of: name a folder elsewhere, best on another disk",
				to,
				folder.Path,
			)
		}
	}
	return mustBeEmpty(to, "a backup is a folder of its own: name one that is not there yet")
}

func mustBeEmpty(path, advice string) error {
	there, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking into %s: %w", path, err)
	}
	if len(there) > 0 {
		return fmt.Errorf("%s is not empty (it has %s): %s", path, there[0].Name(), advice)
	}
	return nil
}

// Write copies a snapshot. Whatever ends it early leaves a folder that is marked INCOMPLETE.
func Write(ctx context.Context, o WriteOptions) (*Manifest, error) {
	if err := os.MkdirAll(o.To, 0o700); err != nil {
		return nil, fmt.Errorf("making the backup's folder: %w", err)
	}
	m := &Manifest{Format: format, Version: o.Version, AtMS: o.Snapshot.AtMS}
	total, _ := o.Snapshot.Bytes()
	if err := hasRoom(o.To, total); err != nil {
		return nil, err
	}
	mark := filepath.Join(o.To, incompleteFile)
	const unfinished = "This backup was not finished and cannot be restored. Delete the folder.\n"
	if err := durable.Replace(mark, []byte(unfinished)); err != nil {
		return nil, fmt.Errorf("writing the backup: %w", err)
	}
	to, err := os.OpenRoot(o.To)
	if err != nil {
		return nil, fmt.Errorf("writing the backup: %w", err)
	}
	defer to.Close()
	c := newCopier(ctx, total, o.Progress)
	for _, e := range o.Snapshot.Entries {
		if !e.isFile() {
			m.Entries = append(m.Entries, e) // the list is enough: not every file system of a backup has links
			continue
		}
		source := filepath.Join(o.Snapshot.dirs[e.Folder], filepath.FromSlash(e.Path))
		if e.SHA256, err = c.put(source, to, filepath.Join(e.Folder, filepath.FromSlash(e.Path)), &e); err != nil {
			return nil, fmt.Errorf("writing the backup: %w; %s is marked %s", err, o.To, incompleteFile)
		}
		m.Entries = append(m.Entries, e)
	}
	if o.Config != "" {
		if err := m.keepConfig(c, to, o.Config); err != nil {
			return nil, fmt.Errorf("keeping the configuration's file: %w; %s is marked %s", err, o.To, incompleteFile)
		}
	}
	if err := m.write(o.To); err != nil {
		return nil, fmt.Errorf("writing the backup's list: %w; %s is marked %s", err, o.To, incompleteFile)
	}
	if err := errors.Join(os.Remove(mark), syncAll(o.To)); err != nil {
		return nil, fmt.Errorf("ending the backup: %w", err)
	}
	return m, nil
}

func (m *Manifest) keepConfig(c *copier, to *os.Root, file string) error {
	about, err := os.Stat(file)
	if err != nil {
		return err
	}
	m.Config = filepath.Base(file)
	e := entry{Folder: configFolder, Path: m.Config, Mode: 0o600, Size: about.Size()}
	if e.SHA256, err = c.put(file, to, filepath.Join(configFolder, m.Config), &e); err != nil {
		return err
	}
	m.Entries = append(m.Entries, e)
	return nil
}

// write puts everything on disk, then the list and its sum.
func (m *Manifest) write(dir string) error {
	if err := syncAll(dir); err != nil {
		return err
	}
	list, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(list)
	return errors.Join(durable.Replace(filepath.Join(dir, manifestFile), list),
		durable.Replace(filepath.Join(dir, sumFile), []byte(hex.EncodeToString(sum[:])+"  "+manifestFile+"\n")))
}

// syncAll puts on disk what was written to the folder.
func syncAll(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(embedded.SyncFolder(dir), dir.Close())
}

// hasRoom refuses a disk that the copy would fill.
func hasRoom(path string, bytes int64) error {
	var about unix.Statfs_t
	if err := unix.Statfs(path, &about); err != nil {
		return nil // it will be seen
	}
	if free := int64(about.Bavail) * int64(about.Bsize); free < bytes {
		return fmt.Errorf("%s has %d MiB free, and %d MiB are to be written", path, free>>20, bytes>>20)
	}
	return nil
}

// A copier copies files and tells how far it is.
type copier struct {
	ctx      context.Context
	progress func(Progress)
	at       Progress
	began    time.Time
	buffer   []byte
}

func newCopier(ctx context.Context, total int64, progress func(Progress)) *copier {
	return &copier{
		ctx:      ctx,
		progress: progress,
		at:       Progress{Total: total},
		began:    time.Now(),
		buffer:   make([]byte, 1<<20),
	}
}

// put writes one entry, read at source, to a path below root, and returns a file's sum.
func (c *copier) put(source string, root *os.Root, path string, e *entry) (string, error) {
	if err := c.ctx.Err(); err != nil {
		return "", context.Cause(c.ctx)
	}
	switch {
	case e.Mode.IsDir():
		return "", root.MkdirAll(path, 0o700)
	case e.Link != "":
		return "", errors.Join(root.MkdirAll(filepath.Dir(path), 0o700), root.Symlink(e.Link, path))
	}
	if err := root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	in, err := os.Open(source)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := root.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.Mode.Perm()&0o700)
	if err != nil {
		return "", err
	}
	sum, err := c.copy(out, in, e.Size)
	return sum, errors.Join(err, out.Close())
}

// copy writes exactly size bytes and returns their sum.
func (c *copier) copy(out io.Writer, in io.Reader, size int64) (string, error) {
	sum := sha256.New()
	for left := size; left > 0; {
		if c.ctx.Err() != nil {
			return "", context.Cause(c.ctx)
		}
		n, err := in.Read(c.buffer[:min(left, int64(len(c.buffer)))])
		if _, wrong := io.Copy(io.MultiWriter(out, sum), bytes.NewReader(c.buffer[:n])); wrong != nil {
			return "", wrong
		}
		left -= int64(n)
		c.tell(int64(n))
		if errors.Is(err, io.EOF) && left > 0 {
			return "", fmt.Errorf("it ends %d bytes early: %w", left, io.ErrUnexpectedEOF)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (c *copier) tell(n int64) {
	c.at.Done += n
	if c.progress == nil {
		return
	}
	if c.at.Rate = float64(c.at.Done) / time.Since(c.began).Seconds(); c.at.Rate > 0 {
		c.at.Left = time.Duration(float64(c.at.Total-c.at.Done) / c.at.Rate * float64(time.Second))
	}
	c.progress(c.at)
}
