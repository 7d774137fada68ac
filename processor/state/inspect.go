package state

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// ErrNewer is wrapped, beside ErrStorage, when a later program wrote the state. That is no damage: nothing is touched.
var ErrNewer = errors.New("state was written by a newer version of the program")

// The markers by which Pebble finds its list of tables and the format of its files: empty files that carry the value in their names.
const (
	manifestMarker = "manifest"
	formatMarker   = "format-version"
)

// inspect looks at what Pebble itself would take for a new database, or for an older one, and returns an error that wraps ErrDamaged, or
// ErrNewer. It is called under the directory's lock.
func inspect(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("listing %s: %w", dir, err)
	}
	content := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".log") {
			content = name
		}
	}
	format, err := atomicfs.ReadMarker(fs, dir, formatMarker)
	if err != nil {
		return fmt.Errorf("reading the marker of the format in %s: %w", dir, err)
	}
	if n, err := strconv.ParseUint(format, 10, 32); err == nil && pebble.FormatMajorVersion(n) > pebble.FormatNewest {
		return fmt.Errorf("%w: %s has format %d, and this program knows those up to %d: run the newer program, or move the directory away "+
			"to have the state built again from the topics", ErrNewer, dir, n, pebble.FormatNewest)
	}
	manifest, err := atomicfs.ReadMarker(fs, dir, manifestMarker)
	if err != nil {
		return fmt.Errorf("reading the marker of the list of tables in %s: %w", dir, err)
	}
	switch {
	case manifest == "" && content != "":
		return fmt.Errorf("%w: %s is there, and no marker says which list of tables holds", ErrDamaged, content)
	case manifest == "":
		return nil
	}
	return inspectManifest(fs, fs.PathJoin(dir, manifest))
}

// inspectManifest reads the list of tables to its end. Pebble takes a tail that is not whole for the trace of a crash and goes back
// to the list before; a list that was cut later looks alike, and what was built on the rest of it is there.
func inspectManifest(fs vfs.FS, path string) error {
	f, err := fs.Open(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return fmt.Errorf("%w: the list of tables %s is gone", ErrDamaged, path)
	}
	if err != nil {
		return fmt.Errorf("opening the list of tables: %w", err)
	}
	defer f.Close()
	r := record.NewReader(f, 0)
	for edits := 0; ; edits++ {
		edit, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, edit)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && edits > 0:
			return nil
		case outside(err):
			return fmt.Errorf("reading the list of tables %s: %w", path, err)
		default:
			return fmt.Errorf("%w: the list of tables %s ends behind %d entries: %w", ErrDamaged, path, edits, err)
		}
	}
}

// outside says whether the operating system refused something: a full disk, one that cannot be read, a missing right, too many open
// files. Such an error tells nothing about what is written, and the same files may be read later. A missing file is no such error.
func outside(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno != syscall.ENOENT
}

// amiss says whether an error of the database means that a file does not hold what was written to it, beside those that Pebble
// marks: a file that ends too early, and one that is missing.
func amiss(err error) bool {
	if err == nil || outside(err) {
		return false
	}
	return pebble.IsCorruptionError(err) || errors.Is(err, ErrDamaged) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, iofs.ErrNotExist)
}
