package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func (r *rig) admin() *kadm.Client {
	client, err := kgo.NewClient(r.cfg.Kafka...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// awaitCopy waits until the copy has a revision.
func (r *rig) awaitCopy(revision int64) {
	r.t.Helper()
	eventually(r.t, "the copy is not written", func() bool {
		s, err := ReadCopy(r.cfg.Copy, testKinds)
		return err == nil && s.Revision() == revision
	})
}

// TestAWriteIsSeenWhole: of a write that takes many fetches nobody sees a part.
func TestAWriteIsSeenWhole(t *testing.T) {
	r := newRig(t)
	reader, _ := r.open()
	const many = 200
	var partly atomic.Int64
	reader.Watch("thing", func(s *State) {
		values := map[string]int{}
		for e := range s.Each("thing") {
			values[string(e.Value[:1])]++
		}
		if len(values) > 1 || len(values) == 1 && s.Len("thing") != many {
			partly.Add(1)
		}
	})
	w := r.writer()
	for _, digit := range []string{"1", "2", "3"} {
		var all []Change
		for i := range many {
			all = append(all, set(fmt.Sprint(i), digit+strings.Repeat("x", 8<<10)))
		}
		r.write(w, all...)
	}
	eventually(t, "the last write is not seen",
		func() bool { e, _ := reader.Now().Get("thing", "7"); return strings.HasPrefix(string(e.Value), "3") })
	if n := partly.Load(); n != 0 {
		t.Errorf("%d states had a part of a write", n)
	}
}

// TestStartWithoutKafka: what was in force still is, and the reader says since when it sees nothing new.
func TestStartWithoutKafka(t *testing.T) {
	r := newRig(t)
	first, stop := r.open()
	r.awaitCopy(r.write(r.writer(), set("a", "1"), set("b", "1")))
	awaitThings(t, first, "a=1", "b=1")
	stop()
	r.cluster.Close()
	began := time.Now()
	kept := began.Add(-3 * time.Hour).Truncate(time.Second)
	if err := os.Chtimes(r.cfg.Copy, kept, kept); err != nil {
		t.Fatal(err)
	}
	again, _ := r.open()
	if got := things(again.Now()); !slices.Equal(got, []string{"a=1", "b=1"}) || again.Ready() != nil {
		t.Errorf("%q, ready %v", got, again.Ready())
	}
	eventually(t, "the reader does not say that it is blind", func() bool { return !again.Blind().IsZero() })
	if since := again.Blind(); since.Before(began.Add(-time.Second)) || since.After(time.Now()) {
		t.Errorf("blind since %v", since)
	}
	eventually(t, "the note", func() bool {
		notes := again.Notes()
		return len(notes) == 1 && strings.Contains(notes[0], "has not been seen since the start") &&
			strings.Contains(notes[0], kept.UTC().Format(time.RFC3339))
	})
	// And with neither.
	r.cfg.Copy = filepath.Join(t.TempDir(), "none")
	none, _ := r.open()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := none.Await(ctx); !errors.Is(err, ErrUnready) || !errors.Is(none.Ready(), ErrUnready) || none.Now().Revision() != 0 {
		t.Errorf("%v, %v", err, none.Ready())
	}
}

// TestADamagedCopy is set aside and said; Kafka has the whole.
func TestADamagedCopy(t *testing.T) {
	r := newRig(t)
	first, stop := r.open()
	r.awaitCopy(r.write(r.writer(), set("a", "1")))
	awaitThings(t, first, "a=1")
	stop()
	whole, err := os.ReadFile(r.cfg.Copy)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"one bit": append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), "cut": whole[:len(whole)-3], "nothing": nil, "other": []byte("hello, this is no copy at all"),
	} {
		if err := os.WriteFile(r.cfg.Copy, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCopy(r.cfg.Copy, testKinds); err == nil {
			t.Errorf("%s: it is read", name)
		}
		again, stop := r.open()
		awaitThings(t, again, "a=1")
		if notes := again.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "the copy on disk was damaged") {
			t.Errorf("%s: %q", name, notes)
		}
		stop()
		aside, err := filepath.Glob(r.cfg.Copy + ".damaged-*")
		if err != nil || len(aside) != 1 {
			t.Fatalf("%s: %q, %v", name, aside, err)
		}
		if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept, text) {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
		_ = os.Remove(aside[0])
	}
	if _, err := ReadCopy(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// remake deletes the topic and makes it again, empty.
func (r *rig) remake() {
	r.t.Helper()
	admin := r.admin()
	if _, err := admin.DeleteTopics(limited(r.t), r.cfg.Topic); err != nil {
		r.t.Fatal(err)
	}
	if _, err := admin.CreateTopic(limited(r.t), 1, 1, nil, r.cfg.Topic); err != nil {
		r.t.Fatal(err)
	}
}

// TestALostTopicIsFilledAgain from what was in force, and revisions go on behind those that were.
func TestALostTopicIsFilledAgain(t *testing.T) {
	r := newRig(t)
	reader, _ := r.open()
	w := r.writer()
	for i := range 20 {
		r.write(w, set("a", fmt.Sprint(i)), set("b", "1"), end("b"))
	}
	last := r.write(w, set("c", "1"))
	awaitThings(t, reader, "a=19", "c=1")
	var seen atomic.Int64
	reader.Watch("thing", func(s *State) {
		if !slices.Equal(things(s), []string{"a=19", "c=1"}) && s.Revision() <= last {
			seen.Add(1)
		}
	})
	r.remake()
	eventually(t, "the topic is not filled again", func() bool {
		s, err := Read(limited(t), r.cfg)
		return err == nil && slices.Equal(things(s), []string{"a=19", "c=1"}) && s.Revision() == last
	})
	said := func() int { return r.logs.FilterMessageSnippet("filled the topic control again").Len() }
	eventually(t, "nobody says that it was filled", func() bool { return said() > 0 })
	if n := said(); n != 1 {
		t.Errorf("said %d times that it was filled", n)
	}
	if next := r.write(r.writer(), set("a", "new")); next <= last {
		t.Errorf("revision %d after %d", next, last)
	}
	awaitThings(t, reader, "c=1", "a=new")
	if seen.Load() != 0 {
		t.Error("what was in force was gone in between")
	}
	if again, err := Read(limited(t), r.cfg); err != nil || !slices.Equal(things(again), []string{"c=1", "a=new"}) {
		t.Errorf("%q, %v", things(again), err)
	}
}

// TestTheNewestCopyFills: an older one that came first is replaced, unless somebody wrote since.
func TestTheNewestCopyFills(t *testing.T) {
	for _, written := range []bool{false, true} {
		r := newRig(t)
		old, stopOld := r.open()
		w := r.writer()
		r.awaitCopy(r.write(w, set("a", "1")))
		awaitThings(t, old, "a=1")
		stopOld()
		oldCopy := r.cfg.Copy
		r.cfg.Copy = filepath.Join(t.TempDir(), "newer")
		newer, stopNewer := r.open()
		r.awaitCopy(r.write(w, set("a", "2"), set("b", "2")))
		awaitThings(t, newer, "a=2", "b=2")
		stopNewer()
		newCopy := r.cfg.Copy
		r.remake()
		r.cfg.Copy = oldCopy
		old, _ = r.open()
		awaitTopic(t, r, "a=1")
		if written {
			r.write(r.writer(), set("c", "3"))
		}
		r.cfg.Copy = newCopy
		_, _ = r.open()
		if !written {
			awaitTopic(t, r, "a=2", "b=2")
			awaitThings(t, old, "a=2", "b=2")
			continue
		}
		eventually(t, "the copy is not kept beside", func() bool {
			lost, _ := filepath.Glob(newCopy + ".lost-*")
			return len(lost) == 1
		})
		awaitTopic(t, r, "a=1", "c=3")
	}
}

func awaitTopic(t *testing.T, r *rig, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the topic has not %q", want), func() bool {
		s, err := Read(limited(t), r.cfg)
		return err == nil && slices.Equal(things(s), want)
	})
}

// produce writes a record as any program could.
func (r *rig) produce(key string, value []byte) {
	r.t.Helper()
	client, err := kgo.NewClient(append(slices.Clone(r.cfg.Kafka), kgo.DefaultProduceTopic(r.cfg.Topic))...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(limited(r.t), &kgo.Record{Key: []byte(key), Value: value}).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

func entryOf(m *events.ControlEntry) []byte {
	raw, err := m.MarshalVT()
	if err != nil {
		panic(err)
	}
	return raw
}

// TestBadEntriesAreRefusedAlike: by who follows, who starts anew and who writes; what was in force still is.
func TestBadEntriesAreRefusedAlike(t *testing.T) {
	r := newRig(t)
	reader, stop := r.open()
	w := r.writer()
	r.write(w, set("a", "1"), set("b", "1"), set("c", "1"))
	r.produce("thing/a", entryOf(&events.ControlEntry{Version: 1, Kind: "thing", Id: "a", Value: []byte("bad")}))
	r.produce("thing/b", entryOf(&events.ControlEntry{Version: 2, Kind: "thing", Id: "b", Value: []byte("2")}))
	r.produce("thing/c", []byte("\xff\xff\xff"))
	r.produce("thing/d", entryOf(&events.ControlEntry{Version: 1, Kind: "thing", Id: "e", Value: []byte("2")}))
	r.produce("nonsense", entryOf(&events.ControlEntry{Version: 1}))
	last := r.write(w, set("z", "1"))
	want := []string{"a=1", "b=1", "c=1", "z=1"}
	awaitThings(t, reader, want...)
	if list := reader.Refused(); len(list) != 5 || !contains(list[1].Err, `the value "bad" is wrong`) || list[1].ID != "a" ||
		!contains(list[2].Err, "it is of version 2, this program knows 1") || !contains(list[4].Err, `the record's key is "thing/d"`) {
		t.Errorf("refused: %+v", list)
	}
	if notes := reader.Notes(); len(notes) != 5 || !strings.Contains(notes[1], "the entry thing/a of revision") {
		t.Errorf("%q", notes)
	}
	r.awaitCopy(last)
	stop()
	again, _ := r.open() // it reads from the beginning, and knows from its copy what was in force before
	eventually(t, "nothing is read", func() bool { return len(again.Refused()) == 5 })
	awaitThings(t, again, want...)
	if _, err := w.Write(limited(t), func(s *State) ([]Change, error) {
		if got := things(s); !slices.Equal(got, want) {
			t.Errorf("the writer has %q", got)
		}
		return []Change{set("a", "2"), end("b")}, nil
	}); err != nil {
		t.Fatal(err)
	}
	awaitThings(t, again, "c=1", "z=1", "a=2")
	if n := len(again.Refused()); n != 3 {
		t.Errorf("%d are refused still", n)
	}
}

// TestExpiry: what has a time to live ends by the reader's clock, and who watches is told.
func TestExpiry(t *testing.T) {
	r := newRig(t)
	reader, _ := r.open()
	c := set("short", "1")
	c.Expires = time.Now().Add(700 * time.Millisecond)
	r.write(r.writer(), c, set("long", "1"))
	var told atomic.Int64
	awaitThings(t, reader, "short=1", "long=1")
	reader.Watch("thing", func(s *State) {
		if slices.Equal(things(s), []string{"long=1"}) {
			told.Add(1)
		}
	})
	eventually(t, "nobody is told", func() bool { return told.Load() == 1 })
	awaitThings(t, reader, "long=1")
}

// TestAClockThatJumps: what has a time to live ends by a clock that is ahead, is there again when that is put right, and who watches is
// told of both.
func TestAClockThatJumps(t *testing.T) {
	r := newRig(t)
	var ahead atomic.Int64
	r.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	r.cfg.lookEvery = 5 * time.Millisecond
	c := set("short", "1")
	c.Expires = time.Now().Add(time.Hour)
	r.write(r.writer(), set("long", "1"), c)
	reader, _ := r.open()
	var shown atomic.Pointer[[]string]
	reader.Watch("thing", func(s *State) { list := things(s); shown.Store(&list) })
	told := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("nobody is told of %q", want), func() bool {
			list := shown.Load()
			return list != nil && slices.Equal(*list, want)
		})
		awaitThings(t, reader, want...)
	}
	told("long=1", "short=1")
	ahead.Store(int64(30 * 24 * time.Hour))
	told("long=1")
	ahead.Store(int64(-24 * time.Hour))
	told("long=1", "short=1")
	ahead.Store(int64(2 * time.Hour))
	told("long=1")
}
