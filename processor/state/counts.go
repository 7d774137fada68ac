package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// A log file that is gone, or a list of tables that was cut back, can leave a database that opens well, has the newest batches and lacks
// older ones: nothing that Pebble checks. So each partition's batches are counted twice: every batch sets the number of batches, and
// adds one to a sum. A batch that is missing in between leaves the sum short, however long ago it was. Batches that are missing at the
// end leave both alike, and a state of an earlier cycle, which the processor tells by the cycle's number.

// countSpace is the namespace of the counts; no stage may have its name.
const countSpace = "!n"

var (
	countKey = []byte("n")
	sumKey   = []byte("s")
	one      = binary.BigEndian.AppendUint64(nil, 1)
)

// sumMerger adds numbers of eight bytes. Its name is that of Pebble's own, which joins texts: it stands in the files of every state that
// there is, and Pebble refuses those of another name. Nothing but sums was ever merged. An older program that
// compacts them joins them, so a text of several numbers stands for their sum.
var sumMerger = &pebble.Merger{
	Name: pebble.DefaultMerger.Name,
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		s := new(sum)
		return s, s.add(value)
	},
}

type sum struct{ n uint64 }

func (s *sum) add(value []byte) error {
	if len(value)%8 != 0 {
		return fmt.Errorf("a sum has %d bytes, a multiple of 8 would be right", len(value))
	}
	for ; len(value) > 0; value = value[8:] {
		s.n += binary.BigEndian.Uint64(value)
	}
	return nil
}

func (s *sum) MergeNewer(value []byte) error { return s.add(value) }
func (s *sum) MergeOlder(value []byte) error { return s.add(value) }
func (s *sum) Finish(bool) ([]byte, io.Closer, error) {
	return binary.BigEndian.AppendUint64(nil, s.n), nil, nil
}

func (p *Partition) countedKey(key []byte) []byte {
	return append(append(append(append([]byte{}, p.low...), countSpace...), 0), key...)
}

// count adds the batch to the partition's counts.
func (p *Partition) count(b *pebble.Batch) error {
	if !p.counted {
		n, err := number(p.store.db, p.countedKey(countKey))
		if err != nil {
			return err
		}
		p.batches, p.counted = n, true
	}
	if p.countKey == nil {
		p.countKey, p.sumKey = p.countedKey(countKey), p.countedKey(sumKey)
	}
	p.batches++
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], p.batches)
	if err := b.Set(p.countKey, n[:], nil); err != nil {
		return err
	}
	return b.Merge(p.sumKey, one, nil)
}

func number(db *pebble.DB, key []byte) (uint64, error) {
	v, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var s sum
	err = errors.Join(s.add(v), closer.Close())
	return s.n, err
}

// checkCounts returns an error that wraps ErrDamaged if a partition lacks batches that others were built on.
func (s *Store) checkCounts() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyVersion}, UpperBound: []byte{keyVersion + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for found := it.First(); found; {
		key := it.Key()
		if len(key) < 3 {
			return fmt.Errorf("%w: a key of %d bytes", ErrDamaged, len(key))
		}
		p := &Partition{store: s, id: int32(binary.BigEndian.Uint16(key[1:3]))}
		p.low, p.high = bounds(p.id)
		n, err := number(s.db, p.countedKey(countKey))
		if err != nil {
			return err
		}
		sum, err := number(s.db, p.countedKey(sumKey))
		if err != nil {
			return err
		}
		if n != sum {
			return fmt.Errorf("%w: partition %d has %d of the %d batches that were written: a log or the list of tables was cut", ErrDamaged, p.id, sum, n)
		}
		found = it.SeekGE(p.high)
	}
	return it.Error()
}
