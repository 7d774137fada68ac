package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/processor/stage"
)

// A verdict says how a partition's state stands to what is committed in Kafka.
type verdict int

const (
	goOn    verdict = iota // the state's last cycle is committed
	resend                 // it aborted: its outputs go out again
	replay                 // the state is a true prefix of what is committed: read the rest
	rebuild                // the state is not to be trusted: wipe it, read everything that is committed
)

func (v verdict) String() string { return [...]string{"go on", "resend", "replay", "rebuild"}[v] }

// judge compares the state's place with the commit.
func judge(m *meta, c commit, ends map[string]int64) verdict {
	for topic, pos := range m.positions {
		if end, ok := ends[topic]; ok && pos > end {
			return rebuild // the log is shorter than what was read of it: Kafka lost its data
		}
	}
	switch {
	case c.any && !c.named:
		return rebuild // committed by somebody else: an operator moved the group
	case c.cycle == m.cycle:
		return goOn
	case !c.any && m.settled:
		return goOn // the group's offsets expired, and the state knows better
	case c.cycle == m.base:
		return resend
	case !m.settled && m.cycle != cycleID{}:
		return rebuild
	}
	for topic, pos := range m.positions {
		if pos > c.positions[topic] {
			return rebuild
		}
	}
	return replay
}

// takeOver makes the partition of a new assignment. When reading Kafka is needed first, the partition's fetching is
// paused and a goroutine of its own does that; its positions are set either way.
func (p *Processor) takeOver(id int32, c commit, l logs) (*partition, error) {
	part := p.newPartition(id)
	if err := part.load(); err != nil {
		return nil, err
	}
	ends := map[string]int64{}
	for _, t := range p.inputs {
		ends[t] = l.end[t][id]
	}
	v := judge(&part.meta, c, ends)
	p.log.Info("taking a partition over", zap.Int32("partition", id), zap.Stringer("verdict", v),
		zap.Stringer("state", part.meta.cycle), zap.Stringer("committed", c.cycle), zap.Any("positions", part.meta.positions))
	if v == rebuild {
		p.metrics.wipes.Inc()
		if err := part.state.Wipe(); err != nil {
			return nil, err
		}
		part.meta = meta{positions: map[string]int64{}}
	}
	// Records before the log's start are gone for good.
	for _, t := range p.inputs {
		part.meta.positions[t] = max(part.meta.positions[t], l.start[t][id])
	}
	from := maps.Clone(part.meta.positions)
	until := map[string]int64{}
	if v == replay || v == rebuild {
		for _, t := range p.inputs {
			until[t] = max(min(c.positions[t], ends[t]), from[t])
		}
		part.meta.positions = maps.Clone(until)
		part.meta.base, part.meta.cycle = c.cycle, c.cycle
	}
	var sources []stage.Output
	if v == resend {
		raw, ok, err := part.own.Get(outboxKey)
		if err != nil {
			return nil, err
		}
		if ok {
			if part.pending, err = readOutbox(slices.Clone(raw)); err != nil {
				return nil, fmt.Errorf("reading the outbox of partition %d: %w", id, err)
			}
		}
		part.touched = true
		p.metrics.resends.Inc()
		for _, o := range part.pending {
			if o.Source.Topic != "" {
				sources = append(sources, o)
			}
		}
	}
	positions := part.meta.positions
	replaying := len(until) > 0 && c.any
	if !replaying && len(sources) == 0 {
		if err := part.begin(p.now().UnixMilli()); err != nil {
			return nil, err
		}
		p.setEnds(part, ends)
		p.session.Client().ResumeFetchPartitions(p.allInputs(id))
		p.leave(event{ready: part})
		return part, nil
	}
	p.session.Client().PauseFetchPartitions(p.allInputs(id))
	ctx, cancel := context.WithCancel(context.Background())
	prep := &preparation{cancel, make(chan struct{})}
	p.mu.Lock()
	p.preparing[id] = prep
	p.mu.Unlock()
	p.updateReadiness()
	go func() {
		defer close(prep.done)
		defer cancel()
		err := p.prepare(ctx, part, c, from, until, ends)
		p.mu.Lock()
		delete(p.preparing, id)
		p.mu.Unlock()
		switch {
		case ctx.Err() != nil: // revoked meanwhile
			part.stages.Close()
		case err != nil:
			p.leave(event{err: fmt.Errorf("rebuilding partition %d: %w", id, err)})
		default:
			p.leave(event{ready: part})
		}
	}()
	return &partition{id: id, meta: meta{positions: positions}}, nil
}

func (p *Processor) setEnds(part *partition, ends map[string]int64) {
	for i := range part.inputs {
		part.inputs[i].end = ends[part.inputs[i].topic]
	}
}

// prepare replays [from, until) into the state without outputs, and fetches the records that pending outputs forward.
func (p *Processor) prepare(ctx context.Context, part *partition, c commit, from, until, ends map[string]int64) error {
	target := part.meta.positions
	part.meta.positions = from
	if err := part.begin(p.now().UnixMilli()); err != nil {
		return err
	}
	p.setEnds(part, until)
	if len(until) > 0 {
		if err := p.replay(ctx, part, from, until); err != nil {
			return err
		}
		// Timers that the committed cycles fired, maybe on the clock alone.
		if err := part.stages.Advance(c.watermarkMS, func(stage.Failure) {}); err != nil {
			return err
		}
		part.stages.DropOutputs()
	}
	if err := p.fillOutbox(ctx, part); err != nil {
		return err
	}
	if len(until) > 0 {
		for i := range part.inputs {
			in := &part.inputs[i]
			in.position = max(in.position, target[in.topic])
		}
		part.meta.settled = true
		if err := part.flush(); err != nil {
			return err
		}
		if err := p.store.Sync(); err != nil {
			return err
		}
	}
	p.setEnds(part, ends)
	return nil
}

// Replays hold at most this many records of one topic in memory while they wait for the other topics.
const replayBuffer = 50_000

const replayLogEvery = 5 * time.Second

func (p *Processor) replay(ctx context.Context, part *partition, from, until map[string]int64) error {
	// While it lasts the state is a prefix of the stream under no cycle's name.
	final := part.meta
	part.meta.cycle, part.meta.base = cycleID{}, cycleID{}
	var total, done int64
	for t := range until {
		total += until[t] - from[t]
	}
	started, logged := time.Now(), time.Now()
	err := p.read(ctx, part.id, from, until, func(next map[string][]*kgo.Record, complete bool) error {
		for i := range part.inputs {
			in := &part.inputs[i]
			in.records = next[in.topic]
			done += int64(len(in.records))
			p.metrics.restored.Add(float64(len(in.records)))
		}
		if err := part.run(p.now().UnixMilli(), false, true); err != nil {
			return err
		}
		if time.Since(logged) >= replayLogEvery || complete {
			logged = time.Now()
			rate := float64(done) / max(time.Since(started).Seconds(), 1e-3)
			p.log.Info("rebuilding state", zap.Int32("partition", part.id), zap.Int64("records", done), zap.Int64("of", total),
				zap.Float64("records_per_second", rate), zap.Duration("remaining", time.Duration(float64(total-done)/rate*float64(time.Second))))
		}
		return nil
	})
	part.meta.cycle, part.meta.base = final.cycle, final.base
	return err
}

// read gives visit the records of [from, until) of one partition, merged so that what it gets is in order of timestamp
// across the topics: a batch holds no record later than one that is yet to come from another topic.
func (p *Processor) read(ctx context.Context, id int32, from, until map[string]int64, visit func(map[string][]*kgo.Record, bool) error) error {
	start := map[string]map[int32]kgo.Offset{}
	for t := range until {
		if from[t] < until[t] {
			start[p.kafkaName(t)] = map[int32]kgo.Offset{id: kgo.NewOffset().At(from[t])}
		}
	}
	if len(start) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append(slices.Clone(p.deps.Kafka),
		kgo.ConsumePartitions(start),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(int32(p.cfg.FetchMaxBytes)),
	)...)
	if err != nil {
		return fmt.Errorf("making the Kafka client: %w", err)
	}
	defer client.Close()
	held := map[string][]*kgo.Record{}
	reached := maps.Clone(from)
	for {
		fetches := client.PollRecords(ctx, p.cfg.MaxCycleRecords)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var failed error
		fetches.EachError(func(topic string, _ int32, e error) {
			var loss *kgo.ErrDataLoss
			if !errors.As(e, &loss) {
				failed = fmt.Errorf("reading %s: %w", topic, e)
			}
		})
		if failed != nil {
			return failed
		}
		fetches.EachRecord(func(r *kgo.Record) {
			t := p.topicOf[r.Topic]
			reached[t] = max(reached[t], r.Offset+1)
			if r.Offset < until[t] {
				held[t] = append(held[t], r)
			}
		})
		complete := true
		// Everything up to the earliest of the last records at hand can go.
		var limit time.Time
		for t := range until {
			if reached[t] >= until[t] {
				client.PauseFetchTopics(p.kafkaName(t))
				continue
			}
			complete = false
			if len(held[t]) == 0 {
				limit = time.Unix(0, 1)
				continue
			}
			if last := held[t][len(held[t])-1].Timestamp; limit.IsZero() || last.Before(limit) {
				limit = last
			}
		}
		next := map[string][]*kgo.Record{}
		for t, records := range held {
			n := len(records)
			if !complete {
				n = 0
				for n < len(records) && !records[n].Timestamp.After(limit) {
					n++
				}
			}
			next[t], held[t] = records[:n:n], slices.Clone(records[n:])
			if reached[t] < until[t] {
				if len(held[t]) > replayBuffer {
					client.PauseFetchTopics(p.kafkaName(t))
				} else {
					client.ResumeFetchTopics(p.kafkaName(t))
				}
			}
		}
		if err := visit(next, complete); err != nil {
			return err
		}
		if complete {
			return nil
		}
	}
}

// fillOutbox completes pending outputs that forward input records.
func (p *Processor) fillOutbox(ctx context.Context, part *partition) error {
	from, until := map[string]int64{}, map[string]int64{}
	missing := map[stage.Source][]int{}
	for i := range part.pending {
		s := part.pending[i].Source
		if s.Topic == "" || part.pending[i].Value != nil {
			continue
		}
		missing[s] = append(missing[s], i)
		if first, ok := from[s.Topic]; !ok || s.Offset < first {
			from[s.Topic] = s.Offset
		}
		until[s.Topic] = max(until[s.Topic], s.Offset+1)
	}
	if len(missing) == 0 {
		return nil
	}
	err := p.read(ctx, part.id, from, until, func(next map[string][]*kgo.Record, _ bool) error {
		for t, records := range next {
			for _, r := range records {
				s := stage.Source{Topic: t, Offset: r.Offset}
				for _, i := range missing[s] {
					o := &part.pending[i]
					o.Key, o.Value = r.Key, slices.Concat(r.Value, o.Suffix)
				}
				delete(missing, s)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fetching forwarded records: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d records to be forwarded are no longer in Kafka", len(missing))
	}
	return nil
}
