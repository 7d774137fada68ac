package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

func newIngest(env *environment) *cobra.Command {
	return newRole(env, config.SectionIngest, func(s *wiring.System) { s.AddOps(); s.AddControl(); s.AddIngest() }, []string{config.SectionIngest, config.SectionCatalog}, &cobra.Command{
		Use:   "ingest",
		Short: "Run the HTTP edge: click links and postbacks into Kafka",
		Long: `Runs the HTTP edge alone. It answers a click or a postback only when Kafka has it, or, while
Kafka is slow or away, its own spool on disk. It needs a catalog and its click ID keys. Run as
many as you like behind a load balancer, all with the same keys, each with an ingest.spool.dir
of its own that outlives a restart.

/metrics, /debug/pprof, /healthz and /readyz with its reasons are on ops.listen, which only this
machine reaches unless it is set; the public port (ingest.listen) says only whether the edge lives
and is ready, unless ingest.trust.management_routes serves them there too, with ops.token. The
first SIGTERM refuses new connections and answers open requests; SIGHUP reads the catalog again.`,
		Example: `  tributary ingest --config tributary.yaml
  tributary ingest --config tributary.yaml --set ingest.listen=:80 --set ingest.spool.dir=/var/lib/tributary/spool`,
	})
}

func newProcess(env *environment) *cobra.Command {
	return newRole(env, config.SectionProcessor, func(s *wiring.System) {
		process.CollectAsGoDoes() // nothing else is in this process
		s.AddOps()
		if s.CatalogFromControl() {
			s.AddControl() // destinations are in it
		}
		s.AddProcessor()
	}, []string{config.SectionProcessor}, &cobra.Command{
		Use:   "process",
		Short: "Run the stream processor: join, remove duplicates, score",
		Long: `Runs the stream processor alone. Several share the partitions (kafka.partitions is their limit);
each needs a processor.state_dir of its own that outlives a restart, and a
processor.instance_id that stays the same.

/metrics, /debug/pprof, /healthz and /readyz are on ops.listen, which only this machine reaches
unless it is set: then ops.token is needed for more than whether it lives and is ready. The first
SIGTERM finishes the transaction at hand.`,
		Example: `  tributary process --config tributary.yaml
  tributary process --config tributary.yaml --set processor.instance_id=p1 --set processor.state_dir=/var/lib/tributary/p1`,
	})
}

func newSink(env *environment) *cobra.Command {
	return newRole(env, config.SectionSink, func(s *wiring.System) { s.AddOps(); s.AddSink() }, []string{config.SectionSink}, &cobra.Command{
		Use:   "sink",
		Short: "Run the loader: scored events into ClickHouse, exactly once",
		Long: `Runs the ClickHouse loader alone. Several share the partitions. ClickHouse may be away: what
waits stays in Kafka, and nothing is loaded twice.

/metrics, /debug/pprof, /healthz and /readyz are on ops.listen, which only this machine reaches
unless it is set: then ops.token is needed for more than whether it lives and is ready. The first
SIGTERM inserts what is buffered.`,
		Example: `  tributary sink --config tributary.yaml
  tributary sink --config tributary.yaml --set clickhouse.addr=clickhouse:9000 --set clickhouse.protocol=native`,
	})
}

// roleControl is a role without a section of the configuration.
const roleControl = "control"

func newControl(env *environment) *cobra.Command {
	return newRole(env, roleControl, func(s *wiring.System) { s.AddOps(); s.AddLeases() }, []string{}, &cobra.Command{
		Use:   "control",
		Short: "Run the control role: leases of caps for several edges",
		Long: `Runs the control role alone. It hands out leases of clicks_per_day to the edges that have
ingest.caps: shared, so that together they never send a click too many (docs/caps.md). It keeps
nothing on the disk and needs no catalog. Run two: one grants, the other one takes over when it is
gone. While none runs, the edges use what they hold, and then other offers and the fallback.

/metrics, /debug/pprof, /healthz and /readyz are on ops.listen, which only this machine reaches
unless it is set: then ops.token is needed for more than whether it lives and is ready.`,
		Example: `  tributary control --config tributary.yaml`,
	})
}

// newRole makes the command of one role on external engines.
func newRole(env *environment, role string, add func(*wiring.System), sections []string, command *cobra.Command) *cobra.Command {
	command.Args = noArguments
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		from := env.sources()
		from.Sections = sections
		loaded, logger, err := env.load(from)
		if err != nil {
			return err
		}
		if err := needExternal(&loaded.Config, role, cmd.Name(), "it runs this role too"); err != nil {
			return err
		}
		if err := wiring.RestrictRole(&loaded.Config, role, logger); err != nil {
			return err
		}
		return env.run(cmd.Context(), from, loaded, logger, add, func(s *wiring.System) {
			if link := s.ConsoleLink(); link != "" {
				fmt.Fprintf(env.stdout, "The console: %s%s\n", link, once(link))
			}
		})
	}
	return command
}
