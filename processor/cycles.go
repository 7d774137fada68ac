package processor

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Every cycle is written to the topic cycles with its outputs: what it read of each input, and what it knew of the time. That is
// all that a cycle depends on beside the state before it, so running the cycles again leads to the same state, whatever
// deadlines they decided. The inputs alone do not: how their topics were interleaved is not in them.

// openCycle notes what the cycle at hand begins with.
func (p *partition) openCycle(nowMS int64, idle bool) {
	c := &p.cycle
	c.NowMs, c.Idle = nowMS, idle
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
}

// closeCycle makes the output that tells of the cycle just run.
func (p *partition) closeCycle(name cycleID) (stage.Output, error) {
	c := &p.cycle
	c.Seq, c.Random = name.seq, name.random
	for i := range p.inputs {
		c.Inputs[i].ToOffset = p.inputs[i].position
	}
	value, err := c.MarshalVT()
	if err != nil {
		return stage.Output{}, fmt.Errorf("writing a cycle: %w", err)
	}
	return stage.Output{Topic: schemas.TopicCycles, Value: value}, nil
}

// rerun runs a cycle that was committed before on the records that it took, for the state alone.
func (p *partition) rerun(c *events.Cycle, records map[string][]*kgo.Record) error {
	for i := range p.inputs {
		in := &p.inputs[i]
		in.records = records[in.topic]
		for _, was := range c.Inputs {
			if was.Topic == in.topic {
				in.end, in.latestMS = was.EndOffset, was.LatestMs
			}
		}
	}
	p.meta.cycle = cycleID{c.Seq, c.Random}
	p.meta.base = p.meta.cycle
	return p.run(c.NowMs, c.Idle, true)
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
}

func newPartitioner(prefix string) kgo.Partitioner {
	return &partitioner{kgo.StickyKeyPartitioner(nil), kgo.ManualPartitioner(), prefix + schemas.TopicCycles}
}

// ForTopic is kgo's.
func (p *partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if topic == p.cycles {
		return p.manual.ForTopic(topic)
	}
	return p.keyed.ForTopic(topic)
}
