package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog/control"
	"tributary/cli/blocklist"
	"tributary/cli/misuse"
	"tributary/console"
	"tributary/console/access"
	"tributary/console/store"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/schemas/events"
)

func newConsole(env *environment) *cobra.Command {
	command := newRole(env, config.SectionConsole, func(s *wiring.System) {
		s.AddOps()
		s.AddControl()
		s.Blocks = consoleBlocks
		s.AddConsole(true, false)
	}, []string{config.SectionConsole}, &cobra.Command{
		Use:   "console",
		Short: "Run the console: web pages and REST API",
		Long: `Runs the console alone: reports in a browser, and the same as a REST API (docs/console.md). It
asks ClickHouse, and keeps its users in console.database, a PostgreSQL that several consoles may
share, or in an SQLite file of data_dir. ` + "`tributary up`" + ` runs it too.

Everything wants a sign-in or a token. While there is no owner, the start prints a link that makes
one, once. console.listen is reached by this machine only, unless there is a certificate
(console.tls) or a proxy that encrypts (console.public_url, console.trusted_proxies).`,
		Example: `  tributary console --config tributary.yaml
  tributary console --config tributary.yaml --set console.database=postgres://tributary@db/console`,
	})
	command.AddCommand(newConsoleOwner(env), newConsoleBackup(env), newConsoleRestore(env))
	return command
}

// consoleLimit is how long a command may wait for the console's database.
const consoleLimit = 10 * time.Minute

// consoleStore calls do with the console's database.
func (e *environment) consoleStore(parent context.Context, do func(context.Context, *config.Config, *store.Store) error) error {
	from := e.sources()
	from.Sections = []string{config.SectionConsole}
	loaded, err := config.Load(from)
	if err != nil {
		return asUsage(err)
	}
	c := &loaded.Config
	if err := wiring.ConsoleThere(c); err != nil {
		return misuse.Of(err)
	}
	ctx, _, giveBack := process.WithSignals(parent)
	defer giveBack()
	ctx, cancel := context.WithTimeoutCause(ctx, consoleLimit, fmt.Errorf("took longer than %s", consoleLimit))
	defer cancel()
	s, err := wiring.OpenConsoleStore(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, c, s), s.Close())
}

func newConsoleOwner(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "owner [LOGIN]",
		Short: "Print a link with which an owner gets in again, or one is made",
		Long: `For when nobody can sign in as an owner any more. Whoever may read data_dir (or knows
console.database) may do this, and it is in the audit.

With the LOGIN of a user, the link has him set a new password and takes his second factor away.
Without, it makes a new owner. It can be used once, within an hour.`,
		Example: `  tributary console owner
  tributary console owner ann@example.com --config tributary.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse.Errorf("console owner takes one LOGIN, or none for a new owner; got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.consoleStore(cmd.Context(), func(ctx context.Context, c *config.Config, s *store.Store) error {
				l := &store.Link{Kind: store.LinkInvite, Role: access.Owner, Scope: access.Everything}
				if len(args) == 1 {
					u, err := s.UserCalled(ctx, args[0])
					if errors.Is(err, store.ErrNone) {
						return misuse.Errorf("nobody signs in as %q; without a name a new owner is made", args[0])
					}
					if err != nil {
						return err
					}
					l = &store.Link{Kind: store.LinkPassword, UserID: u.ID, Login: u.Login}
				}
				var shown string
				err := s.Change(ctx, store.Actor{Name: userAtMachine(), Through: "command"}, func(tx *store.Tx) (err error) {
					shown, err = tx.AddLink(l, time.Hour)
					return err
				})
				if err == nil {
					_, err = fmt.Fprintf(env.stdout, "%s/link/%s\n", c.Console.Base(), shown)
				}
				return err
			})
		},
	}
}

func newConsoleBackup(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy all that the console keeps into a file, while it runs",
		Long: `Writes users, tokens, views, shares, audit and catalog as they are at one moment. The console
goes on. A copy of SQLite can be restored on PostgreSQL and the other way round. Of secrets it has
what the database has: hashes, and the secrets of second factors; the file is yours alone (0600).
` + "`tributary backup`" + ` copies the SQLite file too, with the rest of data_dir.`,
		Example: `  tributary console backup console.jsonl`,
		Args:    oneArgument("console backup", "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.consoleStore(cmd.Context(), func(ctx context.Context, _ *config.Config, s *store.Store) (err error) {
				file, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if errors.Is(err, os.ErrExist) {
					return misuse.Errorf("%s is there already, and is not written over; another name would be right", args[0])
				}
				if err != nil {
					return err
				}
				rows, err := s.Copy(ctx, file)
				if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
					return errors.Join(err, os.Remove(args[0]))
				}
				_, err = fmt.Fprintf(env.stdout, "%s: %d rows\n", args[0], rows)
				return err
			})
		},
	}
}

func newConsoleRestore(env *environment) *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace all that the console keeps with a copy",
		Long: `Replaces users, tokens, views, shares, audit and catalog with those of FILE, all of it or
nothing, while the console runs. Everybody is signed out.

Exit code 0: restored. 1: nothing was changed, and why. 2: the command line is wrong.`,
		Example: `  tributary console restore console.jsonl --yes`,
		Args:    oneArgument("console restore", "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return misuse.Errorf("this replaces everything that the console keeps; say --yes")
			}
			return env.consoleStore(cmd.Context(), func(ctx context.Context, _ *config.Config, s *store.Store) error {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				rows, err := s.Restore(ctx, io.Reader(file))
				if err == nil {
					_, err = fmt.Fprintf(env.stdout, "restored %d rows; everybody is signed out\n", rows)
				}
				return err
			})
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "replace what is there")
	return command
}

// blocksOfConsole changes blocks as `tributary block` does.
type blocksOfConsole struct {
	topic func(context.Context) (control.Config, error)
}

func consoleBlocks(topic func(context.Context) (control.Config, error)) console.Blocks {
	return blocksOfConsole{topic}
}

func (b blocksOfConsole) desk(ctx context.Context, author, reason string, do func(context.Context, *blocklist.Desk) error) error {
	topic, err := b.topic(ctx)
	if err != nil {
		return err
	}
	writer, err := control.NewWriter(topic)
	if err != nil {
		return err
	}
	defer writer.Close()
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	err = do(ctx, &blocklist.Desk{Writer: writer, Author: author, Reason: reason, Now: time.Now})
	if misuse.Is(err) {
		err = fmt.Errorf("%w: %w", console.ErrAsked, err)
	}
	return err
}

// Add puts a block in force.
func (b blocksOfConsole) Add(ctx context.Context, author, reason string, v *events.Block) (id string, revision int64, err error) {
	err = b.desk(ctx, author, reason, func(ctx context.Context, d *blocklist.Desk) error {
		done, err := d.Add(ctx, v)
		if err == nil {
			id, revision = done.ID, done.Revision
		}
		return err
	})
	return id, revision, err
}

// Remove ends one.
func (b blocksOfConsole) Remove(ctx context.Context, author, reason, id string) (revision int64, err error) {
	err = b.desk(ctx, author, reason, func(ctx context.Context, d *blocklist.Desk) error {
		done, err := d.Remove(ctx, id)
		if err == nil {
			revision = done.Revision
		}
		return err
	})
	return revision, err
}
