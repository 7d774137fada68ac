package oracle

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

//go:embed mutants/*.json
var mutantFiles embed.FS

// A Mutant is a bug that somebody could have written: a text of a file, and what stands there instead. Scenarios
// catch those of processor and sink; where they cannot, a test does.
type Mutant struct {
	Name string `json:"-"`
	What string `json:"what"`
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
	// Seeds is within how many scenarios, from the first on, it must be caught; 0 with Test.
	Seeds int `json:"seeds"`
	// Outbound: outbound scenarios catch it.
	Outbound bool `json:"outbound"`
	// Test must fail with the mutant; nil where scenarios catch it.
	Test *Catcher `json:"test"`
}

// Mutants reads them, in order of name.
func Mutants() ([]Mutant, error) {
	entries, err := mutantFiles.ReadDir("mutants")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	for _, e := range entries {
		raw, err := mutantFiles.ReadFile("mutants/" + e.Name())
		if err != nil {
			return nil, err
		}
		m := Mutant{Name: strings.TrimSuffix(e.Name(), ".json")}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("reading the mutant %s: %w", m.Name, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// apply answers the mutated file. An old text that is not there exactly once is an error: the code has moved on.
func (m Mutant) apply(root string) (map[string][]byte, error) {
	raw, err := os.ReadFile(filepath.Join(root, m.Path))
	if err != nil {
		return nil, fmt.Errorf("applying the mutant %s: %w", m.Name, err)
	}
	if n := strings.Count(string(raw), m.Old); n != 1 {
		return nil, fmt.Errorf("applying the mutant %s: %s has its old text %d times, once would be right", m.Name, m.Path, n)
	}
	return map[string][]byte{m.Path: []byte(strings.Replace(string(raw), m.Old, m.New, 1))}, nil
}

// ShowMutants builds each mutant and plays scenarios until one fails, or runs its test. It prints a table; a survivor
// is an error. limit, when not 0, is the most scenarios for each.
func ShowMutants(ctx context.Context, w io.Writer, only string, limit, workers int) error {
	all, err := Mutants()
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "mutant\tcaught by\twithin\tseconds\twhat it is\tfirst difference")
	all = slices.DeleteFunc(all, func(m Mutant) bool { return !strings.Contains(m.Name, only) })
	if len(all) == 0 {
		return fmt.Errorf("no mutant's name contains %q; they are the files of scripts/oracle/mutants", only)
	}
	survivors := 0
	for _, m := range all {
		if limit > 0 {
			m.Seeds = min(m.Seeds, limit)
		}
		started := time.Now()
		caught, within, difference, err := m.show(ctx, root, workers)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.Name, err)
			survivors++
			continue
		}
		if caught == "" {
			survivors++
			fmt.Fprintf(os.Stderr, "%s: SURVIVED %s\n", m.Name, within)
			fmt.Fprintf(table, "%s\tSURVIVED\t%s\t%.0f\t%s\t\n", m.Name, within, time.Since(started).Seconds(), m.What)
			continue
		}
		first, _, _ := strings.Cut(difference, "\n")
		fmt.Fprintf(table, "%s\t%s\t%s\t%.0f\t%s\t%s\n", m.Name, caught, within, time.Since(started).Seconds(), m.What, first[:min(len(first), 90)])
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.Name, caught)
	}
	table.Flush()
	fmt.Fprintf(w, "%d of %d seeded bugs found\n", len(all)-survivors, len(all))
	if survivors > 0 {
		return fmt.Errorf("%d mutants survive", survivors)
	}
	return nil
}

// show returns what caught the mutant, empty for nothing; within what; and how it showed.
func (m Mutant) show(ctx context.Context, root string, workers int) (caught, within, difference string, err error) {
	if m.Test != nil {
		difference, err = m.huntByTest(ctx, root)
		if difference != "" {
			caught = "its test"
		}
		return caught, m.Test.String(), difference, err
	}
	seed, difference, err := m.hunt(ctx, root, workers)
	if seed > 0 {
		caught = fmt.Sprint("seed ", seed)
	}
	return caught, fmt.Sprint(m.Seeds, " seeds"), difference, err
}

// hunt answers the first failing seed; 0 for none.
func (m Mutant) hunt(ctx context.Context, root string, workers int) (uint64, string, error) {
	replaced, err := m.apply(root)
	if err != nil {
		return 0, "", err
	}
	d, err := Build(ctx, replaced)
	if err != nil {
		return 0, "", fmt.Errorf("building the mutant %s: %w", m.Name, err)
	}
	defer d.Close()
	if workers > 0 {
		d.Workers = workers
	}
	d.Stop, d.Outbound = true, m.Outbound
	report := d.Play(ctx, 1, m.Seeds, io.Discard)
	if len(report.Failures) == 0 {
		return 0, "", ctx.Err()
	}
	return report.Failures[0].Seed, report.Failures[0].Differences[0], nil
}
