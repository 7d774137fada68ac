package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	binary string
	mode   string
	length time.Duration
	rate   float64
	seed   uint64
	gap    time.Duration
	only   string
	dir    string
	keep   bool
	// logLevel is the processes' log.level.
	logLevel string
	settle   time.Duration
	workers  int
	kafka    string
	busy     int
	power    powerOptions
	upgrade  upgradeOptions
}

func main() {
	var o options
	minutes := flag.Float64("minutes", 2, "how long faults happen")
	flag.StringVar(&o.binary, "binary", "bin/tributary-chaos", "the program under test, built with -tags chaos")
	flag.StringVar(&o.mode, "mode", "roles", "roles: each role a process, on Apache Kafka; up: faults for `tributary up`; power: power cuts for it; upgrade: an older version's data")
	flag.Float64Var(&o.rate, "rate", 0, "requests a second; 0: 5000 of roles, 1500 of up and upgrade, 600 of power")
	flag.Uint64Var(&o.seed, "seed", 0, "seed of plan and traffic; 0 draws one")
	flag.DurationVar(&o.gap, "gap", 4*time.Second, "mean time from one fault to the next; of power: from ready to the cut")
	flag.StringVar(&o.only, "only", "", "draw only faults whose kind contains one of these words (comma-separated)")
	flag.StringVar(&o.dir, "dir", "", "folder of the run; default: a temporary one")
	flag.BoolVar(&o.keep, "keep", false, "keep the run's folder when all is right too")
	flag.StringVar(&o.logLevel, "log-level", "info", "log.level of the processes: debug has a line for every insert")
	flag.DurationVar(&o.settle, "settle", 3*time.Minute, "how long the totals may take to equal the truth at the end")
	flag.StringVar(&o.kafka, "kafka", "", "version of Apache Kafka; default: the one that scripts/kafka pins")
	flag.IntVar(&o.workers, "connections", 128, "requests at the same time")
	flag.IntVar(&o.busy, "busy", 0, "loops beside it that only use the processors")
	o.power.flags()
	o.upgrade.flags()
	flag.Parse()
	o.length = time.Duration(*minutes * float64(time.Minute))
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	if err := o.check(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if o.rate == 0 {
		o.rate = map[string]float64{modeRoles: 5000, modeUp: 1500, modePower: 600, modeUpgrade: 1500}[o.mode]
	}
	if isBusyLoop() {
		beBusy()
	}
	if code, done := enterNamespace(); done {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// check returns every problem of the command line at once, before anything is made or started.
func (o *options) check() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(flag.NArg() == 0, "%q is no flag; flags alone would be right", flag.Args())
	check(slices.Contains(modes, o.mode), "mode %q does not exist; one of %s would be right", o.mode, strings.Join(modes, ", "))
	check(o.length > 0, "--minutes %g is no time; more than 0 would be right", o.length.Minutes())
	check(o.rate >= 0, "--rate %g is no rate; 0 or more would be right", o.rate)
	check(o.gap > 0, "--gap %s is no time; more than 0 would be right", o.gap)
	check(o.settle > 0, "--settle %s is no time; more than 0 would be right", o.settle)
	check(o.workers > 0, "--connections %d is too few; at least 1 would be right", o.workers)
	check(o.only == "" || o.mode == modeRoles || o.mode == modeUp, "--only %q chooses faults of the modes roles and up; --loss chooses what a power cut takes", o.only)
	check(o.busy >= 0, "--busy %d is no number of loops; 0 or more would be right", o.busy)
	problems = append(problems, o.power.check()...)
	problems = append(problems, o.upgrade.check(o.mode)...)
	return errors.Join(problems...)
}

// Modes.
const (
	modeRoles   = "roles"
	modeUp      = "up"
	modePower   = "power"
	modeUpgrade = "upgrade"
)

var modes = []string{modeRoles, modeUp, modePower, modeUpgrade}

var errDiffers = errors.New("not everything adds up")

func run(ctx context.Context, o *options) error {
	var err error
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("the program under test: %w; `make chaos` builds it", err)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "tributary-chaos-"); err != nil {
			return err
		}
	} else if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	r, err := newReport(o)
	if err != nil {
		return err
	}
	defer r.close()
	r.say("seed %d (repeat the plan: make chaos MINUTES=%.3g MODE=%s SEED=%d)", o.seed, o.length.Minutes(), o.mode, o.seed)
	r.say("folder %s", o.dir)
	s, err := startSite(ctx, o, r)
	if err == nil {
		err = s.trial(ctx)
	}
	s.keepPower(o.keep || err != nil)
	s.stop(o.keep || err != nil)
	if err != nil {
		return fmt.Errorf("%w\nlogs and data are kept in %s; seed %d", err, o.dir, o.seed)
	}
	if o.keep {
		r.say("kept: %s", o.dir)
		return nil
	}
	return os.RemoveAll(o.dir)
}
