package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tributary/schemas"
)

const (
	// idleTick is how often an idle processor looks at its timers.
	idleTick = 100 * time.Millisecond
)

// Steps of a cycle at which a test can crash.
const (
	stepFlushed  = "flushed"  // state handed to the database, nothing durable or produced
	stepSynced   = "synced"   // state durable, outputs maybe sent
	stepProduced = "produced" // outputs acknowledged inside the open transaction
	stepEnded    = "ended"    // committed, not yet noted
	stepReplayed = "replayed" // one committed cycle run again
)

func (p *Processor) fault(step string) error {
	if p.deps.fault == nil {
		return nil
	}
	return p.deps.fault(step)
}

// loop is the only goroutine that polls, produces and ends transactions. From the return of a poll until AllowRebalance
// no callback of the group runs, so partitions neither come nor go within a cycle.
func (p *Processor) loop(ctx context.Context) error {
	defer p.session.AllowRebalance()
	for {
		p.session.AllowRebalance()
		fetches := p.poll(ctx)
		if ctx.Err() != nil {
			// What this poll took was not processed; nothing of it is committed.
			return p.settleAll()
		}
		if err := p.store.Damage(); err != nil {
			return err // a compaction may have come upon it; Close sets the state aside, and the next Processor restores it
		}
		if len(fetches) == 0 {
			continue // rebalances are not held off by an empty poll
		}
		if err := p.checkFetches(fetches); err != nil {
			return err
		}
		if err := p.reconcile(ctx); err != nil {
			return err
		}
		if err := p.applyEvents(); err != nil {
			return err
		}
		if err := p.distribute(fetches); err != nil {
			return err
		}
		if err := p.cycle(); err != nil {
			return err
		}
		for _, part := range p.parts {
			part.publish()
		}
		if err := p.ship(); err != nil {
			return err
		}
	}
}

// poll ends early when an event is left: a partition that has become ready does not wait for records of others.
func (p *Processor) poll(ctx context.Context) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, idleTick)
	defer cancel()
	p.mu.Lock()
	p.endPoll = cancel
	if len(p.events) > 0 {
		cancel()
	}
	p.mu.Unlock()
	return p.session.PollRecords(ctx, p.cfg.MaxCycleRecords)
}

func (p *Processor) checkFetches(fetches kgo.Fetches) (err error) {
	fetches.EachError(func(topic string, partition int32, e error) {
		var loss *kgo.ErrDataLoss
		var group *kgo.ErrGroupSession
		switch {
		case errors.Is(e, context.DeadlineExceeded), errors.Is(e, context.Canceled):
		case errors.As(e, &loss):
			p.log.Warn("Kafka lost records that were not processed yet", zap.String("topic", topic), zap.Int32("partition", partition), zap.Error(e))
		case errors.As(e, &group) && !errors.Is(e, kerr.FencedInstanceID):
			p.log.Warn("the group session ended, joining again", zap.Error(e))
		case errors.Is(e, kerr.FencedInstanceID):
			err = fmt.Errorf("another process has instance_id %q; each needs one of its own: %w", p.cfg.instance(), e)
		default:
			err = fmt.Errorf("fetching %s partition %d: %w", topic, partition, e)
		}
	})
	return err
}

// distribute hands the records to their partitions.
func (p *Processor) distribute(fetches kgo.Fetches) (err error) {
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		part := p.parts[f.Partition]
		if part == nil {
			if len(f.Records) > 0 {
				// Fetching begins after takeOver, or is paused until the partition is ready. Going on would skip these records.
				err = fmt.Errorf("got records of %s partition %d, which is not taken over", f.Topic, f.Partition)
			}
			return
		}
		topic := p.topicOf[f.Topic]
		for i := range part.inputs {
			if in := &part.inputs[i]; in.topic == topic {
				in.end = max(in.end, f.HighWatermark)
				in.records = append(in.records, f.Records...)
				n := 0
				for _, r := range f.Records {
					if !r.Attrs.IsControl() {
						n++
					}
				}
				p.metrics.recordsIn[topic].Add(float64(n))
			}
		}
	})
	return err
}

// cycle runs the stages on the records at hand and on due timers, and commits what came of it.
func (p *Processor) cycle() error {
	started := time.Now()
	nowMS := p.now().UnixMilli()
	idle, err := p.idlePartitions(nowMS)
	if err != nil {
		return err
	}
	g := errgroup.Group{}
	g.SetLimit(p.cfg.Workers)
	worked := false
	for _, part := range p.parts {
		if part.hasWork() || idle[part.id] {
			worked = true
			g.Go(func() error { return part.run(nowMS, idle[part.id], false) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.throttle()
	if worked {
		p.metrics.cycleSeconds.Observe(time.Since(started).Seconds())
		p.observeLag(nowMS)
	}
	for _, part := range p.parts {
		if part.touched {
			return p.commit()
		}
	}
	return nil
}

// Records that wait for other inputs: no more are fetched from heldMost on, and again from heldFew on. A record that waits keeps the
// whole answer of the broker in memory that it came with.
const (
	heldMost = 1000
	heldFew  = 250
)

// throttle stops the fetching of inputs of which many records wait for other inputs, and lets it go on when they are done.
func (p *Processor) throttle() {
	for id, part := range p.parts {
		for i := range part.inputs {
			in := &part.inputs[i]
			switch {
			case !in.paused && len(in.records) > heldMost:
				in.paused = true
				p.session.Client().PauseFetchPartitions(map[string][]int32{p.kafkaName(in.topic): {id}})
			case in.paused && len(in.records) <= heldFew:
				in.paused = false
				p.session.Client().ResumeFetchPartitions(map[string][]int32{p.kafkaName(in.topic): {id}})
			}
		}
	}
}

func (p *Processor) observeLag(nowMS int64) {
	lag := int64(0)
	for _, part := range p.parts {
		lag = max(lag, nowMS-part.stages.WatermarkMS())
	}
	p.metrics.watermarkLag.Set(float64(lag) / 1000)
}

// commit produces what is pending and ends the transaction.
func (p *Processor) commit() error {
	started := time.Now()
	if err := p.fault(stepFlushed); err != nil {
		return err
	}
	if err := p.session.Begin(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	p.produce()
	// While the outputs travel. A crash before this is done finds the state before the cycle or after it, and the transaction aborted.
	if err := p.store.Sync(); err != nil {
		return err
	}
	if err := p.fault(stepSynced); err != nil {
		return err
	}
	// A transaction that does not end in time is given up, and this Processor with it: Kafka would abort it soon anyhow, and the
	// next one finds out at once.
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.TransactionTimeout/2)
	defer cancel()
	if err := p.session.Client().Flush(ctx); err != nil {
		return fmt.Errorf("%w: flushing: %w", ErrCommitUnknown, err)
	}
	if failed := p.lastError.Load(); failed != nil {
		_, _ = p.session.End(ctx, kgo.TryAbort)
		return fmt.Errorf("producing outputs: %w", *failed)
	}
	if err := p.fault(stepProduced); err != nil {
		return err
	}
	committed, err := p.session.End(kgo.PreTxnCommitFnContext(ctx, p.setPositions), kgo.TryCommit)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
	if err := p.fault(stepEnded); err != nil {
		return err
	}
	if !committed {
		p.metrics.aborts.Inc()
		return p.findOut(ctx)
	}
	p.metrics.commits.Inc()
	p.metrics.commitSeconds.Observe(time.Since(started).Seconds())
	for _, part := range p.parts {
		if part.touched {
			p.noteCommitted(part)
		}
	}
	return nil
}

func (p *Processor) noteCommitted(part *partition) {
	for i := range part.pending {
		p.metrics.recordsOut[part.pending[i].Topic].Inc()
	}
	part.committed()
}

func (p *Processor) produce() {
	p.lastError.Store(nil)
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			p.lastError.CompareAndSwap(nil, &err)
		}
	}
	client := p.session.Client()
	for _, part := range p.parts {
		if !part.touched {
			continue
		}
		records := make([]kgo.Record, len(part.pending))
		sent := time.UnixMilli(part.meta.sentMS)
		for i := range part.pending {
			o := &part.pending[i]
			r := &records[i]
			r.Topic, r.Key, r.Value = p.kafkaName(o.Topic), o.Key, o.Value
			r.Partition = part.id
			if o.Source.Topic == "" && o.Topic != schemas.TopicCycles {
				r.Partition = byKey
			}
			r.Timestamp = sent
			client.Produce(context.Background(), r, promise)
		}
	}
}

// setPositions writes the positions of the state, and the cycle's name, into the offset commit of the transaction. What the client
// itself would commit is not enough: a cycle of timers alone reads nothing, yet its commit must be told from its abort.
func (p *Processor) setPositions(req *kmsg.TxnOffsetCommitRequest) error {
	polled := map[int32]bool{}
	ids := map[string][16]byte{}
	for _, t := range req.Topics {
		ids[t.Topic] = t.TopicID
		for _, part := range t.Partitions {
			polled[part.Partition] = true
		}
	}
	req.Topics = req.Topics[:0]
	for i, topic := range p.inputs {
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic = p.kafkaName(topic)
		t.TopicID = ids[t.Topic]
		for id, part := range p.parts {
			if !part.touched && !polled[id] {
				continue
			}
			c := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			c.Partition, c.Offset, c.LeaderEpoch = id, part.inputs[i].position, -1
			name := ""
			if i == 0 {
				name = part.meta.commitMetadata()
			}
			c.Metadata = &name
			t.Partitions = append(t.Partitions, c)
		}
		if len(t.Partitions) > 0 {
			req.Topics = append(req.Topics, t)
		}
	}
	return nil
}

// findOut asks Kafka what became of a transaction that did not report a commit: what aborted stays pending.
func (p *Processor) findOut(ctx context.Context) error {
	touched := map[int32]bool{}
	for id, part := range p.parts {
		if part.touched {
			touched[id] = true
		}
	}
	commits, err := p.newestCommits(ctx, touched)
	if err != nil {
		return fmt.Errorf("%w: asking for the committed offsets: %w", ErrCommitUnknown, err)
	}
	p.updateReadiness() // it may have said what was waited for
	for id, part := range p.parts {
		if !part.touched {
			continue
		}
		c := commits[id]
		if c.ahead != nil && part.meta.base == (cycleID{c.ahead.Seq, c.ahead.Random}) {
			c.cycle = part.meta.base // its offsets are lost, and it was gone on from all the same
		}
		switch c.cycle {
		case part.meta.cycle:
			p.noteCommitted(part)
		case part.meta.base:
			p.metrics.resends.Inc()
		default:
			return fmt.Errorf("%w: somebody else moved partition %d on", ErrCommitUnknown, id)
		}
	}
	return nil
}

// idlePartitions answers the partitions with due timers that have read everything there is: their stream time is the clock.
func (p *Processor) idlePartitions(nowMS int64) (map[int32]bool, error) {
	if time.Since(p.lastIdle) < idleTick {
		return nil, nil
	}
	var due []*partition
	for _, part := range p.parts {
		if part.stages.NextTimerMS() <= nowMS && !part.hasWork() {
			due = append(due, part)
		}
	}
	if len(due) == 0 {
		return nil, nil
	}
	p.lastIdle = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var clocked []string
	for _, t := range p.inputs {
		if !p.isOutput[t] {
			clocked = append(clocked, p.kafkaName(t))
		}
	}
	ends, err := p.admin.ListEndOffsets(ctx, clocked...)
	if err != nil {
		// Time stands still while Kafka does not answer: clicks may lie there.
		p.log.Warn("listing end offsets", zap.Error(err))
		return nil, nil
	}
	idle := map[int32]bool{}
	for _, part := range due {
		caughtUp := true
		for i := range part.inputs {
			in := &part.inputs[i]
			if !in.clocked {
				continue
			}
			end, ok := ends.Lookup(p.kafkaName(in.topic), part.id)
			caughtUp = caughtUp && ok && end.Err == nil && in.position >= end.Offset
		}
		if caughtUp {
			idle[part.id] = true
		}
	}
	return idle, nil
}

func (p *Processor) settleAll() error {
	for _, part := range p.parts {
		if err := part.settle(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Processor) kafkaName(topic string) string { return p.deps.TopicPrefix + topic }
