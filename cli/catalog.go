package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/published"
	"tributary/cli/misuse"
	"tributary/cli/terminal"
	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

const catalogLong = `With catalog.source: control, the catalog (campaigns, sources, landing pages, offers, networks,
rates) is in Kafka's topic control: apply publishes it from a file, and every edge has it within
a second. A file for apply is the section catalog of a configuration. Click ID keys and the base
currency stay in each machine's configuration. docs/control.md has the whole of it.

With catalog.source: file, the default, each edge reads its own file, and these commands prepare
the other way: apply, then set catalog.source and restart.`

func newCatalog(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "catalog",
		Short: "Publish the catalog to every edge; see what is in force",
		Long:  catalogLong,
		Example: `  tributary catalog export > campaigns.yaml
  tributary catalog diff campaigns.yaml
  tributary catalog apply campaigns.yaml --reason 'new payouts'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newCatalogApply(env), newCatalogDiff(env), newCatalogExport(env), newCatalogHistory(env))
	return command
}

// A publishedCatalog is the topic control with the configuration of this installation.
type publishedCatalog struct {
	*controlTopic
	*config.Loaded
	base catalog.Config
}

func (e *environment) publishedCatalog() (*publishedCatalog, error) {
	loaded, logger, err := e.load(e.dlqSources())
	if err != nil {
		return nil, err
	}
	p := &publishedCatalog{Loaded: loaded, base: loaded.Config.Catalog}
	if p.controlTopic, err = e.controlTopicOf(&loaded.Config, logger); err != nil {
		return nil, err
	}
	if len(p.base.ClickIDKeys.Keys) == 0 {
		p.base.ClickIDKeys = catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "stands in: nothing is signed"}}
	}
	return p, nil
}

// A catalogFile is the source of a catalog that a person wrote.
type catalogFile struct {
	*config.CatalogFile
	base catalog.Config
}

// Declared returns the file's catalog.
func (f catalogFile) Declared(context.Context) (catalog.Config, error) {
	if was, is := f.base.BaseCurrency, f.Catalog.BaseCurrency; is != "" && is != was {
		return catalog.Config{}, misuse.Errorf(
			"catalog.base_currency is %s in this file and %s in the configuration of this installation; right would be %[2]s, or to leave it out",
			is, was)
	}
	return f.Catalog, nil
}

func readCatalogFile(path string, base catalog.Config) (catalogFile, error) {
	file, err := config.ReadCatalog(path)
	if err != nil {
		return catalogFile{}, asUsage(err)
	}
	return catalogFile{file, base}, nil
}

// oneFile takes the argument FILE.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return misuse.Errorf("%s takes one FILE, the catalog as YAML, got %d; see `%[1]s --help`", cmd.CommandPath(), len(args))
	}
	return nil
}

func newCatalogApply(env *environment) *cobra.Command {
	plan := published.Plan{}
	var only int64
	command := &cobra.Command{
		Use:   "apply FILE",
		Short: "Publish the catalog of a file: all of it at once, or nothing",
		Long: `Makes the catalog of FILE the one in force: what FILE does not have is removed. The whole is
checked as an edge would check it, and written in one transaction: an edge has all of it or
nothing. What is in force already is not written again. Of several who apply at once each is in
one place of one order, and nobody's change is lost unseen where --if-revision is given.

A secret that reads (redacted), as export writes it, stays as it is in force.

Exit code 0: it is in force. 1: Kafka did not take it, or the revision is another. 2: FILE is wrong.`,
		Example: `  tributary catalog apply campaigns.yaml --dry-run
  tributary catalog apply campaigns.yaml --reason 'payouts of June' --if-revision 1042`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := env.publishedCatalog()
			if err != nil {
				return err
			}
			file, err := readCatalogFile(args[0], p.base)
			if err != nil {
				return err
			}
			plan.Base = p.base
			if cmd.Flags().Changed("if-revision") {
				plan.If = &only
			}
			if plan.Author == "" {
				plan.Author = userAtMachine()
			}
			if plan.Reason == "" {
				plan.Reason = "tributary catalog apply " + args[0]
			}
			return env.applyCatalog(cmd.Context(), p, file, plan)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&plan.Dry, "dry-run", false, "check, and print what would change; apply nothing")
	flags.Int64Var(&only, "if-revision", 0,
		"apply only if the catalog is at revision `N` (history, diff and export say it); 0: if none was applied yet")
	flags.StringVar(&plan.Author, "author", "", "who applies it, as `TEXT`; default: this user and machine")
	flags.StringVar(&plan.Reason, "reason", "", "why, as `TEXT`, for whoever reads the history")
	return command
}

func (e *environment) applyCatalog(ctx context.Context, p *publishedCatalog, file catalogFile, plan published.Plan) error {
	var revision int64
	var differences []published.Difference
	if err := p.write(ctx, func(ctx context.Context, w *control.Writer) (err error) {
		revision, differences, err = published.Apply(ctx, w, file, plan)
		return asRefused(file, err)
	}); err != nil {
		return err
	}
	if err := e.printDifferences(differences); err != nil {
		return err
	}
	switch {
	case len(differences) == 0:
		fmt.Fprintf(e.stdout, "nothing differs from what is in force (revision %d)\n", revision)
	case plan.Dry:
		fmt.Fprintf(e.stdout, "a dry run: nothing was applied (revision %d)\n", revision)
	default:
		fmt.Fprintf(e.stdout, "in force as revision %d\n", revision)
	}
	if p.Config.Catalog.Source != catalog.SourceControl {
		fmt.Fprintln(e.stderr, "tributary: catalog.source is file here: edges with the same configuration read their files, not this")
	}
	return nil
}

// asRefused tells a wrong file from a failure.
func asRefused(file catalogFile, err error) error {
	if err == nil {
		return nil
	}
	located := file.Located(err)
	var problems config.Problems
	if errors.As(located, &problems) || errors.Is(err, control.ErrRefused) {
		return misuse.Of(located)
	}
	return err
}

func (e *environment) printDifferences(differences []published.Difference) error {
	for _, d := range differences {
		for _, line := range d.Lines() {
			if _, err := fmt.Fprintln(e.stdout, terminal.Shown(line, maxDifferenceBytes)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxDifferenceBytes is how long a line of a difference is.
const maxDifferenceBytes = 2000

func newCatalogDiff(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "diff FILE",
		Short: "Print what applying a file would change",
		Long: `Prints a line for each thing that apply would add, change or remove, and the revision that the
comparison is with, for apply --if-revision. Secrets read (redacted). It changes nothing, and
checks less than apply --dry-run does.`,
		Example: `  tributary catalog diff campaigns.yaml`,
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := env.publishedCatalog()
			if err != nil {
				return err
			}
			file, err := readCatalogFile(args[0], p.base)
			if err != nil {
				return err
			}
			want, err := file.Declared(cmd.Context())
			if err != nil {
				return err
			}
			now, err := p.read(cmd.Context())
			if err != nil {
				return err
			}
			differences, err := published.Diff(now, want)
			if err != nil {
				return misuse.Of(err)
			}
			if err := env.printDifferences(differences); err != nil {
				return err
			}
			revision, _ := published.Revision(now)
			_, err = fmt.Fprintf(env.stdout, "%d differences from revision %d\n", len(differences), revision)
			return err
		},
	}
}

func newCatalogExport(env *environment) *cobra.Command {
	var secrets, fromCopy bool
	command := &cobra.Command{
		Use:   "export",
		Short: "Print the catalog in force as YAML for apply",
		Long: `Prints the catalog in force as the section catalog of a configuration. Applying what it prints
changes nothing. Networks' secrets read (redacted) unless --secrets is given; apply then keeps
those in force.`,
		Example: `  tributary catalog export > campaigns.yaml
  tributary catalog export --copy --secrets > campaigns.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := env.publishedCatalog()
			if err != nil {
				return err
			}
			var now *control.State
			if fromCopy {
				now, err = readControlCopy(&p.Config)
			} else {
				now, err = p.read(cmd.Context())
			}
			if err != nil {
				return err
			}
			text, err := published.Export(now, secrets)
			if err != nil {
				return err
			}
			revision, _ := published.Revision(now)
			_, err = fmt.Fprintf(env.stdout, "# revision %d\n%s", revision, text)
			return err
		},
	}
	flags := command.Flags()
	flags.BoolVar(&secrets, "secrets", false, "print the networks' tokens and keys as they are")
	flags.BoolVar(&fromCopy, "copy", false, "from this machine's copy in data_dir instead of Kafka")
	return command
}

// readControlCopy reads this machine's copy.
func readControlCopy(c *config.Config) (*control.State, error) {
	path := wiring.ControlCopy(c)
	s, err := control.ReadCopy(path, wiring.ControlKinds())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misuse.Errorf(
			"there is no copy of the topic control in %s; right would be the data_dir of `tributary up` or of an edge",
			path)
	}
	return s, err
}

func newCatalogHistory(env *environment) *cobra.Command {
	var asJSON bool
	var revision int64
	limit := 20
	command := &cobra.Command{
		Use:   "history",
		Short: "Print who applied what, when and why",
		Long: `Prints the last applied changes, the newest first: revision, time, author, what was added, changed
and removed, and the reason. --revision prints one in full. The last 200 are kept.`,
		Example: `  tributary catalog history
  tributary catalog history --limit 1 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := env.publishedCatalog()
			if err != nil {
				return err
			}
			now, err := p.read(cmd.Context())
			if err != nil {
				return err
			}
			list := now.Of(published.KindChange)
			slices.Reverse(list)
			if cmd.Flags().Changed("revision") {
				return env.printApplied(list, revision)
			}
			if limit > 0 {
				list = list[:min(limit, len(list))]
			}
			return env.printHistory(list, asJSON)
		},
	}
	flags := command.Flags()
	flags.IntVarP(&limit, "limit", "n", limit, "print the newest `CHANGES` only; 0: all")
	flags.Int64Var(&revision, "revision", 0, "print every line of the change that made revision `N`")
	flags.BoolVar(&asJSON, "json", false, "print a JSON line for each change")
	return command
}

func (e *environment) printApplied(list []control.Entry, revision int64) error {
	for _, one := range list {
		if one.Revision != revision {
			continue
		}
		var s published.Summary
		if err := json.Unmarshal(one.Value, &s); err != nil {
			return fmt.Errorf("reading the change of revision %d: %w", revision, err)
		}
		fmt.Fprintf(e.stdout, "revision %d, %s, by %s: %s\n", one.Revision, one.At.UTC().Format(time.RFC3339),
			shownWord(one.Author), shownWord(one.Reason))
		for _, line := range s.Lines {
			fmt.Fprintln(e.stdout, terminal.Shown(line, maxDifferenceBytes))
		}
		return nil
	}
	var names []string
	for _, one := range list {
		names = append(names, fmt.Sprint(one.Revision))
	}
	return misuse.Errorf("no change made revision %d%s; there are %s", revision,
		misuse.Near(fmt.Sprint(revision), names), misuse.List(names))
}

func shownWord(text string) string { return terminal.Shown(text, 300) }

func (e *environment) printHistory(list []control.Entry, asJSON bool) error {
	if asJSON {
		encoder := terminal.NewJSON(e.stdout)
		for _, one := range list {
			var s published.Summary
			if err := json.Unmarshal(one.Value, &s); err != nil {
				return fmt.Errorf("reading the change of revision %d: %w", one.Revision, err)
			}
			if err := encoder.Encode(map[string]any{
				"revision": one.Revision, "at": one.At.UTC(), "author": one.Author, "reason": one.Reason,
				"added": s.Added, "changed": s.Changed, "removed": s.Removed, "lines": s.Lines,
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(e.stdout, "no catalog was applied yet; `tributary catalog apply FILE` does")
		return nil
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "revision\tat\tauthor\tadded\tchanged\tremoved\treason")
	for _, one := range list {
		var s published.Summary
		_ = json.Unmarshal(one.Value, &s) // checked when it was read
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%d\t%d\t%s\n", one.Revision, one.At.UTC().Format(time.RFC3339),
			shownWord(one.Author), s.Added, s.Changed, s.Removed, shownWord(one.Reason))
	}
	return table.Flush()
}

// inForce is the catalog that an edge of this machine has with a configuration.
func inForce(c *config.Config) (catalog.Config, error) {
	if c.Catalog.Source != catalog.SourceControl {
		return c.Catalog, nil
	}
	s, err := readControlCopy(c)
	if err != nil {
		return catalog.Config{}, err
	}
	return published.Of(s, c.Catalog)
}
