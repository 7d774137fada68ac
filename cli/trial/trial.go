package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
	"tributary/cli/misuse"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// ErrStuck is matched when a step did not come in time; ErrRefused when the edge or the processor refused the postback.
var (
	ErrStuck   = errors.New("the postback did not arrive")
	ErrRefused = errors.New("the postback was refused")
)

// Options say what to try.
type Options struct {
	// Edge is the edge's address.
	Edge   string
	Client *http.Client
	// Kafka has seed brokers, TLS and SASL; TopicPrefix stands before every topic's name.
	Kafka       []kgo.Opt
	TopicPrefix string
	ClickHouse  driver.Conn
	Database    string
	// Config and Catalog are the edge's.
	Config  catalog.Config
	Catalog *catalog.Catalog

	// Network is whose postback is tried; Campaign whose click is made.
	Network, Campaign string
	// ClickID is one to use in place of a new click's.
	ClickID string
	// Payout, Currency, Event and Status are what the postback names; empty leaves one out.
	Payout, Currency, Event, Status string
	// Keep leaves the conversion as it is, money included.
	Keep bool
	// Timeout is how long a step may take.
	Timeout time.Duration
	// Ready are addresses of /readyz, by name; Token is that of ops.
	Ready []Ready

	JSON bool
	Out  io.Writer
}

// Ready is where a role says whether it works.
type Ready struct{ Name, URL, Token string }

// step is one thing that happens to a postback.
type step int

const (
	stepClick step = iota
	stepClickRecord
	stepClickScored
	stepClickRow
	stepPostback
	stepPostbackRecord
	stepEntry
	stepEntryRow
	stepView
	stepReceipt
	stepRejected
	stepRejectedRow
	steps
)

// stepNames are what a person reads; lookAt is where the cause of a step that does not come is found.
var (
	stepNames = [steps]string{
		"click acknowledged", "click in Kafka (clicks)", "click scored (scored.clicks)", "click in ClickHouse (clicks)",
		"postback acknowledged", "postback in Kafka (postbacks)", "ledger entry (scored.conversions)", "entry in ClickHouse (conversions)",
		"seen in the view conversions_current", "its receipt tells the network", "taken back: acknowledged", "taken back: in ClickHouse",
	}
	lookAt = [steps]string{
		stepClick:          "the edge: is it running, and at this address (--edge)?",
		stepClickRecord:    "the edge's spool: it keeps what it acknowledged while Kafka is slow or away; /readyz of the edge says so",
		stepClickScored:    "the processor: is it running, and how far behind (its /readyz, and tributary_processor_… on /metrics)?",
		stepClickRow:       "the sink and ClickHouse: /readyz of the sink, tributary_sink_lag_records, tributary_sink_freshness_seconds",
		stepPostback:       "the edge: is it running, and at this address (--edge)?",
		stepPostbackRecord: "the edge's spool: it keeps what it acknowledged while Kafka is slow or away; /readyz of the edge says so",
		stepEntry:          "the processor: is it running? A postback whose click it does not know waits up to processor.grace",
		stepEntryRow:       "the sink and ClickHouse: /readyz of the sink, tributary_sink_lag_records",
		stepView:           "ClickHouse: the row is there and the view does not show it; `tributary migrate`, then `tributary verify`",
		stepReceipt:        "the edge's look-up of receipts (ingest.receipts)",
		stepRejected:       "the edge",
		stepRejectedRow:    "the processor and the sink",
	}
)

// run is one trial.
type run struct {
	o      *Options
	sender *sender
	table  *timeline
	watch  *watcher
	ends   sync.WaitGroup
}

// Run tries one postback and prints its timeline. The error says what did not come, or why it was refused.
func Run(ctx context.Context, o Options) error {
	if o.Timeout < time.Second || o.Timeout > time.Hour {
		return misuse.Errorf("--timeout %s is out of range; right would be 1s to 1h", o.Timeout)
	}
	if o.ClickID == "" && o.Catalog.Campaign([]byte(o.Campaign)) == nil {
		return misuse.Errorf("there is no campaign %q to make a click of; right would be --campaign with one of the catalog, or --click-id", o.Campaign)
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: o.Timeout}
	}
	// Where a click leads is the visitor's business.
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	s, err := newSender(&o)
	if err != nil {
		return err
	}
	kafka, err := kgo.NewClient(append(slices.Clone(o.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	defer kafka.Close()
	watch, err := newWatcher(ctx, &o, kafka)
	if err != nil {
		return err
	}
	r := &run{o: &o, sender: s, watch: watch, table: newTimeline(&o)}
	watching, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		r.ends.Wait()
	}()
	err = r.follow(ctx, watching, kafka)
	return r.table.finish(ctx, err)
}

// follow sends the requests and waits for what becomes of them.
func (r *run) follow(ctx, watching context.Context, kafka *kgo.Client) error {
	clickID, err := r.click(ctx)
	if err != nil {
		return err
	}
	r.watch.click = clickID
	r.ends.Go(func() { r.watch.kafka(watching, kafka) })
	if r.o.ClickID == "" {
		r.ends.Go(func() { r.watch.clickHouse(watching, stepClickRow, "", r.watch.clickRow) })
		if err := r.await(ctx, "", stepClickRecord, stepClickScored); err != nil {
			return err
		}
	}
	receipt, err := r.postback(ctx, watching, clickID, stepPostback, false)
	if err != nil {
		return err
	}
	wanted := []step{stepPostbackRecord, stepEntry, stepEntryRow, stepView}
	if r.o.ClickID == "" {
		wanted = append(wanted, stepClickRow)
	}
	if err = r.await(ctx, receipt, wanted...); err == nil {
		r.askEdge(ctx, receipt)
	}
	if r.o.Keep || errors.Is(err, ErrRefused) {
		return err
	}
	// Also after an interrupt: nobody wants the money of a test in his figures.
	taking, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Timeout)
	defer cancel()
	again, back := r.postback(taking, watching, clickID, stepRejected, true)
	if back == nil && err == nil {
		back = r.await(ctx, again, stepRejectedRow)
	}
	if back != nil {
		r.table.left = true
	}
	return errors.Join(err, back)
}

// click makes a click, or takes the one that was given.
func (r *run) click(ctx context.Context) (string, error) {
	if text := r.o.ClickID; text != "" {
		if parsed, err := id.ParseClick(text); err == nil {
			text = parsed.String()
		}
		r.table.clickID = text
		return text, nil
	}
	link := r.o.Edge + "/c/" + url.PathEscape(r.o.Campaign) + "?source=" + Source + "&cost=0&sub1=" + Source
	a, err := r.o.get(ctx, link)
	if err != nil {
		r.table.stuck = stepClick
		return "", err
	}
	if a.clickID == "" {
		return "", fmt.Errorf("%w: the edge made no click of %s: %s", ErrRefused, link, a.problem)
	}
	r.table.began, r.table.clickID = a.at, a.clickID
	r.table.add(stepClick, a.at.Add(a.took), a.at, "click ID "+a.clickID)
	return a.clickID, nil
}

// postback sends the network's postback and starts looking for its row. It answers the receipt, empty where the dialect's
// answer names none.
func (r *run) postback(ctx, watching context.Context, clickID string, as step, rejected bool) (string, error) {
	address, err := r.sender.url(clickID, rejected)
	if err != nil {
		return "", err
	}
	a, err := r.o.get(ctx, address)
	if err != nil {
		r.table.stuck = as
		return "", err
	}
	if r.table.began.IsZero() {
		r.table.began = a.at
	}
	r.table.sent = a.at
	if a.problem != "" {
		return "", fmt.Errorf("%w by the edge (%d): %s", ErrRefused, a.status, a.problem)
	}
	receipt := a.receipt
	if receipt == "" { // the dialect's own answer: the record tells
		deadline := time.NewTimer(r.o.Timeout)
		defer deadline.Stop()
		for receipt == "" {
			select {
			case s := <-r.watch.seen:
				if s.refused && s.step == stepEntry {
					return "", fmt.Errorf("%w: %s", ErrRefused, s.detail)
				}
				if s.step == stepPostbackRecord {
					receipt = s.receipt
				}
				r.table.see(s)
			case <-deadline.C:
				r.table.stuck = stepPostbackRecord
				return "", fmt.Errorf("%w: %s was not seen within %s", ErrStuck, stepNames[stepPostbackRecord], r.o.Timeout)
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	r.table.add(as, a.at.Add(a.took), a.at, "receipt "+receipt)
	if rejected {
		r.ends.Go(func() { r.watch.clickHouse(watching, stepRejectedRow, receipt, r.watch.entryRow(receipt)) })
		return receipt, nil
	}
	r.table.receipt = receipt
	r.ends.Go(func() {
		r.watch.clickHouse(watching, stepEntryRow, receipt, r.watch.entryRow(receipt))
		// The view reads the whole ledger: it is asked only for what is there.
		r.watch.clickHouse(watching, stepView, receipt, r.watch.view(receipt))
	})
	return receipt, nil
}

// await waits until every step was seen. receipt tells the postback's own sightings from others of the click.
func (r *run) await(ctx context.Context, receipt string, wanted ...step) error {
	deadline := time.NewTimer(r.o.Timeout)
	defer deadline.Stop()
	for {
		missing := slices.IndexFunc(wanted, func(s step) bool { return !r.table.has(s) })
		if missing < 0 {
			return nil
		}
		select {
		case s := <-r.watch.seen:
			if s.receipt != "" && receipt != "" && s.receipt != receipt {
				continue
			}
			if s.refused && slices.Contains(wanted, s.step) {
				return fmt.Errorf("%w by the processor: %s", ErrRefused, s.detail)
			}
			r.table.see(s)
		case <-deadline.C:
			r.table.stuck = wanted[missing]
			return fmt.Errorf("%w: %s was not seen within %s", ErrStuck, stepNames[wanted[missing]], r.o.Timeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func statusWord(s events.Status) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "STATUS_"))
}
