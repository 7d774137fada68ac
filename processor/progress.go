package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas/broker"
)

// How far the partitions are is measured against the ends of their logs, by whoever does not take part in processing: a
// partition that nothing is read of any more, or a cycle that does not end, says so nowhere else.

const (
	// progressEvery is the longest pause between two looks, progressTimeout how long one may take.
	progressEvery   = 5 * time.Second
	progressTimeout = 10 * time.Second
)

// reached is how far one partition is, by the number of the input. The loop writes it after each cycle.
type reached []struct {
	// position is the offset before which everything is processed, and committed.
	position atomic.Int64
	// held: records are at hand that wait for another input of the partition, which has earlier ones to read.
	held atomic.Bool
}

// place names one partition of an input, its topic without prefix.
type place struct {
	topic string
	id    int32
}

func (p place) less(o place) bool { return p.topic < o.topic || p.topic == o.topic && p.id < o.id }

// progress is what the last looks found. The Processor's mutex guards it.
type progress struct {
	// reached are the partitions that this processor has.
	reached map[int32]reached
	// waits has every input of theirs.
	waits map[place]wait
	// blind is since when Kafka has not said where the logs end, and why; zero while it does.
	blind time.Time
	cause error
	// now is when the last look ended.
	now time.Time
}

// A wait is what a look found of one partition of an input: offsets from position to end are not processed.
type wait struct {
	position, end int64
	since         time.Time // of the first look that found this position with offsets after it
	// stalled: it stands still for too long. barren: nobody will ever see a record between position and end. open: a
	// transaction that does not end keeps what follows from every reader.
	stalled, barren, open bool
}

// stopped answers the place that has stood still the longest, with how many do.
func (p *progress) stopped() (worst place, w wait, n int) {
	for at, candidate := range p.waits {
		if !candidate.stalled {
			continue
		}
		n++
		if n == 1 || candidate.since.Before(w.since) || candidate.since.Equal(w.since) && at.less(worst) {
			worst, w = at, candidate
		}
	}
	return worst, w, n
}

func (p *Processor) progressing() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progressed
	if !g.blind.IsZero() && g.now.Sub(g.blind) >= p.cfg.StallAfter {
		return fmt.Errorf("where the topics end is unknown since %s: %w", g.blind.UTC().Format(time.RFC3339), g.cause)
	}
	at, w, n := g.stopped()
	if n == 0 {
		return nil
	}
	text := fmt.Sprintf("%s/%d stands still at offset %d since %s while %d records wait in it",
		p.kafkaName(at.topic), at.id, w.position, w.since.UTC().Format(time.RFC3339), w.end-w.position)
	if w.open {
		text += ", behind a transaction that does not end (kafka-transactions.sh find-hanging names it)"
	}
	if n > 1 {
		text += fmt.Sprintf(", and %d more partitions do", n-1)
	}
	return errors.New(text)
}

// reaches notes that the partition is this processor's, and begins at the positions. The caller holds no lock.
func (p *Processor) reaches(id int32, positions map[string]int64) {
	r := make(reached, len(p.inputs))
	for i, topic := range p.inputs {
		r[i].position.Store(positions[topic])
	}
	p.mu.Lock()
	p.progressed.reached[id] = r
	p.mu.Unlock()
}

func (p *Processor) reachedOf(id int32) reached {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progressed.reached[id]
}

// forgetProgress is about partitions that this processor has no more. The caller holds p.mu.
func (p *Processor) forgetProgress(ids []int32) {
	for _, id := range ids {
		delete(p.progressed.reached, id)
		for _, topic := range p.inputs {
			delete(p.progressed.waits, place{topic, id})
			p.metrics.lag[topic].DeleteLabelValues(strconv.Itoa(int(id)))
		}
	}
}

// publish tells the watcher how far the partition is, unless it has something that is not committed.
func (p *partition) publish() {
	if p.touched || p.reached == nil {
		return
	}
	for i := range p.inputs {
		p.reached[i].position.Store(p.inputs[i].position)
		p.reached[i].held.Store(len(p.inputs[i].records) > 0)
	}
}

// watchProgress looks until ctx is done.
func (p *Processor) watchProgress(ctx context.Context) {
	tick := time.NewTicker(min(progressEvery, p.cfg.StallAfter/3))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.lookAtProgress(ctx)
	}
}

func (p *Processor) lookAtProgress(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	p.mu.Lock()
	mine := maps.Clone(p.progressed.reached)
	rebuilding := map[int32]bool{}
	for id := range p.preparing {
		rebuilding[id] = true
	}
	before := maps.Clone(p.progressed.waits)
	p.mu.Unlock()
	var l logs
	var err error
	if len(mine) > 0 {
		l, err = p.listLogs(limited, p.admin)
	}
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.progressed.now, p.progressed.cause = now, err
		if p.progressed.blind.IsZero() {
			p.progressed.blind = now
		}
		return
	}
	waits := map[place]wait{}
	for id, r := range mine {
		moved := false
		for i, topic := range p.inputs {
			at := place{topic, id}
			w := wait{position: max(r[i].position.Load(), l.start[topic][id]), end: l.end[topic][id], since: now}
			waits[at] = w
			last, looked := before[at]
			moved = moved || !looked || last.position != w.position
		}
		for i, topic := range p.inputs {
			at := place{topic, id}
			w := waits[at]
			last, looked := before[at]
			// A partition that is being rebuilt says how far that is, and one that waits for an earlier neighbour is as
			// well as that one.
			waited := looked && last.position < last.end && last.position == w.position && (!last.barren || last.end == w.end)
			if w.position >= w.end || !waited || rebuilding[id] || moved && r[i].held.Load() {
				continue
			}
			w.since = last.since
			w.stalled = now.Sub(w.since) >= p.cfg.StallAfter
			if w.barren = last.barren && last.end == w.end; !w.barren && w.stalled {
				w.barren, w.open = p.barren(limited, at, w)
			}
			w.stalled = w.stalled && !w.barren
			waits[at] = w
		}
	}
	p.found(waits, now)
}

// barren tells whether readers see no record between a position and the end of its log: what an aborted transaction
// left may end without a marker where a broker was killed, and the position never gets beyond it. open tells that a
// transaction hides what follows.
func (p *Processor) barren(ctx context.Context, at place, w wait) (barren, open bool) {
	topic := p.kafkaName(at.topic)
	ends, err := p.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return false, false
	}
	stable, ok := ends.Lookup(topic, at.id)
	if !ok || stable.Err != nil {
		return false, false
	}
	seen := false
	if err := p.eachVisible(ctx, topic, at.id, w.position, stable.Offset, func(*kgo.Record) (bool, error) {
		seen = true
		return false, nil
	}); err != nil {
		return false, false
	}
	open = !seen && stable.Offset < w.end
	return !seen && !open, open
}

// found takes over what a look found of the partitions that are still this processor's.
func (p *Processor) found(waits map[place]wait, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progressed
	before := g.waits
	g.blind, g.cause, g.now, g.waits = time.Time{}, nil, now, map[place]wait{}
	stalled := 0
	var stop, goOn []broker.Stop
	var since time.Time
	open := false
	for id := range g.reached {
		for _, topic := range p.inputs {
			at := place{topic, id}
			w, looked := waits[at]
			if !looked {
				continue // it came during the look
			}
			g.waits[at] = w
			lag := max(w.end-w.position, 0)
			if w.barren {
				lag = 0
			}
			p.metrics.lag[topic].WithLabelValues(strconv.Itoa(int(id))).Set(float64(lag))
			told := broker.Stop{Topic: p.kafkaName(topic), Partition: id, Offset: w.position, Records: lag}
			switch was := before[at]; {
			case w.stalled && !was.stalled:
				if stop = append(stop, told); since.IsZero() || w.since.Before(since) {
					since = w.since
				}
				open = open || w.open
			case was.stalled && !w.stalled:
				goOn = append(goOn, told)
			}
			if w.stalled {
				stalled++
			}
		}
	}
	p.metrics.stalled.Set(float64(stalled))
	if len(stop) > 0 {
		p.log.Warn("partitions stand still while records wait in them", zap.Strings("partitions", broker.NameStops(stop)),
			zap.Time("since", since), zap.Bool("behind_an_open_transaction", open))
	}
	if len(goOn) > 0 {
		p.log.Info("partitions that stood still go on", zap.Strings("partitions", broker.NameStops(goOn)))
	}
}
