package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/schemas"
	"tributary/schemas/events"
)

var errKilled = errors.New("killed by the test")

// dieAt makes the n-th passing of a boundary the loader's death: nothing is committed or inserted after it.
func dieAt(at point, n int32) faults {
	var passed atomic.Int32
	return func(here point, o *owner, _ plan) error {
		if o.loader.crash.Err() != nil {
			return errKilled
		}
		if here == at && passed.Add(1) == n {
			o.loader.fail(errKilled)
			return errKilled
		}
		return nil
	}
}

// TestDeathAtEveryBoundary kills loader after loader between plan, insert and confirmation, and expects what one loader
// that never dies would have loaded.
func TestDeathAtEveryBoundary(t *testing.T) {
	for at, name := range map[point]string{pointPlanned: "after the plan", pointInserted: "after the insert", pointLanded: "before the confirmation"} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 2)
			clicks, conversions := newEvents(2, 6000, 600)
			p.produceEvents(clicks, conversions)
			for life := range int32(6) {
				p.faults = dieAt(at, 1+life%3)
				r := p.start()
				if err := <-r.result; !errors.Is(err, errKilled) {
					t.Fatalf("life %d ended with %v", life, err)
				}
			}
			p.faults = nil
			r := p.start()
			p.awaitRows("clicks", len(clicks))
			p.awaitRows("conversions", len(conversions))
			r.end(t)
			p.check(clicks, conversions)
			p.checkConfirmed()
		})
	}
}

// checkConfirmed expects that no plan is left and every partition is read to its end.
func (p *pipeline) checkConfirmed() {
	p.t.Helper()
	admin := kadm.NewClient(p.producer)
	offsets, err := admin.FetchOffsets(context.Background(), p.config.Group)
	if err != nil {
		p.t.Fatal(err)
	}
	ends, err := admin.ListCommittedOffsets(context.Background(), p.prefix+schemas.TopicScoredClicks, p.prefix+schemas.TopicConversions)
	if err != nil {
		p.t.Fatal(err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		got, ok := offsets.Lookup(end.Topic, end.Partition)
		if end.Offset > 0 && (!ok || got.At != end.Offset || got.Metadata != "") {
			p.t.Errorf("%s/%d is committed at %d with %q, want %d and no plan", end.Topic, end.Partition, got.At, got.Metadata, end.Offset)
		}
	})
}

// TestLostAnswer: ClickHouse has the rows, the loader does not hear of it and repeats.
func TestLostAnswer(t *testing.T) {
	p := newPipeline(t, 2)
	clicks, conversions := newEvents(3, 3000, 300)
	var lost atomic.Int32
	p.faults = func(at point, o *owner, _ plan) error {
		if at == pointInserted && lost.Add(1)%3 != 0 {
			return context.DeadlineExceeded
		}
		return nil
	}
	p.produceEvents(clicks, conversions)
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	r.end(t)
	p.check(clicks, conversions)
}

// TestOwnViewRefuses: a view of somebody's own refuses what the table has taken. The rows are there once, nothing is put aside, and the loader goes on.
func TestOwnViewRefuses(t *testing.T) {
	p := newPipeline(t, 1)
	for _, statement := range []string{
		"CREATE TABLE %s.mine (n UInt8) ENGINE = MergeTree ORDER BY n",
		"CREATE MATERIALIZED VIEW %[1]s.to_mine TO %[1]s.mine AS SELECT toUInt8(throwIf(country = 'FR')) AS n FROM %[1]s.clicks",
	} {
		if err := p.conn.Exec(t.Context(), fmt.Sprintf(statement, p.database)); err != nil {
			t.Fatal(err)
		}
	}
	clicks, conversions := newEvents(4, 1000, 100)
	p.produceEvents(clicks, conversions)
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, conversions)
	if n := p.count("SELECT count() FROM %s.dead_letters"); n != 0 {
		t.Errorf("%d rows were put aside", n)
	}
}

// TestClickHouseAway: the engine is killed under load and comes back after a while.
func TestClickHouseAway(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 2)
	dir := t.TempDir()
	config := chdbtest.Config(t, dir)
	process, err := chdb.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	p.options, p.conn = connect(t, process.Address())
	install(t, p.conn, p.database)
	clicks, conversions := newEvents(5, 8000, 800)
	p.produceEvents(clicks[:4000], conversions[:400])
	r := p.start()
	await(t, "some rows have landed", func() bool { return p.count("SELECT count() FROM %s.clicks") > 0 })
	config.Listen = process.Address()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.produceEvents(clicks[4000:], conversions[400:])
	await(t, "the loader says why it is not ready", func() bool { return r.loader.Ready() != nil })
	if process, err = chdb.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	r.end(t)
	p.check(clicks, conversions)
	if n := r.loader.buffered.Load(); n != 0 {
		t.Errorf("%d bytes are still accounted for", n)
	}
}

// TestRefusedRow: a constraint of the user's own refuses two rows; everything else lands, and they become dead letters.
func TestRefusedRow(t *testing.T) {
	p := newPipeline(t, 1)
	clicks, conversions := newEvents(6, 1500, 0)
	bad := map[int]bool{7: true, 1203: true}
	var good []*events.Click
	for i, c := range clicks {
		if bad[i] {
			c.Country = "XX"
		} else {
			good = append(good, c)
		}
	}
	if err := p.conn.Exec(t.Context(), "ALTER TABLE "+p.database+".clicks ADD CONSTRAINT no_xx CHECK country != 'XX'"); err != nil {
		t.Fatal(err)
	}
	p.produceEvents(clicks, conversions)
	r := p.start()
	p.awaitRows("clicks", len(good))
	p.awaitRows("dead_letters", len(bad))
	r.end(t)
	p.check(good, conversions)
	got := p.text("SELECT toString(groupArray((kind, reason, place, replaceOne(source_topic, '" + p.prefix + "', ''), source_offset, length(raw) > 100, detail LIKE '%%no_xx%%'))) FROM (SELECT * FROM %s.dead_letters ORDER BY source_offset)")
	want := "[('row','row_refused','sink','scored.clicks',7,1,1),('row','row_refused','sink','scored.clicks',1203,1,1)]"
	if got != want {
		t.Errorf("dead letters: %s, want %s", got, want)
	}
}

// TestUndecodableRecord: garbage in every topic becomes a dead letter each and stops nothing. That in the topic postbacks is the processor's to
// report.
func TestUndecodableRecord(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	clicks, conversions := newEvents(7, 300, 30)
	for _, topic := range Topics {
		p.produce(topic, garbage("\xff\xff\xff not an event"))
	}
	p.produce(schemas.TopicScoredClicks, &events.Click{ClickId: "from 1960", EventMs: -1, ReceivedMs: -1})
	p.produceEvents(clicks, conversions)
	p.produce(schemas.TopicDeadLetters, garbage("\x0a"))
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	p.awaitRows("dead_letters", 10)
	r.end(t)
	p.check(clicks, conversions)
	got := p.text("SELECT toString(groupArray((replaceOne(source_topic, '" + p.prefix + "', ''), n))) FROM (SELECT source_topic, count() AS n FROM %s.dead_letters WHERE kind = 'record' AND reason = 'undecodable_record' GROUP BY source_topic ORDER BY source_topic)")
	want := "[('control.changes',1),('dead-letters',2),('impressions',1),('landing-clicks',1),('outbound.attempts',1),('parked',1),('scored.anomalies',1),('scored.clicks',2),('scored.conversions',1)]"
	if got != want {
		t.Errorf("dead letters: %s, want %s", got, want)
	}
}

type garbage string

func (g garbage) MarshalVT() ([]byte, error) { return []byte(g), nil }

// TestRebalance: loaders come and go while rows flow.
func TestRebalance(t *testing.T) {
	p := newPipeline(t, 4)
	clicks, conversions := newEvents(8, 12_000, 1200)
	p.config.BatchRows = 200
	first := p.start()
	p.produceEvents(clicks[:4000], conversions[:400])
	second := p.start()
	p.produceEvents(clicks[4000:8000], conversions[400:800])
	await(t, "both loaders have partitions", func() bool { return second.loader.assignedCount() > 0 && first.loader.assignedCount() > 0 })
	p.produceEvents(clicks[8000:], conversions[800:])
	first.end(t)
	third := p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	second.end(t)
	third.end(t)
	p.check(clicks, conversions)
	p.checkConfirmed()
}

func (l *Loader) assignedCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.assigned)
}

// TestZombie: a member is thrown out of the group between its plan and its insert, another carries the plan out, then the
// first one's insert goes through after all.
func TestZombie(t *testing.T) {
	p := newPipeline(t, 1)
	clicks, conversions := newEvents(9, 2000, 0)
	asleep, awake := make(chan string, 1), make(chan struct{})
	var slept atomic.Bool
	p.faults = func(at point, o *owner, plan plan) error {
		if at == pointPlanned && slept.CompareAndSwap(false, true) {
			asleep <- fmt.Sprint(plan)
			<-awake
		}
		return nil
	}
	p.config.DrainTimeout = 100 * time.Millisecond
	p.produceEvents(clicks, conversions)
	zombie := p.start()
	<-asleep
	p.expel()
	p.faults = nil
	heir := p.start()
	p.awaitRows("clicks", len(clicks))
	close(awake)
	heir.end(t)
	zombie.end(t)
	p.check(clicks, conversions)
}

// TestFrozenClickHouse: a ClickHouse that accepts and does not answer is not called ready, though nothing is to be inserted.
func TestFrozenClickHouse(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	process, err := chdb.Start(t.Context(), chdbtest.Config(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	p.options, p.conn = connect(t, process.Address())
	install(t, p.conn, p.database)
	r := p.start()
	await(t, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	if err := syscall.Kill(process.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(process.PID(), syscall.SIGCONT)
	await(t, "the loader says that ClickHouse does not answer", func() bool {
		err := r.loader.Ready()
		return err != nil && strings.Contains(err.Error(), "ClickHouse has not answered since 2") && strings.Contains(err.Error(), "no answer within 5s")
	})
	if err := syscall.Kill(process.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await(t, "the loader is ready by itself", func() bool { return r.loader.Ready() == nil })
	r.end(t)
}
