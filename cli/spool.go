package cli

import (
	"time"

	"github.com/spf13/cobra"

	"tributary/cli/aside"
	"tributary/cli/dlq"
	"tributary/cli/misuse"
	"tributary/deploy/process"
)

const spoolLong = `When Kafka is slow or away, the edge keeps acknowledged clicks and postbacks in its spool
(ingest.spool.dir) and sends them later. What Kafka refuses for good, such as a record larger than
its topic takes, it keeps in the spool's folder aside, and says so in /readyz and in
tributary_ingest_spool_aside_records. These commands show it and try it again. They run on the
edge's machine, beside the running edge or without one.`

const spoolListLong = `Prints what is set aside, the oldest first: which event, its money, and why Kafka refused it.`

const spoolRequeueLong = `Asks the edge to send records again that were set aside, once what Kafka refused them for is
fixed (for MESSAGE_TOO_LARGE, the topic's max.message.bytes), and waits for what becomes of them.
They keep their IDs, so that none counts twice. The edge that holds the spool takes them within a
second; when none runs, the next one does at its start. What is refused again is set aside again.

Exit code 0: Kafka has them, or they wait for the edge. 1: some were refused again.`

func newSpool(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "spool",
		Short: "Look at what the edge's spool could not send to Kafka; try it again",
		Long:  spoolLong,
		Example: `  tributary spool list
  tributary spool requeue --all`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newSpoolList(env), newSpoolRequeue(env))
	return command
}

// spoolDir is the folder of the configuration's edge.
func (e *environment) spoolDir() (string, error) {
	loaded, _, err := e.loadConnections()
	if err != nil {
		return "", err
	}
	return loaded.Config.Ingest.Spool.Dir, nil
}

func newSpoolList(env *environment) *cobra.Command {
	o := aside.ListOptions{}
	command := &cobra.Command{
		Use:   "list",
		Short: "Print the acknowledged records that Kafka refused, and damaged places",
		Long:  spoolListLong,
		Example: `  tributary spool list
  tributary spool list --config tributary.yaml --json | jq -r .id`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Dir, err = env.spoolDir(); err != nil {
				return err
			}
			if o.JSON && !cmd.Flags().Changed("limit") {
				o.Limit = 0
			}
			o.Out = env.stdout
			return aside.List(o)
		},
	}
	flags := command.Flags()
	flags.IntVarP(&o.Limit, "limit", "n", 100, "print the oldest `FILES` only; 0: all. With --json all unless given")
	flags.BoolVar(&o.JSON, "json", false, "print a JSON line for each file")
	return command
}

func newSpoolRequeue(env *environment) *cobra.Command {
	o := aside.RequeueOptions{}
	command := &cobra.Command{
		Use:   "requeue [FILE...]",
		Short: "Send records again that were set aside",
		Long:  spoolRequeueLong,
		Example: `  tributary spool requeue --all
  tributary spool requeue 00000000000000000007-4096.refused`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Dir, err = env.spoolDir(); err != nil {
				return err
			}
			if o.Wait < 0 {
				return misuse.Errorf("--wait %v is below 0", o.Wait)
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			show, clear := env.dlqProgress()
			o.Files, o.Out = args, &clearing{to: env.stdout, clear: clear}
			o.Progress = func(done, total int) { show(dlq.Progress{What: "requeued", Done: int64(done), Total: int64(total)}) }
			err = aside.Requeue(ctx, o)
			clear()
			return err
		},
	}
	flags := command.Flags()
	flags.BoolVar(&o.All, "all", false, "every record that is set aside")
	flags.DurationVar(&o.Wait, "wait", 30*time.Second, "how long to wait for the edge; 0: only ask")
	return command
}
