package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	told "tributary/cli/outbound"
	"tributary/cli/terminal"
	"tributary/deploy/process"
	"tributary/deploy/receipts"
	"tributary/ingest"
	"tributary/schemas/id"
)

const receiptLong = `Says what became of a postback by the receipt_id of its answer: received, parked, joined,
duplicate, orphan or rejected and why, and the conversion it made; and whom that was told to, try
by try. The same as the edge's GET /v1/receipts/{id}, which leaves the last out, looked up in
ClickHouse. A postback is there about a second after it was
accepted, and what was decided about a second after the decision.

Exit code 0: found. 1: ClickHouse has not seen it, or not yet.`

func newReceipt(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "receipt ID",
		Short:   "What became of a postback, by its receipt",
		Long:    receiptLong,
		Example: `  tributary receipt 06h08g6cc4jsttg0016znk6sj8 | jq .state`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse.Errorf("receipt takes one receipt ID, got %d; see `tributary receipt --help`", len(args))
			}
			if _, err := id.ParseReceipt(args[0]); err != nil {
				return misuse.Errorf("%w; right would be the receipt_id of an answer to a postback", err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			receipt, err := id.ParseReceipt(args[0])
			if err != nil {
				return err
			}
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
			found, err := receipts.NewReader(conn, c.ClickHouse.Database).Find(ctx, receipt)
			var list []told.Attempt
			if err == nil && found != nil {
				list, err = told.Attempts(ctx, conn, c.ClickHouse.Database, told.Filter{ID: receipt.String(), Limit: maxTold})
			}
			if err = errors.Join(err, conn.Close()); err != nil {
				return reached(err, &c.ClickHouse)
			}
			if found == nil {
				return fmt.Errorf("receipt %s was not seen, or not yet: a receipt of this system that is not older than clickhouse.retention_days would be right", receipt)
			}
			encoder := terminal.NewJSON(env.stdout)
			encoder.SetIndent("", "  ")
			return encoder.Encode(struct {
				*ingest.Receipt
				// Told is for the deployment's own people: the edge does not answer it to networks.
				Told []told.Attempt `json:"told,omitempty"`
			}{found, list})
		},
	}
}
