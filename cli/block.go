package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/cli/blocklist"
	"tributary/cli/misuse"
	"tributary/cli/terminal"
	"tributary/deploy/process"
)

const blockLong = `Keeps clicks away: those of a source, of a value of one of its subs (a zone, a site), of a network
of addresses, of an autonomous system, or of a class of user agents; in one campaign or in all.
Every edge applies a change within a second, and goes on with what it has while Kafka is away.

A blocked click is kept, marked with the block, and keeps its cost, for the source has billed it:
it is in cost, profit and roi, and not in clicks and epc. See docs/blocks.md.`

const blockAddLong = `Blocks exactly one thing. What the visitor gets is the campaign's fallback offer where he may be a
person, and 204 where he surely is none (a listed bot); a person of a campaign without a fallback
gets a page that says that nothing is here. --answer empty is 204 for everybody, --answer page the
page for everybody.

--shadow only marks the clicks and lets them go on, to see what a block would do.

Exit code 0: every edge that reaches Kafka has it within a second. 1: it is not written, or it is
not known whether it is: then the error says so. 2: what was asked for makes no sense.`

const blockUndoLong = `Takes the last change of a block back: one that was added is removed, one that was removed is in
force again until the time that it had. Without an ID it is the block that you changed last. A
removal can be undone for 30 days.`

func newBlock(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "block",
		Short: "Keep clicks away: of a source, a zone, a network, a user agent",
		Long:  blockLong,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newBlockAdd(env), newBlockList(env), newBlockRemove(env), newBlockUndo(env), newBlockHistory(env))
	return command
}

// blockFlags say who changes something, and why.
type blockFlags struct {
	author, reason string
	json           bool
}

func (f *blockFlags) register(command *cobra.Command) {
	command.Flags().StringVar(&f.author, "author", "", "`NAME` of who does it, kept with the change; default: your user name")
	command.Flags().StringVar(&f.reason, "reason", "", "`TEXT` that says why, kept with the change")
	command.Flags().BoolVar(&f.json, "json", false, "print a JSON line")
}

// desk is called with what writes.
func (f *blockFlags) desk(ctx context.Context, env *environment, do func(context.Context, *blocklist.Desk) error) error {
	topic, err := env.controlTopic()
	if err != nil {
		return err
	}
	if f.author == "" {
		f.author = userName()
	}
	return topic.write(ctx, func(ctx context.Context, w *control.Writer) error {
		return do(ctx, &blocklist.Desk{Writer: w, Author: f.author, Reason: f.reason, Now: time.Now})
	})
}

// tell prints a change that was made.
func (f *blockFlags) tell(env *environment, what string, done *blocklist.Done) error {
	if f.json {
		return terminal.NewJSON(env.stdout).Encode(map[string]any{"id": done.ID, "done": what, "says": block.Says(done.Block),
			"revision": done.Revision})
	}
	_, err := fmt.Fprintf(env.stdout, "%s %s\n", what, terminal.Shown(blocklist.Says(done.ID, done.Block), 300))
	return err
}

func newBlockAdd(env *environment) *cobra.Command {
	var f blockFlags
	var r blocklist.Request
	command := &cobra.Command{
		Use:   "add",
		Short: "Block a source, a value of its sub, a network, an ASN or a class of user agents",
		Long:  blockAddLong + "\n\n" + wrapped("Classes of user agents: "+strings.Join(block.Agents(), ", ")+".", 95),
		Example: `  tributary block add --source pushads --reason "epc 0.001 after 2,000 clicks"
  tributary block add --source pushads --sub sub1=12345 --campaign summer --for 7d --reason "bots"
  tributary block add --ip 203.0.113.0/24 --answer empty --reason "scans us"
  tributary block add --agent headless --shadow --reason "how many would it be?"`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(f.reason) == "" {
				return misuse.Errorf("--reason is missing: say why, for whoever finds the block later")
			}
			loaded, err := env.loadOffline()
			if err != nil {
				return err
			}
			w := blocklist.World{Catalog: loaded.catalog, Campaigns: loaded.campaigns(),
				ASNs: loaded.Config.Ingest.Geo.ASNFile != "", Now: time.Now()}
			v, undeclared, err := w.Block(&r)
			if err != nil {
				return err
			}
			if undeclared {
				fmt.Fprintf(env.stderr, "No source is named %q in the catalog of %s%s. Links that say it are blocked by that name.\n",
					terminal.Shown(r.Source, 64), loaded.from(), misuse.Near(r.Source, w.SourceNames()))
			}
			return f.desk(cmd.Context(), env, func(ctx context.Context, desk *blocklist.Desk) error {
				done, err := desk.Add(ctx, v)
				if err != nil {
					return err
				}
				return f.tell(env, "blocked", done)
			})
		},
	}
	f.register(command)
	flags := command.Flags()
	flags.StringVar(&r.Source, "source", "", "block the traffic source of this `NAME`")
	flags.StringVar(&r.Sub, "sub", "", "of --source only this value of a sub, as `SUB=VALUE`, such as sub1=12345")
	flags.StringVar(&r.Network, "ip", "", "block an address or a `NETWORK` such as 203.0.113.0/24")
	flags.StringVar(&r.ASN, "asn", "", "block the addresses of the autonomous system of this `NUMBER`")
	flags.StringVar(&r.Agent, "agent", "", "block a `CLASS` of user agents")
	flags.StringVar(&r.Campaign, "campaign", "", "only in the campaign of this `NAME`; default: in all")
	flags.StringVar(&r.Answer, "answer", block.AnswerName(block.Fallback), "`WORD` for what the visitor gets: fallback, empty or page")
	flags.StringVar(&r.For, "for", "", "how long, as a `TIME` such as 24h or 7d; default: for ever")
	flags.BoolVar(&r.Shadow, "shadow", false, "only mark the clicks; they go where they would have gone")
	return command
}

func newBlockRemove(env *environment) *cobra.Command {
	var f blockFlags
	command := &cobra.Command{
		Use:     "remove ID",
		Short:   "End a block",
		Long:    "Ends a block. `tributary block undo` brings it back for 30 days.",
		Example: `  tributary block remove b7k2m9qxp --reason "the source has cleaned up"`,
		Args:    oneArgument("block remove", "block"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.desk(cmd.Context(), env, func(ctx context.Context, desk *blocklist.Desk) error {
				done, err := desk.Remove(ctx, args[0])
				if err != nil {
					return err
				}
				return f.tell(env, "removed", done)
			})
		},
	}
	f.register(command)
	return command
}

func newBlockUndo(env *environment) *cobra.Command {
	var f blockFlags
	command := &cobra.Command{
		Use:     "undo [ID]",
		Short:   "Take the last change of a block back",
		Long:    blockUndoLong,
		Example: "  tributary block undo\n  tributary block undo b7k2m9qxp",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse.Errorf("block undo takes the ID of one block, or none for the one that you changed last; got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.desk(cmd.Context(), env, func(ctx context.Context, desk *blocklist.Desk) error {
				done, err := desk.Undo(ctx, strings.Join(args, ""))
				if err != nil {
					return err
				}
				what := "in force again:"
				if done.Block.Removed {
					what = "removed again:"
				}
				return f.tell(env, what, done)
			})
		},
	}
	f.register(command)
	return command
}

func newBlockList(env *environment) *cobra.Command {
	var all, asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "Print the blocks in force",
		Long: `Prints the blocks in force, in the order in which they were written: of several that a click meets
the first one counts, and shadow ones after all others.`,
		Example: "  tributary block list\n  tributary block list --all --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			topic, err := env.controlTopic()
			if err != nil {
				return err
			}
			state, err := topic.read(cmd.Context())
			if err != nil {
				return err
			}
			return blocklist.Print(env.stdout, blocklist.Rows(state, all), asJSON)
		},
	}
	command.Flags().BoolVar(&all, "all", false, "those that were removed within the last 30 days too")
	command.Flags().BoolVar(&asJSON, "json", false, "print lines of JSON")
	return command
}

func newBlockHistory(env *environment) *cobra.Command {
	var limit int
	var asJSON bool
	command := &cobra.Command{
		Use:   "history [ID]",
		Short: "Print who blocked what, when and why",
		Long: `Prints the changes of a block, or of all, oldest first: those that ended long ago too. They are in
ClickHouse, table control_changes, about a second after the change.`,
		Example: "  tributary block history\n  tributary block history b7k2m9qxp",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse.Errorf("block history takes the ID of one block, or none for all; got %d", len(args))
			case limit < 1 || limit > 1_000_000:
				return misuse.Errorf("--limit is %d: want 1 to 1000000", limit)
			case len(args) == 1:
				return misuse.Of(block.CheckID(args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
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
			past, err := blocklist.History(ctx, conn, c.ClickHouse.Database, strings.Join(args, ""), limit)
			if err = errors.Join(err, conn.Close()); err != nil {
				return reached(err, &c.ClickHouse)
			}
			return blocklist.PrintHistory(env.stdout, past, asJSON)
		},
	}
	command.Flags().IntVar(&limit, "limit", 100, "print the last `N` changes")
	command.Flags().BoolVar(&asJSON, "json", false, "print lines of JSON")
	return command
}
