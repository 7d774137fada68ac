package oracle

import (
	"flag"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds     = flag.Int("seeds", 20, "scenarios to play")
	firstSeed = flag.Uint64("seed", 1, "seed of the first")
	verbose   = flag.Bool("history", false, "print what happens")
)

func TestOracle(t *testing.T) {
	started := time.Now()
	var virtual time.Duration
	for seed := *firstSeed; seed < *firstSeed+uint64(*seeds); seed++ {
		s := Generate(seed, Options{})
		var r *Result
		one := time.Now()
		synctest.Test(t, func(t *testing.T) { r = Run(s, RunOptions{Keep: *verbose}) })
		virtual += r.Virtual
		t.Logf("seed %d: %s virtual in %s, %d inputs %d faults %d deaths %d inserts %d repeats, rows %v, trace %s", seed, r.Virtual, time.Since(one).Round(time.Millisecond), r.Inputs, r.Faults, r.Deaths, r.Inserts, r.Repeats, r.Rows, r.Trace)
		if *verbose {
			t.Log("\n" + r.Lines)
		}
		for _, d := range r.Differences {
			t.Errorf("seed %d: %s", seed, d)
		}
	}
	t.Logf("%d seeds, %s virtual, %s", *seeds, virtual, time.Since(started))
}
