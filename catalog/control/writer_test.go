package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// count adds one to what the thing has.
func count(s *State, id string) []Change {
	e, _ := s.Get("thing", id)
	n, _ := strconv.Atoi(string(e.Value))
	return []Change{set(id, strconv.Itoa(n+1))}
}

// TestWritersAtOnce: of several who read, decide and write at the same time each has one place of one order, and no decision is made of
// what is no longer so.
func TestWritersAtOnce(t *testing.T) {
	const writers, each = 3, 8
	r := newRig(t)
	reader, _ := r.open()
	var wg sync.WaitGroup
	var mu sync.Mutex
	revisions := map[int64]bool{}
	for n := range writers {
		w := r.writer()
		wg.Go(func() {
			for range each {
				revision, err := w.Write(limited(t), func(s *State) ([]Change, error) {
					return append(count(s, "sum"), count(s, fmt.Sprint("of", n))...), nil
				})
				mu.Lock()
				if err != nil || revisions[revision] {
					t.Errorf("revision %d, %v", revision, err)
				}
				revisions[revision] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	eventually(t, fmt.Sprintf("the sum is not %d: %q", writers*each, things(reader.Now())), func() bool {
		e, _ := reader.Now().Get("thing", "sum")
		return string(e.Value) == strconv.Itoa(writers*each)
	})
	if len(revisions) != writers*each {
		t.Errorf("%d revisions of %d writes", len(revisions), writers*each)
	}
}

// TestAFencedWriterDecidesAgain: who was overtaken between taking over and producing decides anew, of what the other one wrote.
func TestAFencedWriterDecidesAgain(t *testing.T) {
	r := newRig(t)
	other := r.writer()
	once := sync.OnceFunc(func() { r.write(other, set("a", "10")) })
	decided := 0
	w := r.writer()
	if _, err := w.Write(limited(t), func(s *State) ([]Change, error) {
		decided++
		once()
		return count(s, "a"), nil
	}); err != nil {
		t.Fatal(err)
	}
	reader, _ := r.open()
	awaitThings(t, reader, "a=11")
	if decided != 2 {
		t.Errorf("decided %d times, want 2", decided)
	}
}

// killAt makes steps of which one is a kill: the write ends there, with all that it holds open left as it is.
func killAt(ctx context.Context, step string) (context.Context, func(string) error, error) {
	killed := errors.New("killed")
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, func(at string) error {
		if at != step {
			return nil
		}
		cancel(killed)
		return killed
	}, killed
}

// TestKilledBetweenProduceAndCommit: nobody ever sees what was not committed, and the next writer ends it.
func TestKilledBetweenProduceAndCommit(t *testing.T) {
	for _, step := range []string{"taken over", "produced"} {
		r := newRig(t)
		reader, _ := r.open()
		r.write(r.writer(), set("a", "1"))
		dying := r.cfg
		ctx, hook, killed := killAt(limited(t), step)
		dying.step = hook
		w, err := NewWriter(dying)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(ctx, func(*State) ([]Change, error) { return []Change{set("a", "lost"), set("b", "lost")}, nil })
		w.Close()
		if !errors.Is(err, killed) || errors.Is(err, ErrUncertain) {
			t.Fatalf("%s: %v", step, err)
		}
		r.write(r.writer(), set("c", "1"))
		awaitThings(t, reader, "a=1", "c=1")
	}
}

// TestAnUncertainCommitIsResolved: a commit whose answer is lost is looked for, not made twice.
func TestAnUncertainCommitIsResolved(t *testing.T) {
	r := newRig(t)
	lost, decided := false, 0
	r.cfg.step = func(at string) error {
		if at == "committed" && !lost {
			lost = true
			return errors.New("the connection is gone")
		}
		return nil
	}
	w := r.writer()
	revision, err := w.Write(limited(t), func(s *State) ([]Change, error) { decided++; return count(s, "a"), nil })
	if err != nil || decided != 1 {
		t.Errorf("decided %d times, %v", decided, err)
	}
	reader, _ := r.open()
	awaitThings(t, reader, "a=1")
	if e, _ := reader.Now().Get("thing", "a"); e.Revision != revision {
		t.Errorf("revision %d, want %d", revision, e.Revision)
	}
}

// TestRefusedWrites name what is wrong; nothing of such a write is written.
func TestRefusedWrites(t *testing.T) {
	r := newRig(t)
	w := r.writer()
	r.write(w, set("a", "1"))
	long := make([]byte, MaxValueBytes+1)
	for want, c := range map[string]Change{
		`thing/x: the entry is refused: the value "bad" is wrong`: set("x", "bad"),
		"its value has 262145 bytes, at most 262144 are allowed":  set("x", string(long)),
		"it has no ID":                        set("", "1"),
		`the kind "A/b" is not 1 to 32 of`:    {Entry: Entry{Kind: "A/b", ID: "x"}},
		`the kind "topic" is the topic's own`: {Entry: Entry{Kind: "topic", ID: "base"}, Delete: true},
		"its ID \"a\\nb\" has control":        set("a\nb", "1"),
		"its author has 257 bytes":            {Entry: Entry{Kind: "thing", ID: "x", Author: string(make([]byte, 257))}},
		"is out of range":                     {Entry: Entry{Kind: "thing", ID: "x", Expires: time.Unix(1<<40, 0)}},
	} {
		_, err := w.Write(limited(t), func(*State) ([]Change, error) { return []Change{set("a", "2"), c}, nil })
		if !errors.Is(err, ErrRefused) || !contains(err, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	mine := errors.New("mine")
	if _, err := w.Write(limited(t), func(*State) ([]Change, error) { return nil, mine }); !errors.Is(err, mine) {
		t.Errorf("%v", err)
	}
	if _, err := w.Write(limited(t), func(*State) ([]Change, error) { return slices.Repeat([]Change{set("a", "2")}, MaxChanges+1), nil }); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	before := r.write(w)
	reader, _ := r.open()
	awaitThings(t, reader, "a=1")
	if reader.Now().Revision() != before {
		t.Errorf("a write of nothing has revision %d, the state %d", before, reader.Now().Revision())
	}
}

// TestExpiredEntriesAreEnded by a later write, in the topic too.
func TestExpiredEntriesAreEnded(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	r.cfg.Now = func() time.Time { return now }
	w := r.writer()
	c := set("short", "1")
	c.Expires = now.Add(time.Minute)
	r.write(w, c, set("long", "1"))
	now = now.Add(time.Hour)
	if _, err := w.Write(limited(t), func(s *State) ([]Change, error) {
		if got := things(s); !slices.Equal(got, []string{"long=1"}) {
			t.Errorf("%q", got)
		}
		return []Change{set("long", "2")}, nil
	}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour) // a reader by an early clock: it is gone for good
	s, err := Read(limited(t), r.cfg)
	if err != nil || !slices.Equal(things(s), []string{"long=2"}) {
		t.Errorf("%q, %v", things(s), err)
	}
}
