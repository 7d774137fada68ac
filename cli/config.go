package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog"
	"tributary/cli/misuse"
	"tributary/deploy"
	"tributary/deploy/config"
	"tributary/deploy/meaning"
	"tributary/ingest/geo"
)

func newConfig(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Check or print the configuration",
		Long:  "Checks the configuration, prints what is in force, or prints the reference of all keys.",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(
		newConfigCheck(env),
		&cobra.Command{
			Use:   "print",
			Short: "Print the configuration in force and where each value came from",
			Long: `Prints every key with its value and, as a comment, whether the value is a default or came from
the file, a variable or a flag. Secrets are left out. The output is a configuration file again,
but for the secrets.`,
			Example: `  tributary config print
  TRIBUTARY_LOG_LEVEL=debug tributary config print --config tributary.yaml`,
			Args: noArguments,
			RunE: func(*cobra.Command, []string) error {
				loaded, err := config.Load(env.checkSources())
				if err != nil {
					return asUsage(err)
				}
				text, err := loaded.Print()
				if err != nil {
					return err
				}
				_, err = env.stdout.Write(text)
				return err
			},
		},
		&cobra.Command{
			Use:   "reference",
			Short: "Print the reference of all keys as Markdown",
			Long: `Prints a table of every key with its type, default and meaning. A key's variable is TRIBUTARY_
and the path in capitals with underscores; lists of sections can only be written in the file.`,
			Example: "  tributary config reference > keys.md",
			Args:    noArguments,
			RunE: func(*cobra.Command, []string) error {
				fmt.Fprint(env.stdout, config.Reference())
				return nil
			},
		},
	)
	return command
}

func newConfigCheck(env *environment) *cobra.Command {
	var elsewhere bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration, or nothing",
		Long: `Reads the file, the variables and the flags as every command does, and reports all problems
at once, each with its line. The data files of ingest.geo are opened as at the edge's start. What
is right but may be meant otherwise is a warning. Where data_dir is on this machine, the file must
fit what is stored there, and be no part of the one that was in force last (docs/meaning.md).
Nothing is started, made or changed. Exit code 0: it is right; 2: it is not.`,
		Example: `  tributary config check --config tributary.yaml
  tributary config check --set kafka.mode=external --set kafka.brokers=10.0.0.1:9092
  tributary config check --config edge.yaml --data-files-elsewhere`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := config.Load(env.checkSources())
			if err != nil {
				return asUsage(err)
			}
			if !elsewhere {
				if _, err := geo.Open(loaded.Config.Ingest.Geo); err != nil {
					return misuse.Errorf("%w; --data-files-elsewhere does not look for data files", err)
				}
			}
			if err := env.checkStored(loaded); err != nil {
				return misuse.Of(err)
			}
			what := "the built-in defaults"
			if loaded.File != "" {
				what = loaded.File
			}
			note := ""
			switch {
			case loaded.StoodIn:
				note = " (no catalog is declared: `tributary up` would use the built-in example)"
			case loaded.NoCatalog:
				note = " (no campaigns are declared: process, sink and migrate do without, up and ingest refuse to start)"
			}
			for _, warning := range loaded.Warnings() {
				fmt.Fprintf(env.stderr, "warning: %s\n", warning)
			}
			fmt.Fprintf(env.stdout, "right: %s%s\n", what, note)
			return nil
		},
	}
	command.Flags().BoolVar(&elsewhere, "data-files-elsewhere", false, "do not open the files of ingest.geo: they are on another machine")
	return command
}

// checkStored holds the configuration against what lies beside the data of `up`, or of an edge by itself, if it is here.
func (e *environment) checkStored(loaded *config.Loaded) error {
	m := meaning.Of(loaded)
	if !loaded.IsSet("catalog.click_id_keys") {
		m.Keys = nil // the one that stands in
	}
	for _, folder := range []string{loaded.Config.DataDir, loaded.Config.Ingest.Spool.Dir} {
		if folder == "" {
			continue
		}
		kept, err := meaning.ReadFile(folder)
		if err != nil {
			return err
		}
		if kept == nil {
			continue
		}
		if err := loaded.CutSince(folder); errors.Is(err, config.ErrShape) {
			fmt.Fprintf(e.stderr, "warning: %v\n", err)
		} else if err != nil {
			return err
		}
		if err := meaning.Located(kept.Check(m, "what is stored in "+folder, time.Now().UnixMilli()), loaded); err != nil {
			return err
		}
	}
	return nil
}

// checkSources are those of `up`, except that nothing is made: a missing key is stood in for while looking.
func (e *environment) checkSources() config.Sources {
	from := e.sources()
	from.Catalog, from.CatalogOptional = deploy.ExampleConfig, true
	from.Complete = func(c *config.Config, _ func(string) bool) error {
		if c.Kafka.Mode == config.ModeEmbedded && len(c.Catalog.ClickIDKeys.Keys) == 0 {
			c.Catalog.ClickIDKeys = catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "made by up and kept in data_dir"}}
		}
		return nil
	}
	return from
}
