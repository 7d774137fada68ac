package cli

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tributary/deploy"
	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/wiring"
)

const upLong = `Runs every role in this process. Kafka and ClickHouse are embedded unless kafka.mode and
clickhouse.mode say external; what they keep is in data_dir, and the next start goes on with it.

Without a configuration file it uses built-in defaults, a small example catalog, and a random
click ID key that it keeps in data_dir. The example is never used with data that came with a
catalog of your own, and a file that is named must declare its campaigns.

Who sees what: strangers reach the edge (ingest.listen) and learn there only whether it is ready;
figures, profiles and reasons are on ops.listen, for this machine or with ops.token. The console
(console.listen, this machine) wants a sign-in; while there is no owner, the link that is printed
makes one. The
embedded Kafka wants the password in data_dir, which kcat.conf and kafka-client.properties there
hold for other clients. data_dir is closed to all users but yours.

The first Ctrl-C (SIGINT, SIGTERM) stops taking requests, finishes what has entered, and exits
with 0. The second ends at once; the next start repairs and repeats what was not finished.
SIGHUP reads the catalog again.`

func newUp(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process on embedded engines",
		Long:  upLong,
		Example: `  tributary up
  tributary up --config tributary.yaml
  tributary up --set ingest.listen=127.0.0.1:9000 --set data_dir=/tmp/trial`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := env.upSources()
			loaded, logger, err := env.load(from)
			if err != nil {
				return err
			}
			release, err := embedded.Lock(loaded.Config.DataDir)
			if err != nil {
				return err
			}
			defer release()
			if loaded.StoodIn {
				logger.Info("no catalog is configured: using the small built-in one, whose campaigns are examples")
			}
			return env.run(cmd.Context(), from, loaded, logger, func(s *wiring.System) { addEverything(s, false) }, func(s *wiring.System) {
				_, _, network := loaded.Config.Examples()
				greet(env.stdout, &loaded.Config, s.ConsoleLink(), env.sqlCommand(from, loaded), postbackLinkCommand(from, loaded, network))
				logger.Debug("all roles have started", zap.NamedError("not_ready_yet", s.Ready()))
			})
		},
	}
}

// upSources complete the configuration with what `up` can make itself.
func (e *environment) upSources() config.Sources {
	from := e.sources()
	from.Catalog = deploy.ExampleConfig
	running := false // a reload, not the start
	from.Complete = func(c *config.Config, _ func(string) bool) error {
		if err := wiring.RestrictData(c); err != nil {
			return err
		}
		if running {
			if err := wiring.PasswordsKept(c); err != nil {
				return err
			}
		}
		running = true
		if err := wiring.MakePasswords(c); err != nil {
			return err
		}
		if c.Kafka.Mode != config.ModeEmbedded {
			return nil // other machines may share this Kafka: the key must be configured
		}
		if err := wiring.MakeKafkaLogin(c); err != nil {
			return err
		}
		return wiring.CompleteKey(c)
	}
	return from
}

// addEverything adds every unit of `up`. demo: the console has an owner of its own, whom its link signs in.
func addEverything(s *wiring.System, demo bool) {
	s.AddOps()
	s.AddEngines()
	s.AddSetup()
	s.AddControl()
	s.AddRoles()
	s.Blocks = consoleBlocks
	s.AddConsole(false, demo)
	s.AddBackup()
}

// greet prints what can be tried, with the addresses in force.
func greet(out io.Writer, c *config.Config, consoleLink, sqlCommand, linkCommand string) {
	edge := "http://" + reachable(c.EdgeListen())
	campaign, source, network := c.Examples()
	var b strings.Builder
	fmt.Fprintf(&b, "\nTributary is up. What it keeps is in %s; Ctrl-C stops it.\n\n", c.DataDir)
	try := func(what, command string) { fmt.Fprintf(&b, "  %-9s %s\n", what, command) }
	if consoleLink != "" {
		try("console", consoleLink+"   (open it in a browser"+once(consoleLink)+")")
	}
	if campaign != "" {
		try("click", fmt.Sprintf("curl -i '%s/c/%s?source=%s&sub1=hello'", edge, campaign, source))
	}
	proof, where := "", ""
	if len(c.Catalog.Networks) > 0 && len(c.Catalog.Networks[0].Trust.Tokens) > 0 {
		proof, where = "&token=TOKEN", "; the URL for the network: "+linkCommand
	}
	try("postback", fmt.Sprintf("curl '%s/postback?network=%s&click_id=CLICK_ID&payout=12.50&txid=1%s'   (CLICK_ID: the header X-Click-Id above%s)", edge, network, proof, where))
	try("figures", fmt.Sprintf("%s 'SELECT * FROM epc_roi_by_campaign'", sqlCommand))
	try("state", fmt.Sprintf("curl 'http://%s/readyz'   (metrics: /metrics)", reachable(c.Ops.Listen)))
	if c.Kafka.Mode == config.ModeEmbedded {
		try("events", fmt.Sprintf("kcat -F %s -C -t %sscored.conversions -o beginning -e -f '%%T %%k\\n'   (Kafka at %s; Java: %s)",
			filepath.Join(c.DataDir, wiring.KcatFile), c.Kafka.TopicPrefix, c.Kafka.Brokers[0], filepath.Join(c.DataDir, wiring.KafkaClientFile)))
	} else {
		try("events", fmt.Sprintf("Kafka at %s", strings.Join(c.Kafka.Brokers, ", ")))
	}
	fmt.Fprintln(out, b.String())
}

// once says of a link with a secret what it is good for.
func once(link string) string {
	if strings.Contains(link, "/link/") {
		return "; it makes the owner, once, within a day"
	}
	return ""
}

// reachable turns a listening address into one to type.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
