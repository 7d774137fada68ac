package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// An event is what a new assignment or a preparation leaves for the loop.
type event struct {
	ready *partition
	err   error
}

// A preparation is a partition that is being rebuilt in a goroutine of its own.
type preparation struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (p *Processor) leave(e event) {
	p.mu.Lock()
	p.events = append(p.events, e)
	if p.endPoll != nil {
		p.endPoll()
	}
	p.mu.Unlock()
}

// applyEvents takes over the partitions that are ready. Only the loop calls it, while callbacks are held off.
func (p *Processor) applyEvents() error {
	p.mu.Lock()
	events := p.events
	p.events = nil
	p.mu.Unlock()
	if len(events) == 0 {
		return nil
	}
	for _, e := range events {
		if e.err != nil {
			return e.err
		}
		if p.parts[e.ready.id] != nil {
			return fmt.Errorf("partition %d was taken over again without having been given up", e.ready.id)
		}
		p.parts[e.ready.id] = e.ready
		e.ready.reached = p.reachedOf(e.ready.id)
		e.ready.publish()
		p.session.Client().ResumeFetchPartitions(p.allInputs(e.ready.id))
	}
	p.metrics.partitions.Set(float64(len(p.parts)))
	p.updateReadiness()
	p.mu.Lock()
	preparing := slices.Collect(maps.Keys(p.preparing))
	p.mu.Unlock()
	return p.store.DropFetchDirs(func(id int32) bool { return slices.Contains(preparing, id) })
}

// grant is told each assignment before any callback about it.
func (p *Processor) grant(assigned map[string][]int32) {
	granted := map[int32]bool{}
	for _, id := range assigned[p.kafkaName(p.inputs[0])] {
		granted[id] = true
	}
	p.mu.Lock()
	p.granted = granted
	p.mu.Unlock()
}

// reconcile readies the session for the next transaction after partitions were given up. The session aborts the first transaction
// after that, and keeps the callbacks of a second rebalance back until one has ended: an empty one does. Whatever a callback kept back
// would have taken away goes here. Only the loop calls it, while callbacks are held off.
func (p *Processor) reconcile(ctx context.Context) error {
	if !p.interrupted.Swap(false) {
		return nil
	}
	if err := p.session.Begin(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if _, err := p.session.End(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("%w: ending an empty transaction: %w", ErrCommitUnknown, err)
	}
	p.mu.Lock()
	granted := p.granted
	p.mu.Unlock()
	for id := range p.parts {
		if !granted[id] {
			return fmt.Errorf("partition %d went to another processor unnoticed", id)
		}
	}
	return nil
}

// lost gives up partitions that may belong to others already.
func (p *Processor) lost(gone map[string][]int32) {
	p.mu.Lock()
	p.granted = nil
	p.mu.Unlock()
	p.revoked(gone)
}

func (p *Processor) updateReadiness() {
	p.mu.Lock()
	n := len(p.preparing)
	var each strings.Builder
	for _, id := range slices.Sorted(maps.Keys(p.preparing)) {
		if text := p.progress[id]; text != "" {
			fmt.Fprintf(&each, "; partition %d: %s", id, text)
		}
	}
	p.mu.Unlock()
	p.metrics.restoring.Set(float64(n))
	if n > 0 {
		why := ""
		if dir := p.store.SetAside(); dir != "" {
			why = "; the one before was damaged on disk and lies in " + dir
		}
		p.setReadiness(fmt.Sprintf("rebuilding the state of %d partitions%s%s", n, why, each.String()))
	} else {
		p.setReadiness("")
	}
}

func (p *Processor) allInputs(id int32) map[string][]int32 {
	all := map[string][]int32{}
	for _, t := range p.inputs {
		all[p.kafkaName(t)] = []int32{id}
	}
	return all
}

func (p *Processor) assigned(got map[string][]int32) {
	ids := got[p.kafkaName(p.inputs[0])]
	p.log.Info("partitions assigned", zap.Int32s("partitions", ids))
	if len(ids) == 0 {
		p.setReadiness("") // more processors than partitions: this one stands by
		return
	}
	now := time.Now()
	p.asked.Store(&now)
}

// revoked gives partitions up. It may touch them: no cycle runs while callbacks do.
func (p *Processor) revoked(gone map[string][]int32) {
	seen := map[int32]bool{}
	var ids []int32
	for _, list := range gone {
		for _, id := range list {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	p.interrupted.Store(true)
	p.log.Info("partitions revoked", zap.Int32s("partitions", ids))
	for _, id := range ids {
		// After a failure the state in memory may be half of a cycle.
		if part := p.parts[id]; part != nil && !p.failed.Load() {
			if err := part.settle(); err != nil {
				p.leave(event{err: err})
			}
		}
		if part := p.parts[id]; part != nil {
			part.stages.Close()
			delete(p.parts, id)
			if p.shipper != nil {
				p.shipper.Forget(id)
			}
		}
	}
	p.metrics.partitions.Set(float64(len(p.parts)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropReady(seen)
	p.forgetProgress(ids)
	for _, id := range ids {
		if prep := p.preparing[id]; prep != nil {
			prep.cancel()
		}
	}
}

// dropReady forgets partitions that were made ready but not taken over yet. The caller holds p.mu.
func (p *Processor) dropReady(ids map[int32]bool) {
	kept := p.events[:0]
	for _, e := range p.events {
		if e.ready != nil && ids[e.ready.id] {
			e.ready.stages.Close()
			continue
		}
		kept = append(kept, e)
	}
	p.events = kept
}

func (p *Processor) stopPreparations() {
	p.mu.Lock()
	var all []*preparation
	for _, prep := range p.preparing {
		prep.cancel()
		all = append(all, prep)
	}
	p.mu.Unlock()
	for _, prep := range all {
		<-prep.done
	}
}

// adjust is called by the group with the committed offsets of newly assigned partitions, before they are fetched. It
// compares them with the state and answers where to begin.
func (p *Processor) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	select {
	case <-p.connected:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.asked.Store(nil)
	ids := map[int32]bool{}
	for _, partitions := range offsets {
		for id := range partitions {
			ids[id] = true
		}
	}
	if len(ids) == 0 {
		return offsets, nil
	}
	for id := range ids {
		// The group may learn of added partitions before watchPartitions does.
		if id >= p.partitions {
			err := fmt.Errorf("%w: %s had %d partitions at the start, and this processor is given partition %d: keys have changed theirs. Nothing more is processed%s",
				ErrRepartitioned, p.kafkaName(p.inputs[0]), p.partitions, id, whenAdded)
			p.leave(event{err: err})
			return nil, err
		}
	}
	p.mu.Lock()
	p.dropReady(ids)
	p.mu.Unlock()
	commits, err := p.newestCommits(ctx, ids)
	if errors.Is(err, ErrOtherGroup) {
		p.leave(event{err: err})
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the committed offsets: %w", err)
	}
	logs, err := p.listLogs(ctx, p.admin)
	if err != nil {
		return nil, err
	}
	for id := range ids {
		if err := p.awaitPreparation(ctx, id); err != nil {
			return nil, err
		}
		begin, err := p.takeOver(id, commits[id], logs)
		if err != nil {
			p.leave(event{err: err})
			return nil, err
		}
		for _, topic := range p.inputs {
			if partitions, ok := offsets[p.kafkaName(topic)]; ok {
				partitions[id] = kgo.NewOffset().At(begin[topic]).WithEpoch(-1)
			}
		}
	}
	return offsets, nil
}

func (p *Processor) awaitPreparation(ctx context.Context, id int32) error {
	p.mu.Lock()
	prep := p.preparing[id]
	p.mu.Unlock()
	if prep == nil {
		return nil
	}
	prep.cancel()
	select {
	case <-prep.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit is what Kafka knows of one partition of the group.
type commit struct {
	cycle       cycleID
	watermarkMS int64
	// any: something is committed; named: and it is a cycle of ours.
	any, named bool
	// recalled: the topic cycles knows it, and the group's coordinator does not.
	recalled  bool
	positions map[string]int64
	// ahead is a later cycle that readers see, where that may be a part of one: see against.
	ahead *events.Cycle
}

// fetchCommits asks for what is committed of the wanted partitions, and waits until no transaction has any of it in hand. The
// others' partitions may be in the middle of a commit at any time: what is said of them counts for nothing.
func (p *Processor) fetchCommits(ctx context.Context, wanted func(id int32) bool) (map[int32]commit, error) {
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = 5*time.Millisecond, 250*time.Millisecond
	told := time.Now()
	for {
		commits, err := p.fetchCommitsOnce(ctx, wanted)
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			return commits, err
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			p.log.Warn("a transaction holds offsets of the group back; waiting for its end", zap.String("group", p.cfg.Group), zap.Error(err))
		}
		select {
		case <-time.After(delay.NextBackOff()):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; the last answer: %w", ctx.Err(), err)
		}
	}
}

// newestCommits is fetchCommits held against the topic cycles: a cycle becomes visible with its offsets or not at all, so the last one
// that readers see is committed, whatever the group's coordinator says. Kafka 4.2 can answer offsets of many minutes ago after the
// death of a broker, when its coordinator has not read all of its log again, and none when they have expired; going on from there
// would count everything since a second time. Offsets that are no cycle of ours are an operator's, who means them; the numbers of
// cycles go on behind the last one, so that the larger is always the later. With a broker that cannot CommitWhole readers may be ahead
// of the offsets, and rightly so: what they see is told beside, for against to judge.
func (p *Processor) newestCommits(ctx context.Context, ids map[int32]bool) (map[int32]commit, error) {
	commits, err := p.fetchCommits(ctx, func(id int32) bool { return ids[id] })
	if err != nil {
		return nil, err
	}
	cycles, err := p.lastCycles(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := p.checkGroups(ctx, cycles); err != nil {
		return nil, err
	}
	for id, last := range cycles {
		c := commits[id]
		switch {
		case c.any && !c.named:
			c.cycle = cycleID{seq: last.Seq}
			commits[id] = c
		case last.Seq > c.cycle.seq && p.deps.Broker.Can(broker.CommitWhole):
			commits[id] = p.recall(id, c, last)
		case last.Seq > c.cycle.seq:
			c.ahead = last
			commits[id] = c
		}
	}
	return commits, nil
}

// checkGroups refuses to go on from cycles of another group while that has members: both would take every record, and count it twice.
// Kafka fences members of one group only. A group that is over is one that was renamed.
func (p *Processor) checkGroups(ctx context.Context, cycles map[int32]*events.Cycle) error {
	var others []string
	for _, last := range cycles {
		if last.Group != "" && last.Group != p.cfg.Group && !slices.Contains(others, last.Group) {
			others = append(others, last.Group)
		}
	}
	if len(others) == 0 {
		return nil
	}
	groups, err := p.admin.DescribeGroups(ctx, others...)
	if err != nil {
		return fmt.Errorf("asking for the groups %s, which processed these topics before %s: %w", strings.Join(others, ", "), p.cfg.Group, err)
	}
	for _, g := range groups.Sorted() {
		if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
			return fmt.Errorf("asking for the group %s, which processed these topics before %s: %w", g.Group, p.cfg.Group, g.Err)
		}
		if len(g.Members) > 0 {
			return fmt.Errorf("%w: the group %s has processors (%d of them, one is %s at %s), and this processor is of the group %s: "+
				"both would count every click. processor.group: %[2]s would be right here too; to rename the group, stop all of "+
				"its processors first (a killed one is gone after processor.session_timeout)",
				ErrOtherGroup, g.Group, len(g.Members), g.Members[0].ClientID, g.Members[0].ClientHost, p.cfg.Group)
		}
	}
	return nil
}

func (p *Processor) recall(id int32, c commit, last *events.Cycle) commit {
	p.metrics.staleOffsets.Inc()
	p.log.Warn("Kafka forgot committed offsets of this group; the partition goes on from its last visible cycle",
		zap.String("group", p.cfg.Group), zap.Int32("partition", id), zap.Stringer("answered", c.cycle),
		zap.Stringer("committed", cycleID{last.Seq, last.Random}))
	return c.upTo(last)
}

// against judges a state by a commit behind which readers see a later cycle. Of a broker that cannot CommitWhole that
// may be a part of the cycle that was being committed when the broker died: the state has that one, and what it made
// comes out once. Any other cycle can be there only because the offsets are lost, all or the last of them.
func (p *Processor) against(m *meta, id int32, c commit, ends map[string]int64) (commit, verdict) {
	v := judge(m, c, ends)
	// A state that somebody moved to these topics begins anew in them.
	moved := m.settled && m.cycle == cycleID{} && len(m.positions) == 0
	if c.ahead == nil || moved || (v == goOn || v == resend) && m.cycle.seq >= c.ahead.Seq {
		return c, v
	}
	c = p.recall(id, c, c.ahead)
	if v = judge(m, c, ends); v == goOn && !m.settled {
		v = resend // without what readers see already
	}
	return c, v
}

// upTo is the commit that a cycle became visible with. The watermark stays behind: running the cycle again moves it.
func (c commit) upTo(last *events.Cycle) commit {
	positions := maps.Clone(c.positions)
	if positions == nil {
		positions = map[string]int64{}
	}
	for _, in := range last.Inputs {
		positions[in.Topic] = in.ToOffset
	}
	return commit{cycle: cycleID{last.Seq, last.Random}, watermarkMS: c.watermarkMS, any: true, named: true, positions: positions, recalled: true}
}

// checkRecalled refuses cycles of other logs than these: of topics that were deleted and made anew, or of another cluster.
func (p *Processor) checkRecalled(id int32, c commit, l logs) error {
	if !c.recalled {
		return nil
	}
	for topic, at := range c.positions {
		if end, ok := l.end[topic][id]; ok && at > end {
			return fmt.Errorf("%w: partition %d of %s ends at offset %d, and by the topic %s it was processed up to %d. Was it deleted and made again? Then empty %[5]s too, or set the offsets of the group %[7]s",
				ErrOtherLog, id, p.kafkaName(topic), end, p.kafkaName(schemas.TopicCycles), at, p.cfg.Group)
		}
	}
	return nil
}

func (p *Processor) fetchCommitsOnce(ctx context.Context, wanted func(id int32) bool) (map[int32]commit, error) {
	responses, err := p.admin.FetchOffsets(kadm.RequireStable(ctx), p.cfg.Group)
	if err != nil {
		return nil, err
	}
	commits := map[int32]commit{}
	for i, topic := range p.inputs {
		for id, r := range responses[p.kafkaName(topic)] {
			if !wanted(id) {
				continue
			}
			if r.Err != nil {
				return nil, fmt.Errorf("%s partition %d: %w", p.kafkaName(topic), id, r.Err)
			}
			c := commits[id]
			if c.positions == nil {
				c.positions = map[string]int64{}
			}
			if r.At >= 0 {
				c.any = true
				c.positions[topic] = r.At
			}
			if i == 0 {
				c.cycle, c.watermarkMS, c.named = parseCommit(r.Metadata)
			}
			commits[id] = c
		}
	}
	return commits, nil
}

// logs is where each input's log begins and ends, by topic without prefix and partition.
type logs struct{ start, end map[string]map[int32]int64 }

func (p *Processor) listLogs(ctx context.Context, admin *kadm.Client) (logs, error) {
	var names []string
	for _, t := range p.inputs {
		names = append(names, p.kafkaName(t))
	}
	l := logs{map[string]map[int32]int64{}, map[string]map[int32]int64{}}
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return l, fmt.Errorf("listing start offsets: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return l, fmt.Errorf("listing end offsets: %w", err)
	}
	for listed, into := range map[*kadm.ListedOffsets]map[string]map[int32]int64{&starts: l.start, &ends: l.end} {
		var failed error
		listed.Each(func(o kadm.ListedOffset) {
			if o.Err != nil {
				failed = fmt.Errorf("listing offsets of %s partition %d: %w", o.Topic, o.Partition, o.Err)
				return
			}
			t := p.topicOf[o.Topic]
			if into[t] == nil {
				into[t] = map[int32]int64{}
			}
			into[t][o.Partition] = o.Offset
		})
		if failed != nil {
			return l, failed
		}
	}
	return l, nil
}
