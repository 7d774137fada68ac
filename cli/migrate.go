package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

const migrateLong = `Makes the Kafka topics and brings the ClickHouse tables to this program's version. Run it
once before the roles of a new version start; it changes nothing that is right already, and
several at once do no harm. ` + "`tributary up`" + ` does the same by itself.

Topics that exist with another partition count are an error: nothing is re-partitioned.`

func newMigrate(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Make the Kafka topics and the ClickHouse tables, once for a deployment",
		Long:  migrateLong,
		Example: `  tributary migrate --config tributary.yaml
  TRIBUTARY_KAFKA_MODE=external TRIBUTARY_KAFKA_BROKERS=kafka:9092 \
  TRIBUTARY_CLICKHOUSE_MODE=external TRIBUTARY_CLICKHOUSE_ADDR=clickhouse:8123 tributary migrate`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, logger, err := env.loadConnections()
			if err != nil {
				return err
			}
			if err := needExternal(&loaded.Config, "", "migrate", "it makes its own topics and tables"); err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			if err := wiring.Setup(ctx, loaded, logger); err != nil {
				return err
			}
			fmt.Fprintln(env.stdout, "Topics and tables are up to date.")
			return nil
		},
	}
}

// needExternal refuses embedded engines where they cannot run: section's role needs Kafka, and ClickHouse if it is not
// the edge or the processor.
func needExternal(c *config.Config, section, command, instead string) error {
	needed := []struct{ name, mode, address string }{{"kafka", c.Kafka.Mode, "kafka.brokers"}}
	if section != config.SectionIngest && section != config.SectionProcessor && section != roleControl {
		needed = append(needed, struct{ name, mode, address string }{"clickhouse", c.ClickHouse.Mode, "clickhouse.addr"})
	}
	for _, engine := range needed {
		if engine.mode == config.ModeEmbedded {
			return misuse.Errorf("%s.mode is embedded, and embedded engines live only inside `tributary up` (%s); for `tributary %s` set %s.mode to external and name its address in %s", engine.name, instead, command, engine.name, engine.address)
		}
	}
	return nil
}
