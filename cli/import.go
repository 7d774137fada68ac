package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/cli/importer"
	"tributary/cli/misuse"
	"tributary/deploy/process"
	"tributary/ingest/sheet"
)

const importClicksLong = `Brings clicks of another tracker in from its CSV export: each keeps its ID, its time and its cost,
so that reports begin before the day of the move, and a postback that names the old ID finds its
click. Without --yes it is a dry run: it reads the whole file, says what each column becomes, the
first clicks, campaigns and cost, and every kind of problem with its line, and sends nothing.

Before:   the campaigns need allow_foreign_click_ids, and so do the networks whose postbacks name
          old IDs; currencies need exchange rates of the clicks' days.
Repeats:  a click's identity is its ID, so a line that is sent twice counts once, as long as the
          click is remembered: processor.window after its import. An interrupted import goes on
          where it ended (FILE.import.json); --restart starts over.
Rejected: lines that cannot be imported go to FILE.rejected.csv with the reason, to be corrected and
          imported by themselves. A cell that a spreadsheet would take for a formula (it begins with
          = + - @, a tab or a line end) has an apostrophe before it, which an import of that file
          takes away again: leave its columns rejected_line and rejected_because where they are.
Limits:   old clicks get the offer that their campaign would choose now; they count for no cap, no
          IP_RATE and are never unique. Without an IP they have no country. Conversions of clicks
          older than processor.window are refused (outside_window). Conversions of the other
          tracker are not imported: have the networks send them again, or replay them.

`

// importFlags are those of `import clicks`, as text.
type importFlags struct {
	from, zone, decimal, dates, separator string
	columns, campaigns, sources           []string
}

func newImport(env *environment) *cobra.Command {
	command := &cobra.Command{
		Use:   "import",
		Short: "Bring data of another tracker in",
		Long:  "Brings data of another tracker in: its clicks, from a CSV export.",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newImportClicks(env))
	return command
}

func newImportClicks(env *environment) *cobra.Command {
	var o importer.Options
	var text importFlags
	command := &cobra.Command{
		Use:   "clicks FILE",
		Short: "Import clicks from another tracker's CSV; a dry run unless --yes",
		Long:  importClicksLong + wrapped("Trackers whose columns are known (--from): "+importer.TrackerNames()+". Any other with --columns.", 95),
		Example: `  tributary import clicks --config tributary.yaml --from keitaro --time-zone Europe/Berlin clicks.csv
  tributary import clicks --config tributary.yaml --from voluum --campaign-map "DE Summer=summer" clicks.csv --yes
  tributary import clicks --config tributary.yaml --columns click_id=ID,time=Date,sub1=Zone --campaign summer clicks.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse.Errorf("import clicks takes one file, got %d; see `tributary import clicks --help`", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			o.File = args[0]
			if err := text.parse(&o); err != nil {
				return misuse.Of(err)
			}
			loaded, err := env.loadOffline()
			if err != nil {
				return err
			}
			c := &loaded.Config
			o.Catalog, o.Campaigns, o.Window, o.MaxBody = loaded.catalog, loaded.campaigns(), c.Processor.Window, c.Ingest.MaxBodyBytes
			if o.Edge, err = edgeAddress(cmp.Or(o.Edge, loaded.edge())); err != nil {
				return misuse.Of(err)
			}
			if names := slices.Sorted(maps.Keys(c.Ingest.Trust.ClicksTokens)); len(names) > 0 {
				o.Token = string(c.Ingest.Trust.ClicksTokens[names[0]])
			}
			if loaded.StoodIn {
				fmt.Fprintf(env.stderr, "The catalog is that of %s.\n", loaded.from())
			}
			var clear func()
			o.Progress, clear = env.importProgress()
			o.Out = &clearing{to: env.stdout, clear: clear}
			err = importer.Run(ctx, o)
			clear()
			switch {
			case misuse.Is(err):
				return err
			case errors.Is(err, context.Canceled):
				return errors.New("stopped before the end of the file")
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&text.from, "from", "", "`TRACKER` that the file is from; native: the names of POST /v1/clicks, the default")
	flags.StringArrayVar(&text.columns, "columns", nil, "columns by name, as `FIELD=NAME`,…, before those of --from; the fields are "+importer.FieldNames)
	flags.StringArrayVar(&text.campaigns, "campaign-map", nil, "campaign of the file and ours, as `THEIRS=NAME`; may be repeated; @FILE has two columns")
	flags.StringArrayVar(&text.sources, "source-map", nil, "traffic source of the file and ours, as `THEIRS=NAME`; may be repeated; @FILE has two columns")
	flags.StringVar(&o.Campaign, "campaign", "", "`NAME` of the campaign of lines that name none, or one that is not mapped")
	flags.StringVar(&o.Source, "source", "", "`NAME` of the source of lines that name none, or one that is neither mapped nor declared")
	flags.StringVar(&o.Currency, "currency", "", "ISO 4217 `CODE` of costs whose line names none; default: the source's, else the campaign's")
	flags.StringVar(&text.zone, "time-zone", "", "IANA `NAME` of the zone of times that name none, such as Europe/Berlin; default: the tracker's where it fixes one, else UTC")
	flags.StringVar(&text.dates, "dates", "", "how 03/04/2026 is meant, as `ORDER`: dmy or mdy")
	flags.StringVar(&text.decimal, "decimal", "auto", "decimal `MARK` of amounts: auto, point or comma")
	flags.StringVar(&text.separator, "separator", "", "what stands between fields, as `CHARACTER`: comma, semicolon, tab, …; default: detected")
	flags.StringVar(&o.Encoding, "encoding", "",
		"character set of a file that is neither UTF-8 nor UTF-16, as `NAME`: windows-1251, iso-8859-2, …; default: detected, windows-1252 where it cannot be")
	flags.BoolVarP(&o.Send, "yes", "y", false, "import; without it nothing is sent or written")
	flags.BoolVar(&o.Restart, "restart", false, "start over, whatever was imported before")
	flags.StringVar(&o.Edge, "edge", "", "`URL` of the edge; default: ingest.listen of the configuration on this machine")
	flags.IntVar(&o.Parallel, "parallel", 4, "requests under way at once, `N` of 1 to 64")
	flags.Float64Var(&o.Rate, "rate", 0, "send at most so many clicks a second; 0: as fast as the edge takes them")
	flags.DurationVar(&o.RetryFor, "retry-for", 5*time.Minute, "how long requests to an edge that is not available are repeated, as `TIME`")
	flags.StringVar(&o.Rejected, "rejected", "", "`FILE` for lines that cannot be imported; default: beside the input, its name with .rejected.csv added")
	flags.StringVar(&o.Checkpoint, "checkpoint", "", "`FILE` that says how far the import is; default: beside the input, its name with .import.json added")
	return command
}

// importProgress writes progress over one line where a person watches, else a line now and then; clear may be called often.
func (e *environment) importProgress() (show func(importer.Progress), clear func()) {
	every, format := 100*time.Millisecond, "\r\x1b[K%s"
	if !e.terminal().Live {
		every, format = 10*time.Second, "%s\n"
	}
	last, shown := time.Now(), false
	return func(p importer.Progress) {
			if time.Since(last) < every {
				return
			}
			last, shown = time.Now(), e.terminal().Live
			text := fmt.Sprintf("%s: %d of %d KiB, %d clicks", p.What, p.Done>>10, p.Total>>10, p.Clicks)
			if p.Rate > 0 {
				text += fmt.Sprintf(", %.0f/s, %s left", p.Rate, p.Left.Round(time.Second))
			}
			fmt.Fprintf(e.stderr, format, text)
		}, func() {
			if shown {
				fmt.Fprint(e.stderr, "\r\x1b[K")
				shown = false
			}
		}
}

// parse reads what cobra does not.
func (f *importFlags) parse(o *importer.Options) (err error) {
	if o.Tracker = importer.TrackerByName(cmp.Or(f.from, "native")); o.Tracker == nil {
		names := strings.Split(importer.TrackerNames(), ", ")
		return fmt.Errorf("--from %q is unknown%s; right would be one of %s, or --columns for any other", f.from, misuse.Near(f.from, names), importer.TrackerNames())
	}
	if o.Columns, err = importer.ParseColumns(f.columns); err != nil {
		return err
	}
	if o.CampaignMap, err = importer.ParseMap("--campaign-map", f.campaigns); err != nil {
		return err
	}
	if o.SourceMap, err = importer.ParseMap("--source-map", f.sources); err != nil {
		return err
	}
	if o.Separator, err = importer.ParseSeparator(f.separator); err != nil {
		return err
	}
	if o.Zone, err = time.LoadLocation(cmp.Or(f.zone, o.Tracker.Zone, "UTC")); err != nil || f.zone == "Local" {
		return fmt.Errorf("--time-zone %q is unknown; right would be an IANA name such as Europe/Berlin", f.zone)
	}
	o.Currency = strings.ToUpper(o.Currency)
	if o.Encoding != "" && !sheet.IsKnown(o.Encoding) {
		return fmt.Errorf("--encoding %q is unknown; right would be one of %s", o.Encoding, sheet.EncodingNames)
	}
	var known bool
	if o.Decimal, known = importer.DecimalNames[f.decimal]; !known {
		return fmt.Errorf("--decimal %q is unknown; right would be auto, point or comma", f.decimal)
	}
	if f.dates != "" {
		if o.Dates, known = importer.DateOrders[f.dates]; !known {
			return fmt.Errorf("--dates %q is unknown; right would be dmy (31/01/2026) or mdy (01/31/2026)", f.dates)
		}
	}
	return nil
}

// edgeAddress checks the address of an edge and answers it without a slash at its end.
func edgeAddress(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("--edge %q is not the address of an edge; right would be one such as http://127.0.0.1:8080", text)
	}
	return strings.TrimRight(text, "/"), nil
}
