package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tributary/cli/dlq"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/processor"
	sink "tributary/sink/clickhouse"
)

const recoverLong = `Says what of an installation is gone, and what can be done about it. It writes nothing.

Kafka's topics, the processor's state and ClickHouse's tables each know the others. Where one of
them is lost, the role that would count wrongly without it waits, is not ready, and says so:

  Kafka's topics gone, state there       the processor waits: ` + "`tributary recover broker`" + `
  ClickHouse's tables gone, Kafka there  the sink waits: ` + "`tributary recover clickhouse`" + `
  state gone, Kafka there                no role waits: it is built again from the topics
  Kafka and state gone                   no role waits: nothing is left to protect

Run it beside the installation, with the same configuration. See docs/recovery.md.

Exit code 0: nothing is lost. 1: something is.`

func newRecover(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "recover",
		Short: "Say what of an installation is gone, and go on without it or fill it again",
		Long:  recoverLong,
		Example: `  tributary recover
  tributary recover clickhouse --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.withRecovery(cmd, func(ctx context.Context, c *config.Config, tables *sink.Installation) error {
				logs, err := processor.ReadLostLog(c.Processor.StateDir)
				if err != nil {
					return err
				}
				lost, err := tables.Look(ctx)
				if err != nil {
					err = fmt.Errorf("%w; is the installation running?", err)
				}
				if logs == nil && lost == nil && err == nil {
					fmt.Fprintln(env.stdout, "Nothing is lost: the state's topics and the group's tables are there.")
					return nil
				}
				all := []error{err}
				if logs != nil {
					all = append(all, logs)
				}
				if lost != nil {
					all = append(all, lost)
				}
				return errors.Join(all...)
			})
		},
	}
	command.AddCommand(newRecoverBroker(env), newRecoverClickHouse(env))
	return command
}

const recoverBrokerLong = `Tells a processor that waits because its topics are gone to go on with its state on the new ones.
What the state knows stays: copies of its clicks and conversions do not count again, chargebacks
find their conversion. What was in the lost topics and not in ClickHouse yet stays lost, as do
outputs that were not known to be committed; the command says how many.

Without --yes it says what it would do, and writes nothing. The processor may be running, and goes
on within a second; stopped, it goes on at its next start. With several processors run it for each,
on its machine.`

func newRecoverBroker(env *environment) *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "broker",
		Short: "Accept that Kafka's topics are lost, and go on with the processor's state",
		Long:  recoverBrokerLong,
		Example: `  tributary recover broker
  tributary recover broker --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.withRecovery(cmd, func(_ context.Context, c *config.Config, _ *sink.Installation) error {
				lost, err := processor.ReadLostLog(c.Processor.StateDir)
				if err != nil {
					return err
				}
				if lost == nil {
					return fmt.Errorf("no processor of %s (processor.state_dir) waits for lost topics; `tributary recover` says what is lost", c.Processor.StateDir)
				}
				printLostLog(env.stdout, lost)
				if !yes {
					fmt.Fprintln(env.stdout, "Nothing was done. With --yes the processor goes on with its state on the new topics.")
					return nil
				}
				if err := lost.Accept(c.Processor.StateDir); err != nil {
					return err
				}
				fmt.Fprintln(env.stdout, "The processor goes on within a second, or at its next start. /readyz says when it is ready.")
				return nil
			})
		},
	}
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do it; without it nothing is written")
	return command
}

func printLostLog(out io.Writer, l *processor.LostLog) {
	fmt.Fprintf(out, "State %s, waiting since %s\nKafka was %s, is %s\n\n", l.StateDir, l.At.Format(time.RFC3339), orNone(l.Was.Cluster), orNone(l.Is.Cluster))
	fmt.Fprintf(out, "%9s  %14s  %14s  %14s  %s\n", "partition", "offsets read", "in topics now", "not committed", "has the stream up to")
	for i := range l.Partitions {
		p := &l.Partitions[i]
		var read, now int64
		for t, at := range p.Positions {
			read, now = read+at, now+p.Ends[t]
		}
		fmt.Fprintf(out, "%9d  %14d  %14d  %14d  %s\n", p.Partition, read, now, p.Unsent, upTo(p.WatermarkMS))
	}
	fmt.Fprintf(out, "\nGiven up: %d outputs that were not known to be committed, and what was in the lost topics and not in ClickHouse yet.\n", l.Unsent())
	fmt.Fprintln(out, "Kept: every click, conversion and waiting postback that the state knows.")
}

func upTo(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func orNone(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

const recoverClickHouseLong = `Fills ClickHouse's tables again from Kafka, after the tables were lost. Each row lands once. What
Kafka no longer has stays missing: the command says from which time on rows will be there.

With --accept nothing is filled: the tables stay without what they had, and loading goes on where it
stopped.

Without --yes it says what it would do, and writes nothing. The sink may be running: it waits, and
goes on by itself. The command follows the filling to its end; it can be left at any time.`

func newRecoverClickHouse(env *environment) *cobra.Command {
	var yes, accept, leave bool
	command := &cobra.Command{
		Use:   "clickhouse",
		Short: "Fill ClickHouse's tables again from Kafka, or accept that they are lost",
		Long:  recoverClickHouseLong,
		Example: `  tributary recover clickhouse
  tributary recover clickhouse --yes
  tributary recover clickhouse --accept --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.withRecovery(cmd, func(ctx context.Context, _ *config.Config, tables *sink.Installation) error {
				lost, err := tables.Look(ctx)
				if err != nil {
					return fmt.Errorf("%w; is the installation running?", err)
				}
				if lost == nil {
					return errors.New("no table is lost: each is the one that the group's offsets are about")
				}
				printLostTables(env.stdout, lost)
				switch {
				case !yes && accept:
					fmt.Fprintln(env.stdout, "Nothing was done. With --yes these rows stay lost, and loading goes on where it stopped.")
					return nil
				case !yes:
					fmt.Fprintln(env.stdout, "Nothing was done. With --yes the tables are filled with what Kafka has; with --accept --yes they stay without it.")
					return nil
				case accept:
					if err := tables.Accept(ctx, lost); err != nil {
						return err
					}
					fmt.Fprintln(env.stdout, "The loss is accepted: loading goes on where it stopped.")
					return nil
				}
				if err := tables.Refill(ctx, lost); err != nil {
					return err
				}
				if leave {
					fmt.Fprintln(env.stdout, "The sink fills the tables; tributary_sink_lag_records says how much is left.")
					return nil
				}
				return env.followRefill(ctx, tables, lost)
			})
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&yes, "yes", "y", false, "do it; without it nothing is written")
	flags.BoolVar(&accept, "accept", false, "accept the loss instead of filling the tables again")
	flags.BoolVar(&leave, "no-wait", false, "do not follow the filling to its end")
	return command
}

func printLostTables(out io.Writer, l *sink.LostTables) {
	fmt.Fprintf(out, "Database %s has lost\n\n%-15s  %14s  %15s  %15s  %s\n", l.Database, "table", "offsets landed", "in Kafka now", "gone from Kafka", "rows would be there from")
	for _, t := range l.Tables {
		from := "the beginning"
		switch {
		case t.Oldest.IsZero():
			from = "– (Kafka has none)"
		case t.Gone > 0:
			from = t.Oldest.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%-15s  %14d  %15d  %15d  %s\n", t.Table, t.Landed, t.Kept, t.Gone, from)
	}
	fmt.Fprintln(out)
	if len(l.Archived) > 0 {
		fmt.Fprintf(out, "The archive has sums of days of %s that Kafka still has records of: filling the tables would count them twice. Accept the loss, or drop the database, run `tributary migrate`, and run this again.\n", strings.Join(l.Archived, ", "))
	}
}

// followPoll is how often the filling is looked at.
const followPoll = 500 * time.Millisecond

// followRefill shows how far loaders are with the lost tables, until they are where they were.
func (e *environment) followRefill(ctx context.Context, tables *sink.Installation, lost *sink.LostTables) error {
	show, clear := e.dlqProgress()
	defer clear()
	total, err := tables.Behind(ctx, lost)
	if err != nil {
		return err
	}
	started := time.Now()
	for left := total; left > 0; {
		select {
		case <-ctx.Done():
			clear()
			return fmt.Errorf("left while %d offsets were to be loaded; the sink goes on", left)
		case <-time.After(followPoll):
		}
		if left, err = tables.Behind(ctx, lost); err != nil {
			return err
		}
		p := dlq.Progress{What: "loading again", Done: max(0, total-left), Total: total}
		if p.Rate = float64(p.Done) / time.Since(started).Seconds(); p.Rate > 0 {
			p.Left = time.Duration(float64(left) / p.Rate * float64(time.Second))
		}
		show(p)
	}
	clear()
	fmt.Fprintf(e.stdout, "%d offsets were loaded again in %s.\n", total, time.Since(started).Round(time.Second))
	return nil
}

// withRecovery reads the configuration and gives do what it says of processor and sink.
func (e *environment) withRecovery(cmd *cobra.Command, do func(context.Context, *config.Config, *sink.Installation) error) error {
	loaded, _, err := e.loadConnections()
	if err != nil {
		return err
	}
	ctx, _, giveBack := process.WithSignals(cmd.Context())
	defer giveBack()
	tables, err := wiring.Tables(&loaded.Config, "recover", zap.NewNop())
	if err != nil {
		return err
	}
	return do(ctx, &loaded.Config, tables)
}
