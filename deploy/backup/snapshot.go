package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tributary/ingest/durable"
)

// A Folder is one of the folders that a backup has, by a name that does not change with its place.
type Folder struct {
	// Name is data, processor, spool or caps.
	Name string
	// Path is where it is on this machine.
	Path string
	// Only is the one file in it that is ours; empty: all.
	Only string
}

// Names of folders.
const (
	FolderData      = "data"
	FolderProcessor = "processor"
	FolderSpool     = "spool"
	FolderCaps      = "caps"
)

// An entry is one file, folder or symbolic link of a Folder.
type entry struct {
	Folder string `json:"folder"`
	// Path is below the folder, with slashes.
	Path string      `json:"path"`
	Mode fs.FileMode `json:"mode"`
	// Size is in bytes; what a file has beyond it came later and is none of the backup's.
	Size int64 `json:"size,omitempty"`
	// Link is where a symbolic link points to.
	Link string `json:"link,omitempty"`
	// SHA256 is of the first Size bytes, in hexadecimal digits; a snapshot has none yet.
	SHA256 string `json:"sha256,omitempty"`
}

func (e *entry) isFile() bool { return e.Mode.IsRegular() }

// A Snapshot is what the folders held at one moment.
type Snapshot struct {
	// AtMS is the moment, as Unix milliseconds: what was acknowledged before it is in the snapshot.
	AtMS    int64   `json:"at_ms"`
	Entries []entry `json:"entries"`
	// dirs are where each Folder's files are to be read.
	dirs map[string]string
}

// snapshotFile lists a snapshot in its own folder.
const snapshotFile = "snapshot.json"

// skipped are files of processes that run, by name.
var skipped = []string{"lock", "LOCK"}

// linked tells which files a snapshot may link to, because nothing writes to what they hold now: tables of the
// processor's state, columns and indexes of ClickHouse's parts (those that FREEZE links, too), and the segments of the
// embedded Kafka, which only grow at their end.
func linked(path string) bool {
	switch filepath.Ext(path) {
	case ".sst", ".blob", ".dat", ".idx", ".bin", ".cidx":
		return true
	}
	name := filepath.Base(path)
	return strings.Contains(name, ".mrk") || strings.Contains(name, ".cmrk")
}

// Take makes a snapshot of folders that stand still, but for the spool, in the folder at, which it makes. Its cost is one
// link or small copy a file; what is on another file system than at is copied whole.
func Take(ctx context.Context, folders []Folder, at string) (*Snapshot, error) {
	s := &Snapshot{AtMS: time.Now().UnixMilli()}
	if err := s.list(ctx, folders); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, fmt.Errorf("making the snapshot's folder: %w", err)
	}
	kept := s.Entries[:0]
	for _, e := range s.Entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		is, err := e.keep(
			filepath.Join(s.dirs[e.Folder], filepath.FromSlash(e.Path)),
			filepath.Join(at, e.Folder, filepath.FromSlash(e.Path)),
		)
		if err != nil {
			return nil, fmt.Errorf("taking the snapshot: %w", err)
		}
		if is {
			kept = append(kept, e)
		}
	}
	s.Entries = kept
	for _, folder := range folders {
		s.dirs[folder.Name] = filepath.Join(at, folder.Name)
	}
	list, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("taking the snapshot: %w", err)
	}
	if err := durable.Replace(filepath.Join(at, snapshotFile), list); err != nil {
		return nil, fmt.Errorf("taking the snapshot: %w", err)
	}
	return s, nil
}

// keep links or copies one entry, and says false where it is gone: only the edge's may be, which works on.
func (e *entry) keep(from, to string) (bool, error) {
	switch {
	case e.Mode.IsDir():
		return true, os.MkdirAll(to, 0o700)
	case !e.isFile():
		return true, nil // the list has the link
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return false, err
	}
	if linked(e.Path) {
		if err := os.Link(from, to); err == nil {
			return true, nil
		} // another file system, or one without links
	}
	size, err := copyFile(from, to)
	if errors.Is(err, fs.ErrNotExist) && e.Folder != FolderData && e.Folder != FolderProcessor {
		return false, nil
	}
	e.Size = size
	return true, err
}

func copyFile(from, to string) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(out, in)
	return size, errors.Join(err, out.Close())
}

// Still is a snapshot of folders in which nothing is written: they are read where they are.
func Still(ctx context.Context, folders []Folder) (*Snapshot, error) {
	s := &Snapshot{AtMS: time.Now().UnixMilli()}
	return s, s.list(ctx, folders)
}

// Open reads a snapshot that another process took.
func Open(at string) (*Snapshot, error) {
	content, err := os.ReadFile(filepath.Join(at, snapshotFile))
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	s := &Snapshot{dirs: map[string]string{}}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	for _, e := range s.Entries {
		s.dirs[e.Folder] = filepath.Join(at, e.Folder)
	}
	return s, nil
}

// list finds what is in the folders. A folder within another is listed once, under its own name.
func (s *Snapshot) list(ctx context.Context, folders []Folder) error {
	s.dirs = map[string]string{}
	var own []string
	for i := range folders {
		absolute, err := filepath.Abs(folders[i].Path)
		if err != nil {
			return fmt.Errorf("finding %s: %w", folders[i].Path, err)
		}
		s.dirs[folders[i].Name] = absolute
		own = append(own, filepath.Join(absolute, folders[i].Only))
	}
	for _, folder := range folders {
		root := s.dirs[folder.Name]
		err := filepath.WalkDir(root, func(path string, at fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // no edge, or no processor, has run here yet
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case path == root:
				return nil
			case folder.Only != "":
				if path != filepath.Join(root, folder.Only) {
					return skip(at)
				}
			case slices.Contains(own, path) || path == filepath.Join(s.dirs[FolderData], exchangeFolder):
				return skip(at)
			case !at.IsDir() && slices.Contains(skipped, at.Name()):
				return nil
			}
			return s.add(folder.Name, root, path, at)
		})
		if err != nil {
			return fmt.Errorf("listing %s: %w", root, err)
		}
	}
	return nil
}

func skip(at fs.DirEntry) error {
	if at.IsDir() {
		return filepath.SkipDir
	}
	return nil
}

func (s *Snapshot) add(folder, root, path string, at fs.DirEntry) error {
	about, err := at.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	e := entry{Folder: folder, Path: filepath.ToSlash(relative), Mode: about.Mode()}
	switch {
	case e.isFile():
		e.Size = about.Size()
	case about.Mode()&fs.ModeSymlink != 0:
		if e.Link, err = os.Readlink(path); err != nil {
			return err
		}
		// ClickHouse's point from one folder of its to another. Any other would be of no use elsewhere.
		if within := filepath.Join(filepath.Dir(e.Path), e.Link); filepath.IsAbs(e.Link) || !filepath.IsLocal(within) {
			return fmt.Errorf("%s is a symbolic link to %s, outside of its folder: a backup cannot contain it; "+
				"put the files themselves there, or name their place in the configuration", path, e.Link)
		}
	case !about.IsDir():
		return nil // a socket or a pipe holds nothing
	}
	s.Entries = append(s.Entries, e)
	return nil
}

// Bytes are what all files have together.
func (s *Snapshot) Bytes() (bytes int64, files int) {
	for _, e := range s.Entries {
		if e.isFile() {
			bytes, files = bytes+e.Size, files+1
		}
	}
	return bytes, files
}
