package oracle

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

var (
	childSeed    = flag.Uint64("seed", 0, "play this scenario: the binary is a child of a Driver")
	childOptions = flag.String("options", "{}", "what the scenario leaves out, JSON")
	childHistory = flag.Bool("history", false, "keep the trace's lines")
	childInserts = flag.Bool("inserts", false, "keep what ClickHouse was given")
	childLog     = flag.Bool("log", false, "print the processes' logs; the run is then not the same, byte for byte")
	childRequest = flag.Bool("requests", false, "trace every request to Kafka")
)

// TestScenario plays one scenario in a process of its own and prints its Result.
func TestScenario(t *testing.T) {
	if *childSeed == 0 {
		t.Skip("a child of TestOracle and of the command oracle")
	}
	var o Options
	if err := json.Unmarshal([]byte(*childOptions), &o); err != nil {
		t.Fatal(err)
	}
	cryptotest.SetGlobalRandom(t, *childSeed)
	s := Generate(*childSeed, o)
	run := RunOptions{Keep: *childHistory, Requests: *childRequest, Inserts: *childInserts}
	if *childLog {
		run.Log = zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), os.Stderr, zap.InfoLevel)
	}
	var r *Result
	synctest.Test(t, func(*testing.T) { r = Run(s, run) })
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "%s%s\n", resultMark, out)
}

// ciSeeds are played by every `go test`, and as many of what is told to others.
const ciSeeds = 26

// TestOracle plays scenarios on the deterministic runtime and holds each ledger against the model. `make oracle` plays more.
func TestOracle(t *testing.T) {
	d := driver(t)
	for _, outbound := range []bool{false, true} {
		d.Outbound = outbound
		report := d.Play(t.Context(), 1, ciSeeds, os.Stderr)
		for _, f := range report.Failures {
			t.Errorf("outbound %t, seed %d (make oracle SEEDS=1 SEED=%[2]d): %s", outbound, f.Seed, f.Text())
		}
		t.Log(report)
	}
}

// TestSameSeedSameBytes plays the same seeds twice, with every request to Kafka in the trace.
func TestSameSeedSameBytes(t *testing.T) {
	d := driver(t)
	for seed := uint64(1); seed <= 3; seed++ {
		var digests [2]string
		for i := range digests {
			r, err := d.One(t.Context(), seed, Options{}, "-requests")
			if err != nil {
				t.Fatal(err)
			}
			digests[i] = r.Trace
		}
		if digests[0] != digests[1] {
			t.Errorf("seed %d: two runs differ: %s and %s", seed, digests[0], digests[1])
		}
	}
}

func driver(t *testing.T) *Driver {
	t.Helper()
	if *childSeed != 0 {
		t.Skip("this is a child")
	}
	if testing.Short() {
		t.Skip("builds a Go runtime")
	}
	d, err := Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}
