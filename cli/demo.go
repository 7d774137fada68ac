package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/term"

	"tributary/cli/demo"
	"tributary/cli/loadgen"
	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

const demoLong = `Starts everything as ` + "`tributary up`" + ` does, sends realistic traffic to its own HTTP edge, and
shows what ClickHouse makes of it by campaign and source, live: clicks, conversions, cost,
revenue, EPC, ROI, CTR of ads and landing pages (on a terminal of 120 columns), and which source
is fraudulent and why. After some seconds the traffic goes down to a trickle and addresses to
try are printed.

Ctrl-C stops the traffic, waits until ClickHouse has everything that was acknowledged, drains and
exits with 0. The next start goes on with the same data (data_dir, here data/demo unless set).`

// demoData is the demo's own folder: its campaigns are not those of `up`.
const demoData = "data/demo"

func newDemo(env *environment) *cobra.Command {
	var o demo.Options
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run everything and watch realistic traffic become EPC and ROI",
		Long:  demoLong,
		Example: `  tributary demo
  tributary demo --for 20s
  tributary demo --rate 3000 --set ingest.listen=127.0.0.1:9000`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.demo(cmd.Context(), o) },
	}
	flags := command.Flags()
	flags.DurationVar(&o.For, "for", 0, "stop after this `TIME`, such as 20s; 0: at Ctrl-C")
	flags.Float64Var(&o.Rate, "rate", demo.DefaultRate, "requests a second in the first phase")
	flags.Float64Var(&o.Trickle, "trickle", demo.DefaultTrickle, "requests a second afterwards")
	flags.DurationVar(&o.Burst, "burst", demo.DefaultBurst, "how long the first phase lasts")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the traffic")
	return command
}

func (e *environment) demo(parent context.Context, o demo.Options) error {
	if o.Rate <= 0 || o.Trickle <= 0 || o.Burst <= 0 || o.For < 0 {
		return misuse.Errorf("--rate, --trickle and --burst must be above 0, --for not below")
	}
	scenario := loadgen.FunnelScenario(time.Now())
	scenario.Secret = "" // the data folder's own key signs
	from := e.upSources()
	from.Catalog, from.OwnCatalog = []byte(scenario.CatalogYAML()), true
	from.Complete = completeDemo(from.Complete)
	if looked, err := config.Load(e.checkSources()); err == nil && !looked.IsSet("data_dir") {
		from.Set = append(from.Set, "data_dir="+demoData)
	}
	loaded, logger, err := e.load(from)
	if err != nil {
		return err
	}
	c := &loaded.Config
	if !loaded.StoodIn {
		return misuse.Errorf("the demo has a catalog of its own; leave `catalog` out of the configuration, or use `tributary up` with yours")
	}
	keys := c.Catalog.ClickIDKeys
	scenario.KeyID, scenario.Secret = uint8(keys.Active), string(keys.Keys[keys.Active])
	release, err := embedded.Lock(c.DataDir)
	if err != nil {
		return err
	}
	defer release()

	o.Terminal = e.terminal()
	o.Scenario, o.Database = scenario, c.ClickHouse.Database
	o.Window, o.Grace = c.Processor.Window, c.Processor.Grace
	o.Edge = reachable(c.EdgeListen())
	o.SQL = e.sqlCommand(from, loaded)
	return e.runDemo(parent, from, loaded, logger, o)
}

// runDemo runs the system until the demo is over: a signal ends the demo first, which still needs the system.
func (e *environment) runDemo(parent context.Context, from config.Sources, loaded *config.Loaded, logger *zap.Logger, o demo.Options) error {
	ctx, hangups, giveBack := process.WithSignals(parent)
	defer giveBack()
	defer func() { _ = logger.Sync() }() // a terminal cannot be synced
	process.LimitMemory()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	fmt.Fprintf(e.stdout, "Starting Kafka, ClickHouse and every role; data in %s …\n", loaded.Config.DataDir)
	system := wiring.New(loaded, logger)
	addEverything(system, true)
	// A signal while the engines start ends the start; afterwards it ends the demo, which ends the system.
	endStart := context.AfterFunc(ctx, stop)
	showing, stopShowing := context.WithCancel(ctx)
	defer stopShowing()
	started, over := false, make(chan error, 1)
	err := system.Run(running, from, hangups, func() {
		if !endStart() {
			return
		}
		started = true
		go func() {
			defer stop()
			o.Console = system.ConsoleLink()
			over <- e.watchDemo(showing, loaded, o)
		}()
	})
	stopShowing()
	if !started {
		return err
	}
	demoErr := <-over
	if err == nil && demoErr == nil {
		fmt.Fprintln(e.stdout, "Stopped; everything accepted is kept.")
	}
	return errors.Join(demoErr, err)
}

func (e *environment) watchDemo(ctx context.Context, loaded *config.Loaded, o demo.Options) error {
	server, err := wiring.ClickHouseOptions(loaded.Config.ClickHouse)
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(server)
	if err != nil {
		return fmt.Errorf("opening ClickHouse: %w", err)
	}
	defer conn.Close()
	o.ClickHouse = conn
	return demo.Run(ctx, o)
}

// completeDemo sets what only the demo wants, where nothing was configured: its own visitors come through one address, its
// orphans shall be seen soon, and logs shall not run through the tables.
func completeDemo(complete func(*config.Config, func(string) bool) error) func(*config.Config, func(string) bool) error {
	return func(c *config.Config, isSet func(string) bool) error {
		if !isSet("ingest.trusted_proxies") {
			c.Ingest.TrustedProxies = []string{"127.0.0.1"}
		}
		if !isSet("processor.grace") {
			c.Processor.Grace = 10 * time.Second
		}
		if !isSet("log.level") {
			c.Log.Level = "error"
		}
		return complete(c, isSet)
	}
}

// terminal says how to print: in place only where a person watches.
func (e *environment) terminal() demo.Terminal {
	t := demo.Terminal{Out: e.stdout}
	f, ok := e.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return t
	}
	colourless, dumb := false, false
	for _, entry := range e.environ {
		colourless = colourless || strings.HasPrefix(entry, "NO_COLOR=") && entry != "NO_COLOR="
		dumb = dumb || entry == "TERM=dumb"
	}
	t.Width, t.Height, _ = term.GetSize(int(f.Fd()))
	t.Live, t.Colour = !dumb, !colourless && !dumb
	return t
}
