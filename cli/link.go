package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog/dialect"
	"tributary/cli/links"
	"tributary/cli/misuse"
	"tributary/deploy/config"
)

const linkLong = `Builds click links and postback templates from the catalog, and says what the edge would make of
a URL. It reads the configuration only: no server is needed.`

const linkCampaignLong = `Prints the click link of a campaign and how the edge reads it. For a traffic source whose macros
are known the macros are filled in; others are given as --value FIELD=MACRO.

--dialect writes the link as another tracker does, for links that stay when only their domain
changes; the campaign's aliases are what that tracker calls it.`

const linkPostbackLong = `Prints the URL that a network is given to call, in its dialect (networks[].dialect), and how the
edge reads it once the network has filled in its macros. --sender names the system that the
network runs, which says how it writes macros; --macro gives its own. Without them the macros are
places to fill in: what the network calls the click ID, the payout and the transaction ID.

The network's token is left out unless --show-token. Signed postbacks cannot be a template: what
the network must add is said.`

const linkCheckLong = `Says what the edge would make of a URL: whose link or postback it is, what each parameter becomes,
what is dropped, which macros are not filled in, and whether it would be taken. Nothing is sent:
what only a running edge knows (rates, caps, whether the click is known) is not looked at.

Exit code 0: it would be taken. 1: it would not.`

func newLink(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "link",
		Short: "Build or check a click link or a postback template",
		Long:  linkLong,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newLinkCampaign(env), newLinkPostback(env), newLinkCheck(env))
	return command
}

// linkFlags are those that the three share.
type linkFlags struct {
	base string
	json bool
}

func (f *linkFlags) register(command *cobra.Command) {
	command.Flags().StringVar(&f.base, "base", "", "`URL` of the edge as the public reaches it; default: ingest.listen of the configuration on this machine")
	command.Flags().BoolVar(&f.json, "json", false, "print a JSON line")
}

func (f *linkFlags) world(env *environment) (*links.World, error) {
	loaded, err := env.loadOffline()
	if err != nil {
		return nil, err
	}
	if loaded.StoodIn {
		fmt.Fprintf(env.stderr, "The catalog is that of %s.\n", loaded.from())
	}
	return &links.World{Config: loaded.Config.Catalog, Catalog: loaded.catalog, Base: cmp.Or(f.base, loaded.edge()), Keyless: loaded.keyless}, nil
}

func newLinkCampaign(env *environment) *cobra.Command {
	var f linkFlags
	var r links.LinkRequest
	var values []string
	command := &cobra.Command{
		Use:   "campaign NAME",
		Short: "Print a campaign's click link",
		Long:  linkCampaignLong + "\n\n" + wrapped("Traffic sources whose macros are known: "+strings.Join(links.TrafficNames(), ", ")+".", 95),
		Example: `  tributary link campaign summer --config tributary.yaml --base https://t.example --source pushads --traffic trafficstars
  tributary link campaign summer --source pushads --value external_id={clickid} --value sub1={zone}
  tributary link campaign summer --dialect keitaro`,
		Args: oneArgument("link campaign", "campaign"),
		RunE: func(_ *cobra.Command, args []string) error {
			var err error
			if r.Values, err = pairs("--value", values); err != nil {
				return err
			}
			w, err := f.world(env)
			if err != nil {
				return err
			}
			r.Campaign = args[0]
			built, err := w.Link(r, time.Now())
			if err != nil {
				return err
			}
			return built.Print(env.stdout, f.json)
		},
	}
	f.register(command)
	flags := command.Flags()
	flags.StringVar(&r.Source, "source", "", "`NAME` of the traffic source, written into the link; default: none, the campaign's own source counts")
	flags.StringVar(&r.Traffic, "traffic", "", "fill in the macros of this traffic `SOURCE`; default: those of the source's own name, where they are known")
	flags.StringVar(&r.Dialect, "dialect", "", "write the link as this `TRACKER` does; default: native")
	flags.StringArrayVar(&values, "value", nil, "what a field gets, as `FIELD=TEXT`, a macro or a fixed text; empty leaves it out; may be repeated")
	return command
}

func newLinkPostback(env *environment) *cobra.Command {
	var f linkFlags
	var r links.TemplateRequest
	var macros []string
	command := &cobra.Command{
		Use:   "postback",
		Short: "Print the postback template for a network",
		Long:  linkPostbackLong + "\n\n" + wrapped("Systems whose macros are known: "+dialect.Names()+".", 95),
		Example: `  tributary link postback --network acme --show-token
  tributary link postback --config tributary.yaml --base https://t.example --network acme --sender affise
  tributary link postback --network acme --macro click_id={aff_sub} --macro payout={payout}`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			var err error
			if r.Macros, err = pairs("--macro", macros); err != nil {
				return err
			}
			w, err := f.world(env)
			if err != nil {
				return err
			}
			if r.Network == "" && len(w.Config.Networks) == 1 {
				r.Network = w.Config.Networks[0].Name
			}
			built, err := w.Template(r, time.Now())
			if err != nil {
				return err
			}
			return built.Print(env.stdout, f.json)
		},
	}
	f.register(command)
	flags := command.Flags()
	flags.StringVar(&r.Network, "network", "", "`NAME` of the network; default: the only one")
	flags.StringVar(&r.Sender, "sender", "", "`SYSTEM` that the network runs, whose macros are filled in")
	flags.StringArrayVar(&macros, "macro", nil, "the network's macro for a part, as `PART=TEXT`: click_id, event, status, payout, currency, txid or ts; may be repeated")
	flags.BoolVar(&r.OwnPath, "own-path", false, "write the path of the network's dialect in place of /postback/NETWORK, for networks that can change only the domain")
	flags.BoolVar(&r.ShowToken, "show-token", false, "write the network's token into the template")
	return command
}

func newLinkCheck(env *environment) *cobra.Command {
	var f linkFlags
	command := &cobra.Command{
		Use:   "check URL",
		Short: "Say what the edge would make of a URL",
		Long:  linkCheckLong,
		Example: `  tributary link check --config tributary.yaml 'https://t.example/c/summer?source=pushads&sub1={zone}'
  tributary link check '/postback?network=acme&click_id=06h08g6c4g000400040jb7ba0004hvg95gavgwc9&payout=12,50'`,
		Args: oneArgument("link check", "URL"),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := f.world(env)
			if err != nil {
				return err
			}
			reading, err := w.Check(args[0], time.Now())
			if err != nil {
				return err
			}
			if err := reading.Print(env.stdout, f.json); err != nil {
				return err
			}
			return reading.Err()
		},
	}
	command.Flags().BoolVar(&f.json, "json", false, "print a JSON line")
	return command
}

// oneArgument takes exactly one word.
func oneArgument(command, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		hint := ""
		if len(args) > 1 {
			hint = "; put quotes around one that has spaces or &"
		}
		return misuse.Errorf("%s takes one %s, got %d%s; see `%s %s --help`", command, what, len(args), hint, programName, command)
	}
}

// postbackLinkCommand is a command line that prints the URL for a network of this configuration, from another terminal.
func postbackLinkCommand(from config.Sources, loaded *config.Loaded, network string) string {
	return again(from, loaded, "link postback", []setting{{"ingest.listen", loaded.Config.Ingest.Listen}}) + " --network " + shellWord(network) + " --show-token"
}

const programName = "tributary"

// pairs reads NAME=TEXT values of a flag.
func pairs(flag string, values []string) (map[string]string, error) {
	m := map[string]string{}
	for _, value := range values {
		name, text, ok := strings.Cut(value, "=")
		if !ok {
			return nil, misuse.Errorf("%s %q is not a pair; right would be NAME=TEXT", flag, value)
		}
		if _, taken := m[name]; taken {
			return nil, misuse.Errorf("%s names %s twice", flag, name)
		}
		m[name] = text
	}
	return m, nil
}
