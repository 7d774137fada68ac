package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func open(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(Options{Dir: "state", FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAgainstAModel runs random writes, rollbacks, flushes and reads against a map.
func TestAgainstAModel(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := open(t, vfs.NewMem())
		p := s.Partition(3)
		n, other := p.Namespace("a"), p.Namespace("b")
		other.Put([]byte("k1"), []byte("of another owner"))
		neighbour := s.Partition(4)
		neighbour.Namespace("a").Put([]byte("k1"), []byte("of another partition"))
		if err := neighbour.Flush(); err != nil {
			t.Fatal(err)
		}
		model, marked := map[string]string{}, map[string]string{}
		p.Mark()
		key := func() []byte { return fmt.Appendf(nil, "%c%02d", 'k'+rng.IntN(2), rng.IntN(25)) }
		for step := range 400 {
			switch rng.IntN(13) {
			case 0, 1, 2, 3:
				k, v := key(), fmt.Sprint("v", step)
				n.Put(k, []byte(v))
				model[string(k)] = v
			case 4, 5:
				k := key()
				n.Delete(k)
				delete(model, string(k))
			case 6:
				low, high := key(), key()
				n.DeleteRange(low, high)
				maps.DeleteFunc(model, func(k, _ string) bool { return k >= string(low) && k < string(high) })
			case 7:
				p.Rollback()
				model = maps.Clone(marked)
			case 8:
				p.Mark()
				marked = maps.Clone(model)
			case 9:
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				p.Mark()
				marked = maps.Clone(model)
			case 10:
				k := key()
				look := n.Get
				if rng.IntN(2) == 0 {
					look = n.Find
				}
				v, ok, err := look(k)
				if want, known := model[string(k)]; err != nil || ok != known || string(v) != want {
					t.Fatalf("seed %d step %d: %s is %q %v %v, want %q %v", seed, step, k, v, ok, err, want, known)
				}
			case 12:
				prefix := string(rune('k' + rng.IntN(2)))
				want := ""
				for k := range model {
					if strings.HasPrefix(k, prefix) {
						want = max(want, k)
					}
				}
				if got, found, err := n.Last([]byte(prefix)); err != nil || found != (want != "") || string(got) != want {
					t.Fatalf("seed %d step %d: the last of %q is %q %v %v, want %q", seed, step, prefix, got, found, err, want)
				}
			case 11:
				prefix := string(rune('k' + rng.IntN(2)))
				var got, want []string
				var from []byte
				if rng.IntN(2) == 0 {
					from = key()
				}
				if err := n.Scan([]byte(prefix), from, func(k, v []byte) bool {
					got = append(got, string(k)+"="+string(v))
					return true
				}); err != nil {
					t.Fatal(err)
				}
				for _, k := range slices.Sorted(maps.Keys(model)) {
					if strings.HasPrefix(k, prefix) && k >= string(from) {
						want = append(want, k+"="+model[k])
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d step %d: scan of %q from %q: %v, want %v", seed, step, prefix, from, got, want)
				}
			}
		}
		if err := p.Wipe(); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := n.Get([]byte("k1")); ok {
			t.Error("wiped state is there")
		}
		if v, ok, _ := neighbour.Namespace("a").Get([]byte("k1")); !ok || string(v) != "of another partition" {
			t.Error("wiping one partition wiped another")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSyncedBatchesSurviveACrashWhole(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	p := s.Partition(0)
	n := p.Namespace("a")
	put := func(v string) {
		n.Put([]byte("x"), []byte(v))
		n.Put([]byte("y"), []byte(v))
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	put("1")
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	put("2")
	for percent := 0; percent <= 100; percent += 10 {
		again := open(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(uint64(percent), 1))}))
		m := again.Partition(0).Namespace("a")
		x, ok, _ := m.Get([]byte("x"))
		y, _, _ := m.Get([]byte("y"))
		if !ok || string(x) != string(y) {
			t.Errorf("with %d %% of what was not synced: x is %q, y is %q", percent, x, y)
		}
		again.Close()
	}
	s.Close()
}

func TestOneProcessADirectory(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, CacheBytes: 1 << 20, MemtableBytes: 1 << 20}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrStorage) {
		t.Errorf("a second store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPutAndMissingGet(b *testing.B) {
	s := open(b, vfs.NewMem())
	p := s.Partition(0)
	n := p.Namespace("join")
	key, value := make([]byte, 26), make([]byte, 120)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		copy(key[1:], fmt.Append(key[1:1], i))
		if _, ok, err := n.Get(key); ok || err != nil {
			b.Fatal(ok, err)
		}
		n.Put(key, value)
		if i++; i%5000 == 0 {
			if err := p.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
