package state

import (
	"fmt"
	"time"
)

// WrittenBytes is what flushes and compactions have written since Open.
func (s *Store) WrittenBytes() uint64 {
	m := s.db.Metrics()
	total := m.Total()
	return total.TableBytesFlushed + total.TableBytesCompacted
}

// TableBytes is the size of the tables alone, without the log of what is in the write buffers.
func (s *Store) TableBytes() uint64 {
	m := s.db.Metrics()
	total := m.Total()
	return uint64(total.TablesSize)
}

// Describe returns the database's own account of its levels, files, caches and compactions, some lines of text.
func (s *Store) Describe() string { return s.db.Metrics().String() }

// settleTick is how often Settle looks whether compactions are left.
const settleTick = 20 * time.Millisecond

// Settle writes the write buffers to their files and waits until no compaction is left to do, for measurements.
func (s *Store) Settle() error {
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("%w: flushing: %w", ErrStorage, err)
	}
	for still := 0; still < 5; {
		time.Sleep(settleTick)
		if m := s.db.Metrics(); m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0 {
			still = 0
			continue
		}
		still++
	}
	return nil
}
