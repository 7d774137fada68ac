package verify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	kafkago "github.com/segmentio/kafka-go"

	"tributary/deploy/meaning"
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
	// Tables are what stages declare, beside those of schemas.Tables.
	Tables []schemas.Table
	// Meaning is what the configuration says of the stored data; Kept what data_dir says of them, nil for nothing.
	Meaning meaning.Meaning
	Kept    *meaning.Kept
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
)

type auditor struct {
	options Options
	scope   *scope
	log     *log
	now     func() time.Time
	report  *Report
	topics  map[string]*topic
	refused refusedRows
	// live: requests come in while the audit runs.
	live bool
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
	a := &auditor{scope: newScope(slices.Concat(schemas.Tables(), options.Tables)), options: options, now: options.Now, report: &Report{}, topics: map[string]*topic{}}
	if a.now == nil {
		a.now = time.Now
	}
	began := time.Now()
	a.log = newLog(options)
	defer a.log.close()
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	if err := a.readRefused(ctx); err != nil {
		return nil, err
	}
	if err := a.readTopics(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{a.compareOutcomes, a.compareTables, a.checkLedger, a.checkMeaning, a.compareSums, a.compareViews} {
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

var errFound = errors.New("found")
