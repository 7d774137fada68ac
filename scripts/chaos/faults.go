package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Kinds of faults, as they are counted.
const (
	kindKill       = "kill -9"
	kindStop       = "SIGSTOP"
	kindTerm       = "SIGTERM"
	kindBrokerKill = "broker kill -9"
	kindBrokerStop = "broker SIGSTOP"
	kindTablesKill = "ClickHouse kill -9"
	kindTablesStop = "ClickHouse SIGSTOP"
	kindNetwork    = "network"
	kindClock      = "clock step"
	kindDiskFull   = "state disk full"
	kindSpoolFull  = "spool disk full"
	kindDiskLoss   = "disk loss"
)

// maxStep is how far a clock is stepped at most, either way; one clock is wrong at a time. It is less than the grace
// (processor.grace, 15 min): a processor that is an hour ahead rightly finds that a postback has waited long enough for a
// click that still lies in an edge's spool.
const maxStep = 10 * time.Minute

// restartLimit is how long Apache Kafka may take to answer again: a minute is not enough on a machine that does much else.
const restartLimit = 5 * time.Minute

// kinds are what can be done to this site.
func (s *site) kinds() []kind {
	var roles, processors, full, spools, links []string
	for _, m := range s.members {
		switch m.kind {
		case "processor":
			// What holds state deserves more of everything.
			roles = append(roles, m.name, m.name)
			processors = append(processors, m.name)
			if m.disk != nil {
				full = append(full, m.name)
			}
		case "ingest", "sink", "control":
			roles = append(roles, m.name)
			if m.disk != nil {
				spools = append(spools, m.name)
			}
		}
	}
	for _, l := range s.links {
		links = append(links, l.name)
	}
	return []kind{
		{kindKill, 30, roles, 3 * time.Second, sessionTimeout + 3*time.Second},
		{kindStop, 18, roles, 4 * time.Second, sessionTimeout + 6*time.Second},
		{kindTerm, 8, roles, time.Second, 2 * time.Second},
		{kindBrokerKill, 4, []string{"broker"}, time.Second, 5 * time.Second},
		{kindBrokerStop, 3, []string{"broker"}, 3 * time.Second, sessionTimeout + 2*time.Second},
		{kindTablesKill, 8, []string{"clickhouse"}, time.Second, 5 * time.Second},
		{kindTablesStop, 3, []string{"clickhouse"}, 3 * time.Second, 15 * time.Second},
		{kindNetwork, 20, links, 4 * time.Second, sessionTimeout + 4*time.Second},
		{kindClock, 5, roles, 5 * time.Second, 15 * time.Second},
		{kindDiskFull, 4, full, 4 * time.Second, 8 * time.Second},
		{kindSpoolFull, 3, spools, 4 * time.Second, 8 * time.Second},
		{kindDiskLoss, 2, processors, time.Second, 2 * time.Second},
	}
}

// carryOut runs the plan until its end or that of ctx, and returns when everything is healed.
func (s *site) carryOut(ctx context.Context, faults []fault) {
	began := time.Now()
	var all sync.WaitGroup
	defer all.Wait()
	for _, f := range faults {
		if !pause(ctx, time.Until(began.Add(f.at))) {
			return
		}
		held := f.target
		if f.kind == kindClock {
			held = "clock" // two wrong clocks at once are no longer a fault of one machine
		}
		if err := s.hold(held); err != nil {
			s.report.say("   not done: %s of %s: %v", f.kind, f.target, err)
			continue
		}
		all.Go(func() {
			defer s.release(held)
			what := f.describe()
			s.report.begin(f.kind, what)
			s.report.end(what, s.do(ctx, &f))
		})
	}
}

func (f *fault) describe() string {
	switch f.kind {
	case kindNetwork:
		if f.toxic == delay {
			return fmt.Sprintf("network %s: %s of %s for %s", f.target, f.toxic, f.amount, f.lasts)
		}
		return fmt.Sprintf("network %s: %s for %s", f.target, f.toxic, f.lasts)
	case kindClock:
		return fmt.Sprintf("clock step of %s by %s for %s", f.target, f.amount, f.lasts)
	case kindBrokerKill, kindBrokerStop, kindTablesKill, kindTablesStop:
		return fmt.Sprintf("%s for %s", f.kind, f.lasts)
	}
	if f.kind == kindSpoolFull {
		return fmt.Sprintf("%s %s, cut off from Kafka, for %s", f.kind, f.target, f.lasts)
	}
	return fmt.Sprintf("%s %s for %s", f.kind, f.target, f.lasts)
}

// pause answers false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// do is one fault from its beginning to its healing.
func (s *site) do(ctx context.Context, f *fault) error {
	switch f.kind {
	case kindBrokerKill:
		if err := s.broker.Kill(); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return s.restartBroker()
	case kindBrokerStop:
		if err := s.broker.Pause(); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return s.broker.Resume()
	case kindNetwork:
		l := s.link(f.target)
		l.poison(f.toxic, f.amount)
		pause(ctx, f.lasts)
		l.poison(clean, 0)
		return nil
	case kindTablesKill:
		s.awaitInsert(ctx)
	}
	m := s.member(f.target)
	switch f.kind {
	case kindKill, kindTablesKill:
		m.end(syscall.SIGKILL)
		pause(ctx, f.lasts)
		return m.start()
	case kindTerm:
		m.end(syscall.SIGTERM)
		pause(ctx, f.lasts)
		return m.start()
	case kindStop, kindTablesStop:
		if err := m.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.signal(syscall.SIGCONT)
	case kindClock:
		if err := m.step(f.amount); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.step(0)
	case kindDiskFull:
		if err := m.disk.fill(); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.disk.free()
	case kindSpoolFull:
		// The spool is needed only while Kafka is away.
		l := s.link(m.name + " to Kafka")
		if err := s.hold(l.name); err != nil {
			return err
		}
		defer s.release(l.name)
		if err := m.disk.fill(); err != nil {
			return err
		}
		l.poison(blackHole, 0)
		pause(ctx, f.lasts)
		l.poison(clean, 0)
		return m.disk.free()
	case kindDiskLoss:
		m.end(syscall.SIGKILL)
		if err := empty(m.state); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.start()
	}
	panic("no fault " + f.kind)
}

func (s *site) link(name string) *link {
	for _, l := range s.links {
		if l.name == name {
			return l
		}
	}
	panic("no link " + name)
}

func (s *site) restartBroker() error {
	ctx, cancel := context.WithTimeout(context.Background(), restartLimit)
	defer cancel()
	return s.broker.Restart(ctx)
}

// awaitInsert returns while a loader sends rows, or after a while without any.
func (s *site) awaitInsert(ctx context.Context) {
	const enough, look, limit = 16 << 10, time.Millisecond, 3 * time.Second
	sent := func() (n int64) {
		for _, l := range s.links {
			if l.kind == "ClickHouse" {
				n += l.sent.Load()
			}
		}
		return n
	}
	before := sent()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline) && sent()-before < enough; {
		if !pause(ctx, look) {
			return
		}
	}
}

// empty deletes what is in a folder; the folder may be where something is mounted.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
