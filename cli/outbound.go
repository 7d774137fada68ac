package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog/control"
	"tributary/catalog/destination"
	"tributary/catalog/hold"
	"tributary/cli/misuse"
	told "tributary/cli/outbound"
	"tributary/cli/terminal"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/sink/outbound"
	"tributary/sink/outbound/protocol"
)

// maxTold bounds what one command shows or sends again.
const maxTold = 100_000

// withTold calls do with ClickHouse, and with how Kafka is reached.
func (e *environment) withTold(cmd *cobra.Command, do func(ctx context.Context, c *config.Config, conn clickhouse.Conn, kafka []kgo.Opt, topic string) error) error {
	loaded, _, err := e.loadConnections()
	if err != nil {
		return err
	}
	c := &loaded.Config
	kafka, err := wiring.KafkaOptions(c.Kafka, "outbound-cli", zap.NewNop())
	if err != nil {
		return err
	}
	ctx, _, giveBack := process.WithSignals(cmd.Context())
	defer giveBack()
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("gave up after 5 minutes"))
	defer cancel()
	conn, err := openClickHouse(ctx, &c.ClickHouse, nil)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, c, conn, kafka, c.Kafka.TopicPrefix+schemas.TopicOutboundRequests), conn.Close())
}

func newOutboundList(env *environment) *cobra.Command {
	var asJSON bool
	var period time.Duration
	command := &cobra.Command{
		Use:   "list",
		Short: "Print how each destination does",
		Long: `Prints each destination that is declared or was told something: whether it is paused, what it was
told in the period, what was refused, how many tries failed, what waits for another try, and what
the last try came to. The figures are ClickHouse's, about a second old.`,
		Example: "  tributary outbound list\n  tributary outbound list --period 168h --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := env.loadOffline()
			if err != nil {
				return err
			}
			control, err := env.controlTopic()
			if err != nil {
				return err
			}
			state, err := control.read(cmd.Context())
			if err != nil {
				return err
			}
			holds := hold.InForce(state)
			return env.withTold(cmd, func(ctx context.Context, c *config.Config, conn clickhouse.Conn, _ []kgo.Opt, _ string) error {
				list, err := told.Summaries(ctx, conn, c.ClickHouse.Database, period)
				if err != nil {
					return err
				}
				known := map[string]int{}
				for i := range list {
					known[list[i].Destination] = i
					list[i].State = "not declared"
				}
				for _, d := range loaded.catalog.Destinations() {
					at, ok := known[d.Name]
					if !ok {
						at = len(list)
						list = append(list, told.Summary{Destination: d.Name})
					}
					switch {
					case d.Paused:
						list[at].State = "paused in the catalog"
					case holds[d.Name].Paused != "":
						list[at].State = holds[d.Name].Paused
					default:
						list[at].State = "in force"
					}
				}
				if asJSON {
					encoder := terminal.NewJSON(env.stdout)
					for i := range list {
						if err := encoder.Encode(&list[i]); err != nil {
							return err
						}
					}
					return nil
				}
				t := table.NewWriter()
				t.AppendHeader(table.Row{"destination", "state", "told", "not told", "failed tries", "waiting", "last", "outcome", "reason"})
				for _, s := range list {
					last := ""
					if !s.Last.IsZero() {
						last = s.Last.UTC().Format(time.RFC3339)
					}
					t.AppendRow(table.Row{s.Destination, terminal.Shown(s.State, 40), s.Told, s.NotTold, s.Failed, s.Waiting, last, s.LastOutcome, terminal.Shown(s.LastReason, 40)})
				}
				_, err = fmt.Fprintln(env.stdout, t.Render())
				return err
			})
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print lines of JSON")
	command.Flags().DurationVar(&period, "period", 24*time.Hour, "`TIME` that the figures are of")
	return command
}

func newOutboundShow(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print what was told of a conversion, try by try",
		Long: `Prints each try to tell of a conversion, as a line of JSON: when, to whom, the URL with its secrets
masked, what came back and what follows. ID is that of a request, a conversion, a click, or the
receipt of a postback.`,
		Example: "  tributary outbound show 06h08g6cc4jsttg0016znk6sj8 | jq -c '{at,destination,outcome,reason}'",
		Args:    oneArgument("outbound show", "request, conversion, click or receipt"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.withTold(cmd, func(ctx context.Context, c *config.Config, conn clickhouse.Conn, _ []kgo.Opt, _ string) error {
				list, err := told.Attempts(ctx, conn, c.ClickHouse.Database, told.Filter{ID: args[0], Limit: maxTold})
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fmt.Errorf("nothing was told of %s, or not yet", terminal.Shown(args[0], 80))
				}
				encoder := terminal.NewJSON(env.stdout)
				for i := range list {
					if err := encoder.Encode(&list[i]); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func newOutboundResend(env *environment) *cobra.Command {
	var f told.Filter
	var since, until string
	var yes bool
	command := &cobra.Command{
		Use:   "resend",
		Short: "Have something told again, under the ID that it had",
		Long: `Has requests that are over told again: those that were refused or expired, unless --outcome names
others. The destination sees the same IDs, so one that looks at them counts nothing twice; one that
does not may. Nothing is sent after the destination's window: such a request expires again.

Without --yes it only says what it would do. It works from any machine that reaches Kafka.`,
		Example: `  tributary outbound resend --id 4d1f0c9a3b2e4f608d7c6b5a49382716
  tributary outbound resend --destination exo --since 2026-11-01T00:00:00Z --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.ID == "" && f.Destination == "" {
				return misuse.Errorf("say what is to be sent again: --id, --destination, or both")
			}
			for _, t := range []struct {
				flag, text string
				into       *time.Time
			}{{"since", since, &f.Since}, {"until", until, &f.Until}} {
				if t.text == "" {
					continue
				}
				if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
					return misuse.Errorf("--%s is %q: want a time such as 2026-11-01T00:00:00Z", t.flag, t.text)
				}
			}
			return env.withTold(cmd, func(ctx context.Context, c *config.Config, conn clickhouse.Conn, kafka []kgo.Opt, topic string) error {
				f.Last, f.Limit = true, maxTold
				list, err := told.Attempts(ctx, conn, c.ClickHouse.Database, f)
				if err != nil {
					return err
				}
				places := make([]told.Place, len(list))
				of := map[string]int{}
				for i, a := range list {
					places[i] = told.Place{Partition: a.Partition, Offset: a.Offset}
					of[a.Destination+", "+a.Outcome]++
				}
				for what, n := range of {
					fmt.Fprintf(env.stdout, "%s: %d\n", what, n)
				}
				if !yes || len(list) == 0 {
					_, err := fmt.Fprintf(env.stdout, "%d would be sent again; --yes does it\n", len(list))
					return err
				}
				requests, err := told.Requests(ctx, kafka, topic, places)
				if err != nil {
					return err
				}
				now := time.Now()
				if err := told.Resend(ctx, kafka, topic, requests, uint32(now.Unix()), now); err != nil {
					return err
				}
				_, err = fmt.Fprintf(env.stdout, "%d are sent again; Kafka has %d no more\n", len(requests), len(list)-len(requests))
				return err
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.ID, "id", "", "`ID` of a request, a conversion, a click or a receipt")
	flags.StringVar(&f.Destination, "destination", "", "only what this `NAME` was to be told")
	flags.StringSliceVar(&f.Outcomes, "outcome", []string{"refused", "expired"}, "`WORDS` for how it ended: any of delivered, refused, expired, capped, skipped")
	flags.StringVar(&since, "since", "", "only what ended at this `TIME` or later, such as 2026-11-01T00:00:00Z")
	flags.StringVar(&until, "until", "", "only what ended before this `TIME`")
	flags.BoolVar(&yes, "yes", false, "do it")
	return command
}

// newOutboundHold makes pause and resume.
func newOutboundHold(env *environment, resumed bool) *cobra.Command {
	var author, reason string
	command := &cobra.Command{
		Use:   "pause NAME",
		Short: "Send nothing to a destination until it is resumed",
		Long: `Has nothing sent to a destination from now on; calls under way end. What is to be told waits, and
expires when the destination's window is over. Every deliverer knows it within a second.`,
		Example: `  tributary outbound pause exo --reason "they count twice"`,
		Args:    oneArgument("outbound pause", "destination"),
	}
	if resumed {
		command.Use, command.Short, command.Example = "resume NAME", "Send to a destination again", `  tributary outbound resume exo --reason "the token is renewed"`
		command.Long = `Has a destination told again what waits, whether a person paused it or it refused us (401, 403,
410). One that is paused in the catalog stays paused.`
		command.Args = oneArgument("outbound resume", "destination")
	}
	command.RunE = func(cmd *cobra.Command, args []string) error {
		topic, err := env.controlTopic()
		if err != nil {
			return err
		}
		if author == "" {
			author = userName()
		}
		entry := control.Entry{Kind: hold.Kind, ID: args[0], Author: author, Reason: reason, Value: hold.Value(resumed)}
		err = topic.write(cmd.Context(), func(ctx context.Context, w *control.Writer) error {
			_, err := w.Write(ctx, func(*control.State) ([]control.Change, error) { return []control.Change{{Entry: entry}}, nil })
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %s\n", strings.Fields(command.Use)[0]+"d", terminal.Shown(args[0], schemas.MaxNameBytes))
		return err
	}
	command.Flags().StringVar(&author, "author", "", "`NAME` of who does it, kept with the change; default: your user name")
	command.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why, kept with the change")
	return command
}

func newOutboundTest(env *environment) *cobra.Command {
	var id string
	var send bool
	command := &cobra.Command{
		Use:   "test NAME",
		Short: "Show the call that tells a past conversion, and make it",
		Long: `Shows how a destination is told of a conversion that it was to hear of before, by what is declared
now: the method, the URL with its secrets masked, and how long the body is. It is the last such
conversion, or the one of --id. With --send the call is made, once, and its answer is shown and
judged; no attempt is recorded. A destination with a test mode needs it set for that.`,
		Example: "  tributary outbound test meta\n  tributary outbound test exo --id 4d1f0c9a3b2e4f608d7c6b5a49382716 --send",
		Args:    oneArgument("outbound test", "destination"),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := env.loadOffline()
			if err != nil {
				return err
			}
			var d *destination.Destination
			for _, one := range loaded.catalog.Destinations() {
				if one.Name == args[0] {
					d = one
				}
			}
			if d == nil {
				return misuse.Errorf("no destination is named %q in the catalog of %s", terminal.Shown(args[0], schemas.MaxNameBytes), loaded.from())
			}
			target := outbound.TargetOf(d)
			if target == nil {
				return fmt.Errorf("this program has no protocol for the template of %s", d.Name)
			}
			return env.withTold(cmd, func(ctx context.Context, c *config.Config, conn clickhouse.Conn, kafka []kgo.Opt, topic string) error {
				list, err := told.Attempts(ctx, conn, c.ClickHouse.Database, told.Filter{ID: id, Destination: d.Name, Limit: maxTold})
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fmt.Errorf("%s was to be told of nothing yet that ClickHouse has seen", d.Name)
				}
				last := list[len(list)-1]
				place := told.Place{Partition: last.Partition, Offset: last.Offset}
				found, err := told.Requests(ctx, kafka, topic, []told.Place{place})
				if err != nil {
					return err
				}
				if found[place] == nil {
					return fmt.Errorf("request %s is in Kafka no more", last.RequestID)
				}
				return env.tryCall(ctx, target, found[place], send)
			})
		},
	}
	command.Flags().StringVar(&id, "id", "", "`ID` of a request, a conversion, a click or a receipt")
	command.Flags().BoolVar(&send, "send", false, "send it, instead of showing it only")
	return command
}

// tryCall shows the call that tells a request, and sends it where send is set.
func (e *environment) tryCall(ctx context.Context, t *outbound.Target, r *events.OutboundRequest, send bool) error {
	requests := []*events.OutboundRequest{r}
	call, err := t.Protocol.Call(t.Destination, requests, time.Now())
	if err != nil {
		return fmt.Errorf("this cannot be told: %w", err)
	}
	show := map[string]any{"request_id": r.RequestId, "conversion_id": r.ConversionId, "method": call.Method, "url": call.Masked, "body_bytes": len(call.Body)}
	if send {
		client := outbound.NewClient()
		defer client.Close()
		credentials := &protocol.Credentials{Client: client.Plain(), Now: time.Now}
		ctx, cancel := context.WithTimeout(ctx, t.Timeout)
		defer cancel()
		verdicts, answer, err := credentials.Tell(ctx, t.Protocol, t.Destination, requests, call, func(ctx context.Context, call *protocol.Call) (*protocol.Answer, error) {
			return client.Send(ctx, t, call)
		})
		if err != nil {
			return fmt.Errorf("no answer came: %w", err)
		}
		show["status_code"], show["answer"] = answer.Status, terminal.Shown(string(answer.Body), 2048)
		show["outcome"], show["reason"] = outbound.OutcomeName(verdicts[0].Outcome), verdicts[0].Reason
	}
	encoder := terminal.NewJSON(e.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(show)
}
