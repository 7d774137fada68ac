package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrDamaged is wrapped, beside ErrStorage, by errors that say that a file does not hold what was written to it: a block's checksum is
// wrong, a file is shorter than it was, missing, or not of the others' time. What the database says can no longer be trusted; Close sets it aside, and the next Open begins empty.
var ErrDamaged = errors.New("state is damaged on disk")

// damagedDir, below the store's directory, is where a damaged database is kept for whoever wants to look at it: the last one only, so that
// it takes as much space as one state at most. damagedMark says that the moving there is not finished.
const (
	damagedDir  = "damaged"
	damagedMark = "DAMAGED"
)

// RecoveryDir, below the store's directory, is for what the processor and whoever repairs an installation write for each other.
const RecoveryDir = "recovery"

// SetAside returns where the database was moved that Open found damaged, or that Close had to give up before; "" if none was. The state of
// every partition is empty then.
func (s *Store) SetAside() string { return s.setAside }

// empty tells whether no partition has anything.
func (s *Store) empty() bool {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyVersion}})
	if err != nil {
		return false
	}
	found := it.First()
	return it.Close() == nil && !found
}

// damaged is Pebble's report of a block or file that is not what it was; Pebble's own answer would be to end the process.
func (s *Store) damaged(info pebble.DataCorruptionInfo) {
	s.note(fmt.Errorf("%w: %w: %s: %w", ErrStorage, ErrDamaged, info.Path, info.Details))
}

// failed is told the errors of flushes and compactions, which Pebble makes again for ever.
func (s *Store) failed(err error) {
	if amiss(err) {
		s.note(fmt.Errorf("%w: %w: %w", ErrStorage, ErrDamaged, err))
	}
}

func (s *Store) note(err error) {
	if s.damage.CompareAndSwap(nil, &err) {
		s.log.Errorf("%v", err)
	}
}

// Damage returns nil, or an error that wraps ErrDamaged once anything, a compaction included, came upon damage. The store must be closed then.
func (s *Store) Damage() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// setAside moves the files of a database that is not open to damagedDir. A crash amid it is made up for by finishSettingAside: half of a
// database must never be opened, for its log alone would look like a state.
func setAside(fs vfs.FS, dir string) error {
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return fmt.Errorf("locking %s: %w", dir, err)
	}
	defer lock.Close()
	if err := fs.RemoveAll(fs.PathJoin(dir, damagedDir)); err != nil {
		return fmt.Errorf("removing the damaged state kept before: %w", err)
	}
	mark, err := fs.Create(fs.PathJoin(dir, damagedMark), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("marking the state as damaged: %w", err)
	}
	if err := errors.Join(mark.Sync(), mark.Close(), syncDir(fs, dir)); err != nil {
		return fmt.Errorf("marking the state as damaged: %w", err)
	}
	return moveAside(fs, dir)
}

// finishSettingAside goes on where a crash ended setAside, and tells whether there was something to do.
func finishSettingAside(fs vfs.FS, dir string) (bool, error) {
	if _, err := fs.Stat(fs.PathJoin(dir, damagedMark)); errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return false, fmt.Errorf("locking %s: %w", dir, err)
	}
	defer lock.Close()
	return true, moveAside(fs, dir)
}

// keptInPlace are the entries of the store's directory that are no part of the database.
var keptInPlace = []string{damagedDir, damagedMark, RecoveryDir, fetchDir, scratchDir, "LOCK", "lost+found"}

func moveAside(fs vfs.FS, dir string) error {
	to := fs.PathJoin(dir, damagedDir)
	if err := fs.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", to, err)
	}
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("listing %s: %w", dir, err)
	}
	for _, name := range names {
		if slices.Contains(keptInPlace, name) {
			continue
		}
		if err := fs.Rename(fs.PathJoin(dir, name), fs.PathJoin(to, name)); err != nil {
			return fmt.Errorf("moving %s to %s: %w", name, to, err)
		}
	}
	if err := errors.Join(syncDir(fs, to), syncDir(fs, dir)); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	if err := fs.Remove(fs.PathJoin(dir, damagedMark)); err != nil {
		return fmt.Errorf("removing the mark of the damaged state: %w", err)
	}
	return syncDir(fs, dir)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
