package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"

	"tributary/schemas/broker"
)

// How far the partitions are is measured against the ends of their logs, by whoever does not take part in loading: a partition that
// nothing is read of any more says so nowhere else.

const (
	// progressEvery is the longest pause between two looks, progressTimeout how long one may take.
	progressEvery   = 5 * time.Second
	progressTimeout = 10 * time.Second
)

// progress is what the last looks found. The Loader's mutex guards it.
type progress struct {
	// waits are the partitions of which records wait.
	waits map[key]wait
	// blind is since when Kafka has not said where the logs end, and why; zero while it does.
	blind time.Time
	cause error
	// now is when the last look ended.
	now time.Time
}

// A wait is a partition of which records are not in ClickHouse.
type wait struct {
	position, end int64
	since         time.Time // of the first look that found this position with records after it
	told          bool
}

func (w wait) stalled(now time.Time, after time.Duration) bool { return now.Sub(w.since) >= after }

// ready names a partition that stands still for longer than after.
func (p *progress) ready(after time.Duration) error {
	if !p.blind.IsZero() && p.now.Sub(p.blind) >= after {
		return fmt.Errorf("where the topics end is unknown since %s: %w", p.blind.UTC().Format(time.RFC3339), p.cause)
	}
	var worst key
	var w wait
	others := 0
	for k, candidate := range p.waits {
		if !candidate.stalled(p.now, after) {
			continue
		}
		others++
		if w.since.IsZero() || candidate.since.Before(w.since) || candidate.since.Equal(w.since) && k.less(worst) {
			worst, w = k, candidate
		}
	}
	if others == 0 {
		return nil
	}
	text := fmt.Sprintf("%s/%d stands still at offset %d since %s while %d records wait in it", worst.topic, worst.partition, w.position,
		w.since.UTC().Format(time.RFC3339), w.end-w.position)
	if others > 1 {
		text += fmt.Sprintf(", and %d more partitions do", others-1)
	}
	return errors.New(text)
}

func (k key) less(other key) bool {
	if k.topic != other.topic {
		return k.topic < other.topic
	}
	return k.partition < other.partition
}

// watchProgress looks until ctx is done.
func (l *Loader) watchProgress(ctx context.Context) {
	if ends, _, err := l.listLogs(ctx); err == nil { // else the first look finds what is there to begin with
		l.mu.Lock()
		l.noticePartitions(ends)
		l.mu.Unlock()
	}
	tick := time.NewTicker(min(progressEvery, l.config.StallAfter/3))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.lookAtProgress(ctx)
	}
}

func (l *Loader) lookAtProgress(ctx context.Context) {
	l.mu.Lock()
	assigned := len(l.assigned)
	l.mu.Unlock()
	var ends, starts kadm.ListedOffsets
	var err error
	if assigned > 0 {
		ends, starts, err = l.listLogs(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.progress
	p.now = now
	if err != nil {
		if p.cause = err; p.blind.IsZero() {
			p.blind = now
		}
		return
	}
	p.blind, p.cause = time.Time{}, nil
	l.noticePartitions(ends)
	waits := make(map[key]wait)
	stalled := 0
	var stop, goOn []broker.Stop
	var since time.Time
	for k := range l.assigned {
		end, ok := ends.Lookup(k.topic, k.partition)
		if !ok || end.Err != nil {
			continue
		}
		at := l.positionOf(k, starts)
		lag := max(0, end.Offset-at)
		l.metrics.topics[strings.TrimPrefix(k.topic, l.prefix)].lag.WithLabelValues(strconv.Itoa(int(k.partition))).Set(float64(lag))
		if lag == 0 {
			continue
		}
		w, before := p.waits[k]
		if !before || w.position != at {
			w = wait{position: at, since: now}
		}
		w.end = end.Offset
		if w.stalled(now, l.config.StallAfter) {
			stalled++
			if !w.told {
				w.told = true
				if stop = append(stop, stopOf(k, w)); since.IsZero() || w.since.Before(since) {
					since = w.since
				}
			}
		}
		waits[k] = w
	}
	for k, w := range p.waits {
		if now, still := waits[k]; w.told && (!still || now.position != w.position) {
			goOn = append(goOn, stopOf(k, w))
		}
	}
	p.waits = waits
	l.metrics.stalled.Set(float64(stalled))
	if len(stop) > 0 {
		l.log.Warn("partitions stand still while records wait in them", zap.Strings("partitions", broker.NameStops(stop)),
			zap.Time("since", since))
	}
	if len(goOn) > 0 {
		l.log.Info("partitions that stood still go on", zap.Strings("partitions", broker.NameStops(goOn)))
	}
}

func stopOf(k key, w wait) broker.Stop {
	return broker.Stop{Topic: k.topic, Partition: k.partition, Offset: w.position, Records: w.end - w.position}
}

// positionOf is the offset before which everything of a partition is in ClickHouse, or is gone from Kafka. The caller holds l.mu.
func (l *Loader) positionOf(k key, starts kadm.ListedOffsets) int64 {
	if o := l.owners[k]; o != nil {
		o.mu.Lock()
		to, seen, waiting := o.to, o.seen, o.waiting > 0
		o.mu.Unlock()
		if waiting {
			return to
		}
		if seen >= 0 {
			return max(seen, startOf(k, starts))
		}
	}
	return max(l.begun[k], startOf(k, starts))
}

func startOf(k key, starts kadm.ListedOffsets) int64 {
	if start, ok := starts.Lookup(k.topic, k.partition); ok && start.Err == nil {
		return start.Offset
	}
	return 0
}

func (l *Loader) listLogs(ctx context.Context) (ends, starts kadm.ListedOffsets, err error) {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	topics := make([]string, len(l.topics))
	for i, topic := range l.topics {
		topics[i] = l.prefix + topic
	}
	admin := kadm.NewClient(l.client)
	if ends, err = admin.ListEndOffsets(ctx, topics...); err == nil {
		starts, err = admin.ListStartOffsets(ctx, topics...)
	}
	if err == nil {
		err = ends.Error()
	}
	return ends, starts, err
}

// forgetProgress is about a partition that this loader has no more. The caller holds l.mu.
func (l *Loader) forgetProgress(k key) {
	delete(l.progress.waits, k)
	l.metrics.topics[strings.TrimPrefix(k.topic, l.prefix)].lag.DeleteLabelValues(strconv.Itoa(int(k.partition)))
}
