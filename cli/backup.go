package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tributary/cli/dlq"
	"tributary/cli/misuse"
	"tributary/deploy/backup"
	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

const backupLong = `Copies all that ` + "`tributary up`" + ` keeps into FOLDER, while it runs or while it does not: the embedded
Kafka's log, ClickHouse's tables, the processor's state, the edge's spool, keys and passwords, and
the configuration's file. FOLDER must not be there yet, or be empty.

While it runs, all roles but the edge pause for some seconds, so that the copy is of one moment; the
edge goes on answering, and what it acknowledges meanwhile waits in its spool. What is acknowledged
after that moment is not in the backup.

Each file is written with its SHA-256 sum. A backup that was ended early has a file INCOMPLETE and
is refused by ` + "`tributary restore`" + `. FOLDER holds keys, passwords and visitors' data: keep it
as you keep data_dir. It is for ` + "`up`" + ` on embedded engines; for a cluster see docs/backup.md.`

func newBackup(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy everything that `up` keeps into a folder, while it runs",
		Long:  backupLong,
		Example: `  tributary backup /mnt/other-disk/tributary-2026-01-31
  tributary backup --config tributary.yaml /mnt/other-disk/tributary-2026-01-31`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, folders, err := env.backupFolders()
			if err != nil {
				return err
			}
			if err := backup.CheckTarget(args[0], folders); err != nil {
				return misuse.Of(err)
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			return env.backUp(ctx, loaded, folders, args[0])
		},
	}
}

// oneFolder wants one argument, and says which.
func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] != "" {
		return nil
	}
	return misuse.Errorf("%s takes one FOLDER, got %q; see `%s --help`", cmd.CommandPath(), args, cmd.CommandPath())
}

func (e *environment) backupFolders() (*config.Loaded, []backup.Folder, error) {
	from := e.sources()
	from.Sections = []string{}
	loaded, err := config.Load(from)
	if err != nil {
		return nil, nil, asUsage(err)
	}
	folders, err := wiring.BackupFolders(&loaded.Config)
	if err != nil {
		return nil, nil, misuse.Of(err)
	}
	return loaded, folders, nil
}

func (e *environment) backUp(ctx context.Context, loaded *config.Loaded, folders []backup.Folder, to string) error {
	data := loaded.Config.DataDir
	if _, err := os.ReadDir(data); errors.Is(err, fs.ErrNotExist) {
		return misuse.Errorf(
			"there is no %s (data_dir): name the --config or --set data_dir=DIR of the `tributary up` to back up",
			data,
		)
	} else if err != nil {
		return fmt.Errorf("looking into data_dir: %w; run this as the user of `tributary up`", err)
	}
	snapshot, release, err := e.snapshot(ctx, data, folders)
	if err != nil {
		return err
	}
	defer release()
	show, clear := e.dlqProgress()
	m, err := backup.Write(
		ctx,
		backup.WriteOptions{Snapshot: snapshot, To: to, Version: wiring.Version(), Config: loaded.File,
			Progress: func(p backup.Progress) { show(inMiB("copying", p)) }},
	)
	clear()
	if err != nil {
		return err
	}
	size, files := snapshot.Bytes()
	fmt.Fprintf(
		e.stdout,
		"%s has the state of %s: %d files, %d MiB. What is accepted after that moment is not in it.\n",
		to,
		m.At().Format(time.RFC3339),
		files,
		size>>20,
	)
	fmt.Fprintf(e.stdout, "Restore it anywhere with `tributary restore %s --set data_dir=DIR`.\n", to)
	return nil
}

// snapshot has the running `up` take one, or reads the folders where none runs.
func (e *environment) snapshot(
	ctx context.Context,
	data string,
	folders []backup.Folder,
) (*backup.Snapshot, func(), error) {
	if unlock, err := embedded.Lock(data); err == nil {
		if err := chdb.AwaitPredecessor(ctx, filepath.Join(data, wiring.ClickHouseFolder), engineLimit); err != nil {
			unlock()
			return nil, nil, err
		}
		s, err := backup.Still(ctx, folders)
		if err != nil {
			unlock()
			return nil, nil, err
		}
		return s, unlock, nil
	} else if !errors.Is(err, embedded.ErrLocked) {
		return nil, nil, err
	}
	alive := func() bool {
		unlock, err := embedded.Lock(data)
		if err == nil {
			unlock()
		}
		return errors.Is(err, embedded.ErrLocked)
	}
	fmt.Fprintln(e.stderr, "Asking the running process for a snapshot; all but its edge pause meanwhile …")
	s, paused, release, err := backup.Ask(ctx, data, alive)
	if err != nil {
		return nil, nil, fmt.Errorf("taking a snapshot: %w", err)
	}
	fmt.Fprintf(
		e.stderr,
		"The snapshot is taken; all roles but the edge were paused for %s and run again.\n",
		paused.Round(time.Millisecond),
	)
	return s, release, nil
}

// engineLimit is how long the engine of a killed run is waited for.
const engineLimit = 30 * time.Second

// inMiB is a copy's progress as it is shown.
func inMiB(what string, p backup.Progress) dlq.Progress {
	return dlq.Progress{
		What:  what + " MiB",
		Done:  p.Done >> 20,
		Total: p.Total >> 20,
		Rate:  p.Rate / (1 << 20),
		Left:  p.Left,
	}
}

const restoreLong = `Puts a backup of ` + "`tributary backup`" + ` into data_dir (and processor.state_dir,
ingest.spool.dir and ingest.caps_file where they are elsewhere), which must not be there yet, or be
empty. Each file is compared with its SHA-256 sum; a damaged or incomplete backup is refused. It may
be another machine and other folders than those it was taken from.

What was accepted after the backup is not in it. Do not run the old installation and the restored
one at the same time: both would count the same campaigns, each with a part of the traffic.`

func newRestore(env *environment) *cobra.Command {
	var check bool
	command := &cobra.Command{
		Use:   "restore FOLDER",
		Short: "Put a backup into an empty data_dir, on this or another machine",
		Long:  restoreLong,
		Example: `  tributary restore /mnt/other-disk/tributary-2026-01-31 --set data_dir=/var/lib/tributary
  tributary restore --check /mnt/other-disk/tributary-2026-01-31`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, folders, err := env.backupFolders()
			if err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			show, clear := env.dlqProgress()
			what := "restoring"
			if check {
				what = "checking"
			}
			m, err := backup.Restore(ctx, backup.RestoreOptions{From: args[0], Folders: folders, Check: check,
				Progress: func(p backup.Progress) { show(inMiB(what, p)) }})
			clear()
			if err != nil {
				return err
			}
			at := m.At().Format(time.RFC3339)
			if check {
				fmt.Fprintf(env.stdout, "%s is whole: the state of %s, taken by version %s.\n", args[0], at, m.Version)
				return nil
			}
			fmt.Fprintf(
				env.stdout,
				"%s has the state of %s. What was accepted after that moment is not in it: "+
					"ask networks to send those postbacks again.\n",
				loaded.Config.DataDir,
				at,
			)
			if m.Config != "" {
				fmt.Fprintf(
					env.stdout,
					"The configuration of that time is %s.\n",
					filepath.Join(args[0], "config", m.Config),
				)
			}
			fmt.Fprintln(env.stdout, "Start `tributary up` on it, then `tributary verify` compares all figures.")
			return nil
		},
	}
	command.Flags().BoolVar(&check, "check", false, "compare each file of the backup with its sum, and write nothing")
	return command
}
