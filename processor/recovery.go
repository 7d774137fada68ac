package processor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"tributary/processor/stage"
	"tributary/schemas/broker"
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
// paused and a goroutine of its own does that. Either way it returns the offset at which each of its inputs begins.
func (p *Processor) takeOver(id int32, c commit, l logs) (begin map[string]int64, err error) {
	part := p.newPartition(id)
	if err := part.load(); err != nil {
		return nil, err
	}
	ends := map[string]int64{}
	for _, t := range p.inputs {
		ends[t] = l.end[t][id]
	}
	c, v := p.against(&part.meta, id, c, ends)
	if err := p.checkRecalled(id, c, l); err != nil {
		return nil, err
	}
	p.log.Info("taking a partition over", zap.Int32("partition", id), zap.Stringer("verdict", v),
		zap.Stringer("state", part.meta.cycle), zap.Stringer("committed", c.cycle), zap.Any("positions", part.meta.positions))
	if v == rebuild {
		for _, t := range p.inputs {
			if pos := part.meta.positions[t]; pos > ends[t] {
				p.log.Error("Kafka's log is shorter than what was read of it: acknowledged records are gone. The state is built again from what is left, and copies of clicks that are only in what is gone will count again. "+
					"Look for an unclean leader election or a log that was cut; `tributary verify` names what is missing",
					zap.String("topic", t), zap.Int32("partition", id), zap.Int64("read_to", pos), zap.Int64("log_ends_at", ends[t]))
			}
		}
		p.metrics.wipes.Inc()
		if err := part.state.Wipe(); err != nil {
			return nil, err
		}
		part.meta = meta{positions: map[string]int64{}}
		part.settings.recorded = nil
	}
	// Records before the log's start are gone for good.
	for _, t := range p.inputs {
		part.meta.positions[t] = max(part.meta.positions[t], l.start[t][id])
	}
	from, reached := maps.Clone(part.meta.positions), part.meta.cycle
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
	p.reaches(id, part.meta.positions)
	begin = maps.Clone(part.meta.positions) // the partition is the loop's, or a preparation's, before this returns
	replaying := len(until) > 0 && c.any
	checking := !p.deps.Broker.Can(broker.CommitWhole) && len(part.pending) > 0
	if !replaying && len(sources) == 0 && !checking {
		if err := part.begin(p.now().UnixMilli()); err != nil {
			return nil, err
		}
		p.setEnds(part, ends)
		p.session.Client().ResumeFetchPartitions(p.allInputs(id))
		p.leave(event{ready: part})
		return begin, nil
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
		part, err := p.prepare(ctx, part, c, from, reached, until, ends)
		p.mu.Lock()
		delete(p.preparing, id)
		delete(p.progress, id)
		p.mu.Unlock()
		switch {
		case ctx.Err() != nil: // revoked meanwhile
			if part != nil {
				part.stages.Close()
			}
		case err != nil:
			p.leave(event{err: fmt.Errorf("rebuilding partition %d: %w", id, err)})
		default:
			p.leave(event{ready: part})
		}
	}()
	return begin, nil
}

func (p *Processor) setEnds(part *partition, ends map[string]int64) {
	for i := range part.inputs {
		part.inputs[i].end = ends[part.inputs[i].topic]
	}
}

// prepare replays [from, until) into the state, whose last cycle is reached, without outputs, and fetches the records that pending
// outputs forward. A state that has nothing yet begins with a checkpoint, if there is one. It answers the partition ready to go on.
func (p *Processor) prepare(ctx context.Context, part *partition, c commit, from map[string]int64, reached cycleID, until, ends map[string]int64) (*partition, error) {
	target := part.meta.positions
	if len(until) > 0 && reached == (cycleID{}) && p.checkpoints != nil {
		fresh, err := p.fetchCheckpoint(ctx, part, c)
		if err != nil {
			return nil, err
		}
		for t, pos := range fresh.meta.positions {
			if pos < from[t] {
				p.log.Warn("records are gone from Kafka that the state has not seen: clicks among them are not known to later conversions",
					zap.Int32("partition", part.id), zap.String("topic", p.kafkaName(t)), zap.Int64("from", pos), zap.Int64("to", from[t]))
			}
			from[t] = max(from[t], pos)
		}
		part, reached = fresh, fresh.meta.cycle
	}
	part.meta.positions = from
	if err := part.begin(p.now().UnixMilli()); err != nil {
		return part, err
	}
	p.setEnds(part, until)
	if len(until) > 0 {
		part.meta.cycle, part.meta.base = reached, reached
		if err := p.replay(ctx, part, c, from, until); err != nil {
			return part, err
		}
	}
	if err := p.fillOutbox(ctx, part); err != nil {
		return part, err
	}
	if err := p.dropVisible(ctx, part); err != nil {
		return part, err
	}
	if len(until) > 0 {
		for i := range part.inputs {
			in := &part.inputs[i]
			in.position = max(in.position, target[in.topic])
		}
		part.meta.settled = true
		if err := part.flush(); err != nil {
			return part, err
		}
		if err := p.store.Sync(); err != nil {
			return part, err
		}
	}
	p.setEnds(part, ends)
	return part, nil
}
