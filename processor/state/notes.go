package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// noteKey lies below every partition's range, as idKey does.
func noteKey(name string) []byte { return append([]byte{firstKeyVersion - 1, 'n'}, name...) }

// Note returns what SetNote kept for the whole database under a name; nil for nothing.
func (s *Store) Note(name string) ([]byte, error) {
	v, closer, err := s.db.Get(noteKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading the note %s: %w", ErrStorage, name, err)
	}
	v = slices.Clone(v)
	return v, closer.Close()
}

// SetNote keeps a value for the whole database, durable at once.
func (s *Store) SetNote(name string, value []byte) error {
	if err := s.db.Set(noteKey(name), value, pebble.Sync); err != nil {
		return fmt.Errorf("%w: writing the note %s: %w", ErrStorage, name, err)
	}
	return nil
}
