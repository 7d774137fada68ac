package state

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// TestMemoryDoesNotGrowWithTheState: ten times as many keys, read at random, within the same few MiB.
func TestMemoryDoesNotGrowWithTheState(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), CacheBytes: 2 << 20, MemtableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := s.Partition(0)
	n := p.Namespace("a")
	key := func(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, i<<16) }
	next, value := uint64(0), make([]byte, 40)
	used := func(until uint64) uint64 {
		for ; next < until; next++ {
			binary.BigEndian.PutUint64(value, next*0x9e3779b97f4a7c15)
			n.Put(key(next), value)
			if next%5000 == 4999 {
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Settle(); err != nil {
			t.Fatal(err)
		}
		for i := range uint64(5000) {
			at := i * 0x9e3779b97f4a7c15 % until
			if _, ok, err := n.Get(key(at)); err != nil || !ok {
				t.Fatal("a key is not there", at, err)
			}
			if _, ok, err := n.Find(key(at)); err != nil || !ok {
				t.Fatal("a key is not found", at, err)
			}
			if _, ok, err := n.Get(append(key(at), 1)); err != nil || ok {
				t.Fatal("a key is there that was never written", at, err)
			}
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	few := used(60_000)
	many := used(600_000)
	if grown := int64(many) - int64(few); grown > 6<<20 {
		t.Errorf("%d bytes more for ten times the keys, at most 6 MiB would be right\n%s", grown, s.Describe())
	} else {
		t.Logf("%d KiB with 60,000 keys, %d KiB with 600,000, %d KiB on disk", few>>10, many>>10, s.TableBytes()>>10)
	}
}

// TestOlderStateIsDropped: what another version wrote is not read as ours, and goes.
func TestOlderStateIsDropped(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, CacheBytes: 1 << 20, MemtableBytes: 1 << 20}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	old, ours := []byte{firstKeyVersion, 0, 1, 'x'}, s.Partition(1).Namespace("x")
	if err := s.db.Set(old, []byte("old"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	ours.Put([]byte("k"), []byte("v"))
	if err := ours.p.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.db.Get(old); err != pebble.ErrNotFound {
		t.Errorf("the older state is there: %v", err)
	}
	if v, ok, err := s.Partition(1).Namespace("x").Get([]byte("k")); err != nil || !ok || string(v) != "v" {
		t.Errorf("our own state is %q %v %v", v, ok, err)
	}
}
