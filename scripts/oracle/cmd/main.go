// Command oracle plays deterministic simulations of the processor and the sink and holds each ledger against a naive model.
//
//	go run ./scripts/oracle/cmd --seeds 2000 --seed 1
//	go run ./scripts/oracle/cmd --mutants
//
// A failing seed is printed with a shortened history; --seeds 1 --seed N plays it again, byte for byte.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"tributary/scripts/oracle"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	seeds := flag.Int("seeds", 2000, "scenarios to play")
	seed := flag.Uint64("seed", 1, "seed of the first; from 1")
	workers := flag.Int("workers", 0, "processes at once; 0: one for each CPU")
	without := flag.String("without", "", "kinds of faults to leave out, with commas")
	shrink := flag.Duration("shrink", time.Minute, "time for shortening the first failing history")
	outbound := flag.Bool("outbound", false, "play what is told to others, in place of the ledger")
	history := flag.Bool("history", false, "with one seed: print what happened")
	mutants := flag.Bool("mutants", false, "show that each seeded bug is caught")
	only := flag.String("only", "", "with mutants: those whose name contains this")
	limit := flag.Int("limit", 0, "with mutants: scenarios for each at most; 0: what each says")
	flag.Parse()
	if *seed == 0 {
		return fmt.Errorf("--seed 0: seeds begin at 1")
	}
	if *seeds < 1 {
		return fmt.Errorf("--seeds %d: nothing would be shown; at least 1 is right", *seeds)
	}
	if *mutants {
		return oracle.ShowMutants(ctx, os.Stdout, *only, *limit, *workers)
	}
	d, err := oracle.Build(ctx, nil)
	if err != nil {
		return err
	}
	defer d.Close()
	if *workers > 0 {
		d.Workers = *workers
	}
	d.Outbound = *outbound
	if *without != "" {
		d.Without = strings.Split(*without, ",")
	}
	if *seeds == 1 {
		return one(ctx, d, *seed, *history, *shrink)
	}
	report := d.Play(ctx, *seed, *seeds, os.Stderr)
	fmt.Println(report)
	if len(report.Failures) == 0 {
		return ctx.Err()
	}
	for _, f := range report.Failures {
		fmt.Println(f)
	}
	shorten(ctx, d, report.Failures[0].Seed, *shrink)
	return fmt.Errorf("%d of %d seeds fail", len(report.Failures), report.Seeds)
}

// one plays a seed twice, the second time to show that it is the same run.
func one(ctx context.Context, d *oracle.Driver, seed uint64, history bool, shrink time.Duration) error {
	var flags []string
	if history {
		flags = append(flags, "-history")
	}
	r, err := d.One(ctx, seed, oracle.Options{}, append(flags, "-requests")...)
	if err != nil {
		return err
	}
	again, err := d.One(ctx, seed, oracle.Options{}, append(flags, "-requests")...)
	if err != nil {
		return err
	}
	if history {
		fmt.Println(r.Lines)
	}
	fmt.Printf("seed %d: %s simulated, rows %v, trace %s\n", seed, r.Virtual.Round(time.Second), r.Rows, r.Trace)
	if again.Trace != r.Trace {
		return fmt.Errorf("seed %d: a second run differs: trace %s", seed, again.Trace)
	}
	fmt.Println("a second run was the same, byte for byte")
	if len(r.Differences) == 0 {
		return nil
	}
	fmt.Printf("seed %d fails:\n  %s\n", seed, strings.Join(r.Differences, "\n  "))
	shorten(ctx, d, seed, shrink)
	return fmt.Errorf("seed %d fails", seed)
}

func shorten(ctx context.Context, d *oracle.Driver, seed uint64, within time.Duration) {
	if within <= 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "shortening the history of seed %d for at most %s\n", seed, within)
	o, r := d.Shrink(ctx, seed, within)
	if r == nil {
		fmt.Println("it cannot be made shorter")
		return
	}
	fmt.Printf("the shortened history (%d inputs and %d faults left out):\n", len(o.Inputs), len(o.Faults))
	o.Without, o.Outbound = d.Without, d.Outbound
	for _, line := range oracle.Generate(seed, o).History() {
		fmt.Println(" ", line)
	}
	fmt.Printf("it ends with:\n  %s\n", strings.Join(r.Differences, "\n  "))
}
