package verify

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"tributary/schemas"
	"tributary/schemas/events"
)

// topic is what one reading of a topic adds up to.
type topic struct {
	name string
	// table is the topic's, nil for none.
	table   *table
	extents []extent

	mu          sync.Mutex
	records     int64
	undecodable int64
	// ids are the outcomes' or inputs' identities: click IDs or receipt IDs.
	ids multiset
	// letterClicks and letterPostbacks are, in the topic of dead letters, those that the processor wrote.
	letterClicks, letterPostbacks   multiset
	letterClickCount, letterPBCount int64
	letterUndecodable               int64
	chunks                          map[chunkKey]*chunk
	costMicros                      int64
	letterCostMicros                int64
	amounts                         map[string]int64
}

func newTopic(name string, t *table, extents []extent) *topic {
	return &topic{name: name, table: t, extents: extents, chunks: map[chunkKey]*chunk{}, amounts: map[string]int64{}}
}

func (t *topic) size() (n int64) {
	for _, e := range t.extents {
		n += e.end - e.start
	}
	return n
}

// parallelPartitions are read at the same time.
const parallelPartitions = 4

func (a *auditor) readTopics(ctx context.Context) error {
	var done, total atomic.Int64
	for _, t := range a.topics {
		total.Add(t.size())
	}
	for _, name := range a.scope.audited {
		t := a.topics[name]
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(parallelPartitions)
		for partition := range t.extents {
			group.Go(func() error {
				part := newTopic(name, t.table, nil)
				e := t.extents[partition]
				seen := int64(0)
				err := a.log.scan(ctx, name, partition, e.start, e.end, func(offset int64, value []byte) error {
					if a.refused.replayed(name, partition, offset) {
						part.records++
					} else {
						part.add(partition, offset, value, !a.refused.has(name, partition, offset))
					}
					if seen++; seen%8192 == 0 {
						a.options.Progress(Progress{"topic " + name, done.Add(8192), total.Load()})
					}
					return nil
				})
				t.merge(part)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (t *topic) merge(o *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records += o.records
	t.undecodable += o.undecodable
	t.ids.merge(&o.ids)
	t.letterClicks.merge(&o.letterClicks)
	t.letterPostbacks.merge(&o.letterPostbacks)
	t.letterClickCount += o.letterClickCount
	t.letterPBCount += o.letterPBCount
	t.letterUndecodable += o.letterUndecodable
	t.costMicros += o.costMicros
	t.letterCostMicros += o.letterCostMicros
	for key, c := range o.chunks {
		t.chunks[key] = c
	}
	for name, n := range o.amounts {
		t.amounts[name] += n
	}
}

// add takes one record into the sums; inTable tells whether its table must have it.
func (t *topic) add(partition int, offset int64, value []byte, inTable bool) {
	t.records++
	row, err := decode(t.name, t.table, offset, value)
	if err != nil {
		t.undecodable++
		return
	}
	switch t.name {
	case schemas.TopicClicks, schemas.TopicScoredClicks:
		t.ids.add(row.click.ClickId)
		t.costMicros += row.click.CostBaseMicros
	case schemas.TopicImpressions:
		t.costMicros += row.impression.CostBaseMicros
	case schemas.TopicPostbacks:
		t.ids.add(row.postback.ReceiptId)
	case schemas.TopicConversions:
		c := row.conversion
		if c.Kind != events.Conversion_KIND_RESCORED {
			t.ids.add(c.ReceiptId)
			t.amounts["ledger entries"]++
		}
		for name, n := range map[string]int64{"conversions": int64(c.ConversionsDelta), "registered": int64(c.RegisteredDelta), "pending": int64(c.PendingDelta),
			"approved": int64(c.ApprovedDelta), "rejected": int64(c.RejectedDelta), "chargeback": int64(c.ChargebackDelta),
			"revenue_hold": c.RevenueHoldDeltaMicros, "revenue_confirmed": c.RevenueConfirmedDeltaMicros} {
			t.amounts[name] += n
		}
	case schemas.TopicDeadLetters:
		t.addLetter(row.letter)
	}
	if row.text != "" && inTable {
		key := chunkKey{partition, offset / chunkOffsets}
		c := t.chunks[key]
		if c == nil {
			c = &chunk{}
			t.chunks[key] = c
		}
		c.rows++
		c.sum += xxhash.Sum64String(row.text)
	}
}

func (t *topic) addLetter(l *events.DeadLetter) {
	t.amounts[l.Reason]++
	if l.Place != "processor" {
		return
	}
	switch {
	case l.Kind == events.DeadLetter_KIND_CLICK:
		t.letterClickCount++
		t.letterClicks.add(l.ClickId)
		var c events.Click
		if c.UnmarshalVT(l.Raw) == nil {
			t.letterCostMicros += c.CostBaseMicros
		}
	case l.Kind == events.DeadLetter_KIND_POSTBACK:
		t.letterPBCount++
		t.letterPostbacks.add(l.LetterId)
	case l.Reason == string(schemas.RejectUndecodable) && slices.Contains(inputs, l.SourceTopic):
		t.letterUndecodable++
	}
}

// row is one decoded record, and the text that its table row must give too. Only one of the events is set.
type row struct {
	id, text   string
	click      *events.Click
	postback   *events.Postback
	conversion *events.Conversion
	letter     *events.DeadLetter
	impression *events.Impression
}

// decode reads one record of a topic, whose table may be nil.
func decode(name string, t *table, offset int64, value []byte) (row, error) {
	var r row
	event, err := r.event(name, t, value)
	if err != nil {
		return r, err
	}
	if t != nil {
		r.text, r.id = t.text(offset, event), t.identity(event)
	}
	if r.letter != nil {
		r.letter = outcome(r.letter)
		r.id = r.letter.LetterId
	}
	return r, nil
}

// event decodes what a record carries, and keeps it where more is asked of it than what its table says.
func (r *row) event(name string, t *table, value []byte) (event, error) {
	switch name {
	case schemas.TopicClicks, schemas.TopicScoredClicks:
		r.click = &events.Click{}
		err := r.click.UnmarshalVT(value)
		r.id = r.click.ClickId
		return r.click, err
	case schemas.TopicPostbacks:
		r.postback = &events.Postback{}
		return r.postback, r.postback.UnmarshalVT(value)
	case schemas.TopicConversions:
		r.conversion = &events.Conversion{}
		return r.conversion, r.conversion.UnmarshalVT(value)
	case schemas.TopicImpressions:
		r.impression = &events.Impression{}
		return r.impression, r.impression.UnmarshalVT(value)
	case schemas.TopicDeadLetters:
		r.letter = &events.DeadLetter{}
		return r.letter, r.letter.UnmarshalVT(value)
	}
	e := t.make()
	return e, e.UnmarshalVT(value)
}

// joining is the built-in stage that makes clicks and postbacks entries: what it fails at becomes nothing else.
const joining = "join"

// outcome returns a letter about a record that the joining stage failed at, or could not take, as one about the click or
// postback in it, which has come to its end there. A letter of any other stage says nothing of a click or a postback.
func outcome(l *events.DeadLetter) *events.DeadLetter {
	failed := l.Reason == string(schemas.RejectStageFailed) && l.Stage == joining
	// Earlier programs did not name the stage of what is no event, or lacks what it needs.
	refused := l.Reason == string(schemas.RejectUndecodable) && (l.Stage == joining || l.Stage == "")
	if l.Kind != events.DeadLetter_KIND_RECORD || !failed && !refused {
		return l
	}
	switch l.SourceTopic {
	case schemas.TopicClicks:
		var c events.Click
		if c.UnmarshalVT(l.Raw) == nil {
			l.Kind, l.ClickId = events.DeadLetter_KIND_CLICK, c.ClickId
		}
	case schemas.TopicPostbacks:
		var p events.Postback
		if p.UnmarshalVT(l.Raw) == nil {
			l.Kind, l.LetterId = events.DeadLetter_KIND_POSTBACK, p.ReceiptId
		}
	}
	return l
}
