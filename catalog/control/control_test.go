package control

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/schemas/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKinds know one kind, whose values must not be "bad".
var testKinds = []Kind{{Name: "thing", Check: func(id string, value []byte) error {
	if string(value) == "bad" {
		return errors.New(`the value "bad" is wrong; right would be any other`)
	}
	return nil
}}}

// A rig is a broker with the topic, and how to reach it.
type rig struct {
	t       *testing.T
	cluster *kfake.Cluster
	cfg     Config
	logs    *observer.ObservedLogs
}

func newRig(t *testing.T) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "control"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	core, logs := observer.New(zap.InfoLevel)
	return &rig{t, cluster, Config{
		Kafka:  []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)},
		Broker: broker.Embedded(), Topic: "control", Kinds: testKinds, Fill: true,
		Copy: filepath.Join(t.TempDir(), "control"), Replace: replace, Logger: zap.New(core),
	}, logs}
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (r *rig) writer() *Writer {
	r.t.Helper()
	w, err := NewWriter(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.Close)
	return w
}

// open returns a reader that runs until the test ends, or stop is called.
func (r *rig) open() (reader *Reader, stop func()) {
	r.t.Helper()
	cfg := r.cfg
	reader, err := Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = reader.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	r.t.Cleanup(stop)
	return reader, stop
}

// set writes one thing.
func set(id, value string) Change {
	return Change{Entry: Entry{Kind: "thing", ID: id, Author: "ann", Reason: "why not", Value: []byte(value)}}
}

func end(id string) Change {
	return Change{Entry: Entry{Kind: "thing", ID: id, Author: "ann"}, Delete: true}
}

func (r *rig) write(w *Writer, changes ...Change) int64 {
	r.t.Helper()
	revision, err := w.Write(limited(r.t), func(*State) ([]Change, error) { return changes, nil })
	if err != nil {
		r.t.Fatal(err)
	}
	return revision
}

// things are what is in force, in order.
func things(s *State) (list []string) {
	for e := range s.Each("thing") {
		list = append(list, e.ID+"="+string(e.Value))
	}
	return list
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s: %s", what)
		}
	}
}

func awaitThings(t *testing.T, r *Reader, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("things are %q, want %q", things(r.Now()), want), func() bool { return slices.Equal(things(r.Now()), want) })
}

func TestWriteAndRead(t *testing.T) {
	r := newRig(t)
	w := r.writer()
	reader, stop := r.open()
	first := r.write(w, set("a", "1"), set("b", "1"))
	awaitThings(t, reader, "a=1", "b=1")
	if reader.Now().Revision() != first {
		t.Errorf("revision %d, want %d", reader.Now().Revision(), first)
	}
	second := r.write(w, set("a", "2"), end("b"), set("c", "1"))
	awaitThings(t, reader, "a=2", "c=1")
	if second <= first || !reader.Blind().IsZero() || reader.Ready() != nil {
		t.Errorf("revision %d after %d; blind since %v, %v", second, first, reader.Blind(), reader.Ready())
	}
	e, _ := reader.Now().Get("thing", "a")
	if e.Author != "ann" || e.Reason != "why not" || time.Since(e.At) > time.Minute || !e.Expires.IsZero() {
		t.Errorf("%+v", e)
	}
	stop()
	again, _ := r.open()
	awaitThings(t, again, "a=2", "c=1")
}
