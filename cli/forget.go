package cli

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"tributary/cli/forget"
	"tributary/cli/misuse"
	"tributary/deploy/process"
	"tributary/processor/stage"
)

const forgetLong = `Blanks a visitor's personal data in every ClickHouse table that has rows of these clicks: address,
user agent, referrer, subs, external ID, keyword, creative, city, region, network, and the raw
requests of dead letters. Money, click IDs, country and device stay, so that every figure stays
what it was and ` + "`tributary verify`" + ` finds what it found before.

Without --yes it is a dry run: it says what it would blank, and writes nothing. It names what it
cannot reach, such as Kafka's topics until their retention ends.

Exit code 0: done, or a dry run. 1: rows with personal data are left.`

func newForget(env *environment) *cobra.Command {
	var o forget.Options
	var asJSON bool
	command := &cobra.Command{
		Use:   "forget CLICK_ID...",
		Short: "Blank a visitor's personal data, by click IDs; a dry run unless --yes",
		Long:  forgetLong,
		Example: `  tributary forget 06h08g6c4g000400040jb7ba0004hvg95gavgwc9
  tributary forget --config tributary.yaml --yes 06h08g6c4g000400040jb7ba0004hvg95gavgwc9`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse.Errorf("forget takes the click IDs of one visitor, got none; see `tributary forget --help`")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, _, err := env.loadConnections()
			if err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			c := &loaded.Config
			conn, err := openClickHouse(ctx, &c.ClickHouse, nil)
			if err != nil {
				return err
			}
			defer conn.Close()
			o.ClickHouse, o.Database, o.ClickIDs = conn, c.ClickHouse.Database, args
			o.Tables = stage.Tables()
			report, err := forget.Run(ctx, o)
			if report == nil {
				return err
			}
			if asJSON {
				return errors.Join(err, json.NewEncoder(env.stdout).Encode(report))
			}
			return errors.Join(err, report.Print(env.stdout))
		},
	}
	command.Flags().BoolVarP(&o.Do, "yes", "y", false, "blank; without it nothing is written")
	command.Flags().BoolVar(&asJSON, "json", false, "print the report as a JSON line")
	return command
}
