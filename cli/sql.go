package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tributary/cli/misuse"
	"tributary/cli/sql"
	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/process"
	"tributary/deploy/secret"
	"tributary/deploy/wiring"
)

const sqlLong = `Runs a query in ClickHouse and prints the result. The query is the argument, or is read from the
standard input. Tables and views are those of clickhouse.database; ` + "`SHOW TABLES`" + ` lists them.

Queries only read. In the embedded engine they run as the user analyst, with the password that
` + "`tributary up`" + ` keeps in data_dir; on a server as clickhouse.user, read-only.
What that user may do, and how other programs connect: docs/sql.md.

Exit code 0: the whole result was printed. 1: it was not, and why. 2: there was no query.`

func newSQL(env *environment) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "sql [QUERY]",
		Short: "Run a read-only query in ClickHouse",
		Long:  sqlLong,
		Example: `  tributary sql 'SELECT campaign, clicks, epc, roi FROM epc_roi_by_campaign'
  tributary sql --format CSVWithNames 'SELECT * FROM epc_roi_by_day' > days.csv
  tributary sql --set data_dir=data/demo 'SHOW TABLES'
  tributary sql --config tributary.yaml < question.sql`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse.Errorf("sql takes one query, got %d arguments: put the query in quotes; see `tributary sql --help`", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := queryOf(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if format == "" {
				format = "TSV"
				if f, ok := env.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
					format = "PrettyCompact"
				}
			}
			from := env.sources()
			from.Sections = []string{}
			loaded, err := config.Load(from)
			if err != nil {
				return asUsage(err)
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			return env.askSQL(ctx, &loaded.Config, query, format)
		},
	}
	command.Flags().StringVarP(&format, "format", "f", "", "ClickHouse's `NAME` of the result's format; default: PrettyCompact on a terminal, else TSV")
	return command
}

// maxQueryBytes is the longest query that is taken: the embedded engine's own limit.
const maxQueryBytes = 1 << 20

func queryOf(args []string, stdin io.Reader) (string, error) {
	query := strings.Join(args, "")
	if len(args) == 0 {
		if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return "", misuse.Errorf("there is no query: give it as the argument, in quotes, or on the standard input; see `tributary sql --help`")
		}
		text, err := io.ReadAll(io.LimitReader(stdin, maxQueryBytes+1))
		if err != nil {
			return "", fmt.Errorf("reading the query: %w", err)
		}
		query = string(text)
	}
	query = strings.TrimRight(strings.TrimSpace(query), "; \t\r\n")
	if query == "" {
		return "", misuse.Errorf("the query is empty; see `tributary sql --help`")
	}
	if len(query) > maxQueryBytes {
		return "", misuse.Errorf("the query is longer than %d bytes", maxQueryBytes)
	}
	return query, nil
}

func (e *environment) askSQL(ctx context.Context, c *config.Config, query, format string) error {
	server := sql.Server{Address: c.ClickHouse.Addr, Database: c.ClickHouse.Database, User: c.ClickHouse.User, Password: c.ClickHouse.Password}
	hint := ""
	if c.ClickHouse.Mode == config.ModeEmbedded {
		var err error
		server.User = chdb.GuestUser
		if server.Password, err = guestPassword(c); err != nil {
			return err
		}
		hint = "; is `tributary up` running?"
	}
	options, err := wiring.ClickHouseOptions(c.ClickHouse)
	if err != nil {
		return err
	}
	server.TLS = options.TLS
	if c.ClickHouse.Protocol == config.ProtocolHTTP {
		err = sql.Ask(ctx, server, query, format, e.stdout)
	} else {
		conn, openErr := clickhouse.Open(options)
		if openErr != nil {
			return fmt.Errorf("opening ClickHouse: %w", openErr)
		}
		err = errors.Join(sql.AskNative(ctx, conn, query, format, e.stdout), conn.Close())
	}
	if errors.Is(err, sql.ErrUnreachable) {
		return fmt.Errorf("reaching ClickHouse at %s (clickhouse.addr): %w%s", c.ClickHouse.Addr, err, hint)
	}
	return err
}

// guestPassword reads the analyst's password of a data folder.
func guestPassword(c *config.Config) (string, error) {
	path := filepath.Join(c.DataDir, chdb.GuestPasswordFile)
	password, err := secret.Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return password, err
	}
	hint := "name the --config of `tributary up`, or its data_dir with --set data_dir=FOLDER"
	if _, err := os.Stat(filepath.Join(demoData, chdb.GuestPasswordFile)); err == nil && filepath.Clean(c.DataDir) != demoData {
		hint += fmt.Sprintf(" (there is a demo's: --set data_dir=%s)", demoData)
	}
	return "", fmt.Errorf("there is no %s: no `tributary up` has run with this data_dir; %s", path, hint)
}

// sqlCommand is the beginning of a command line that asks the ClickHouse of this configuration from another terminal.
func (e *environment) sqlCommand(from config.Sources, loaded *config.Loaded) string {
	c := &loaded.Config
	return again(from, loaded, "sql", []setting{
		{"data_dir", c.DataDir}, {"clickhouse.mode", c.ClickHouse.Mode}, {"clickhouse.addr", c.ClickHouse.Addr},
		{"clickhouse.protocol", c.ClickHouse.Protocol}, {"clickhouse.database", c.ClickHouse.Database},
	})
}

// A setting is a key with its value.
type setting struct{ path, value string }

// again is a command line that has this configuration from another terminal, with those of the settings that it would
// miss there: that has the file, but neither this one's flags nor, maybe, its variables.
func again(from config.Sources, loaded *config.Loaded, command string, settings []setting) string {
	words := []string{calledAs(), command}
	if from.File != "" {
		words = append(words, "--config", shellWord(from.File))
	}
	for _, key := range settings {
		if place, ok := loaded.Place(key.path); ok && place.Source != loaded.File && place.Source != from.File {
			words = append(words, "--set", shellWord(key.path+"="+key.value))
		}
	}
	return strings.Join(words, " ")
}

// calledAs is how this program was called, if that works again.
func calledAs() string {
	if name := os.Args[0]; strings.HasPrefix(filepath.Base(name), "tributary") {
		return shellWord(name)
	}
	return programName
}

// shellWord quotes a word for a shell where it must be.
func shellWord(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@%+-") == "" && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
