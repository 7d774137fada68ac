package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/secret"
	"tributary/deploy/wiring"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // the work failed, or `verify` found a difference
	ExitUsage   = 2 // the command line or the configuration is wrong: nothing was started
	// 128 plus the signal's number: a second SIGINT or SIGTERM ended the process at once.
)

const rootLong = `Tributary counts paid clicks and networks' postbacks, joins and scores them, and keeps
the money figures in ClickHouse, where EPC and ROI can be queried a second later.

  click, postback ─▶ ingest ─▶ Kafka ─▶ processor ─▶ Kafka ─▶ sink ─▶ ClickHouse

Start with ` + "`tributary up`" + `: it runs every role in this process on embedded engines. In
production each role is a command of its own, on your Kafka and ClickHouse.

Configuration: a flag (--set KEY=VALUE) wins over a variable (TRIBUTARY_KEY), that over the
file (--config), that over the default. ` + "`tributary config print`" + ` shows the outcome and where
each value came from.

Exit codes: 0 done; 1 the work failed (verify: a difference); 2 the command line or the
configuration is wrong and nothing was started; 130, 143 stopped at once by a second signal.`

// environment is what a command may use of the world.
type environment struct {
	stdout, stderr io.Writer
	environ        []string

	configFile string
	set        []string
}

// Main runs one command line (without the program's name) and returns its exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	secret.RestrictProcess() // what any command writes may have visitors' data
	env := &environment{stdout: stdout, stderr: stderr, environ: environ}
	root := newRoot(env)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if text := strings.TrimSpace(err.Error()); text != "" {
		fmt.Fprintf(stderr, "tributary: %s\n", text)
	}
	var problems config.Problems
	if errors.As(err, &problems) || misuse.Is(err) || isCobraUsage(err) {
		return ExitUsage
	}
	return ExitFailure
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "tributary",
		Short:         "Self-hosted click tracker: clicks and postbacks in, EPC and ROI out",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Example: `  tributary up
  tributary up --set ingest.listen=:9000 --set data_dir=/var/lib/tributary
  tributary config check --config tributary.yaml`,
		Args:    noArguments,
		Version: strings.TrimSpace(versionText()),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if env.configFile == "" && slices.Contains(env.environ, config.FileVariable+"=") {
				return misuse.Errorf("%s is set and names no file; right would be the path of a configuration file, or unset %[1]s", config.FileVariable)
			}
			return nil
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse.Errorf("%w; see `%s --help`", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.VarP(&fileName{&env.configFile}, "config", "c", "configuration `FILE` (YAML); default: $"+config.FileVariable+", else none")
	// An array, not a slice: a value may hold commas.
	flags.StringArrayVar(&env.set, "set", nil, "override one key, as `KEY=VALUE`; may be repeated")
	root.AddCommand(commands(env)...)
	return root
}

// commands lists every command; the order of the help is by name.
func commands(env *environment) []*cobra.Command {
	return []*cobra.Command{
		newUp(env),
		newIngest(env),
		newProcess(env),
		newSink(env),
		newControl(env),
		newOutbound(env),
		newConsole(env),
		newMigrate(env),
		newPostback(env),
		newConfig(env),
		newDemo(env),
		newDictionary(env),
		newDLQ(env),
		newForget(env),
		newReceipt(env),
		newReport(env),
		newSQL(env),
		newImport(env),
		newLink(env),
		newSpool(env),
		newTail(env),
		newRecover(env),
		newArchive(env),
		newBlock(env),
		newBackup(env),
		newCatalog(env),
		newRestore(env),
		newVerify(env),
		newVersion(env),
		newMan(env),
		newClickHouseEmbedded(env),
	}
}

// noArguments says which word was one too many, and which command it may have been meant to be.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		cmd.SuggestionsMinimumDistance = 2
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("; did you mean %q?", near[0])
		}
		return misuse.Errorf("there is no command %q%s see `%s --help`", args[0], orColon(hint), cmd.CommandPath())
	}
	return misuse.Errorf("%s takes no arguments, got %q; see `%s --help`", cmd.CommandPath(), args[0], cmd.CommandPath())
}

func orColon(hint string) string {
	if hint == "" {
		return ";"
	}
	return hint
}

func isCobraUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "flag needs"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// fileName is a flag's value that is no empty text: `--config "$FILE"` with no FILE must not run with the defaults.
type fileName struct{ to *string }

func (f *fileName) String() string {
	if f.to == nil { // pflag asks a zero value whether it is the default
		return ""
	}
	return *f.to
}

func (f *fileName) Type() string { return "string" }

func (f *fileName) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("it names no file; right would be the path of a configuration file, or no --config")
	}
	*f.to = text
	return nil
}

// sources says where this command line has its configuration from.
func (e *environment) sources() config.Sources {
	file := e.configFile
	if file == "" {
		for _, entry := range e.environ {
			if value, ok := strings.CutPrefix(entry, config.FileVariable+"="); ok {
				file = value
			}
		}
	}
	return config.Sources{File: file, Environ: e.environ, Set: e.set, Complete: readLogins}
}

// readLogins lets a command in to the engines of an `up` beside it.
func readLogins(c *config.Config, isSet func(path string) bool) error {
	at := *c
	if _, err := os.Stat(filepath.Join(at.DataDir, wiring.KafkaPasswordFile)); errors.Is(err, fs.ErrNotExist) && !isSet("data_dir") {
		at.DataDir = demoData // where only the demo has run, it is the demo's
	}
	if err := wiring.ReadKafkaLogin(&at); err != nil {
		return err
	}
	c.Kafka.SASL = at.Kafka.SASL
	return nil
}

// stderrFile is where logs go; a test's writer is no terminal.
func (e *environment) stderrFile() *os.File {
	if f, ok := e.stderr.(*os.File); ok {
		return f
	}
	return os.Stderr
}
