package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/cli/dlq"
	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/schemas"
)

const dlqLong = `A dead letter is an input that became neither a click nor a ledger entry, kept as it came, with
the reason, the role that refused it and the time. These commands read the topic dead-letters,
so they work when ClickHouse is away. For questions in SQL there is the table dead_letters.

Reasons, and what to do about each:
`

const dlqListLong = `Prints the dead letters that the filters take, the newest last: when, why, which network, and the
money that their senders named. --count adds them up by reason, network and role instead.

Money at stake counts a conversion once, however often its network tried, and leaves out what was
booked before and what was replayed.`

const dlqShowLong = `Prints everything about one letter: what was wrong and what would be right, when and from where it
came, where it lies in Kafka, the input as it was, and what replaying it now would do.`

const dlqReplayLong = `Sends letters back to where they entered, once the reason why they were refused is fixed. Without
--yes it is a dry run: it says what would be sent and why the rest would not, and writes nothing.

postback  is judged again by the catalog of this configuration, under its first receipt ID and
          time, and goes to the topic postbacks. Sent twice, it is booked once.
record    that a role could not read goes to its topic and partition again, if this program can
          read it.
row       that ClickHouse refused goes to its scored topic again, if its table does not have it.
click     cannot be replayed: its visitor is gone.

Each letter is replayed once: the topic dead-letters.replays notes it. A postback is held back
where the ledger has a newer entry of its conversion (--overtake). The oldest go first. After
Ctrl-C or a failure, the same command goes on with the rest.`

// dlqFilter is what list and replay take the same flags for.
type dlqFilter struct{ dlq.Selection }

func (f *dlqFilter) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.Reasons, "reason", nil, "only letters with this `REASON`; may be repeated, as may the next four")
	flags.StringArrayVar(&f.Networks, "network", nil, "only letters of this `NETWORK`, as its postbacks wrote it")
	flags.StringArrayVar(&f.Kinds, "kind", nil, "only what would have been this `KIND`: "+strings.Join(dlq.Kinds, ", "))
	flags.StringArrayVar(&f.Places, "place", nil, "only what this `ROLE` refused: "+strings.Join(dlq.Places, ", "))
	flags.StringArrayVar(&f.ClickIDs, "click-id", nil, "only letters that name this click `ID`")
	flags.StringVar(&f.Since, "since", "", "only what came at or after this `TIME` (UTC): today, 2026-01-31, 2026-01-31T12:00:00Z, or an age such as 90m, 2h, 3d")
	flags.StringVar(&f.Until, "until", "", "only what came before this `TIME`")
}

func newDLQ(env *environment) *cobra.Command {
	var reasons strings.Builder
	for _, r := range schemas.RejectReasons {
		fmt.Fprintf(&reasons, "\n  %-20s %s", r.Reason, strings.ReplaceAll(wrapped(r.Mend, 74), "\n", "\n"+strings.Repeat(" ", 23)))
	}
	command := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters: refused postbacks and clicks; replay them",
		Long:  dlqLong + reasons.String(),
		Example: `  tributary dlq list --network acme --since today
  tributary dlq list --since 24h --count
  tributary dlq replay --reason no_exchange_rate --since 3d`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newDLQList(env), newDLQShow(env), newDLQReplay(env))
	return command
}

// wrapped breaks a text between words into lines of at most width characters.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		n := len([]rune(word))
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

func newDLQList(env *environment) *cobra.Command {
	var filter dlqFilter
	o := dlq.ListOptions{}
	command := &cobra.Command{
		Use:   "list",
		Short: "Print dead letters, or how many there are and their money",
		Long:  dlqListLong,
		Example: `  tributary dlq list --network acme --since today
  tributary dlq list --since 24h --count
  tributary dlq list --reason bad_payout --json | jq -r .raw`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Filter, err = filter.Parse(time.Now()); err != nil {
				return misuse.Of(err)
			}
			loaded, logger, err := env.loadConnections()
			if err != nil {
				return err
			}
			c := &loaded.Config
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			if o.Kafka, err = wiring.KafkaOptions(c.Kafka, "dlq", logger); err != nil {
				return err
			}
			if o.JSON && !cmd.Flags().Changed("limit") {
				o.Limit = 0
			}
			o.TopicPrefix = c.Kafka.TopicPrefix
			var clear func()
			o.Progress, clear = env.dlqProgress()
			// The progress line must be gone before the first line of the answer.
			o.Out = &clearing{to: env.stdout, clear: clear}
			err = dlq.List(ctx, o)
			clear()
			return dlqError(err, c)
		},
	}
	filter.register(command)
	flags := command.Flags()
	flags.IntVarP(&o.Limit, "limit", "n", 50, "print the newest `LETTERS` only; 0: all. With --json all unless given, then the first")
	flags.BoolVar(&o.JSON, "json", false, "print JSON lines: a letter each, or a group each with --count")
	flags.BoolVar(&o.Count, "count", false, "print how many letters, by reason, network and role, and the money at stake")
	return command
}

// clearing takes a progress line away before what is written.
type clearing struct {
	to    io.Writer
	clear func()
}

func (c *clearing) Write(b []byte) (int, error) {
	c.clear()
	return c.to.Write(b)
}

// dlqError says what the person can put right.
func dlqError(err error, c *config.Config) error {
	switch {
	case err == nil:
		return nil
	case misuse.Is(err):
		return err
	case errors.Is(err, dlq.ErrClickHouse):
		return fmt.Errorf("%w (clickhouse.addr: %s)", err, c.ClickHouse.Addr)
	}
	return fmt.Errorf("%w (kafka.brokers: %s)", err, strings.Join(c.Kafka.Brokers, ", "))
}

// dlqProgress writes progress over one line where a person watches, else a line now and then; clear may be called often.
func (e *environment) dlqProgress() (show func(dlq.Progress), clear func()) {
	every, format := 100*time.Millisecond, "\r\x1b[K%s"
	if !e.terminal().Live {
		every, format = 10*time.Second, "%s\n"
	}
	last, shown := time.Now(), false
	return func(p dlq.Progress) {
			if time.Since(last) < every {
				return
			}
			last, shown = time.Now(), e.terminal().Live
			text := fmt.Sprintf("%s: %d of %d", p.What, p.Done, p.Total)
			if p.Rate > 0 {
				text += fmt.Sprintf(", %.0f/s, %s left", p.Rate, p.Left.Round(time.Second))
			}
			fmt.Fprintf(e.stderr, format, text)
		}, func() {
			if shown {
				fmt.Fprint(e.stderr, "\r\x1b[K")
				shown = false
			}
		}
}
