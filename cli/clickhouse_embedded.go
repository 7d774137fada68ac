package cli

import (
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/process"
)

// newClickHouseEmbedded is the child process that `up` starts; nobody types it.
func newClickHouseEmbedded(env *environment) *cobra.Command {
	var cfg chdb.ServerConfig
	command := &cobra.Command{
		Use:    "clickhouse-embedded",
		Short:  "The embedded ClickHouse engine's process, started by `tributary up`",
		Hidden: true,
		Args:   noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The parent logs each line with its own time and format.
			logger, err := process.NewLogger(env.stderrFile(), "warn", "console")
			if err != nil {
				logger = zap.NewNop()
			}
			cfg.Logger = logger
			return chdb.ServeChild(cmd.Context(), cfg)
		},
	}
	command.Flags().StringVar(&cfg.DataDir, "data", "", "`FOLDER` of the tables")
	command.Flags().StringVar(&cfg.Listen, "listen", chdb.DefaultListen, "`ADDRESS` of ClickHouse's HTTP interface")
	command.Flags().StringVar(&cfg.Passwords, "passwords", "", "`FOLDER` of the users' password files, made if absent; empty: the users are read from the standard input")
	command.Flags().BoolVar(&cfg.Durable, "durable", false, "sync every insert before it is answered")
	command.Flags().BoolVar(&cfg.GuestsUnconfined, "guests-without-sandbox", false, "allow the user analyst where the operating system cannot confine the engine")
	return command
}
