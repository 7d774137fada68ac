package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tributary/cli/figures"
	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/process"
	"tributary/report"
)

const reportLong = `Answers a question about clicks, conversions and money, to the last micro.

  --by        what figures are told apart by: any dimension of a click (campaign, source, zone,
              keyword, sub1 …) and times of --tz: quarter, hour, day, week, month, weekday,
              hour_of_day
  --where     country=DE   source!=pushads   'country in (DE, AT)'   'keyword like %shoes%'
  --period    today, yesterday, last7days, last24hours, this-week, last-week, this-month,
              last-month, this-year, all, a day, a month, 2026-11-01..2026-11-30,
              2026-11-05T06:30..2026-11-05T12:00
  --tz        whose days: any IANA zone, as its clocks go: days of 23 and 25 hours, zones at :45
  --basis     click: booked on the click's time; received: when it was accepted, so that a closed
              month stays closed
  --known     only what had been accepted until then
  --compare   previous, week, month, last-year, or a period: with the difference and its share
  --having    'clicks>50'   'profit<=-10.5'   'roi>20%'
  --sort      names between commas, a minus for the largest first: -profit,country

The totals are of all groups, whatever --having and --limit leave out.
` + "`tributary report --names`" + ` lists every dimension and figure with its meaning. More: docs/reports.md.

Exit code 0: answered. 1: not, and why. 2: the question makes no sense, and what would.`

type reportFlags struct {
	by, metrics, period, zone, basis, known, compare, sort, format string
	where, having                                                  []string
	limit, offset                                                  int
	names                                                          bool
}

func newReport(env *environment) *cobra.Command {
	var f reportFlags
	command := &cobra.Command{
		Use:   "report",
		Short: "Answer a question about clicks, conversions and money",
		Long:  reportLong,
		Example: `  tributary report --by campaign
  tributary report --by source,zone --where campaign=summer --period yesterday --tz Europe/Berlin \
    --compare previous --sort -profit --having 'clicks>50'
  tributary report --by day --period last-month --basis received --format csv > month.csv`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.names {
				return figures.Known(env.stdout)
			}
			if !slices.Contains(figures.Formats, f.format) {
				return misuse.Errorf("there is no --format %q%s; there are %s", f.format, misuse.Near(f.format, figures.Formats),
					strings.Join(figures.Formats, ", "))
			}
			q, err := f.question(time.Now())
			if err != nil {
				return asMisuse(err)
			}
			// What is wrong with the question is said without ClickHouse.
			if _, err := report.Preview(q); err != nil {
				return asMisuse(err)
			}
			from := env.sources()
			from.Sections = []string{}
			loaded, err := config.Load(from)
			if err != nil {
				return asUsage(err)
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			return asMisuse(env.report(ctx, &loaded.Config, q, f.format))
		},
	}
	flags := command.Flags()
	flags.StringVarP(&f.by, "by", "b", "", "`DIMENSIONS` between commas")
	flags.StringVarP(&f.metrics, "metrics", "m", "", "`FIGURES` between commas; default: "+strings.Join(report.DefaultMetrics, ","))
	flags.StringArrayVarP(&f.where, "where", "w", nil, "only rows of which this holds, a `FILTER` of a dimension; may be repeated")
	flags.StringArrayVar(&f.having, "having", nil, "only groups of which this holds, a `BOUND` of a figure; may be repeated")
	flags.StringVarP(&f.period, "period", "p", "today", "`PERIOD`")
	flags.StringVar(&f.zone, "tz", "UTC", "time `ZONE`")
	flags.StringVar(&f.basis, "basis", string(report.ByClick), "click or received, `BASIS` of the time")
	flags.StringVar(&f.known, "known", "", "`TIME` until which something had been accepted, of --tz: 2026-11-30T12:00")
	flags.StringVar(&f.compare, "compare", "", "other `PERIOD` to compare with")
	flags.StringVarP(&f.sort, "sort", "s", "", "`NAMES` to sort by; default: the time, else the first figure, largest first")
	flags.IntVarP(&f.limit, "limit", "n", -1, "so many `GROUPS`; 0: all; default: 50 in a table, else all")
	flags.IntVar(&f.offset, "offset", 0, "leave out the first `GROUPS`")
	flags.StringVarP(&f.format, "format", "f", "table", "table, csv, json, or sql, which prints the `FORM` of the query")
	flags.BoolVar(&f.names, "names", false, "list every dimension and figure")
	return command
}

// asMisuse marks what the person can put right.
func asMisuse(err error) error {
	if errors.Is(err, report.ErrQuestion) {
		return misuse.Of(err)
	}
	return err
}

// tableLimit is how many groups a table shows by itself.
const tableLimit = 50

// question is what the flags say.
func (f *reportFlags) question(now time.Time) (report.Question, error) {
	q := report.Question{By: figures.Names(f.by), Metrics: figures.Names(f.metrics), Zone: f.zone, Basis: report.Basis(f.basis),
		Sort: figures.Sort(f.sort), Limit: f.limit, Offset: f.offset, Scope: report.Everything}
	if f.limit < 0 {
		if q.Limit = 0; f.format == "table" || f.format == "sql" {
			q.Limit = tableLimit
		}
	}
	zone, err := report.Zone(f.zone)
	if err != nil {
		return q, err
	}
	if q.Period, err = report.ParsePeriod(f.period, now, zone); err != nil {
		return q, err
	}
	if q.Compare, err = report.ParseCompare(f.compare, now, zone); err != nil {
		return q, err
	}
	if f.known != "" {
		if q.Known, err = report.ParseInstant(f.known, zone); err != nil {
			return q, err
		}
	}
	for _, text := range f.where {
		filter, err := figures.Where(text)
		if err != nil {
			return q, err
		}
		q.Where = append(q.Where, filter)
	}
	for _, text := range f.having {
		having, err := figures.Having(text)
		if err != nil {
			return q, err
		}
		q.Having = append(q.Having, having)
	}
	return q, nil
}

// report asks and prints.
func (e *environment) report(ctx context.Context, c *config.Config, q report.Question, format string) error {
	conn, err := e.analyst(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	engine := report.New(report.Config{Conn: conn, Database: c.ClickHouse.Database})
	if format == "sql" {
		sql, err := engine.SQL(ctx, q)
		if err == nil {
			_, err = fmt.Fprintln(e.stdout, sql)
		}
		return reached(err, &c.ClickHouse)
	}
	clear := func() {}
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ctx = report.Watch(ctx, func(p report.Progress) { fmt.Fprintf(f, "\r\x1b[K%s", figures.Far(p)) })
		clear = func() { fmt.Fprint(f, "\r\x1b[K") }
	}
	table, err := engine.Ask(ctx, q)
	clear()
	if err != nil {
		return reached(err, &c.ClickHouse)
	}
	switch format {
	case "csv":
		for _, line := range figures.About(table, c.Catalog.BaseCurrency) {
			fmt.Fprintln(e.stderr, line)
		}
		return figures.CSV(e.stdout, table)
	case "json":
		return figures.JSON(e.stdout, table)
	}
	return figures.Table(e.stdout, table, c.Catalog.BaseCurrency)
}

// analyst opens ClickHouse as one who only reads: of the embedded engine as its guest, whose slots are not the roles'.
func (e *environment) analyst(ctx context.Context, c *config.Config) (clickhouse.Conn, error) {
	if c.ClickHouse.Mode != config.ModeEmbedded {
		return openClickHouse(ctx, &c.ClickHouse, nil)
	}
	password, err := guestPassword(c)
	if err != nil {
		return nil, err
	}
	return openClickHouse(ctx, &c.ClickHouse, func(server *clickhouse.Options) {
		server.Auth.Username, server.Auth.Password = chdb.GuestUser, password
	})
}
