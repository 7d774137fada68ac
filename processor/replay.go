package processor

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Replays hold at most this many records of one topic in memory while they wait for the other topics.
const replayBuffer = 50_000

const (
	replayLogEvery  = 5 * time.Second
	replayTellEvery = 500 * time.Millisecond
	// replayStall is how long a replay waits for records that ought to be there before it asks whether retention took them.
	replayStall = 2 * time.Second
)

// A replayer is the rebuilding of one partition's state from the topics.
type replayer struct {
	p           *Processor
	part        *partition
	until       map[string]int64
	total, done int64
	merged      int64 // records that no cycle told of
	// least is the version of the rules that the last cycle run again was decided by: what follows was by no earlier one.
	least        uint32
	published    *published // nil until a cycle is missing between two versions
	settings     settingsLog
	started      time.Time
	told, logged time.Time
}

// replay runs everything from the partition's positions up to until again, without outputs: cycle by cycle as they were
// committed; where no cycle tells, in the order of the records' timestamps.
func (p *Processor) replay(ctx context.Context, part *partition, c commit, from, until map[string]int64) error {
	r := &replayer{p: p, part: part, until: until, started: time.Now(), logged: time.Now()}
	if err := r.settings.begin(part); err != nil {
		return err
	}
	for t := range until {
		r.total += until[t] - from[t]
	}
	if err := r.cycles(ctx, c); err != nil {
		return err
	}
	if err := r.merge(ctx, until, nil, schemas.Decisions, math.MaxInt64-publishedAfterMS); err != nil {
		return err
	}
	// Timers that the committed cycles fired, maybe on the clock alone.
	part.stages.SetDecisions(schemas.Decisions, r.least == schemas.Decisions)
	if err := part.stages.Advance(c.watermarkMS, dropFailures); err != nil {
		return err
	}
	part.stages.DropOutputs()
	part.stages.SetPublished(nil)
	if r.merged > 0 {
		guessed := int64(0)
		if r.published != nil {
			guessed = r.published.guessed
		}
		p.metrics.guessed.Add(float64(guessed))
		p.log.Warn("no cycles tell how these records were processed: they were taken in the order of their timestamps, which may decide differently about postbacks whose grace ended then; "+
			"postbacks of which neither cycles nor the ledger tell the version of the rules are judged by their edge (docs/identity.md)",
			zap.Int32("partition", part.id), zap.Int64("records", r.merged), zap.Int64("postbacks_of_unknown_version", guessed),
			zap.String("topic", p.kafkaName(schemas.TopicCycles)))
	}
	r.report(true)
	part.meta.cycle, part.meta.base = c.cycle, c.cycle
	return nil
}

func (r *replayer) positions() map[string]int64 {
	at := map[string]int64{}
	for i := range r.part.inputs {
		at[r.part.inputs[i].topic] = r.part.inputs[i].position
	}
	return at
}

func (r *replayer) count(records map[string][]*kgo.Record) {
	n := 0
	for _, list := range records {
		n += len(list)
	}
	r.done += int64(n)
	r.p.metrics.restored.Add(float64(n))
	r.report(false)
}

func (r *replayer) report(complete bool) {
	if !complete && time.Since(r.told) < replayTellEvery {
		return
	}
	r.told = time.Now()
	rate := float64(r.done) / max(time.Since(r.started).Seconds(), 1e-3)
	left := time.Duration(0)
	if !complete && rate > 0 {
		left = time.Duration(float64(max(r.total-r.done, 0)) / rate * float64(time.Second))
	}
	r.p.setProgress(r.part.id, fmt.Sprintf("%d of %d records, %.0f/s, %s left", r.done, r.total, rate, left.Round(time.Second)))
	if !complete && time.Since(r.logged) < replayLogEvery {
		return
	}
	r.logged = r.told
	r.p.log.Info("rebuilding state", zap.Int32("partition", r.part.id), zap.Int64("records", r.done), zap.Int64("of", r.total),
		zap.Float64("records_per_second", rate), zap.Duration("remaining", left), zap.Bool("complete", complete))
}

// cycles runs the committed cycles that the topic still has.
func (r *replayer) cycles(ctx context.Context, c commit) error {
	p, id := r.p, r.part.id
	topic := p.kafkaName(schemas.TopicCycles)
	ends, err := p.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("listing the end of %s: %w", topic, err)
	}
	starts, err := p.admin.ListOffsetsAfterMilli(ctx, r.part.meta.sentMS, topic)
	if err != nil {
		return fmt.Errorf("listing the start of %s: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, id)
	start, ok2 := starts.Lookup(topic, id)
	if !ok || !ok2 || end.Err != nil || start.Err != nil || start.Offset < 0 || start.Offset >= end.Offset {
		return nil
	}
	inputs := &inputLog{p: p, id: id}
	defer inputs.close()
	return p.eachVisible(ctx, topic, id, start.Offset, end.Offset, func(rec *kgo.Record) (bool, error) {
		cycle := &events.Cycle{}
		if err := cycle.UnmarshalVT(rec.Value); err != nil {
			return false, fmt.Errorf("reading offset %d of %s partition %d: %w", rec.Offset, topic, id, err)
		}
		if r.part.standing(cycle) == within {
			if err := r.settings.learn(cycle); err != nil {
				return false, err
			}
		} else {
			s, known, err := r.settingsOf(ctx, cycle, rec, end.Offset)
			if err != nil {
				return false, err
			}
			if err := r.cycle(ctx, inputs, cycle, rec.Timestamp.UnixMilli(), s, known); err != nil {
				return false, err
			}
		}
		return (cycleID{cycle.Seq, cycle.Random}) != c.cycle, nil
	})
}

// cycle runs one again under s, which decided it if known.
func (r *replayer) cycle(ctx context.Context, inputs *inputLog, c *events.Cycle, sentMS int64, s *settings, known bool) error {
	p := r.p
	to := map[string]int64{}
	if r.part.standing(c) == beyond {
		for _, in := range c.Inputs {
			to[in.Topic] = min(in.FromOffset, r.until[in.Topic])
		}
		if err := r.merge(ctx, to, s, c.Decisions, c.NowMs); err != nil {
			return err
		}
		inputs.close() // it stands before what was merged
	}
	for _, in := range c.Inputs {
		if _, ok := r.until[in.Topic]; ok {
			to[in.Topic] = min(in.ToOffset, r.until[in.Topic])
		}
	}
	records, err := inputs.take(ctx, r.positions(), to)
	if err != nil {
		return err
	}
	r.part.meta.sentMS = max(r.part.meta.sentMS, sentMS)
	if err := r.part.rerun(c, records, s, known); err != nil {
		return err
	}
	r.least = c.Decisions
	for i := range r.part.inputs { // what retention took away is not waited for again
		in := &r.part.inputs[i]
		in.position = max(in.position, to[in.topic])
	}
	r.count(records)
	return p.fault(stepReplayed)
}

// merge runs the records up to until in the order of their timestamps, under rules of at most a version, and under the settings before
// them, or else those after them (nil: of nobody knows): which they were decided by, up to untilMS, no cycle tells.
func (r *replayer) merge(ctx context.Context, until map[string]int64, after *settings, decisions uint32, untilMS int64) error {
	from := r.positions()
	for t := range until {
		until[t] = max(until[t], from[t])
	}
	if maps.Equal(from, until) {
		return nil
	}
	part := r.part
	if err := part.configure(part.guess(after), false); err != nil {
		return err
	}
	// While it lasts the state is a prefix of the stream under no cycle's name.
	part.meta.cycle, part.meta.base = cycleID{}, cycleID{}
	r.p.setEnds(part, until)
	part.stages.SetDecisions(decisions, r.least == decisions)
	if r.least != decisions {
		published, err := r.p.readPublished(ctx, part.id, untilMS)
		if err != nil {
			return err
		}
		if r.published != nil {
			published.guessed = r.published.guessed
		}
		r.published = published
		part.stages.SetPublished(published.decisions)
	}
	return r.p.read(ctx, part.id, from, until, func(next map[string][]*kgo.Record, _ bool) error {
		for i := range part.inputs {
			in := &part.inputs[i]
			in.records = next[in.topic]
			r.merged += int64(len(in.records))
		}
		if err := part.run(r.p.now().UnixMilli(), false, true); err != nil {
			return err
		}
		r.count(next)
		return nil
	})
}

// inputLog reads the inputs of one partition forward, as far as it is asked to.
type inputLog struct {
	p       *Processor
	id      int32
	client  *kgo.Client
	held    map[string][]*kgo.Record
	reached map[string]int64 // records before it are held or were taken
}

func (l *inputLog) close() {
	if l.client != nil {
		l.client.Close()
	}
	l.client = nil
}

// take answers the records from where the last call ended (at first: from) to until, by topic.
func (l *inputLog) take(ctx context.Context, from, until map[string]int64) (map[string][]*kgo.Record, error) {
	if l.client == nil {
		l.held, l.reached = map[string][]*kgo.Record{}, maps.Clone(from)
		start := map[string]map[int32]kgo.Offset{}
		for t := range from {
			start[l.p.kafkaName(t)] = map[int32]kgo.Offset{l.id: kgo.NewOffset().At(from[t])}
		}
		var err error
		if l.client, err = l.p.newReader(start); err != nil {
			return nil, err
		}
	}
	progress := time.Now()
	for {
		missing := false
		for t := range l.reached {
			if l.reached[t] < until[t] {
				missing = true
				l.client.ResumeFetchTopics(l.p.kafkaName(t))
			} else if len(l.held[t]) > replayBuffer {
				l.client.PauseFetchTopics(l.p.kafkaName(t))
			}
		}
		if !missing {
			break
		}
		poll, cancel := context.WithTimeout(ctx, replayStall)
		fetches := l.client.PollRecords(poll, l.p.cfg.MaxCycleRecords)
		cancel()
		if err := readError(ctx, fetches); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			t := l.p.topicOf[r.Topic]
			l.held[t] = append(l.held[t], r) // markers too: passing over them is part of the cycle
			l.reached[t] = max(l.reached[t], r.Offset+1)
			progress = time.Now()
		})
		if time.Since(progress) > replayStall {
			progress = time.Now()
			if err := l.skipDeleted(ctx, until); err != nil {
				return nil, err
			}
		}
	}
	out := map[string][]*kgo.Record{}
	for t, records := range l.held {
		n := 0
		for n < len(records) && records[n].Offset < until[t] {
			n++
		}
		out[t] = records[:n:n]
		l.held[t] = records[n:]
	}
	return out, nil
}

// skipDeleted moves on over records that retention took away since the replay began, and over the ends of logs that have none.
func (l *inputLog) skipDeleted(ctx context.Context, until map[string]int64) error {
	now, err := l.p.listLogs(ctx, l.p.admin)
	if err != nil {
		return err
	}
	for t := range l.reached {
		l.reached[t] = max(l.reached[t], now.start[t][l.id])
		if end := now.end[t][l.id]; until[t] > end {
			return fmt.Errorf("%s partition %d ends at %d, and records up to %d were processed: Kafka lost them", l.p.kafkaName(t), l.id, end, until[t])
		}
	}
	return nil
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
	client, err := p.newReader(start)
	if err != nil {
		return err
	}
	defer client.Close()
	held := map[string][]*kgo.Record{}
	reached := maps.Clone(from)
	for {
		fetches := client.PollRecords(ctx, p.cfg.MaxCycleRecords)
		if err := readError(ctx, fetches); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			t := p.topicOf[r.Topic]
			reached[t] = max(reached[t], r.Offset+1)
			if r.Offset < until[t] && !r.Attrs.IsControl() {
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

// dropFailures swallows the failures of timers that are run again: their dead letters were sent.
func dropFailures(stage.Failure) {}
