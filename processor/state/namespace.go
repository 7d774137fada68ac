package state

import (
	"bytes"
	"slices"
	"strings"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
)

// A Namespace is the part of a partition's state that one owner sees: an ordered map of bytes. A write is seen by later
// reads at once and becomes durable with the cycle, together with the input offsets that led to it.
type Namespace struct {
	p      *Partition
	name   string
	prefix []byte
	key    []byte // scratch
	tables [256]*table
}

// Get returns the value of key and whether there is one. The value is valid until the cycle ends; copy it to keep it.
// An error wraps ErrStorage. It is made for keys that are mostly not there: see Find.
func (n *Namespace) Get(key []byte) ([]byte, bool, error) { return n.get(key, &n.p.reader, true) }

// Find is Get for a key that is probably there. It does without the bloom filters of the last level, which would only say so, and of which a
// large state has more than the cache holds.
func (n *Namespace) Find(key []byte) ([]byte, bool, error) { return n.get(key, &n.p.finder, false) }

func (n *Namespace) get(key []byte, reader **pebble.Iterator, filters bool) ([]byte, bool, error) {
	full := n.full(key)
	if t := n.tables[first(key)]; t != nil {
		if i, ok := t.index[string(full)]; ok && t.entries[i].live {
			w := &t.entries[i]
			return w.value, !w.deleted, nil
		}
	}
	if n.p.inDeletedRange(full) {
		return nil, false, nil
	}
	return n.p.read(full, reader, filters)
}

// Put writes a copy of value under a copy of key.
func (n *Namespace) Put(key, value []byte) {
	n.write(key, n.p.mem.copy(value), false)
}

// PutSized writes a value of size bytes that the caller fills in at once.
func (n *Namespace) PutSized(key []byte, size int) []byte {
	v := n.p.mem.alloc(size)
	n.write(key, v, false)
	return v
}

// Delete removes key. Removing what is not there does nothing.
func (n *Namespace) Delete(key []byte) { n.write(key, nil, true) }

// DeleteRange removes every key in [low, high). high must not be empty.
func (n *Namespace) DeleteRange(low, high []byte) {
	l := append([]byte(nil), n.full(low)...)
	h := append([]byte(nil), n.full(high)...)
	n.p.ranges = append(n.p.ranges, keyRange{l, h})
	for _, t := range n.tables {
		if t == nil {
			continue
		}
		for i := range t.entries {
			w := &t.entries[i]
			if w.live && !w.deleted && w.key >= string(l) && w.key < string(h) {
				n.p.remember(t, int32(i))
				w.value, w.deleted = nil, true
			}
		}
	}
}

// Scan calls visit for each key that starts with prefix, from the key `from` on (nil: from the first), in order, until it answers false. Key and value are valid
// during the call only. visit may write; keys that it adds are not visited. An error wraps ErrStorage.
func (n *Namespace) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	low := append([]byte(nil), n.full(prefix)...)
	high := successor(low)
	if len(from) > 0 {
		if f := n.full(from); bytes.Compare(f, low) > 0 {
			low = append([]byte(nil), f...)
		}
	}
	mine := n.collect(prefix, low, high)
	it, err := n.p.store.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return n.p.fail("scanning", err)
	}
	defer it.Close()
	cut := len(n.prefix)
	valid := it.First()
	for valid || len(mine) > 0 {
		if valid && (len(mine) == 0 || string(it.Key()) < mine[0].key) {
			k := it.Key()
			if !n.p.inDeletedRange(k) && !visit(k[cut:], it.Value()) {
				return nil
			}
			valid = it.Next()
			continue
		}
		if valid && string(it.Key()) == mine[0].key {
			valid = it.Next()
		}
		w := mine[0].t.entries[mine[0].i]
		key := mine[0].key
		mine = mine[1:]
		if w.live && !w.deleted && !visit(unsafe.Slice(unsafe.StringData(key), len(key))[cut:], w.value) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return n.p.fail("scanning", err)
	}
	return nil
}

// Last returns the last key that starts with prefix, and whether there is one. The key is the caller's. An error wraps ErrStorage.
func (n *Namespace) Last(prefix []byte) (key []byte, found bool, err error) {
	low := append([]byte(nil), n.full(prefix)...)
	high := successor(low)
	cut := len(n.prefix)
	written := map[string]bool{} // the cycle's own writes by key: whether it is there
	newest := ""
	for _, w := range n.collect(prefix, low, high) {
		there := !w.t.entries[w.i].deleted
		if written[w.key] = there; there {
			newest = w.key // they come in order
		}
	}
	it, err := n.p.store.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return nil, false, n.p.fail("looking for the last key", err)
	}
	defer it.Close()
	for valid := it.Last(); valid && string(it.Key()) > newest; valid = it.Prev() {
		if _, mine := written[string(it.Key())]; !mine && !n.p.inDeletedRange(it.Key()) {
			return append([]byte(nil), it.Key()[cut:]...), true, nil
		}
	}
	if err := it.Error(); err != nil {
		return nil, false, n.p.fail("looking for the last key", err)
	}
	if newest == "" {
		return nil, false, nil
	}
	return []byte(newest[cut:]), true, nil
}

type position struct {
	key string
	t   *table
	i   int32
}

// collect answers the cycle's own writes within the bounds, in order.
func (n *Namespace) collect(prefix, low, high []byte) []position {
	var out []position
	for b, t := range n.tables {
		if t == nil || len(prefix) > 0 && byte(b) != prefix[0] {
			continue
		}
		for i := range t.entries {
			w := &t.entries[i]
			if w.live && w.key >= string(low) && (high == nil || w.key < string(high)) {
				out = append(out, position{w.key, t, int32(i)})
			}
		}
	}
	slices.SortFunc(out, func(a, b position) int { return strings.Compare(a.key, b.key) })
	return out
}

func (n *Namespace) write(key, value []byte, deleted bool) {
	t := n.tables[first(key)]
	if t == nil {
		t = &table{index: map[string]int32{}}
		n.tables[first(key)] = t
	}
	full := n.full(key)
	i, ok := t.index[string(full)]
	if !ok {
		k := n.p.mem.copy(full)
		i = int32(len(t.entries))
		t.entries = append(t.entries, written{key: unsafe.String(unsafe.SliceData(k), len(k))})
		t.index[t.entries[i].key] = i
	}
	n.p.remember(t, i)
	w := &t.entries[i]
	w.value, w.deleted, w.live = value, deleted, true
}

func (p *Partition) remember(t *table, i int32) {
	w := &t.entries[i]
	var flags uint8
	if w.deleted {
		flags |= 1
	}
	if w.live {
		flags |= 2
	}
	p.undo = append(p.undo, undone{t, i, w.value, flags})
}

func (p *Partition) inDeletedRange(full []byte) bool {
	for i := range p.ranges {
		if bytes.Compare(full, p.ranges[i].low) >= 0 && bytes.Compare(full, p.ranges[i].high) < 0 {
			return true
		}
	}
	return false
}

func (n *Namespace) full(key []byte) []byte {
	n.key = append(append(n.key[:0], n.prefix...), key...)
	return n.key
}

func first(key []byte) byte {
	if len(key) == 0 {
		return 0
	}
	return key[0]
}

// successor answers the first key after all that start with prefix.
func successor(prefix []byte) []byte {
	s := append([]byte(nil), prefix...)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]++; s[i] != 0 {
			return s[:i+1]
		}
	}
	return nil
}
