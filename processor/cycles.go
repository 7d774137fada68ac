package processor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// Every cycle is written to the topic cycles with its outputs: what it read of each input, and what it knew of the
// time. That is all that a cycle depends on beside the state before it, the rules, whose version it has, and the settings,
// which it names (settings.go), so running the cycles again leads to the same state, whatever deadlines they decided. The inputs alone do not: how
// their topics were interleaved is not in them.

// openCycle notes what the cycle at hand begins with.
func (p *partition) openCycle(nowMS int64, idle bool) error {
	offered, err := p.offer()
	if err != nil {
		return err
	}
	c := &p.cycle
	c.NowMs, c.Idle, c.Decisions, c.Group = nowMS, idle, p.decisions, p.group
	c.SettingsHash, c.Settings, c.PreviousSettings = offered.hash, nil, nil
	p.stages.SetDecisions(p.decisions, true)
	if len(c.Inputs) != len(p.inputs) {
		c.Inputs = make([]*events.CycleInput, len(p.inputs))
		for i := range c.Inputs {
			c.Inputs[i] = &events.CycleInput{Topic: p.inputs[i].topic}
		}
	}
	for i := range p.inputs {
		in := &p.inputs[i]
		c.Inputs[i].FromOffset, c.Inputs[i].EndOffset, c.Inputs[i].LatestMs = in.position, in.end, in.latestMS
	}
	return nil
}

// closeCycle makes the output that tells of the cycle just run.
func (p *partition) closeCycle(name cycleID) (stage.Output, error) {
	c := &p.cycle
	c.Seq, c.Random = name.seq, name.random
	for i := range p.inputs {
		c.Inputs[i].ToOffset = p.inputs[i].position
	}
	p.tellSettings(c)
	value, err := c.MarshalVT()
	if err != nil {
		return stage.Output{}, fmt.Errorf("writing a cycle: %w", err)
	}
	return stage.Output{Topic: schemas.TopicCycles, Value: value}, nil
}

// rerun runs a cycle that was committed before on the records that it took, for the state alone; known says that s are the settings
// that decided it.
func (p *partition) rerun(c *events.Cycle, records map[string][]*kgo.Record, s *settings, known bool) error {
	for i := range p.inputs {
		in := &p.inputs[i]
		in.records = records[in.topic]
		for _, was := range c.Inputs {
			if was.Topic == in.topic {
				in.end, in.latestMS = was.EndOffset, was.LatestMs
			}
		}
	}
	if err := checkDecisions(c.Decisions); err != nil {
		return fmt.Errorf("running cycle %d of partition %d again: %w", c.Seq, p.id, err)
	}
	if err := p.configure(s, known); err != nil {
		return fmt.Errorf("running cycle %d of partition %d again: %w", c.Seq, p.id, err)
	}
	p.settings.replaced = nil // which a cycle has told
	p.meta.cycle = cycleID{c.Seq, c.Random}
	p.meta.base = p.meta.cycle
	p.stages.SetDecisions(c.Decisions, true)
	return p.run(c.NowMs, c.Idle, true)
}

// checkDecisions refuses what a newer program decided: run again under the rules that are known here it would come
// to something else.
func checkDecisions(version uint32) error {
	if version > schemas.Decisions {
		return fmt.Errorf("%w: its version of the rules is %d, this program's is %d; that program, or a later one, would be right",
			ErrNewerDecisions, version, schemas.Decisions)
	}
	return nil
}

// readAtOnce is how many partitions of cycles are looked at side by side.
const readAtOnce = 8

// lastCycles answers the last cycle that readers see of each of the partitions that has one. With a broker that can FenceByID it waits
// until no transaction is open on them: one that is about to be committed counts.
func (p *Processor) lastCycles(ctx context.Context, ids map[int32]bool) (map[int32]*events.Cycle, error) {
	topic := p.kafkaName(schemas.TopicCycles)
	starts, ends, err := p.closedCycles(ctx, topic, ids)
	if err != nil {
		return nil, err
	}
	last := map[int32]*events.Cycle{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for id, end := range ends {
		g.Go(func() error {
			c, err := p.lastCycle(ctx, topic, id, starts[id], end)
			if c != nil {
				mu.Lock()
				last[id] = c
				mu.Unlock()
			}
			return err
		})
	}
	return last, g.Wait()
}

// closedCycles answers where the partitions of cycles begin and end, once nothing is open before their ends. A broker
// that cannot FenceByID leaves open what an earlier life of this processor had not ended, so with it nobody waits.
func (p *Processor) closedCycles(ctx context.Context, topic string, ids map[int32]bool) (starts, ends map[int32]int64, err error) {
	if starts, err = listedOf(ctx, topic, ids, p.admin.ListStartOffsets); err != nil {
		return nil, nil, err
	}
	if !p.deps.Broker.Can(broker.FenceByID) {
		ends, err = listedOf(ctx, topic, ids, p.admin.ListCommittedOffsets)
		return starts, ends, err
	}
	if ends, err = listedOf(ctx, topic, ids, p.admin.ListEndOffsets); err != nil {
		return nil, nil, err
	}
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = 5*time.Millisecond, 250*time.Millisecond
	told := time.Now()
	for {
		closed, err := listedOf(ctx, topic, ids, p.admin.ListCommittedOffsets)
		if err != nil {
			return nil, nil, err
		}
		var open []int32
		for id, end := range ends {
			if closed[id] < end {
				open = append(open, id)
			}
		}
		if len(open) == 0 {
			return starts, ends, nil
		}
		slices.Sort(open)
		waiting := fmt.Sprintf("waiting for the end of a transaction on partitions %d of %s", open, topic)
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			p.log.Warn(waiting + "; if it never ends, kafka-transactions.sh find-hanging names it")
			p.setReadiness(waiting)
		}
		select {
		case <-time.After(delay.NextBackOff()):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%s: %w", waiting, ctx.Err())
		}
	}
}

// listedOf lists offsets of partitions of a topic, all or none: one that is left out would seem to have no cycles.
func listedOf(ctx context.Context, topic string, ids map[int32]bool, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[int32]int64, error) {
	all, err := list(ctx, topic)
	if err == nil {
		err = all[topic][-1].Err // of the topic as a whole
	}
	if err != nil {
		return nil, fmt.Errorf("listing offsets of %s: %w", topic, err)
	}
	got := map[int32]int64{}
	for id := range ids {
		o, ok := all.Lookup(topic, id)
		if !ok {
			return nil, fmt.Errorf("%w: %s partition %d", ErrTopicMissing, topic, id)
		}
		if o.Err != nil {
			return nil, fmt.Errorf("listing offsets of %s partition %d: %w", topic, id, o.Err)
		}
		got[id] = o.Offset
	}
	return got, nil
}

// lastCycle answers the last cycle that readers see between two offsets of a partition of cycles, nil for none.
func (p *Processor) lastCycle(ctx context.Context, topic string, id int32, start, end int64) (last *events.Cycle, err error) {
	// Markers and aborted cycles lie between.
	for span := int64(64); ; span *= 32 {
		from := max(start, end-span)
		if err := p.eachVisible(ctx, topic, id, from, end, func(r *kgo.Record) (bool, error) {
			c := new(events.Cycle)
			if err := c.UnmarshalVT(r.Value); err != nil {
				return false, fmt.Errorf("reading a cycle at %s partition %d offset %d: %w", topic, id, r.Offset, err)
			}
			last = c
			return true, nil
		}); err != nil {
			return nil, err
		}
		if last != nil || from == start {
			return last, nil
		}
	}
}

// follows tells how a committed cycle stands to the positions that the state has reached.
type follows int

const (
	within follows = iota // the state has all of it
	next                  // it is the next one
	beyond                // cycles between are missing
)

func (p *partition) standing(c *events.Cycle) follows {
	if c.Seq <= p.meta.cycle.seq {
		return within
	}
	if p.meta.cycle.seq > 0 && c.Seq == p.meta.cycle.seq+1 {
		return next
	}
	known, less, ahead := true, false, false
	for _, was := range c.Inputs {
		i := slices.IndexFunc(p.inputs, func(in input) bool { return in.topic == was.Topic })
		if i < 0 {
			continue
		}
		at := p.inputs[i].position
		known = known && was.ToOffset <= at
		less = less || was.ToOffset < at
		ahead = ahead || was.FromOffset > at
	}
	switch {
	case ahead:
		return beyond
	case p.meta.cycle.seq == 0 && known && (less || !c.Idle):
		return within // the state came to its positions without the names of cycles
	}
	return next
}

// partitioner sends cycles to the partition that they are about, and everything else by its key as Kafka's Java client does.
type partitioner struct {
	keyed  kgo.Partitioner
	manual kgo.Partitioner
	cycles string
	// inputs counts the partitions of each input topic.
	inputs int32
}

// byKey is the partition of a record that goes by its key; any other one says which partition the key was read from.
const byKey = -1

func newPartitioner(prefix string, inputs int32) *partitioner {
	return &partitioner{keyed: kgo.StickyKeyPartitioner(nil), manual: kgo.ManualPartitioner(), cycles: prefix + schemas.TopicCycles, inputs: inputs}
}

// ForTopic is kgo's.
func (p *partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if topic == p.cycles {
		return p.manual.ForTopic(topic)
	}
	return placed{p.keyed.ForTopic(topic), p}
}

// placed spares the hash of a key that was read from a partition already, where a topic has as many as the inputs.
type placed struct {
	kgo.TopicPartitioner
	of *partitioner
}

// Partition is kgo's.
func (p placed) Partition(r *kgo.Record, n int) int {
	if r.Partition != byKey && n == int(p.of.inputs) {
		return int(r.Partition)
	}
	return p.TopicPartitioner.Partition(r, n)
}
