package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/cli/tail"
	"tributary/deploy/process"
	"tributary/deploy/topics"
	"tributary/deploy/wiring"
	"tributary/processor/stage"
)

const tailLong = `Prints the events of a topic as JSON lines, committed ones only. Each line has _partition, _offset
and _at (when Kafka got it), then the event's fields; money is in micros, times in Unix ms.

It reads the Kafka of the configuration: that of a running ` + "`tributary up`" + ` by default.`

func newTail(env *environment) *cobra.Command {
	var o tail.Options
	var names []string
	for _, t := range topics.All() {
		names = append(names, t.Name)
	}
	command := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Print a topic's events as JSON lines",
		Long:  tailLong + "\n\n" + wrapped("Topics: "+strings.Join(names, ", "), 95),
		Example: `  tributary tail clicks --follow
  tributary tail scored.conversions --filter status=approved --limit 10
  tributary tail dead-letters --from 10m --filter reason=forged_click_id`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse.Errorf("tail takes one topic, got %d: one of %s", len(args), strings.Join(names, ", "))
			}
			return nil
		},
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, logger, err := env.loadConnections()
			if err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			c := &loaded.Config
			if o.Kafka, err = wiring.KafkaOptions(c.Kafka, "tail", logger); err != nil {
				return err
			}
			o.TopicPrefix, o.Topic, o.Out, o.Tables = c.Kafka.TopicPrefix, args[0], env.stdout, stage.Tables()
			err = tail.Run(ctx, o)
			switch {
			case misuse.Is(err):
				return err
			case err != nil:
				return fmt.Errorf("%w (kafka.brokers: %s)", err, strings.Join(c.Kafka.Brokers, ", "))
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.From, "from", "", "where to start: beginning, end, an `OFFSET`, a time (2026-01-31T12:00:00Z) or an age (10m); default: beginning, or end with --follow")
	flags.BoolVarP(&o.Follow, "follow", "f", false, "go on with what comes")
	flags.IntVarP(&o.Limit, "limit", "n", 0, "end after so many `LINES`")
	flags.StringArrayVar(&o.Filters, "filter", nil, "print only events whose member has this value, as `MEMBER=VALUE`; may be repeated")
	return command
}
