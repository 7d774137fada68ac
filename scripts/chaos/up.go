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

// startUp starts everything in one process on embedded engines.
func (s *site) startUp(ctx context.Context) error {
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
	m.state = filepath.Join(s.options.dir, "data", "processor")
	err = s.writeConfig("embedded", fmt.Sprintf("ops: {listen: %q}\ningest: {listen: %q, trusted_proxies: [127.0.0.1]}\nprocessor: {state_dir: %s}\n%s",
		ops, s.edges, m.state, s.scenario.CatalogYAML()))
	if err != nil {
		return err
	}
	m.args = []string{"up", "--config", s.config}
	m.ready = "http://" + ops + "/readyz"
	m.metrics = "http://" + ops + "/metrics"
	if err := os.MkdirAll(filepath.Join(s.options.dir, "data"), 0o755); err != nil {
		return err
	}
	if err := m.start(); err != nil {
		return err
	}
	if err := m.await(ctx, startLimit); err != nil {
		return err
	}
	return s.connect()
}

// killAgainAndAgain kills the one process until ctx ends: now and then before it has come up again.
func (s *site) killAgainAndAgain(ctx context.Context) {
	random := rand.New(rand.NewPCG(s.options.seed, 0x7570))
	m := s.member("up")
	for pause(ctx, time.Duration(float64(s.options.gap)*(.2+random.ExpFloat64()))) {
		what := fmt.Sprintf("kill -9 up, life %d, ready %t", m.life(), m.isReady())
		s.report.begin(kindKill, what)
		m.end(syscall.SIGKILL)
		pause(ctx, time.Duration(random.IntN(500))*time.Millisecond)
		err := m.start()
		s.report.end(what, err)
	}
}

// kafkaOptions are those of a client that looks on: the embedded broker wants its password.
func (s *site) kafkaOptions() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(s.brokers)}
	if s.broker != nil {
		return opts
	}
	c := config.Defaults()
	c.DataDir = filepath.Join(s.options.dir, "data")
	if err := wiring.ReadKafkaLogin(&c); err != nil {
		s.report.say("reading the embedded broker's password: %v", err)
	}
	return append(opts, kgo.SASL(scram.Auth{User: c.Kafka.SASL.Username, Pass: c.Kafka.SASL.Password}.AsSha256Mechanism()))
}
