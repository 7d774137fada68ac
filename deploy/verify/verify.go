package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	kafkago "github.com/segmentio/kafka-go"

	"tributary/schemas"
)

// Options say what to audit.
type Options struct {
	// Brokers are host:port; one that answers is enough.
	Brokers []string
	// Transport has TLS and SASL; nil for neither.
	Transport *kafkago.Transport
	// TopicPrefix stands before every topic's name.
	TopicPrefix string
	// ProcessorGroup and SinkGroup are the consumer groups whose work must be done before figures can be compared; an empty
	// one is not asked.
	ProcessorGroup, SinkGroup string
	// ClickHouse is an open connection; the caller closes it. Database is "tributary" when empty.
	ClickHouse driver.Conn
	Database   string
	// Grace is processor.grace: a postback without an outcome is waiting, not lost, for this long.
	Grace time.Duration
	// Wait is how long the pipeline may take to finish what it has; 30 s when 0.
	Wait time.Duration
	// Progress is called now and then with what is being read; nil for silence.
	Progress func(Progress)
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// Progress is how far the audit is.
type Progress struct {
	// What is being read: a topic or a table.
	What string
	// Done and Total are records; Total is 0 where it is unknown.
	Done, Total int64
}

// A Difference is one thing that does not add up.
type Difference struct {
	// Where names the topic, partition and table.
	Where string `json:"where"`
	// What says what differs and by how much.
	What string `json:"what"`
	// IDs are the first offending ones.
	IDs []string `json:"ids,omitempty"`
}

func (d Difference) String() string {
	text := d.Where + ": " + d.What
	if len(d.IDs) > 0 {
		text += "; first: " + strings.Join(d.IDs, ", ")
	}
	return text
}

const (
	// shownIDs is how many offending IDs a difference names.
	shownIDs = 3
	// settlePoll is the pause between two looks at a pipeline that still works.
	settlePoll = 250 * time.Millisecond
)

type auditor struct {
	options Options
	log     *log
	now     func() time.Time
	report  *Report
	topics  map[string]*topic
}

// Run audits and answers the report: an error only when the audit could not be done. Differences are in the report.
func Run(ctx context.Context, options Options) (*Report, error) {
	if len(options.Brokers) == 0 {
		return nil, errors.New("verify: no Kafka broker is named")
	}
	if options.Database == "" {
		options.Database = "tributary"
	}
	if options.Wait == 0 {
		options.Wait = 30 * time.Second
	}
	if options.Progress == nil {
		options.Progress = func(Progress) {}
	}
	a := &auditor{options: options, now: options.Now, report: &Report{}, topics: map[string]*topic{}}
	if a.now == nil {
		a.now = time.Now
	}
	began := time.Now()
	a.log = newLog(options)
	defer a.log.close()
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	if err := a.readTopics(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{a.compareOutcomes, a.compareTables, a.checkLedger, a.compareRollups} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	a.report.Took = time.Since(began)
	return a.report, nil
}

func (a *auditor) differ(where, what string, ids ...string) {
	if len(ids) > shownIDs {
		ids = ids[:shownIDs]
	}
	a.report.Differences = append(a.report.Differences, Difference{Where: where, What: what, IDs: ids})
}

// audited are the topics that are read, the edge's first.
var audited = []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters}

// settle waits until the groups have nothing left to do and no topic grows, then fixes the range of every partition.
func (a *auditor) settle(ctx context.Context) error {
	deadline := a.now().Add(a.options.Wait)
	var last map[string][]extent
	for {
		extents, err := a.log.extents(ctx, append([]string{schemas.TopicClaims}, audited...))
		if err != nil {
			return err
		}
		left, err := a.backlog(ctx, extents)
		if err != nil {
			return err
		}
		quiet := len(left) == 0 && equalExtents(last, extents)
		if quiet || a.now().After(deadline) {
			for _, name := range audited {
				a.topics[name] = newTopic(name, extents[name])
			}
			for _, l := range left {
				a.differ(l.where, fmt.Sprintf("not quiet after %s: group %s has at least one record to do from offset %d on; figures below may only be late", a.options.Wait, l.group, l.offset))
			}
			if !quiet && len(left) == 0 {
				a.differ("all topics", fmt.Sprintf("not quiet after %s: records still come in; stop the traffic, or wait longer", a.options.Wait))
			}
			return nil
		}
		last = extents
		a.options.Progress(Progress{What: "waiting for the pipeline to finish what it has"})
		timer := time.NewTimer(settlePoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

type behind struct {
	where, group string
	offset       int64
}

// backlog answers the partitions in which a group has a record before it. An offset below the end is not enough: the last
// offsets of a transactional topic are markers that no consumer sees.
func (a *auditor) backlog(ctx context.Context, extents map[string][]extent) ([]behind, error) {
	var out []behind
	for _, g := range []struct {
		id     string
		topics []string
	}{
		{a.options.ProcessorGroup, []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims}},
		{a.options.SinkGroup, []string{schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters}},
	} {
		if g.id == "" {
			continue
		}
		committed, err := a.log.committed(ctx, g.id, g.topics, extents)
		if err != nil {
			return nil, err
		}
		for _, name := range g.topics {
			for partition, e := range extents[name] {
				from := max(committed[name][partition], e.start)
				found := errFound
				err := a.log.scan(ctx, name, partition, from, e.end, func(int64, []byte) error { return found })
				if errors.Is(err, errFound) {
					out = append(out, behind{fmt.Sprintf("topic %s, partition %d", name, partition), g.id, from})
				} else if err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

var errFound = errors.New("found")
