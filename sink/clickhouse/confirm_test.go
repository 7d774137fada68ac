package clickhouse

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tributary/schemas/events"
)

// refuse makes ClickHouse refuse some of the clicks for good, and answers the others.
func (p *pipeline) refuse(clicks []*events.Click, numbers ...int) (good []*events.Click) {
	p.t.Helper()
	bad := make(map[int]bool)
	for _, n := range numbers {
		bad[n] = true
		clicks[n].Country = "XX"
	}
	for i, c := range clicks {
		if !bad[i] {
			good = append(good, c)
		}
	}
	if err := p.conn.Exec(p.t.Context(), "ALTER TABLE "+p.database+".clicks ADD CONSTRAINT no_xx CHECK country != 'XX'"); err != nil {
		p.t.Fatal(err)
	}
	return good
}

// checkLetters expects n letters, each once.
func (p *pipeline) checkLetters(n int) {
	p.t.Helper()
	if got, want := p.text("SELECT concat(toString(count()), ' ', toString(uniqExact(letter_id))) FROM %s.dead_letters"), fmt.Sprint(n, " ", n); got != want {
		p.t.Errorf("dead letters and different ones: %s, want %s", got, want)
	}
}

// TestLettersLostAnswer: a transaction of letters ends in an error, whether Kafka has committed it or not, and the loader tries again.
func TestLettersLostAnswer(t *testing.T) {
	for at, name := range map[point]string{pointWritten: "before the confirmation", pointStaged: "before the commit", pointReported: "after the commit"} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			clicks, _ := newEvents(31, 400, 0)
			good := p.refuse(clicks, 5, 300)
			var lost atomic.Bool
			p.faults = func(here point, _ *owner, _ plan) error {
				if here == at && lost.CompareAndSwap(false, true) {
					return context.DeadlineExceeded
				}
				return nil
			}
			p.produceEvents(clicks, nil)
			r := p.start()
			p.awaitRows("clicks", len(good))
			p.awaitRows("dead_letters", 2)
			await(t, "all is confirmed", p.confirmed)
			r.end(t)
			p.check(good, nil)
			p.checkLetters(2)
		})
	}
}

// TestLettersOfAZombie: a member is thrown out of the group between its letters and their confirmation, another reports the
// batch, then the first one goes on.
func TestLettersOfAZombie(t *testing.T) {
	for at, name := range map[point]string{pointWritten: "before the confirmation", pointStaged: "after the confirmation"} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			p.adjust = func(l *Loader) { l.letterTransaction = 2 * time.Second }
			clicks, _ := newEvents(32, 400, 0)
			good := p.refuse(clicks, 5, 300)
			asleep, awake := make(chan bool, 1), make(chan bool)
			var slept atomic.Bool
			p.faults = func(here point, _ *owner, _ plan) error {
				if here == at && slept.CompareAndSwap(false, true) {
					asleep <- true
					<-awake
				}
				return nil
			}
			p.config.DrainTimeout = 100 * time.Millisecond
			p.produceEvents(clicks, nil)
			zombie := p.start()
			<-asleep
			p.expel()
			p.faults = nil
			heir := p.start()
			p.awaitRows("dead_letters", 2)
			close(awake)
			p.awaitRows("clicks", len(good))
			await(t, "all is confirmed", p.confirmed)
			heir.end(t)
			zombie.end(t)
			p.check(good, nil)
			p.checkLetters(2)
		})
	}
}
