package ingest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tributary/ingest/spool"
	"tributary/schemas"
)

func openSpool(t *testing.T, dir string) *spool.Spool {
	t.Helper()
	cfg := spool.Defaults()
	cfg.Dir = dir
	s, err := spool.Open(cfg, spool.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The postbacks of a click are known to be in the spool from the moment it took the first until Kafka has the last; of what an earlier
// process left nothing is known but that it comes first.
func TestQueuedPostbacks(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	q := newQueued(s)
	put := func(topic, click string) {
		t.Helper()
		batch, err := q.submit(s, &spool.Record{Topic: topic, ID: []byte("id"), Key: []byte(click), Value: []byte("v"), TimeMS: time.Now().UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		if <-batch.Done(); batch.Err() != nil {
			t.Fatal(batch.Err())
		}
	}
	drain := func(n int) {
		t.Helper()
		entries, err := s.Next(context.Background(), n)
		if err != nil || len(entries) != n {
			t.Fatalf("%d of %d entries, %v", len(entries), n, err)
		}
		q.done(s, entries)
	}
	want := func(when string, a, b bool) {
		t.Helper()
		if q.has([]byte("a")) != a || q.has([]byte("b")) != b {
			t.Errorf("%s: a is queued: %t, b: %t; want %t, %t", when, q.has([]byte("a")), q.has([]byte("b")), a, b)
		}
	}
	want("an empty spool", false, false)
	put(schemas.TopicPostbacks, "a")
	put(schemas.TopicPostbacks, "b")
	put(schemas.TopicPostbacks, "a")
	want("three postbacks", true, true)
	drain(2)
	want("the first two are done", true, false)
	drain(1)
	want("all are done", false, false)

	put(schemas.TopicPostbacks, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openSpool(t, dir)
	q = newQueued(s)
	want("a spool of an earlier run", true, true)
	put(schemas.TopicPostbacks, "b")
	drain(1)
	want("what was left is done, but nobody has seen the end of it", true, true)
	drain(1)
	want("all are done", false, false)
}

// A postback that the disk refused is forgotten when the spool is empty.
func TestQueuedForgetsWhatNeverCame(t *testing.T) {
	s := openSpool(t, t.TempDir())
	q := newQueued(s)
	for n := range 3 {
		q.cell(fmt.Appendf(nil, "refused-%d", n)).Add(1)
		q.total++
	}
	batch, err := q.submit(s, &spool.Record{Topic: schemas.TopicPostbacks, ID: []byte("id"), Key: []byte("a"), Value: []byte("v"), TimeMS: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	<-batch.Done()
	if !q.has([]byte("refused-1")) {
		t.Error("forgotten while records wait")
	}
	entries, err := s.Next(context.Background(), 10)
	if err != nil {
		t.Fatal(err)
	}
	q.done(s, entries)
	if q.has([]byte("refused-1")) || q.total != 0 {
		t.Error("not forgotten with an empty spool")
	}
}
