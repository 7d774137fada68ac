package backup

import (
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

	"tributary/ingest/durable"
)

// restoringFile lies in data_dir until a restore into it is complete.
const restoringFile = "RESTORE-INCOMPLETE"

// Errors that a caller may tell apart.
var (
	// ErrIncomplete: the backup, or the restore, did not come to its end.
	ErrIncomplete = errors.New("it is incomplete")
	// ErrDamaged: the backup does not hold what was written to it.
	ErrDamaged = errors.New("the backup is damaged")
)

// Unfinished returns why data_dir may not be used: a restore into it did not come to its end. Else nil.
func Unfinished(dataDir string) error {
	_, err := os.Lstat(filepath.Join(dataDir, restoringFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking whether a restore into %s came to its end: %w", dataDir, err)
	}
	return fmt.Errorf(
		"a restore into %s was interrupted (%s is there): %w; delete the folder and run `tributary restore` again",
		dataDir,
		restoringFile,
		ErrIncomplete,
	)
}

// Read returns what a complete backup has.
func Read(from string) (*Manifest, error) {
	if _, err := os.Lstat(filepath.Join(from, incompleteFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking whether the backup in %s is complete: %w", from, err)
	} else if err == nil {
		return nil, fmt.Errorf(
			"reading the backup %s: %w: it was ended early (%s is there); take another",
			from,
			ErrIncomplete,
			incompleteFile,
		)
	}
	list, err := os.ReadFile(filepath.Join(from, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no backup: there is no %s", from, manifestFile)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the backup: %w", err)
	}
	line, err := os.ReadFile(filepath.Join(from, sumFile))
	if err != nil {
		return nil, fmt.Errorf("reading the sum of the backup's list: %w", err)
	}
	sum := sha256.Sum256(list)
	if said, _, _ := strings.Cut(string(line), " "); said != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%w: %s does not have the sum that %s says", ErrDamaged, manifestFile, sumFile)
	}
	m := new(Manifest)
	if err := json.Unmarshal(list, m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestFile, err)
	}
	if m.Format > format {
		return nil, fmt.Errorf("%s is of a later version, %s: restore it with that one", from, m.Version)
	}
	return m, nil
}

// RestoreOptions say what is put where.
type RestoreOptions struct {
	From    string
	Folders []Folder
	// Check reads everything and writes nothing.
	Check    bool
	Progress func(Progress)
}

// Restore puts a backup into folders that are missing or empty. Each byte is checked against its sum as it is copied;
// what ends it early leaves a data_dir that no `up` starts on.
func Restore(ctx context.Context, o RestoreOptions) (*Manifest, error) {
	m, err := Read(o.From)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, e := range m.Entries {
		if !filepath.IsLocal(filepath.FromSlash(e.Folder + "/" + e.Path)) {
			return nil, fmt.Errorf("%w: %q is not a path in a backup", ErrDamaged, e.Path)
		}
		total += e.Size
	}
	c := newCopier(ctx, total, o.Progress)
	if o.Check {
		return m, m.check(c, o.From)
	}
	roots, data, err := openTargets(o.Folders, total)
	for _, root := range roots {
		defer root.Close()
	}
	if err != nil {
		return nil, err
	}
	for _, e := range m.Entries {
		if e.Folder == configFolder {
			continue // its owner decides where that goes
		}
		root := roots[e.Folder]
		if root == nil {
			return nil, fmt.Errorf(
				"the backup has a folder %q, and the configuration names no place for it (ingest.spool.dir, ingest.caps_file): "+
					"restore with the configuration of that time; %s is not usable: delete it",
				e.Folder,
				data,
			)
		}
		sum, err := c.put(
			filepath.Join(o.From, e.Folder, filepath.FromSlash(e.Path)),
			root,
			filepath.FromSlash(e.Path),
			&e,
		)
		if err == nil {
			err = e.compare(sum)
		} else {
			err = e.damage(err)
		}
		if err != nil {
			return nil, fmt.Errorf("restoring: %w; %s is not usable: delete it", err, data)
		}
	}
	for _, folder := range o.Folders {
		if err := syncAll(folder.Path); err != nil {
			return nil, fmt.Errorf("restoring: %w", err)
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(data, restoringFile)), syncAll(data)); err != nil {
		return nil, fmt.Errorf("ending the restore: %w", err)
	}
	return m, nil
}

// openTargets makes the folders, all empty, and marks the data folder. The roots are for the caller to close.
func openTargets(folders []Folder, total int64) (roots map[string]*os.Root, data string, err error) {
	roots = map[string]*os.Root{}
	for _, folder := range folders {
		if err := folder.mustBeFree(); err != nil {
			return roots, "", err
		}
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder.Path, 0o700); err != nil {
			return roots, "", fmt.Errorf("making the folder: %w", err)
		}
		root, err := os.OpenRoot(folder.Path)
		if err != nil {
			return roots, "", fmt.Errorf("opening the folder: %w", err)
		}
		roots[folder.Name] = root
		if folder.Name == FolderData {
			data = folder.Path
		}
	}
	if err := hasRoom(data, total); err != nil {
		return roots, "", err
	}
	err = durable.Replace(
		filepath.Join(data, restoringFile),
		[]byte("A restore into this folder was interrupted. Delete the folder.\n"),
	)
	return roots, data, err
}

// mustBeFree refuses what a restore would overwrite.
func (f *Folder) mustBeFree() error {
	const advice = "a restore never overwrites: name folders that are not there yet (--set data_dir=DIR)"
	if f.Only == "" {
		return mustBeEmpty(f.Path, advice)
	}
	path := filepath.Join(f.Path, f.Only)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there: %s", path, advice)
	}
	return nil
}

// check reads every file and compares its sum.
func (m *Manifest) check(c *copier, from string) error {
	var wrong []error
	for _, e := range m.Entries {
		if !e.isFile() {
			continue
		}
		sum, err := func() (string, error) {
			in, err := os.Open(filepath.Join(from, e.Folder, filepath.FromSlash(e.Path)))
			if err != nil {
				return "", err
			}
			defer in.Close()
			return c.copy(io.Discard, in, e.Size)
		}()
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		if err == nil {
			err = e.compare(sum)
		} else {
			err = e.damage(err)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func (e *entry) compare(sum string) error {
	if e.isFile() && sum != e.SHA256 {
		return fmt.Errorf("%w: %s/%s does not have the bytes that were written", ErrDamaged, e.Folder, e.Path)
	}
	return nil
}

// damage says of which file an error is, and that a file which is gone or too short is damage.
func (e *entry) damage(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s/%s: %w", ErrDamaged, e.Folder, e.Path, err)
	}
	return fmt.Errorf("%s/%s: %w", e.Folder, e.Path, err)
}
