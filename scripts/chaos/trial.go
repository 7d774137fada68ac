package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"tributary/cli/loadgen"
)

// lookbackWindow is processor.window's default.
const lookbackWindow = 30 * 24 * time.Hour

// impressions is the part of the showings behind the clicks that is sent. One whose answer is lost may have been counted or not.
const impressions = .03

// presses is the part of the presses of landing pages' buttons that mode upgrade sends, to have some in every table.
const presses = .3

// requestTimeout is longer than the edge waits for Kafka (ack_timeout): its own answer is worth more.
const requestTimeout = 6 * time.Second

// traffic is the load with what it knows.
type traffic struct {
	truth  *loadgen.Truth
	driver *loadgen.Driver
	ledger *ledger
	over   chan error
}

// startTraffic sends until finish.
func (s *site) startTraffic(ctx context.Context) (*traffic, error) {
	o := loadgen.DefaultOptions()
	o.Seed = s.options.seed
	o.Impressions = impressions
	if s.options.mode == modeUpgrade {
		o.Presses = presses
	} else {
		// No click through the link: nobody would learn the ID of one whose answer is lost.
		o.Links = 0
	}
	// More clicks than the time allows; the faults cost some, and finish ends it.
	o.Clicks = int(s.options.rate*s.options.length.Seconds()*1.5) + 10_000
	o.Rate = int(s.options.rate)
	o.WindowMS = lookbackWindow.Milliseconds()
	generator, err := loadgen.NewGenerator(s.scenario, o)
	if err != nil {
		return nil, err
	}
	t := &traffic{truth: loadgen.NewTruth(s.scenario, o.WindowMS), over: make(chan error, 1)}
	t.truth.Repeats()
	if t.ledger, err = newLedger(s.options.dir); err != nil {
		return nil, err
	}
	t.driver = loadgen.NewDriver(loadgen.DriverOptions{Address: s.edges, Connections: s.options.workers, Rate: s.options.rate,
		Timeout: requestTimeout, RetryFor: 30 * time.Minute}, t.truth)
	t.driver.Watch = t.ledger.note
	go func() { t.over <- t.driver.Run(ctx, generator) }()
	return t, nil
}

func (t *traffic) events() int64 {
	clicks, postbacks := t.truth.Accepted()
	return clicks + postbacks
}

// watch prints the progress until ctx ends.
func (s *site) watch(ctx context.Context, t *traffic) {
	last := t.events()
	for pause(ctx, time.Second) {
		now := t.events()
		s.report.progress(now, float64(now-last))
		last = now
	}
}

// trial is the run after the start: load and faults, then the judgement.
func (s *site) trial(ctx context.Context) error {
	beside, endSide := context.WithCancel(ctx)
	defer endSide()
	if s.side != nil {
		if err := s.side.start(beside); err != nil {
			return fmt.Errorf("the traffic beside: %w", err)
		}
	}
	t, err := s.startTraffic(ctx)
	if err != nil {
		return err
	}
	defer t.ledger.file.Close()
	began := time.Now()
	s.report.loading()
	watching, stopWatching := context.WithCancel(ctx)
	go s.watch(watching, t)
	defer stopWatching()
	faulty, healed := context.WithTimeout(ctx, s.options.length)
	relax := s.keepBusy()
	switch s.options.mode {
	case modeUp:
		s.breakUp(faulty)
	case modePower:
		err = s.cutAgainAndAgain(faulty, t.ledger)
	case modeUpgrade:
		err = s.upgrade(faulty)
	default:
		s.carryOut(faulty, plan(s.options.seed, s.options.length, s.options.gap, s.kinds(), s.options.only))
	}
	if err == nil && s.options.mode != modePower { // which ends with its last cut
		<-faulty.Done()
	}
	healed()
	relax()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.report.say("everything is healed; finishing the load")
	endSide()
	t.driver.Finish()
	if err := <-t.over; err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	took := time.Since(began)
	stopWatching()
	events := t.events()
	s.report.say("load: %d events in %s, %.0f/s, beside them %d impressions; %d attempts failed, %d told to come again, %d repeated, %d postbacks left out, p50 %s, p99 %s",
		events, took.Round(time.Second), float64(events)/took.Seconds(), t.driver.Stats.Impressions.Load(), t.driver.Stats.Failed.Load(), t.driver.Stats.Refused503.Load(),
		t.driver.Stats.Retried.Load(), t.driver.Stats.Skipped.Load(), t.driver.Stats.Quantile(.5).Round(time.Microsecond), t.driver.Stats.Quantile(.99).Round(time.Millisecond))
	if n := t.driver.Stats.GaveUp.Load(); n > 0 {
		return fmt.Errorf("%d requests never had an answer: the truth is not exact", n)
	}
	err = errors.Join(s.judge(ctx, t), s.report.panicked())
	s.report.summary()
	if err == nil {
		s.report.say("seed %d: %d events, %d faults, 0 lost, 0 counted twice", s.options.seed, events, s.report.faults)
	}
	return err
}

// clockAhead ends the grace (processor.grace, 15 min) of every waiting postback: a processor that has read everything goes by
// its clock. Kafka refuses records from more than an hour ahead.
const clockAhead = 30 * time.Minute

// judge waits for the pipeline to finish and holds it against the truth.
func (s *site) judge(ctx context.Context, t *traffic) error {
	// What is acknowledged and in memory only shows at an end without warning.
	if err := s.lastEnd(); err != nil {
		return err
	}
	for _, m := range s.members {
		err := m.await(ctx, startLimit)
		if err != nil && s.heldByKafka(ctx) {
			s.report.say("Kafka calls the committed offsets unstable although no transaction is open, and %s waits for them: its broker is started once more", m.name)
			if err = s.restartBroker(); err == nil {
				err = m.await(ctx, startLimit)
			}
		}
		if err != nil {
			return err
		}
	}
	began := time.Now()
	sideErr := s.side.judge(ctx)
	if sideErr != nil && !errors.Is(sideErr, errDiffers) {
		return fmt.Errorf("the traffic beside: %w", sideErr)
	}
	if err := s.drained(ctx); err != nil {
		return err
	}
	for _, m := range s.members {
		if m.kind == "processor" || m.kind == "up" {
			if err := m.step(clockAhead); err != nil {
				return err
			}
		}
	}
	differences, err := s.settle(ctx, t.truth)
	if err != nil {
		return err
	}
	verdict, err := t.ledger.judge(ctx, s)
	if err != nil {
		return err
	}
	report, verifyErr := exec.CommandContext(ctx, s.options.binary, "verify", "--config", s.config, "--wait", "30s").CombinedOutput()
	if err := os.WriteFile(filepath.Join(s.options.dir, "verify.txt"), report, 0o644); err != nil {
		return err
	}
	if len(differences) == 0 {
		s.report.say("every total in ClickHouse equals the truth to the micro, %s after the load", time.Since(began).Round(time.Millisecond))
	}
	for i, d := range differences {
		if i == maxNamed {
			s.report.say("and %d differences more", len(differences)-i)
			break
		}
		s.report.say("differs: %s", d.String())
	}
	if s.options.mode == modeUpgrade && verdict.foreign > 0 {
		// The totals above allow for no more than these.
		s.report.say("%d clicks came through links whose answer was lost", verdict.foreign)
		verdict.foreign, verdict.others = 0, nil
	}
	s.report.say("%s", verdict)
	s.power.judge(s.report, verdict)
	if verifyErr != nil {
		s.report.say("tributary verify: %v\n%s", verifyErr, report)
	} else {
		s.report.say("tributary verify: exit code 0: topics, tables and sums add up")
	}
	if len(differences) > 0 || verifyErr != nil || !verdict.right() {
		return errDiffers
	}
	return sideErr
}

// waitingEvery is how often it is said what is waited for.
const waitingEvery = 10 * time.Second

// drained waits until the edges have handed everything to Kafka.
func (s *site) drained(ctx context.Context) error {
	deadline := time.Now().Add(s.options.settle)
	told := time.Now()
	for _, m := range s.members {
		if m.metrics == "" {
			continue
		}
		for {
			n, err := m.spooled()
			if err == nil && n == 0 {
				break
			}
			if time.Since(told) > waitingEvery {
				told = time.Now()
				s.report.say("… the spool of %s holds %.0f records", m.name, n)
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the spool of %s still holds %.0f records after %s (%w)", m.name, n, s.options.settle, err)
			}
			if !pause(ctx, 100*time.Millisecond) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// settle waits until nothing differs, or the time is over, and answers what differs then.
func (s *site) settle(ctx context.Context, truth *loadgen.Truth) ([]loadgen.Difference, error) {
	deadline := time.Now().Add(s.options.settle)
	stuck := newStuck(s)
	told := time.Now()
	for {
		differences, err := truth.Compare(ctx, s.conn, loadgen.Tables{Without: sideCampaigns})
		if err == nil && len(differences) == 0 {
			return nil, nil
		}
		if time.Now().After(deadline) {
			stuck.look(ctx, true)
			return differences, err
		}
		stuck.look(ctx, false)
		if time.Since(told) > waitingEvery && len(differences) > 0 {
			told = time.Now()
			s.report.say("… not equal yet: %s", differences[0].String())
		}
		if !pause(ctx, time.Second) {
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
}
