package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// Kinds of faults of mode up, beside kill -9, SIGTERM and SIGSTOP. The disk is the one that everything lies on.
const (
	kindFull       = "full disk freed"
	kindFullFreed  = "full disk freed then kill -9"
	kindFullKilled = "full disk kill -9 then freed"
	kindFullStart  = "full disk kill -9 start then freed"
	kindTorn       = "kill -9 amid a write"
)

// startUp starts everything in one process on embedded engines, with its data where prepare made room for it.
func (s *site) startUp(ctx context.Context, prepare func(data string) error) error {
	for _, a := range []*string{&s.edges, &s.brokers, &s.tables} {
		var err error
		if *a, err = address(); err != nil {
			return err
		}
	}
	ops, err := address()
	if err != nil {
		return err
	}
	m, err := s.newMember("up", "up")
	if err != nil {
		return err
	}
	data := s.data()
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := prepare(data); err != nil {
		return err
	}
	m.state = filepath.Join(data, "processor")
	declared := s.scenario.CatalogYAML()
	if s.side != nil {
		declared = catalogWith(s.scenario, s.side.limit, 0)
	}
	err = s.writeConfig("embedded", fmt.Sprintf("ops: {listen: %q}\ningest: {listen: %q, trusted_proxies: [127.0.0.1]%s}\nprocessor: {state_dir: %s}\n%s",
		ops, s.edges, s.side.shared(), m.state, declared))
	if err != nil {
		return err
	}
	if s.side != nil {
		s.side.config = s.config
	}
	m.args = []string{"up", "--config", s.config}
	m.ready = "http://" + ops + "/readyz"
	m.metrics = "http://" + ops + "/metrics"
	if err := m.start(); err != nil {
		return err
	}
	if err := m.await(ctx, startLimit); err != nil {
		return err
	}
	return s.connect()
}

// data is the data_dir of everything.
func (s *site) data() string { return filepath.Join(s.options.dir, "data") }

// boundedData puts the data on a file system that can be full.
func (s *site) boundedData(data string) error {
	s.member("up").disk = s.newDisk("up", data)
	return nil
}

// upKinds are what can be done to the one process; short and long are how long the disk is full or the process stands still.
func (s *site) upKinds() []kind {
	target := []string{"up"}
	var full []string
	if s.member("up").disk != nil {
		full = target
	}
	return []kind{
		{kindKill, 30, target, 500 * time.Millisecond, 2 * time.Second},
		{kindTerm, 4, target, 500 * time.Millisecond, 2 * time.Second},
		{kindStop, 6, target, 4 * time.Second, 12 * time.Second},
		{kindTorn, 10, target, 500 * time.Millisecond, time.Second},
		{kindFull, 8, full, 5 * time.Second, 10 * time.Second},
		{kindFullFreed, 16, full, 5 * time.Second, 10 * time.Second},
		{kindFullKilled, 12, full, 5 * time.Second, 10 * time.Second},
		{kindFullStart, 8, full, 5 * time.Second, 10 * time.Second},
	}
}

// kafkaOptions are those of a client that looks on: the embedded broker wants its password.
func (s *site) kafkaOptions() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(s.brokers)}
	if s.broker != nil {
		return opts
	}
	c := config.Defaults()
	c.DataDir = s.data()
	if err := wiring.ReadKafkaLogin(&c); err != nil {
		s.report.say("reading the embedded broker's password: %v", err)
	}
	return append(opts, kgo.SASL(scram.Auth{User: c.Kafka.SASL.Username, Pass: c.Kafka.SASL.Password}.AsSha256Mechanism()))
}

// breakUp does one fault after the other to the one process until ctx ends: a kill now and then before it has come up again.
func (s *site) breakUp(ctx context.Context) {
	random := rand.New(rand.NewPCG(s.options.seed, 0x7570))
	m := s.member("up")
	// Only the order and the lengths are the plan's: how long a start takes is the machine's.
	for _, f := range plan(s.options.seed, 100*s.options.length, s.options.gap, s.upKinds(), s.options.only) {
		if !pause(ctx, time.Duration(float64(s.options.gap)*(.2+random.ExpFloat64()))) {
			return
		}
		if f.kind != kindKill && m.await(ctx, startLimit) != nil {
			if ctx.Err() != nil {
				return
			}
			s.report.say("   up is not ready for %s", startLimit)
		}
		after := time.Duration(random.IntN(8000)) * time.Millisecond
		what := fmt.Sprintf("%s, %s, life %d, ready %t", f.kind, f.lasts, m.life(), m.isReady())
		if f.kind == kindFullFreed {
			what = fmt.Sprintf("%s, kill %s after", what, after)
		}
		s.report.begin(f.kind, what)
		s.report.end(what, s.doUp(ctx, &f, after, random))
	}
}

// doUp is one fault of mode up from its beginning to its healing.
func (s *site) doUp(ctx context.Context, f *fault, after time.Duration, random *rand.Rand) error {
	m := s.member("up")
	switch f.kind {
	case kindKill, kindTerm, kindTorn:
		if f.kind == kindTerm {
			m.end(syscall.SIGTERM)
		} else {
			m.end(syscall.SIGKILL)
		}
		if f.kind == kindTorn {
			if err := s.tear(random); err != nil {
				return err
			}
		}
		pause(ctx, f.lasts)
		return m.start()
	case kindStop:
		if err := m.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.signal(syscall.SIGCONT)
	}
	if err := m.disk.fill(); err != nil {
		return err
	}
	defer m.disk.free() // once more does no harm
	pause(ctx, f.lasts)
	switch f.kind {
	case kindFull:
		return m.disk.free()
	case kindFullFreed:
		if err := m.disk.free(); err != nil {
			return err
		}
		pause(ctx, after)
		m.end(syscall.SIGKILL)
	case kindFullKilled:
		m.end(syscall.SIGKILL)
		if err := m.disk.free(); err != nil {
			return err
		}
	case kindFullStart:
		m.end(syscall.SIGKILL)
		if err := m.start(); err != nil {
			return err
		}
		pause(ctx, f.lasts)
		return m.disk.free()
	default:
		panic("no fault " + f.kind)
	}
	return m.start()
}

// lastEnd kills the one process of mode up or power once more, without loss, and starts it.
func (s *site) lastEnd() error {
	if s.options.mode == modeRoles {
		return nil
	}
	m := s.member("up")
	m.end(syscall.SIGKILL)
	return m.start()
}
