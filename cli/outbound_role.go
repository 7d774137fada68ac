package cli

import (
	"github.com/spf13/cobra"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

func newOutbound(env *environment) *cobra.Command {
	command := newRole(env, config.SectionOutbound, func(s *wiring.System) { s.AddOps(); s.AddControl(); s.AddOutbound() },
		[]string{config.SectionOutbound}, &cobra.Command{
			Use:   "outbound",
			Short: "Run the deliverer: conversions told to sources, partners and ad platforms",
			Long: `Runs the deliverer alone: it tells the destinations of the catalog what the processor has decided
on, at least once, with the same ID in every try, in the order of each conversion. Several share
the partitions; each needs an outbound.state_dir of its own. What is lost with it is read from
Kafka again. It needs the catalog, and a way to the internet.

Its subcommands show what was told, and send again, pause, resume and try one destination.

/metrics, /debug/pprof, /healthz and /readyz are on ops.listen, which only this machine reaches
unless it is set: then ops.token is needed for more than whether it lives and is ready. The first
SIGTERM waits for the calls under way.`,
			Example: `  tributary outbound --config tributary.yaml
  tributary outbound list`,
		})
	command.AddCommand(newOutboundList(env), newOutboundShow(env), newOutboundResend(env), newOutboundHold(env, false), newOutboundHold(env, true), newOutboundTest(env))
	return command
}
