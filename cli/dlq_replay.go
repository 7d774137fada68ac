package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog"
	"tributary/cli/dlq"
	"tributary/cli/loadgen"
	"tributary/cli/misuse"
	"tributary/deploy"
	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/schemas/broker"
)

// dlqSources read the catalog that judges postbacks: the one that `up` or `ingest` has with the same configuration.
func (e *environment) dlqSources() config.Sources {
	from := e.sources()
	from.Sections = []string{}
	from.Catalog = deploy.ExampleConfig
	if looked, err := config.Load(e.checkSources()); err == nil && filepath.Clean(looked.Config.DataDir) == demoData {
		scenario := loadgen.FunnelScenario(time.Now())
		scenario.Secret = "" // the data folder's own key signs
		from.Catalog, from.OwnCatalog = []byte(scenario.CatalogYAML()), true
	}
	from.Complete = func(c *config.Config, isSet func(string) bool) error {
		if err := readLogins(c, isSet); err != nil {
			return err
		}
		if c.Kafka.Mode != config.ModeEmbedded || len(c.Catalog.ClickIDKeys.Keys) > 0 {
			return nil
		}
		if _, err := os.Stat(filepath.Join(c.DataDir, wiring.KeyFile)); errors.Is(err, fs.ErrNotExist) {
			return nil // only `up` makes one; judging says that it is missing
		}
		return wiring.CompleteKey(c)
	}
	return from
}

// dlqOptions makes what show and replay share. withoutClickHouse tells that the ledger is not to be asked; close ends it.
func (e *environment) dlqOptions(ctx context.Context, o *dlq.ReplayOptions, withoutClickHouse bool) (c *config.Config, done func(), err error) {
	loaded, logger, err := e.load(e.dlqSources())
	if err != nil {
		return nil, nil, err
	}
	c = &loaded.Config
	if o.Kafka, err = wiring.KafkaOptions(c.Kafka, "dlq", logger); err != nil {
		return nil, nil, err
	}
	o.TopicPrefix = c.Kafka.TopicPrefix
	declared, copyErr := inForce(c)
	switch built, err := catalog.Build(declared); {
	case copyErr != nil:
		o.NoCatalog = copyErr.Error()
	case loaded.StoodIn && c.Kafka.Mode != config.ModeEmbedded:
		o.NoCatalog = "this configuration declares no catalog; right would be the --config of the edge"
	case len(c.Catalog.ClickIDKeys.Keys) == 0:
		o.NoCatalog = fmt.Sprintf("there is no click ID key in data_dir (%s); right would be the data_dir of `tributary up`, or catalog.click_id_keys", c.DataDir)
	case err != nil:
		o.NoCatalog = "the catalog is wrong: " + err.Error()
	default:
		o.Catalog = built
		o.CatalogOf = loaded.File
		if loaded.StoodIn {
			o.CatalogOf = "the built-in example (no catalog is configured; is it what `tributary up` runs with? else name its --config)"
		}
	}
	done = func() {}
	o.Database = c.ClickHouse.Database
	if withoutClickHouse {
		return c, done, nil
	}
	conn, err := openClickHouse(ctx, &c.ClickHouse, nil)
	if err != nil {
		return c, done, err
	}
	o.ClickHouse = conn
	return c, func() { conn.Close() }, nil
}

func newDLQShow(env *environment) *cobra.Command {
	o := dlq.ReplayOptions{}
	command := &cobra.Command{
		Use:   "show LETTER_ID",
		Short: "Explain one dead letter and what replaying it would do",
		Long:  dlqShowLong,
		Example: `  tributary dlq show 06h08g6cfwjsttg003ara4sz34
  tributary dlq show row-scored.clicks-2-1855 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse.Errorf("dlq show takes one letter ID, got %d; `tributary dlq list` prints them", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			c, done, err := env.dlqOptions(ctx, &o, false)
			if c == nil {
				return err
			}
			defer done() // without ClickHouse the letter can still be explained
			progress, clear := env.dlqProgress()
			o.Progress, o.Out = progress, &clearing{to: env.stdout, clear: clear}
			err = dlq.Show(ctx, o, args[0])
			clear()
			return dlqError(err, c)
		},
	}
	command.Flags().BoolVar(&o.JSON, "json", false, "print a JSON line, with all of the input")
	return command
}

func newDLQReplay(env *environment) *cobra.Command {
	var filter dlqFilter
	var withoutClickHouse bool
	o := dlq.ReplayOptions{}
	command := &cobra.Command{
		Use:   "replay [LETTER_ID...]",
		Short: "Send dead letters back to where they entered; a dry run unless --yes",
		Long:  dlqReplayLong,
		Example: `  tributary dlq replay --config tributary.yaml --reason no_exchange_rate --since 3d
  tributary dlq replay --config tributary.yaml --network acme --since today --yes
  tributary dlq replay --kind row --yes --rate 500`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			filter.Letters = args
			var err error
			if o.Filter, err = filter.Parse(time.Now()); err != nil {
				return misuse.Of(err)
			}
			c, done, err := env.dlqOptions(ctx, &o, withoutClickHouse)
			if err != nil {
				if c != nil {
					err = fmt.Errorf("%w; start it, or replay --without-clickhouse: rows are then held back, and an older status of a conversion may come after a newer one", err)
				}
				return err
			}
			defer done()
			o.TransactionalID = c.Kafka.TopicPrefix + "tributary-dlq"
			if abilities := c.Kafka.Abilities(); o.Send && !abilities.Can(broker.FenceByID) {
				// Each life has an ID of its own, so a lock keeps replays apart.
				o.TransactionalID += "-" + rand.Text()
				release, err := embedded.Lock(filepath.Join(c.DataDir, "dlq"))
				if errors.Is(err, embedded.ErrLocked) {
					return fmt.Errorf("another `tributary dlq replay` is at work: %w", err)
				}
				if err != nil {
					return err
				}
				defer release()
			}
			progress, clear := env.dlqProgress()
			o.Progress, o.Out = progress, &clearing{to: env.stdout, clear: clear}
			_, err = dlq.Replay(ctx, o)
			clear()
			return dlqError(err, c)
		},
	}
	filter.register(command)
	flags := command.Flags()
	flags.BoolVarP(&o.Send, "yes", "y", false, "send; without it nothing is written")
	flags.IntVarP(&o.Limit, "limit", "n", dlq.DefaultReplayLimit, "send at most so many `LETTERS`, the oldest that can be")
	flags.Float64Var(&o.Rate, "rate", 0, "send at most so many letters a second; 0: as fast as Kafka takes them")
	flags.BoolVar(&o.Overtake, "overtake", false, "send postbacks even if the ledger has a newer entry of their conversion")
	flags.BoolVar(&o.Repeats, "repeats", false, "send letters that say the same as another one too")
	flags.BoolVar(&withoutClickHouse, "without-clickhouse", false, "do not look up in ClickHouse what is booked")
	flags.BoolVar(&o.JSON, "json", false, "print JSON lines: a letter each, with what replaying it does")
	return command
}
