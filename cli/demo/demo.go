package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/cli/loadgen"
	"tributary/report"
)

// Options say where the system is and how much to send.
type Options struct {
	Terminal
	// Edge is host:port of the edge, as a person would type it. SQL is the beginning of a command line that asks
	// ClickHouse what its last argument says.
	Edge, SQL string
	// Console is the address of the console that signs its reader in; empty for none.
	Console string
	// ClickHouse is an open connection; the caller closes it.
	ClickHouse driver.Conn
	Database   string
	// Scenario's catalog and key must be the edge's.
	Scenario *loadgen.Scenario
	// Window and Grace are the processor's.
	Window, Grace time.Duration
	Seed          uint64
	// For ends the demo by itself after this time; 0 goes on until ctx is done.
	For time.Duration
	// Rate is requests a second at first, for Burst; Trickle afterwards.
	Rate, Trickle float64
	Burst         time.Duration
	// Settle is how long ClickHouse may take at the end to have everything; 60 s when 0.
	Settle time.Duration
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// Defaults of Options. Four of seven requests are clicks; nearly all others are impressions.
const (
	DefaultRate    = 2600
	DefaultTrickle = 35
	DefaultBurst   = 20 * time.Second
)

const (
	liveEvery  = time.Second
	printEvery = 5 * time.Second
	restEvery  = 30 * time.Second
	// queryLimit bounds one look at ClickHouse.
	queryLimit = 20 * time.Second
	// spanPerThousand is the event time of a thousand clicks: 30,000 of them make a working day.
	spanPerThousand = 12 * time.Minute
)

type run struct {
	Options
	screen screen
	truth  *loadgen.Truth
	driver *loadgen.Driver
	began  time.Time
	// sample is a click that a visitor can send a postback for.
	sample atomic.Pointer[loadgen.Click]
	engine *report.Engine
}

// Run sends traffic and shows figures until ctx is done or For is over. Then it stops the traffic, waits until ClickHouse has
// what was acknowledged, and prints the totals. The error says what is missing, or why it could not go on.
func Run(ctx context.Context, o Options) error {
	o.Rate, o.Trickle, o.Burst, o.Settle = or(o.Rate, DefaultRate), or(o.Trickle, DefaultTrickle), or(o.Burst, DefaultBurst), or(o.Settle, time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &run{Options: o, screen: screen{Terminal: o.Terminal}, began: o.Now(),
		engine: report.New(report.Config{Conn: o.ClickHouse, Database: o.Database, CacheBytes: -1})}
	options := loadgen.DefaultOptions()
	options.Seed, options.Clicks, options.Span, options.End, options.Rate = o.Seed, 0, spanPerThousand, r.began.Add(-6*time.Hour), int(o.Rate)
	options.Impressions, options.Presses = 1, 1
	options.WindowMS = o.Window.Milliseconds()
	generator, err := loadgen.NewGenerator(o.Scenario, options)
	if err != nil {
		return fmt.Errorf("making the traffic: %w", err)
	}
	r.truth = loadgen.NewTruth(o.Scenario, options.WindowMS)
	r.driver = loadgen.NewDriver(loadgen.DriverOptions{Address: o.Edge, Rate: o.Rate, Connections: 32}, r.truth)
	r.driver.Watch = func(c *loadgen.Click, p *loadgen.Postback) {
		if p == nil && !c.Foreign && !c.Link {
			r.sample.Store(c)
		}
	}
	showing := ctx
	if o.For > 0 {
		var cancel context.CancelFunc
		showing, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	sent := make(chan error, 1)
	go func() { sent <- r.driver.Run(showing, generator) }()
	showErr := r.show(showing)
	return errors.Join(showErr, <-sent, r.settle(context.WithoutCancel(ctx)))
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// show draws until ctx is done. ClickHouse not answering now and then is no reason to end.
func (r *run) show(ctx context.Context) error {
	ticker := time.NewTicker(liveEvery)
	defer ticker.Stop()
	var lastPrinted time.Time
	told := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		since := r.Now().Sub(r.began)
		resting := since >= r.Burst
		if resting {
			r.driver.SetRate(r.Trickle)
		}
		every := liveEvery
		if !r.Live {
			if every = printEvery; resting && told {
				every = restEvery
			}
			if lastPrinted.IsZero() {
				every = 2 * time.Second
			}
		}
		if since < every || r.Now().Sub(lastPrinted) < every-liveEvery/2 {
			continue
		}
		looking, cancel := context.WithTimeout(ctx, queryLimit)
		f, err := r.read(looking)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		status := r.status(since)
		if err != nil {
			f, status = &figures{}, status+" no answer: "+err.Error()
		}
		var below []string
		if resting && (r.Live || !told) {
			below = r.addresses()
			told = true
		}
		lastPrinted = r.Now()
		if err := r.screen.draw(r.screen.picture(f, r.Scenario.BaseCurrency, status, below)); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
}

func (r *run) status(since time.Duration) string {
	s := &r.driver.Stats
	clicks, postbacks := r.truth.Accepted()
	return fmt.Sprintf("%s · sent to http://%s and acknowledged: %d impressions, %d clicks, %d postbacks (%.0f requests/s, p99 %s)\nIn ClickHouse:",
		since.Round(time.Second), r.Edge, r.truth.Total().Impressions, clicks, postbacks, s.PerSecond(), s.Quantile(.99).Round(100*time.Microsecond))
}

// addresses are commands to try, each complete.
func (r *run) addresses() []string {
	campaign, source := r.Scenario.Campaigns[0].Name, r.Scenario.Sources[0].Name
	lines := []string{
		"",
		fmt.Sprintf("The traffic goes on at %.0f requests/s. Try, in another terminal:", r.Trickle),
		fmt.Sprintf("  a click     curl -si 'http://%s/c/%s?source=%s&sub1=hello' | grep -iE '^(location|x-click-id)'", r.Edge, campaign, source),
	}
	if r.Console != "" {
		lines = append(lines, "  the console "+r.Console+"   (signs you in as the owner of the demo's data)")
	}
	if c := r.sample.Load(); c != nil {
		query := url.Values{"network": {c.Offer.Network}, "click_id": {c.ID}, "event": {"sale"}, "status": {"approved"}, "payout": {"12.50"}, "currency": {"USD"}, "txid": {"mine-1"}}
		lines = append(lines, fmt.Sprintf("  a postback  curl -s 'http://%s/postback?%s'", r.Edge, query.Encode()))
	}
	if r.SQL != "" {
		lines = append(lines,
			fmt.Sprintf("  figures     %s 'SELECT * FROM epc_roi_by_source ORDER BY clicks DESC'", r.SQL),
			fmt.Sprintf("  buyers      %s "+
				"'SELECT buyer, clicks, conversions, cost, revenue, roi FROM epc_roi_by_buyer'", r.SQL),
			fmt.Sprintf("  events      %s "+
				"'SELECT offer, event, conversions, cr, cpa FROM events_by_offer ORDER BY offer, event'", r.SQL),
			fmt.Sprintf("  refusals    %s 'SELECT reason, count() FROM rejected_postbacks GROUP BY reason'", r.SQL))
	}
	return append(lines, "Ctrl-C stops; the next start goes on with the same data.")
}

// settle waits until ClickHouse has everything that was acknowledged.
func (r *run) settle(ctx context.Context) error {
	clicks, postbacks := r.truth.Accepted()
	total := r.truth.Total()
	fmt.Fprintf(r.Out, "\nStopped the traffic: %d impressions, %d clicks, %d landing clicks and %d postbacks were acknowledged. Waiting until ClickHouse has them all …\n",
		total.Impressions, clicks, total.LandingClicks, postbacks)
	deadline := r.Now().Add(r.Settle)
	atLeast := 0
	for {
		limited, cancel := context.WithTimeout(ctx, queryLimit)
		differences, err := r.truth.Compare(limited, r.ClickHouse, loadgen.Tables{Database: r.Database, Since: r.began})
		cancel()
		missing := lost(differences)
		switch {
		case err != nil:
		case len(differences) == 0:
			return r.tell("to the last micro of cost and revenue")
		case len(missing) == 0:
			// More than was sent: somebody else's requests. Nothing more of ours is to come after a few looks.
			if atLeast++; atLeast >= 6 {
				return r.tell("and beside it what others sent meanwhile")
			}
		}
		if r.Now().After(deadline) {
			if err != nil {
				return fmt.Errorf("asking ClickHouse for the totals: %w", err)
			}
			return fmt.Errorf("after %s ClickHouse still lacks:\n  %s", r.Settle, strings.Join(missing, "\n  "))
		}
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// lost are the differences that say that something acknowledged is not there.
func lost(differences []loadgen.Difference) []string {
	var out []string
	for _, d := range differences {
		counted := d.What == "clicks" || d.What == "ledger_entries" || d.What == "impressions" || d.What == "landing_clicks" || strings.HasPrefix(d.What, "dead letters")
		if counted && d.Campaign == "" && d.Got < d.Want {
			out = append(out, d.String())
		}
	}
	return out
}

func (r *run) tell(how string) error {
	total := r.truth.Total()
	letters := int64(0)
	for _, n := range r.truth.Rejects() {
		letters += n
	}
	_, err := fmt.Fprintf(r.Out, "ClickHouse has every one of them, %s: %d impressions, %d clicks and %d landing clicks counted, %d ledger entries, %d refused or repeated requests kept as dead letters.\n",
		how, total.Impressions, total.Clicks, total.LandingClicks, total.Entries, letters)
	return err
}
