package control

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

// entryRecord is a record as a writer makes it, at an offset, behind a base with the revision that it had.
func entryRecord(t *testing.T, offset int64, id, value, revision string) *kgo.Record {
	t.Helper()
	c := set(id, value)
	r, err := encode(&c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Offset = offset; revision != "" {
		withHeader(r, headerRevision, revision)
	}
	return r
}

func baseRecord(t *testing.T, offset int64, version uint32, base *events.ControlBase) *kgo.Record {
	t.Helper()
	value, err := base.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Key: []byte(baseKey), Offset: offset,
		Value: entryOf(&events.ControlEntry{Version: version, Kind: baseKind, Id: "base", Value: value})}
}

// TestMisplacedRecords: what no writer writes changes nothing, hides nothing, and is told of.
func TestMisplacedRecords(t *testing.T) {
	for name, bad := range map[string]*kgo.Record{
		"the revision of another":    entryRecord(t, 10, "x", "1", "3"),
		"a revision to come":         entryRecord(t, 10, "x", "1", "12"),
		"the last revision":          entryRecord(t, 10, "x", "1", fmt.Sprint(int64(math.MaxInt64))),
		"no revision":                entryRecord(t, 10, "x", "1", "soon"),
		"a revision before all":      entryRecord(t, 10, "x", "1", "0"),
		"a base of a newer program":  baseRecord(t, 10, 2, &events.ControlBase{Revision: 3, OwnRevision: 11}),
		"a base that goes back":      baseRecord(t, 10, 1, &events.ControlBase{Revision: 3, OwnRevision: 3}),
		"a base of the last place":   baseRecord(t, 10, 1, &events.ControlBase{Revision: 3, OwnRevision: math.MaxInt64}),
		"a base before all":          baseRecord(t, 10, 1, &events.ControlBase{Revision: -1, OwnRevision: 11}),
		"a base that is none":        {Key: []byte(baseKey), Offset: 10, Value: []byte("\xff")},
		"a base that ends the base":  {Key: []byte(baseKey), Offset: 10},
		"a key of a megabyte":        {Key: []byte(strings.Repeat("k", 1<<20)), Offset: 10, Value: []byte("v")},
		"a key with control letters": {Key: []byte("thing/\x1b[2J"), Offset: 10, Value: entryOf(&events.ControlEntry{Version: 1, Kind: "thing", Id: "\x1b[2J"})},
	} {
		f := newFold(kindsOf(testKinds), nil)
		f.add(entryRecord(t, 1, "a", "1", ""))
		f.add(entryRecord(t, 2, "b", "1", ""))
		f.add(bad)
		f.add(entryRecord(t, 11, "c", "1", ""))
		s, _ := f.state()
		if got := things(s); !slices.Equal(got, []string{"a=1", "b=1", "c=1"}) {
			t.Errorf("%s: %q", name, got)
		}
		if e, _ := s.Get("thing", "c"); e.Revision != 12 {
			t.Errorf("%s: the next record is of revision %d", name, e.Revision)
		}
		refused := f.refusals()
		if len(refused) != 1 {
			t.Errorf("%s: refused are %v", name, refused)
			continue
		}
		if said := refused[0].String(); len(said) > 1000 || strings.Contains(said, "\x1b") || !strings.Contains(said, "is refused") {
			t.Errorf("%s: said is %.2000q", name, said)
		}
	}
}

// TestManyRefused: a program that writes what this one refuses does not take its memory, and nothing of it is lost by a snapshot.
func TestManyRefused(t *testing.T) {
	f := newFold(nil, nil)
	f.add(entryRecord(t, 0, "a", "1", ""))
	for i := range int64(MaxEntries + 5) {
		f.add(&kgo.Record{Key: []byte(fmt.Sprintf("thing/%d", i)), Offset: 1 + i, Value: []byte("\xff")})
	}
	if len(f.refused) != MaxEntries || f.passedOver != 5 {
		t.Errorf("%d are kept, %d not", len(f.refused), f.passedOver)
	}
	name := "thing/0"
	f.add(&kgo.Record{Key: []byte(name), Offset: 1 + MaxEntries, Value: nil})
	if len(f.refused) != MaxEntries-1 || f.refusedBytes != sizes(f) {
		t.Errorf("%d are kept, of %d bytes, want %d", len(f.refused), f.refusedBytes, sizes(f))
	}
	began := time.Now()
	r := Reader{cfg: Config{}.withDefaults()}
	list := f.refusals()
	r.refused.Store(&list)
	r.passedOver.Store(f.passedOver)
	r.tellRefused(list)
	if notes := r.refusedNotes(); len(notes) != maxNoted+1 || !strings.Contains(notes[maxNoted], "and 199996 more") {
		t.Errorf("%q", notes)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("telling of them took %s", took)
	}
	a := attempt{Writer: &Writer{cfg: Config{snapshotAfter: 1}.withDefaults(), follow: follower{fold: f}}}
	a.cfg.step = func(step string) error { t.Errorf("step %s", step); return nil }
	a.shorten(t.Context())
}

func sizes(f *fold) (n int64) {
	for _, r := range f.refused {
		n += r.size()
	}
	return n
}
