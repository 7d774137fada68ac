package embedded

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A journalKeeper keeps, as a hard link, each journal as it was at the last sync. The broker compacts a journal by
// renaming a file over it that was never synced: a cut of the power could keep the name and lose the content. The link
// is moved to the new file once a sync has put that on disk; until then the next start reads both.
type journalKeeper struct {
	dir  string
	seen map[string]fs.FileInfo // before the sync under way
	kept map[string]fs.FileInfo
}

// newJournalKeeper returns nil where the file system knows no hard links.
func newJournalKeeper(dir string) (*journalKeeper, error) {
	probe := filepath.Join(dir, "probe")
	if err := errors.Join(removeIfThere(probe), removeIfThere(probe+keptSuffix), os.WriteFile(probe, nil, 0o600)); err != nil {
		return nil, err
	}
	err := os.Link(probe, probe+keptSuffix)
	if cleanErr := errors.Join(removeIfThere(probe), removeIfThere(probe+keptSuffix)); cleanErr != nil {
		return nil, cleanErr
	}
	if err != nil {
		return nil, nil //nolint:nilerr // the caller does without
	}
	return &journalKeeper{dir: dir, seen: map[string]fs.FileInfo{}, kept: map[string]fs.FileInfo{}}, nil
}

// before notes which files the sync is going to put on disk.
func (k *journalKeeper) before() {
	for _, name := range journalFiles {
		if info, err := os.Stat(filepath.Join(k.dir, name)); err == nil {
			k.seen[name] = info
		}
	}
}

// after moves the links to the files that are on disk now.
func (k *journalKeeper) after() error {
	for name, info := range k.seen {
		if kept := k.kept[name]; kept != nil && os.SameFile(kept, info) {
			continue
		}
		path := filepath.Join(k.dir, name)
		fresh := path + keptSuffix + ".tmp"
		if err := removeIfThere(fresh); err != nil {
			return err
		}
		if err := os.Link(path, fresh); err != nil {
			return err
		}
		linked, err := os.Stat(fresh)
		if err != nil {
			return err
		}
		if !os.SameFile(linked, info) {
			continue // compacted again meanwhile; the next sync has it
		}
		if err := os.Rename(fresh, path+keptSuffix); err != nil {
			return err
		}
		k.kept[name] = info
	}
	return nil
}
