// Command loadgen sends realistic clicks and postbacks to a Tributary edge, and can say what every table must add up to.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"tributary/cli/loadgen"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "loadgen",
		Short: "Realistic clicks and postbacks for a Tributary edge, with the truth about them",
		Long: `Sends clicks and postbacks through the edge's HTTP interface: weighted real user agents, Zipf
campaigns and sources, log-normal delays from click to conversion, several currencies, re-sent,
early, late, malformed and orphaned postbacks, and one fraudulent source. The same seed makes the
same traffic.

The edge must have the generator's catalog: write it with "loadgen catalog" into its configuration.`,
		Example: `  loadgen catalog > catalog.yaml && tributary up --config catalog.yaml
  loadgen run --clicks 200000 --postbacks 10000 --truth truth.json
  loadgen run --clicks 50000 --postbacks 2500 --rate 2000 --clickhouse 127.0.0.1:8123`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newCatalog(), newRun())
	return root
}

func newCatalog() *cobra.Command {
	return &cobra.Command{
		Use: "catalog", Short: "Print the catalog section that the edge's configuration needs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), loadgen.FunnelScenario(time.Now()).CatalogYAML())
			return err
		},
	}
}

type flags struct {
	options        loadgen.Options
	driver         loadgen.DriverOptions
	window         time.Duration
	truthFile      string
	clickhouse     string
	database       string
	user, password string
	settle         time.Duration
	quiet          bool
}

func newRun() *cobra.Command {
	f := flags{options: loadgen.DefaultOptions()}
	cmd := &cobra.Command{
		Use: "run", Short: "Send clicks and postbacks", Args: cobra.NoArgs,
		Long: `Sends the traffic and prints what was acknowledged. With --clickhouse it then waits until the tables
stop growing and holds every total against the truth, to the last decimal of money: exit code 1 and
one line for each difference.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &f) },
	}
	p := cmd.Flags()
	o := &f.options
	p.StringVar(&f.driver.Address, "edge", "127.0.0.1:8080", "`HOST:PORT` of the edge")
	p.Uint64Var(&o.Seed, "seed", o.Seed, "the traffic's seed")
	p.StringVar(&o.Salt, "salt", "", "makes this run's transaction IDs its own; random when empty")
	p.IntVar(&o.Clicks, "clicks", 20_000, "clicks to send; 0 goes on until interrupted")
	p.IntVar(&o.Postbacks, "postbacks", 1_000, "postback requests to send in all; 0 as many as the offers' rates make")
	p.DurationVar(&o.Span, "span", o.Span, "event time that the clicks are spread over")
	p.Float64Var(&f.driver.Rate, "rate", 0, "requests a second at most; 0 as fast as the edge answers")
	p.IntVar(&f.driver.Connections, "connections", 64, "requests at the same time")
	p.DurationVar(&f.driver.Timeout, "timeout", 10*time.Second, "longest time for one request")
	p.DurationVar(&f.driver.RetryFor, "retry-for", 2*time.Minute, "how long a request without an answer, or answered 503, is repeated")
	p.Float64Var(&o.Duplicates, "duplicates", o.Duplicates, "part of the postbacks that are re-sent ones")
	p.Float64Var(&o.Early, "early", o.Early, "part of the postbacks that are sent before their click")
	p.Float64Var(&o.Malformed, "malformed", o.Malformed, "part of the postbacks that the edge must refuse")
	p.Float64Var(&o.Orphans, "orphans", o.Orphans, "part of the postbacks whose foreign click ID no click has")
	p.Float64Var(&o.Links, "links", o.Links, "part of the clicks that come through the campaign's link")
	p.Float64Var(&o.Impressions, "impressions", o.Impressions, "part of the ads' showings that are sent, each before a click: 1 adds about 7 requests to 10 clicks")
	p.Float64Var(&o.Presses, "presses", o.Presses, "part of the presses of landing pages' buttons that are sent; above 0, half of such a campaign's clicks come through its link")
	p.DurationVar(&f.window, "window", 30*24*time.Hour, "the system's lookback window (processor.window)")
	p.StringVar(&f.truthFile, "truth", "", "write the truth as JSON to `FILE` (- for standard output)")
	p.StringVar(&f.clickhouse, "clickhouse", "", "compare with ClickHouse's HTTP interface at `HOST:PORT` afterwards")
	p.StringVar(&f.database, "database", "tributary", "ClickHouse database")
	p.StringVar(&f.user, "user", "default", "ClickHouse user")
	p.StringVar(&f.password, "password", "", "ClickHouse password")
	p.DurationVar(&f.settle, "settle", 2*time.Minute, "how long the tables may take to become equal to the truth")
	p.BoolVar(&f.quiet, "quiet", false, "print no progress")
	return cmd
}

func run(ctx context.Context, f *flags) error {
	began := time.Now()
	f.options.End = began
	f.options.WindowMS = f.window.Milliseconds()
	if f.driver.Rate > 0 {
		f.options.Rate = int(f.driver.Rate)
	}
	scenario := loadgen.FunnelScenario(began)
	generator, err := loadgen.NewGenerator(scenario, f.options)
	if err != nil {
		return err
	}
	truth := loadgen.NewTruth(scenario, f.options.WindowMS)
	driver := loadgen.NewDriver(f.driver, truth)
	stopProgress := func() {}
	if !f.quiet {
		stopProgress = progress(driver, generator.Total())
	}
	sendErr := driver.Run(ctx, generator)
	stopProgress()
	clicks, postbacks := truth.Accepted()
	s := &driver.Stats
	total := truth.Total()
	fmt.Fprintf(os.Stderr, "acknowledged %d clicks, %d postbacks, %d impressions and %d landing clicks in %s: %.0f requests/s, p50 %s, p99 %s; %d retried, %d given up\n",
		clicks, postbacks, total.Impressions, total.LandingClicks, s.Elapsed().Round(time.Millisecond), s.PerSecond(), s.Quantile(.5).Round(time.Microsecond), s.Quantile(.99).Round(time.Microsecond), s.Retried.Load(), s.GaveUp.Load())
	if f.truthFile != "" {
		text, err := json.MarshalIndent(truth, "", "  ")
		if err != nil {
			return fmt.Errorf("writing the truth: %w", err)
		}
		if text = append(text, '\n'); f.truthFile == "-" {
			_, err = os.Stdout.Write(text)
		} else {
			err = os.WriteFile(f.truthFile, text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing the truth: %w", err)
		}
	}
	if f.clickhouse == "" {
		return sendErr
	}
	return errors.Join(sendErr, compare(context.WithoutCancel(ctx), f, truth, began))
}

// compare waits until nothing differs, or settle is over.
func compare(ctx context.Context, f *flags, truth *loadgen.Truth, since time.Time) error {
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{f.clickhouse}, Protocol: clickhouse.HTTP,
		Auth: clickhouse.Auth{Database: f.database, Username: f.user, Password: f.password}})
	if err != nil {
		return fmt.Errorf("opening ClickHouse at %s: %w", f.clickhouse, err)
	}
	defer conn.Close()
	deadline := time.Now().Add(f.settle)
	for {
		differences, err := truth.Compare(ctx, conn, loadgen.Tables{Database: f.database, Since: since.Add(-time.Second)})
		if err != nil {
			return fmt.Errorf("comparing with ClickHouse at %s: %w", f.clickhouse, err)
		}
		if len(differences) == 0 {
			fmt.Fprintln(os.Stderr, "every total in ClickHouse equals the truth")
			return nil
		}
		if time.Now().After(deadline) {
			for _, d := range differences {
				fmt.Fprintln(os.Stderr, "  "+d.String())
			}
			return fmt.Errorf("%d totals in ClickHouse differ from the truth after %s", len(differences), f.settle)
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// progress prints done, total, rate and time left each second, on one line of a terminal.
func progress(d *loadgen.Driver, total int) (stop func()) {
	end, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		last := int64(0)
		for {
			select {
			case <-end:
				fmt.Fprintln(os.Stderr)
				return
			case <-ticker.C:
			}
			done := d.Stats.Answers()
			line := fmt.Sprintf("%d requests, %d/s", done, done-last)
			if total > 0 {
				left := time.Duration(0)
				if done > 0 {
					left = time.Duration(float64(d.Stats.Elapsed()) * float64(total-int(done)) / float64(done))
				}
				line = fmt.Sprintf("%d of %d requests, %d/s, %s left", done, total, done-last, max(0, left).Round(time.Second))
			}
			last = done
			fmt.Fprintf(os.Stderr, "\r%-72s", line)
		}
	}()
	return func() { close(end); <-over }
}
