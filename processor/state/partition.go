package state

import (
	"bytes"
	"fmt"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
)

// A Partition is the state of one Kafka partition: what is in the database, and over it the writes of the running cycle.
type Partition struct {
	store     *Store
	id        int32
	low, high []byte
	spaces    []*Namespace
	mem       arena
	undo      []undone
	ranges    []keyRange
	marked    int // len(ranges) at the last Mark
	// reader and finder serve the look-ups of one cycle, with all filters and without the last level's: they see the database as the
	// last cycle left it.
	reader, finder *pebble.Iterator
	failed         error
	// batches is how many batches there are, once that was read.
	batches uint64
	counted bool
	// countKey and sumKey are the counts' whole keys, once a batch was counted.
	countKey, sumKey []byte
}

// written is one key's newest value of the running cycle.
type written struct {
	key     string // full key, in the arena
	value   []byte
	deleted bool
	// live is false for a write that was rolled back: the database's value shows through.
	live bool
}

// table holds the writes whose keys share namespace and first byte, so that a scan walks only those.
type table struct {
	index   map[string]int32
	entries []written
}

type undone struct {
	t     *table
	i     int32
	value []byte
	flags uint8 // 1 deleted, 2 live
}

type keyRange struct{ low, high []byte }

// Namespace returns the keys of one owner. Names are short: they are part of every key.
func (p *Partition) Namespace(name string) *Namespace {
	for _, n := range p.spaces {
		if n.name == name {
			return n
		}
	}
	n := &Namespace{p: p, name: name}
	n.prefix = append(append(append([]byte{}, p.low...), name...), 0)
	p.spaces = append(p.spaces, n)
	return n
}

// Err is the first storage error that any read of this partition met; once set, the process must stop.
func (p *Partition) Err() error { return p.failed }

// Mark begins a stretch of writes that Rollback takes back.
func (p *Partition) Mark() {
	p.undo = p.undo[:0]
	p.marked = len(p.ranges)
}

// Rollback takes back every write since the last Mark.
func (p *Partition) Rollback() {
	for k := len(p.undo) - 1; k >= 0; k-- {
		u := &p.undo[k]
		w := &u.t.entries[u.i]
		w.value, w.deleted, w.live = u.value, u.flags&1 != 0, u.flags&2 != 0
	}
	p.undo = p.undo[:0]
	p.ranges = p.ranges[:p.marked]
}

// Flush hands all writes to the database as one batch, not yet durable: see Store.Sync. Values read or written before
// become invalid.
func (p *Partition) Flush() error {
	if p.failed != nil {
		return p.failed
	}
	if err := p.store.Damage(); err != nil {
		return err
	}
	b := p.store.db.NewBatch()
	defer b.Close()
	for _, r := range p.ranges {
		if err := b.DeleteRange(r.low, r.high, nil); err != nil {
			return p.fail("batching", err)
		}
	}
	for _, n := range p.spaces {
		for _, t := range n.tables {
			if t == nil {
				continue
			}
			for i := range t.entries {
				w := &t.entries[i]
				var err error
				switch key := unsafe.Slice(unsafe.StringData(w.key), len(w.key)); {
				case !w.live:
				case w.deleted:
					err = b.Delete(key, nil)
				default:
					err = b.Set(key, w.value, nil)
				}
				if err != nil {
					return p.fail("batching", err)
				}
			}
		}
	}
	if !b.Empty() {
		if err := p.count(b); err != nil {
			return p.fail("counting", err)
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return p.fail("committing", err)
		}
		p.store.reclaimLater(p.ranges)
	}
	p.discard()
	return nil
}

// discard forgets the writes in memory.
func (p *Partition) discard() {
	p.release()
	for _, n := range p.spaces {
		for _, t := range n.tables {
			if t != nil {
				clear(t.index)
				clear(t.entries)
				t.entries = t.entries[:0]
			}
		}
	}
	p.ranges, p.undo, p.marked = p.ranges[:0], p.undo[:0], 0
	p.mem.reset()
}

// Wipe removes everything of this partition, at once durable.
func (p *Partition) Wipe() error {
	p.discard()
	p.counted = false
	if err := p.store.db.DeleteRange(p.low, p.high, pebble.Sync); err != nil {
		return p.fail("wiping", err)
	}
	return nil
}

func (p *Partition) fail(doing string, err error) error {
	if p.failed == nil {
		if amiss(err) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
			p.store.note(fmt.Errorf("%w: %w", ErrStorage, err))
		}
		p.failed = fmt.Errorf("%w: %s partition %d: %w", ErrStorage, doing, p.id, err)
	}
	return p.failed
}

// read looks a full key up in the database alone, through an iterator of the cycle: DB.Get would build one each time, and reads no
// filter on the last level, where most of the state lies. With filters a look-up for what is not there ends at them.
func (p *Partition) read(key []byte, reader **pebble.Iterator, filters bool) ([]byte, bool, error) {
	it := *reader
	if it == nil {
		var err error
		if it, err = p.store.db.NewIter(&pebble.IterOptions{LowerBound: p.low, UpperBound: p.high, UseL6Filters: filters}); err != nil {
			return nil, false, p.fail("reading", err)
		}
		*reader = it
	}
	if !it.SeekPrefixGE(key) {
		if err := it.Error(); err != nil {
			return nil, false, p.fail("reading", err)
		}
		return nil, false, nil
	}
	if !bytes.Equal(it.Key(), key) {
		return nil, false, nil
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, false, p.fail("reading", err)
	}
	return p.mem.copy(v), true, nil
}

// release lets go of what the readers hold: they would keep files and memory that the database has replaced.
func (p *Partition) release() {
	for _, reader := range []**pebble.Iterator{&p.reader, &p.finder} {
		if *reader == nil {
			continue
		}
		err := (*reader).Close()
		*reader = nil
		if err != nil {
			_ = p.fail("reading", err) // the next call answers it
		}
	}
}
