package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tributary/scripts/oracle/toolchain"
)

// resultMark begins the line of a child's output that has its Result.
const resultMark = "ORACLE "

// Bounds of one child: a scenario takes about half a second of CPU. One that does not end has virtual time standing still.
const childTimeout = 3 * time.Minute

// A Driver plays scenarios, each in a process of its own.
type Driver struct {
	// Workers is how many run at once.
	Workers int
	// Stop: no new scenarios after the first failure.
	Stop    bool
	Without []string
	// Outbound plays outbound scenarios.
	Outbound bool
	binary   string
	dir      string
}

// Build builds the simulation on the deterministic runtime. replaced are files of the module with other contents.
func Build(ctx context.Context, replaced map[string][]byte) (*Driver, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return nil, err
	}
	d := &Driver{Workers: runtime.NumCPU(), dir: dir, binary: filepath.Join(dir, "oracle.test")}
	if err := toolchain.Build(ctx, root, "./scripts/oracle", d.binary, replaced); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Close removes the binary.
func (d *Driver) Close() { os.RemoveAll(d.dir) }

// One plays one scenario. An error means that it has no result: the simulation itself broke.
func (d *Driver) One(ctx context.Context, seed uint64, o Options, flags ...string) (*Result, error) {
	o.Without, o.Outbound = d.Without, d.Outbound
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, childTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.binary, append([]string{"-test.run=^TestScenario$", "-test.timeout=170s", fmt.Sprint("-seed=", seed), "-options=" + string(options)}, flags...)...)
	// Nothing of this process's environment but what is named: addresses in memory depend on its size.
	cmd.Env, cmd.Dir = toolchain.Env(), d.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	failed := cmd.Run()
	for line := range strings.Lines(out.String()) {
		if text, ok := strings.CutPrefix(line, resultMark); ok {
			r := new(Result)
			if err := json.Unmarshal([]byte(text), r); err != nil {
				return nil, fmt.Errorf("reading the result of seed %d: %w", seed, err)
			}
			return r, nil
		}
	}
	return nil, fmt.Errorf("seed %d has no result: %w\n%s%s", seed, failed, tail(out.String()), tail(errs.String()))
}

// tail keeps the beginning of a crash, where its cause stands.
func tail(text string) string { return text[:min(len(text), 3000)] }

// A Failure is a scenario after which the ledger was wrong, or that did not end.
type Failure struct {
	Seed        uint64
	Differences []string
}

// Text is the failure's differences, a line each.
func (f Failure) Text() string { return strings.Join(f.Differences, "\n  ") }

// A Report is what came of many scenarios.
type Report struct {
	Seeds, Inputs, Faults, Deaths, Inserts, Repeats int
	Virtual, Took                                   time.Duration
	Failures                                        []Failure
}

func (r *Report) String() string {
	minutes := r.Took.Minutes()
	return fmt.Sprintf("%d seeds in %s: %.1f seeds/s, %.0f simulated hours a minute (%s); %d inputs, %d faults, %d processes that gave up, %d inserts, %d repeated; %d failures",
		r.Seeds, r.Took.Round(100*time.Millisecond), float64(r.Seeds)/r.Took.Seconds(), r.Virtual.Hours()/minutes, r.Virtual.Round(time.Minute),
		r.Inputs, r.Faults, r.Deaths, r.Inserts, r.Repeats, len(r.Failures))
}

// progress is how far a run of n scenarios is.
func (r *Report) progress(n int) string {
	rate := float64(r.Seeds) / r.Took.Seconds()
	left := time.Duration(float64(n-r.Seeds) / rate * float64(time.Second))
	return fmt.Sprintf("%d of %d seeds (%d %%), %.1f seeds/s, %.0f simulated hours a minute, %d failures, %s left",
		r.Seeds, n, 100*r.Seeds/n, rate, r.Virtual.Hours()/r.Took.Minutes(), len(r.Failures), left.Round(time.Second))
}

// String says how to play the seed again, and what was wrong.
func (f Failure) String() string {
	return fmt.Sprintf("seed %d fails; play it again with: make oracle SEEDS=1 SEED=%[1]d\n  %s", f.Seed, f.Text())
}

// Play plays n scenarios from a first seed on. Progress goes to w, and each failure at once.
func (d *Driver) Play(ctx context.Context, first uint64, n int, w io.Writer) *Report {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := time.Now()
	report := &Report{}
	var mu sync.Mutex
	next := 0
	shown := time.Now()
	var workers sync.WaitGroup
	for range min(d.Workers, n) {
		workers.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				r, err := d.One(ctx, first+uint64(i), Options{})
				if errors.Is(ctx.Err(), context.Canceled) {
					return
				}
				if err != nil {
					r = &Result{Seed: first + uint64(i), Differences: []string{err.Error()}}
				}
				mu.Lock()
				report.add(r)
				if len(r.Differences) > 0 {
					fmt.Fprintln(w, report.Failures[len(report.Failures)-1])
					if d.Stop {
						cancel()
					}
				}
				if time.Since(shown) > 10*time.Second {
					shown = time.Now()
					report.Took = time.Since(started)
					fmt.Fprintln(w, report.progress(n))
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	report.Took = time.Since(started)
	slices.SortFunc(report.Failures, func(a, b Failure) int { return int(a.Seed) - int(b.Seed) })
	return report
}

func (r *Report) add(one *Result) {
	r.Seeds++
	r.Inputs, r.Faults, r.Deaths = r.Inputs+one.Inputs, r.Faults+one.Faults, r.Deaths+one.Deaths
	r.Inserts, r.Repeats, r.Virtual = r.Inserts+one.Inserts, r.Repeats+one.Repeats, r.Virtual+one.Virtual
	if len(one.Differences) > 0 {
		r.Failures = append(r.Failures, Failure{one.Seed, one.Differences})
	}
}
