package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/cli/trial"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

const postbackTestLong = `Sends one postback as a network would, with its dialect, token and signature, and follows it to its
row in ClickHouse: what happened when, in milliseconds since the first request and since the
request that it follows from. It needs the edge, Kafka and ClickHouse of the configuration.

What it leaves: it makes a click of its own (--campaign) under the source ` + trial.Source + `,
which costs 0, and at the end sends the conversion again as rejected, so that neither money nor a
conversion stays in the figures: only a click without cost and a rejected conversion, both under
that source (WHERE source != '` + trial.Source + `' leaves them out). With --click-id it is that
click's conversion. --keep does not take it back.

Exit code 0: it arrived. 1: a step did not come within --timeout, which is named together with what
to look at and what /readyz says, or the postback was refused, with the reason.`

func newPostback(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "postback",
		Short: "Try a network's postbacks",
		Long:  "Tries a network's postbacks on the running system.",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newPostbackTest(env))
	return command
}

func newPostbackTest(env *environment) *cobra.Command {
	var o trial.Options
	command := &cobra.Command{
		Use:   "test",
		Short: "Send a test postback and follow it to its row in ClickHouse",
		Long:  postbackTestLong,
		Example: `  tributary postback test --config tributary.yaml --network acme
  tributary postback test --network acme --click-id 06h08g6c4g000400040jb7ba0004hvg95gavgwc9 --payout 12.50
  tributary postback test --edge https://t.example --timeout 30s --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, logger, err := env.load(env.dlqSources())
			if err != nil {
				return err
			}
			known, err := env.loadOffline()
			if err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			c := &loaded.Config
			if loaded.StoodIn {
				fmt.Fprintf(env.stderr, "The catalog is that of %s.\n", known.from())
			}
			if o.Edge, err = edgeAddress(cmp.Or(o.Edge, known.edge())); err != nil {
				return misuse.Of(err)
			}
			campaign, _, network := c.Examples()
			o.Config, o.Catalog = c.Catalog, known.catalog
			o.Campaign, o.Network = cmp.Or(o.Campaign, campaign), cmp.Or(o.Network, network)
			if o.Kafka, err = wiring.KafkaOptions(c.Kafka, "postback-test", logger); err != nil {
				return err
			}
			o.TopicPrefix, o.Database = c.Kafka.TopicPrefix, c.ClickHouse.Database
			if o.ClickHouse, err = openClickHouse(ctx, &c.ClickHouse, nil); err != nil {
				return err
			}
			defer o.ClickHouse.Close()
			o.Ready = readyAddresses(c, o.Edge)
			o.Out = env.stdout
			err = trial.Run(ctx, o)
			switch {
			case misuse.Is(err):
				return err
			case errors.Is(err, context.Canceled):
				return errors.New("stopped before everything was seen")
			case err != nil && !errors.Is(err, trial.ErrStuck) && !errors.Is(err, trial.ErrRefused):
				return fmt.Errorf("%w (edge: %s; kafka.brokers: %v)", err, o.Edge, c.Kafka.Brokers)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Network, "network", "", "`NAME` of the network whose postback is sent; default: the first one")
	flags.StringVar(&o.Campaign, "campaign", "", "`NAME` of the campaign of which a click is made; default: the first one")
	flags.StringVar(&o.ClickID, "click-id", "", "use this click `ID`; no click is made")
	flags.StringVar(&o.Payout, "payout", "1.00", "`AMOUNT` that the postback names, below 0 for a correction; empty: none, the offer's own counts")
	flags.StringVar(&o.Currency, "currency", "", "ISO 4217 `CODE` of the amount; default: none, the network's counts")
	flags.StringVar(&o.Event, "event", "", "event `TYPE` that the postback names; default: none")
	flags.StringVar(&o.Status, "status", "", "status `WORD` that the postback names; default: none")
	flags.BoolVar(&o.Keep, "keep", false, "do not take the conversion back")
	flags.StringVar(&o.Edge, "edge", "", "`URL` of the edge; default: ingest.listen of the configuration on this machine")
	flags.DurationVar(&o.Timeout, "timeout", 15*time.Second, "how long a step may take, as `TIME`")
	flags.BoolVar(&o.JSON, "json", false, "print a JSON line")
	return command
}

// readyAddresses are where the edge and the other roles of this machine say whether they work.
func readyAddresses(c *config.Config, edge string) []trial.Ready {
	return []trial.Ready{
		{Name: "edge", URL: edge + "/readyz"},
		{Name: "other roles", URL: "http://" + reachable(c.Ops.Listen) + "/readyz", Token: c.Ops.Token},
	}
}
