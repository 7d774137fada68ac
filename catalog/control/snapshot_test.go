package control

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/deploy/embedded"
	"tributary/schemas/broker"
)

// embeddedRig is a rig on the embedded broker, with its log in dir.
func embeddedRig(t *testing.T, dir string) (*rig, *embedded.Kafka) {
	t.Helper()
	k, err := embedded.NewKafka("127.0.0.1:0", dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, cfg: Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(k.Address())}, Broker: broker.Embedded(), Topic: "control", Kinds: testKinds,
		Copy: filepath.Join(t.TempDir(), "control"), Replace: replace, snapshotAfter: 20,
	}}
	r.cfg = r.cfg.withDefaults()
	return r, k
}

// begin makes the topic, with a state of which a snapshot is due with the next write.
func (r *rig) begin() (w *Writer, want []string) {
	r.t.Helper()
	if _, err := r.admin().CreateTopic(limited(r.t), 1, 1, nil, r.cfg.Topic); err != nil {
		r.t.Fatal(err)
	}
	w = r.writer()
	r.write(w, set("gone", "1"), set("kept", "1"))
	r.write(w, end("gone"))
	for i := range 8 {
		r.write(w, set("a", fmt.Sprint(i)), set("b", fmt.Sprint(i)))
	}
	return w, []string{"kept=1", "a=last", "b=last"}
}

// TestASnapshotKilledAtEveryStep: whatever of it the broker's disk has when all is killed, all that was in force is there after it,
// nothing else, and under the same revisions; and the next writes end what was begun.
func TestASnapshotKilledAtEveryStep(t *testing.T) {
	steps := map[string]int{} // how often each was met
	for _, kill := range []string{"snapshot", "produced", "committed", "deleting", "deleted"} {
		if testing.Short() && (kill == "snapshot" || kill == "deleted") {
			continue // what is on disk is as after the step before
		}
		t.Run(kill, func(t *testing.T) {
			dir, killed := filepath.Join(t.TempDir(), "kafka"), filepath.Join(t.TempDir(), "killed")
			r, k := embeddedRig(t, dir)
			w, want := r.begin()
			ending := false // the write whose snapshot is killed is committed
			taken := false
			take := func() {
				if !taken {
					taken = true
					if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
						t.Error(err)
					}
				}
			}
			w.cfg.step = func(step string) error {
				steps[step]++
				if step == "snapshot" {
					ending = true
				}
				if ending && step == kill {
					take() // the disk as a kill at this point leaves it
				}
				return nil
			}
			last := r.write(w, set("a", "last"), set("b", "last"))
			if !ending {
				t.Fatal("no snapshot was written")
			}
			take()
			before, err := Read(limited(t), r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			k.Close()
			r, k = embeddedRig(t, killed)
			defer k.Close()
			after, err := Read(limited(t), r.cfg)
			if err != nil || !slices.Equal(things(after), want) || after.Revision() != last {
				t.Fatalf("after the kill: %q, revision %d, %v; want %q, %d", things(after), after.Revision(), err, want, last)
			}
			for e := range before.Each("thing") {
				if again, _ := after.Get("thing", e.ID); again.Revision != e.Revision || !again.At.Equal(e.At) || again.Author != e.Author {
					t.Errorf("%+v, was %+v", again, e)
				}
			}
			w = r.writer()
			for i := range 12 {
				r.write(w, set("a", fmt.Sprint(i)), set("b", fmt.Sprint(i)))
			}
			s, err := Read(limited(t), r.cfg)
			if err != nil || !slices.Equal(things(s), []string{"kept=1", "a=11", "b=11"}) {
				t.Errorf("later: %q, %v", things(s), err)
			}
			if n := r.length(); n > 60 {
				t.Errorf("the topic has %d records: it is not kept short", n)
			}
		})
	}
	for _, step := range []string{"taken over", "snapshot", "produced", "committed", "deleting"} {
		if steps[step] == 0 {
			t.Errorf("the step %q was never met", step)
		}
	}
}

// length is how many offsets the topic has.
func (r *rig) length() int64 {
	admin := r.admin()
	starts, err := admin.ListStartOffsets(limited(r.t), r.cfg.Topic)
	ends, err2 := admin.ListEndOffsets(limited(r.t), r.cfg.Topic)
	if err != nil || err2 != nil {
		r.t.Fatal(err, err2)
	}
	start, _ := starts.Lookup(r.cfg.Topic, 0)
	end, _ := ends.Lookup(r.cfg.Topic, 0)
	return end.Offset - start.Offset
}

// TestASnapshotChangesNothing for who follows: nobody is told of entries that are as they were.
func TestASnapshotChangesNothing(t *testing.T) {
	r := newRig(t)
	r.cfg.snapshotAfter = 20
	reader, _ := r.open()
	w := r.writer()
	r.write(w, Change{Entry: Entry{Kind: "other", ID: "x"}})
	told := 0
	reader.Watch("other", func(*State) { told++ })
	for i := range 40 {
		r.write(w, set("a", fmt.Sprint(i)))
	}
	eventually(t, "the last write is not seen", func() bool { return slices.Equal(things(reader.Now()), []string{"a=39"}) })
	if n := r.length(); n > 80 {
		t.Errorf("the topic has %d offsets: no snapshot was written", n)
	}
	if told > 1 {
		t.Errorf("told %d times of entries that are as they were", told)
	}
}

// TestABrokerKilledAmidAWrite: a reader and a writer go on behind a broker that was killed amid a write.
func TestABrokerKilledAmidAWrite(t *testing.T) {
	dir, killed := filepath.Join(t.TempDir(), "kafka"), filepath.Join(t.TempDir(), "killed")
	r, k := embeddedRig(t, dir)
	if _, err := r.admin().CreateTopic(limited(t), 1, 1, nil, r.cfg.Topic); err != nil {
		t.Fatal(err)
	}
	w := r.writer()
	r.write(w, set("a", "1"))
	w.cfg.step = func(step string) error {
		if step == "produced" {
			return os.CopyFS(killed, os.DirFS(dir))
		}
		return nil
	}
	r.write(w, set("a", "open"), set("b", "open"))
	address := k.Address()
	k.Close()
	k, err := embedded.NewKafka(address, killed, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	s, err := Read(limited(t), r.cfg)
	if err != nil || !slices.Equal(things(s), []string{"a=1"}) {
		t.Errorf("%q, %v", things(s), err)
	}
	other := r.writer()
	r.write(other, set("c", "1"))
	s, err = Read(limited(t), r.cfg)
	if err != nil || !slices.Equal(things(s), []string{"a=1", "c=1"}) {
		t.Errorf("%q, %v", things(s), err)
	}
}

// TestAChangeCostsWhatItChanges, whatever is in force beside it.
func TestAChangeCostsWhatItChanges(t *testing.T) {
	f := newFold(kindsOf(testKinds), nil)
	offset := int64(0)
	put := func(id string) {
		c := set(id, "1")
		r, err := encode(&c)
		if err != nil {
			t.Fatal(err)
		}
		r.Offset = offset
		offset++
		f.add(r)
	}
	for i := range 100_000 {
		put(fmt.Sprint(i))
	}
	f.state()
	if n := testing.AllocsPerRun(100, func() { put("77"); f.state() }); n > 100 {
		t.Errorf("a change among 100,000 entries takes %v allocations", n)
	}
}

func BenchmarkChange(b *testing.B) {
	for _, entries := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			f := newFold(nil, nil)
			offset := int64(0)
			put := func(id string) {
				c := set(id, "1")
				r, _ := encode(&c)
				r.Offset = offset
				offset++
				f.add(r)
			}
			for i := range entries {
				put(fmt.Sprint(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				put("77")
				f.state()
			}
		})
	}
}
