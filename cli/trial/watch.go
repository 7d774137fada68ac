package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

// A sighting is that something was seen somewhere.
type sighting struct {
	step   step
	at     time.Time
	detail string
	// refused: it is a dead letter, and detail says why.
	refused bool
	receipt string
}

// watcher looks for what becomes of a click and its postbacks.
type watcher struct {
	o     *Options
	ends  kadm.ListedOffsets
	seen  chan sighting
	click string
}

var watched = []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicDeadLetters}

// newWatcher notes where the topics end now.
func newWatcher(ctx context.Context, o *Options, client *kgo.Client) (*watcher, error) {
	var names []string
	for _, t := range watched {
		names = append(names, o.TopicPrefix+t)
	}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(limited, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking Kafka where its topics end: %w", err)
	}
	return &watcher{o: o, ends: ends, seen: make(chan sighting, 64)}, nil
}

// kafka reads the partitions of the click's ID, from where they ended before it, until ctx is done.
func (w *watcher) kafka(ctx context.Context, client *kgo.Client) {
	partitions := map[string]map[int32]kgo.Offset{}
	for _, name := range watched {
		topic := w.o.TopicPrefix + name
		ends := w.ends[topic]
		p := int32(kgo.StickyKeyPartitioner(nil).ForTopic(topic).Partition(&kgo.Record{Topic: topic, Key: []byte(w.click)}, len(ends)))
		partitions[topic] = map[int32]kgo.Offset{p: kgo.NewOffset().At(ends[p].Offset)}
	}
	client.AddConsumePartitions(partitions)
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		at := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Key) == w.click {
				w.record(ctx, r, at)
			}
		})
	}
}

func (w *watcher) record(ctx context.Context, r *kgo.Record, at time.Time) {
	place := fmt.Sprintf("partition %d, offset %d", r.Partition, r.Offset)
	switch r.Topic[len(w.o.TopicPrefix):] {
	case schemas.TopicClicks:
		w.tell(ctx, sighting{step: stepClickRecord, at: at, detail: place})
	case schemas.TopicScoredClicks:
		c := &events.Click{}
		if c.UnmarshalVT(r.Value) == nil {
			w.tell(ctx, sighting{step: stepClickScored, at: at, detail: fmt.Sprintf("%s, score %d", place, c.Score)})
		}
	case schemas.TopicPostbacks:
		p := &events.Postback{}
		if p.UnmarshalVT(r.Value) == nil {
			w.tell(ctx, sighting{step: stepPostbackRecord, at: at, detail: place, receipt: p.ReceiptId})
		}
	case schemas.TopicConversions:
		c := &events.Conversion{}
		if c.UnmarshalVT(r.Value) == nil {
			w.tell(ctx, sighting{step: stepEntry, at: at, detail: fmt.Sprintf("%s, entry %d, %s, score %d", place, c.Seq, statusWord(c.Status), c.Score), receipt: c.ReceiptId})
		}
	case schemas.TopicDeadLetters:
		l := &events.DeadLetter{}
		if l.UnmarshalVT(r.Value) == nil {
			step := stepEntry
			if l.Kind == events.DeadLetter_KIND_CLICK {
				step = stepClickScored
			}
			w.tell(ctx, sighting{step: step, at: at, refused: true, detail: l.Reason + ": " + l.Detail, receipt: l.LetterId})
		}
	}
}

func (w *watcher) tell(ctx context.Context, s sighting) {
	select {
	case w.seen <- s:
	case <-ctx.Done():
	}
}

// pollEvery is the pause between two looks at ClickHouse, and so the precision of its steps.
const pollEvery = 20 * time.Millisecond

// clickHouse asks until what is asked for is there, then tells it and ends. ask answers an empty detail while it is not.
func (w *watcher) clickHouse(ctx context.Context, step step, receipt string, ask func(context.Context) (detail string, err error)) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		detail, err := ask(ctx)
		if err == nil && detail != "" {
			w.tell(ctx, sighting{step: step, at: time.Now(), detail: detail, receipt: receipt})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *watcher) clickRow(ctx context.Context) (string, error) {
	return w.ask(ctx, "SELECT concat(campaign, ', source ', source, ', cost ', toString(cost)) FROM %s.clicks WHERE click_id = ? LIMIT 1", w.click)
}

func (w *watcher) entryRow(receipt string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return w.ask(ctx, `SELECT concat(status, ', payout ', toString(payout_original), ' ', currency, ', conversions ', toString(conversions_delta), ', revenue ', toString(revenue_hold_delta + revenue_confirmed_delta))
			FROM %s.conversions WHERE receipt_id = ? AND click_id = ? LIMIT 1`, receipt, w.click)
	}
}

// view looks at what the conversion is now, as people query it.
func (w *watcher) view(receipt string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return w.ask(ctx, `SELECT concat(status, ', revenue ', toString(revenue_hold + revenue_confirmed)) FROM %[1]s.conversions_current
			WHERE conversion_id = (SELECT any(conversion_id) FROM %[1]s.conversions WHERE receipt_id = ? AND click_id = ?)`, receipt, w.click)
	}
}

var errNone = errors.New("no row")

func (w *watcher) ask(ctx context.Context, statement string, arguments ...any) (detail string, err error) {
	rows, err := w.o.ClickHouse.Query(ctx, fmt.Sprintf(statement, w.o.Database), slices.Clone(arguments)...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", errors.Join(errNone, rows.Err())
	}
	return detail, rows.Scan(&detail)
}
