package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// A bench is one run with its folder, its binary, and the rows it found.
type bench struct {
	dir     string
	binary  string
	seconds float64
	rounds  int
	plain   bool
	rows    []row
	notes   []string
	join    joinFlags
	edge    edgeFlags
	reports reportFlags
	// profiled counts the edges whose profile was taken.
	profiled int
	// patience is how long a role may take to become ready, where that is more than a minute.
	patience time.Duration
}

// A row is one line of the result. ratio and aim are empty where there is nothing to compare with.
type row struct{ what, value, limit, ratio, aim string }

func (b *bench) report(what, value, limit, ratio, aim string) {
	b.rows = append(b.rows, row{what, value, limit, ratio, aim})
	fmt.Fprintf(os.Stderr, "  %s: %s %s\n", what, value, ratio)
}

// note adds a line below the result.
func (b *bench) note(text string) {
	b.notes = append(b.notes, text)
	fmt.Fprintf(os.Stderr, "    %s\n", text)
}

type part struct {
	name string
	run  func(context.Context, *bench) error
}

var parts = []part{{"edge", benchEdge}, {"processor", benchProcessor}, {"sink", benchSink}, {"freshness", benchFreshness}, {"memory", benchMemory}}

// apart are run only when they are named: they take long.
var apart = []part{{"join", benchJoin}, {"block", benchBlock}, {"report", benchReport}}

func main() {
	if len(os.Args) > 1 {
		if child, ok := children[os.Args[1]]; ok {
			if err := child(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	binary := flag.String("binary", "bin/tributary", "the program under test")
	only := flag.String("only", "", "run these parts alone: edge, processor, sink, freshness, memory (comma-separated); join, block and report run only when named")
	seconds := flag.Float64("seconds", 4, "length of one measurement")
	rounds := flag.Int("rounds", 3, "edge, sink: how many times each is measured, in turns")
	var join joinFlags
	flag.StringVar(&join.clicks, "clicks", "", "join: live clicks to remember, sizes separated by commas, default 1e6,1e7; 1e8 needs 11 GB of disk and ten minutes. report: clicks of the dataset, default 1e8")
	flag.Float64Var(&join.events, "events", 2e6, "join: events to process at each size")
	flag.Float64Var(&join.restore, "restore", 1e6, "join: clicks to read again after the loss of the state; 0 for none")
	flag.StringVar(&join.profile, "profile", "", "edge, join, sink: write a CPU profile of the edge, the processor or the loader to this file; further edges get .2, .3 behind it")
	var edge edgeFlags
	flag.BoolVar(&edge.kafka, "kafka", false, "edge: on Apache Kafka instead of the embedded broker (needs Java 17 and Maven)")
	flag.StringVar(&edge.nginx, "nginx", "", "edge: the nginx to compare with; found by PATH when left out")
	flag.StringVar(&edge.spool, "spool", "both", "edge: with a spool beside Kafka (on), without (off), or both")
	flag.StringVar(&edge.variants, "variants", "", "edge: measure more edges with these settings, such as 'ingest.linger=0s; ingest.linger=2ms ingest.compression=none'")
	flag.StringVar(&edge.against, "against", "", "edge: measure this other build of the program beside, such as that of the commit before")
	var reports reportFlags
	flag.StringVar(&reports.data, "data", "", "report: the directory of the dataset, which is built once; bin/bench-report-CLICKS when left out")
	flag.IntVar(&reports.questions, "questions", 40, "report: questions of each kind")
	flag.IntVar(&reports.users, "users", 10, "report: users who ask at once, with two seconds of thought")
	plain := flag.Bool("plain", false, "declare only what older builds know too: no owners, goals and names (--against does so)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{binary: *binary, seconds: *seconds, rounds: *rounds, plain: *plain || edge.against != "", join: join, edge: edge, reports: reports}
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only string) (err error) {
	if b.rounds < 1 {
		return fmt.Errorf("--rounds %d: there must be 1 at least", b.rounds)
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if _, err := os.Stat(b.binary); err != nil {
		return fmt.Errorf("the program under test: %w; build it with `make build`", err)
	}
	chosen := parts
	if only != "" {
		names := strings.Split(only, ",")
		chosen = nil
		for _, p := range append(slices.Clone(parts), apart...) {
			if slices.Contains(names, p.name) {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) != len(names) {
			return fmt.Errorf("--only %q names a part that does not exist; there are edge, processor, sink, freshness, memory, join, block and report", only)
		}
	}
	if b.dir, err = os.MkdirTemp("", "tributary-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	start := time.Now()
	for _, p := range chosen {
		fmt.Fprintf(os.Stderr, "%s …\n", p.name)
		if err := p.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Printf("\n%s, %d cores, %s, %s\n\n", cpuModel(), runtime.NumCPU(), runtime.Version(), time.Since(start).Round(time.Second))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmeasured\tlimit, same run\tratio\taim")
	for _, r := range b.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, r.value, r.limit, r.ratio, r.aim)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, text := range b.notes {
		if i == 0 {
			fmt.Println()
		}
		fmt.Println(text)
	}
	return nil
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// median of an odd number of measurements.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
