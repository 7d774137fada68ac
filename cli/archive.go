package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/process"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/clickhouse/archive"
)

const archiveLong = `Sums the rows of old months, so that they may be dropped and every count and amount stays. What is
summed is of clicks, conversions, impressions and landing_clicks, by month in which the row was
received (UTC), by quarter of an hour and all dimensions but the rows' own (click ID, subs …).`

const archiveRunLong = `Sums each month of each table, compares the sums with the rows to the micro, and then lets the
sums count in place of the rows, by one committed row. Views show the same before, amid and
after. Rows stay unless --drop: then those that are in the archive are deleted, and only those.

Rows of an archived month that come later count at once; the next run adds them.

It may be killed at any point, and started again; several at once do no harm. Which months:
--before or --keep-months; else those older than clickhouse.retention_days of the table.

Exit code 0: done, or a dry run. 1: something is left; the same command goes on with it.`

// archiveFlags are what a run takes.
type archiveFlags struct {
	before string
	keep   int
	tables []string
	asJSON bool
}

func newArchive(env *environment) *cobra.Command {
	command := &cobra.Command{Use: "archive", Short: "Sum rows of old months, so that they may be dropped and money stays",
		Long: archiveLong, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	command.AddCommand(newArchiveRun(env), newArchiveList(env))
	return command
}

func newArchiveRun(env *environment) *cobra.Command {
	var o archive.Options
	var f archiveFlags
	command := &cobra.Command{
		Use:   "run",
		Short: "Sum months, compare, and let the sums count in place of the rows",
		Long:  archiveRunLong,
		Example: `  tributary archive run --keep-months 12 --dry-run
  tributary archive run --before 2026-01 --table clicks --drop`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("before") && cmd.Flags().Changed("keep-months") {
				return misuse.Errorf("--before and --keep-months both say which months; give one of them")
			}
			return env.withArchive(cmd, &o, func(ctx context.Context, c *config.ClickHouse) error {
				var err error
				if o.Before, err = f.months(time.Now(), cmd.Flags().Changed("keep-months"), c.RetentionDays); err != nil {
					return err
				}
				o.Progress = archiveProgress(env.stderr)
				done, err := archive.Run(ctx, o)
				return errors.Join(err, printDone(env.stdout, done, &o, f.asJSON))
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.before, "before", "", "archive months before this `MONTH`, such as 2026-01")
	flags.IntVar(&f.keep, "keep-months", 0, "archive all but the `N` months before this one, which is never archived")
	flags.StringArrayVar(&f.tables, "table", nil, "only this `TABLE`: "+strings.Join(archive.Tables(), ", ")+"; may be repeated")
	flags.BoolVar(&o.Drop, "drop", false, "delete the rows that are in the archive; this cannot be undone")
	flags.BoolVar(&o.Dry, "dry-run", false, "say what would be done, and write nothing")
	flags.BoolVar(&f.asJSON, "json", false, "print a JSON line for each month")
	return command
}

func newArchiveList(env *environment) *cobra.Command {
	var o archive.Options
	var asJSON bool
	command := &cobra.Command{
		Use:     "list",
		Short:   "Show on which side each month of each table is",
		Long:    "Shows, of each month of each table, how many rows count as rows, how many are counted from the\narchive, and how many of those are there still.",
		Example: "  tributary archive list",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.withArchive(cmd, &o, func(ctx context.Context, _ *config.ClickHouse) error {
				list, err := archive.List(ctx, o)
				if err != nil {
					return err
				}
				return printMonths(env.stdout, list, asJSON)
			})
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON line for each month")
	return command
}

// withArchive calls do with ClickHouse at hand.
func (e *environment) withArchive(cmd *cobra.Command, o *archive.Options, do func(context.Context, *config.ClickHouse) error) error {
	loaded, _, err := e.loadConnections()
	if err != nil {
		return err
	}
	ctx, _, giveBack := process.WithSignals(cmd.Context())
	defer giveBack()
	c := &loaded.Config.ClickHouse
	conn, err := openClickHouse(ctx, c, func(server *clickhouse.Options) {
		server.ReadTimeout = time.Hour // for sums of the rows of a day
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	o.ClickHouse, o.Database = conn, c.Database
	return do(ctx, c)
}

// months are, by table, the first month that stays as it is.
func (f *archiveFlags) months(now time.Time, keep bool, retention map[string]int) (map[string]archive.Month, error) {
	names := archive.Tables()
	if len(f.tables) == 0 {
		f.tables = names
	}
	now = now.UTC()
	months := map[string]archive.Month{}
	for _, table := range f.tables {
		if err := known(table, names); err != nil {
			return nil, err
		}
		switch days := retention[table]; {
		case f.before != "":
			t, err := time.Parse("2006-01", f.before)
			if err != nil {
				return nil, misuse.Errorf("--before %q is no month: want a year and a month, such as 2026-01", f.before)
			}
			months[table] = archive.MonthOf(t)
		case keep && f.keep < 0:
			return nil, misuse.Errorf("--keep-months %d: want 0 or more", f.keep)
		case keep:
			months[table] = archive.MonthOf(time.Date(now.Year(), now.Month()-time.Month(f.keep), 1, 0, 0, 0, 0, time.UTC))
		case days > 0:
			months[table] = archive.MonthOf(now.AddDate(0, 0, -days))
		}
	}
	if len(months) == 0 {
		return nil, misuse.Errorf(
			"nothing says which months are old: want --before 2026-01, --keep-months 12, or clickhouse.retention_days of %s",
			strings.Join(f.tables, ", "))
	}
	return months, nil
}

func known(table string, names []string) error {
	for _, name := range names {
		if name == table {
			return nil
		}
	}
	return misuse.Errorf("--table %q is not archived: want one of %s%s", table, strings.Join(names, ", "), misuse.Near(table, names))
}

// archiveProgress writes a line whenever something else is done, and every few seconds.
func archiveProgress(out io.Writer) func(schema.Progress) {
	const every = 2 * time.Second
	var last time.Time
	var what string
	return func(p schema.Progress) {
		if p.What == what && time.Since(last) < every {
			return
		}
		last, what = time.Now(), p.What
		text := p.What
		if p.Total > 0 {
			text += fmt.Sprintf(": %d of %d", p.Done, p.Total)
		}
		if p.Rate > 0 {
			text += fmt.Sprintf(", %.0f/s, %s left", p.Rate, p.Left.Round(time.Second))
		}
		fmt.Fprintln(out, text)
	}
}

func printDone(out io.Writer, done []archive.Done, o *archive.Options, asJSON bool) error {
	var b strings.Builder
	if asJSON {
		to := json.NewEncoder(&b)
		for _, d := range done {
			if err := to.Encode(d); err != nil {
				return err
			}
		}
	} else {
		if len(done) > 0 {
			fmt.Fprintf(&b, "%-16s %-8s %14s %14s %14s\n", "table", "month", "rows summed", "late of them", "rows dropped")
		}
		for _, d := range done {
			fmt.Fprintf(&b, "%-16s %-8s %14d %14d %14d\n", d.Table, d.Month, d.Summed, d.Late, d.Dropped)
		}
		switch {
		case len(done) == 0:
			b.WriteString("There is nothing to do.\n")
		case o.Dry:
			b.WriteString("\nA dry run: nothing was changed.\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printMonths(out io.Writer, list []archive.Listed, asJSON bool) error {
	var b strings.Builder
	to := json.NewEncoder(&b)
	if !asJSON {
		fmt.Fprintf(&b, "%-16s %-8s %14s %14s %6s %14s  %s\n", "table", "month", "counted rows", "archived rows",
			"runs", "of them kept", "last run, UTC")
	}
	for _, l := range list {
		if asJSON {
			if err := to.Encode(l); err != nil {
				return err
			}
			continue
		}
		latest := "-"
		if !l.Latest.IsZero() {
			latest = l.Latest.UTC().Format(time.DateTime)
		}
		fmt.Fprintf(&b, "%-16s %-8s %14d %14d %6d %14d  %s\n", l.Table, l.Month, l.Rows, l.Archived, l.Runs, l.Kept, latest)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
