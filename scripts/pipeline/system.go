package pipeline

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/cli/loadgen"
	"tributary/deploy/embedded"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/deploy/topics"
	"tributary/ingest"
	"tributary/processor"
	"tributary/report"
	"tributary/schemas/broker"
	schema "tributary/schemas/clickhouse"
	"tributary/scripts/kafka"
	sink "tributary/sink/clickhouse"
)

// BrokerVariable chooses the broker: "kafka" for Apache Kafka, anything else for the embedded one.
const BrokerVariable = "TRIBUTARY_TEST_BROKER"

// Options say how a System differs from the defaults.
type Options struct {
	Scenario *loadgen.Scenario
	// Partitions of each topic; 4 when 0.
	Partitions int
	// Grace is processor.grace; 3 s when 0, so that orphans are seen within a test.
	Grace time.Duration
	// Configure changes the roles' configuration before they start; nil for none.
	Configure func(*ingest.Config, *processor.Config, *sink.Config)
	// Declare changes the scenario's catalog before it is built; nil for none.
	Declare func(*catalog.Config)
}

// A System is every role on its engines.
type System struct {
	Brokers    []string
	Abilities  broker.Abilities
	Prefix     string
	Database   string
	Edge       *ingest.Edge
	ClickHouse driver.Conn
	Processor  processor.Config
	Sink       sink.Config

	tb testing.TB
}

// ready is how long engines and roles may take to start.
const ready = time.Minute

// Start runs a System and stops it at the end of the test: the edge first, so that what it accepted is carried on.
func Start(tb testing.TB, o Options) *System {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	if o.Grace == 0 {
		o.Grace = 3 * time.Second
	}
	logger := zaptest.NewLogger(tb, zaptest.Level(zap.WarnLevel))
	s := &System{tb: tb, Database: "tributary", Prefix: fmt.Sprintf("t%d.", time.Now().UnixNano())}
	s.startBroker()
	opts := []kgo.Opt{kgo.SeedBrokers(s.Brokers...), kgo.ClientID("tributary-test")}
	s.makeTopics(ctx, opts, o.Partitions)
	server := s.startClickHouse(ctx)

	var file struct{ Catalog catalog.Config }
	if err := yaml.Unmarshal([]byte(o.Scenario.CatalogYAML()), &file); err != nil {
		tb.Fatalf("reading the scenario's catalog: %v", err)
	}
	if o.Declare != nil {
		o.Declare(&file.Catalog)
	}
	built, err := catalog.Build(file.Catalog)
	if err != nil {
		tb.Fatalf("building the scenario's catalog: %v", err)
	}
	edgeConfig, processorConfig, sinkConfig := ingest.Defaults(), processor.Defaults(), sink.Defaults()
	edgeConfig.Listen = "127.0.0.1:0"
	edgeConfig.TrustedProxies = []string{"127.0.0.1"}
	processorConfig.StateDir = tb.TempDir()
	processorConfig.Grace = o.Grace
	processorConfig.InstanceID = "one"
	// Groups and transactional IDs of one broker are shared by all tests.
	processorConfig.Group, sinkConfig.Group = s.Prefix+processorConfig.Group, s.Prefix+sinkConfig.Group
	sinkConfig.Database = s.Database
	if o.Configure != nil {
		o.Configure(&edgeConfig, &processorConfig, &sinkConfig)
	}
	s.Processor, s.Sink = processorConfig, sinkConfig

	loader, err := sink.New(sinkConfig, sink.Deps{
		Kafka: opts, Broker: s.Abilities, TopicPrefix: s.Prefix, Registerer: prometheus.NewRegistry(), Logger: logger.Named("sink"), ClickHouse: server,
	})
	if err != nil {
		tb.Fatalf("making the sink: %v", err)
	}
	s.run("sink", loader.Run)
	joiner, err := processor.New(processorConfig, processor.Deps{
		Kafka: opts, Broker: s.Abilities, TopicPrefix: s.Prefix, Registerer: prometheus.NewRegistry(), Logger: logger.Named("processor"),
	})
	if err != nil {
		tb.Fatalf("making the processor: %v", err)
	}
	s.run("processor", joiner.Run)
	s.Edge, err = ingest.New(edgeConfig, ingest.Deps{Kafka: opts, TopicPrefix: s.Prefix, Registerer: prometheus.NewRegistry(), Logger: logger.Named("ingest"), Catalog: built})
	if err != nil {
		tb.Fatalf("making the edge: %v", err)
	}
	s.run("ingest", s.Edge.Run)
	Await(tb, ready, "every role to be ready", func() error {
		for _, role := range []interface{ Ready() error }{loader, joiner, s.Edge} {
			if err := role.Ready(); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *System) startBroker() {
	if os.Getenv(BrokerVariable) == "kafka" {
		s.Brokers = []string{kafka.StartForTest(s.tb).Addr()}
		return
	}
	engine, err := embedded.NewKafka("127.0.0.1:0", s.tb.TempDir(), zap.NewNop())
	if err != nil {
		s.tb.Fatal(err)
	}
	s.run("kafka", engine.Run)
	s.Brokers, s.Abilities = []string{engine.Address()}, broker.Embedded()
}

func (s *System) makeTopics(ctx context.Context, opts []kgo.Opt, partitions int) {
	client, err := kgo.NewClient(opts...)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer client.Close()
	if _, err := topics.Ensure(ctx, kadm.NewClient(client), topics.Settings{Prefix: s.Prefix, Partitions: partitions, ReplicationFactor: 1}); err != nil {
		s.tb.Fatalf("making the topics: %v", err)
	}
}

func (s *System) startClickHouse(ctx context.Context) *clickhouse.Options {
	engine := chdbtest.Start(s.tb)
	options := engine.Options()
	options.ReadTimeout = 5 * time.Minute
	conn, err := clickhouse.Open(options)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.ClickHouse = conn
	s.tb.Cleanup(func() { conn.Close() })
	if _, err := schema.Migrate(ctx, conn, schema.Options{Database: s.Database, Views: report.Views()}); err != nil {
		s.tb.Fatalf("making the tables: %v", err)
	}
	server := engine.Options()
	server.ReadTimeout = options.ReadTimeout
	return server
}

// run runs a role until the end of the test, which ends roles in the opposite order of their start.
func (s *System) run(name string, role func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := role(ctx); err != nil {
			s.tb.Errorf("%s ended: %v", name, err)
		}
	}()
	s.tb.Cleanup(func() {
		cancel()
		select {
		case <-over:
		case <-time.After(ready):
			s.tb.Errorf("%s did not stop within %s", name, ready)
		}
	})
}

// Await polls until check answers nil, and fails the test with its last answer when the limit has passed.
func Await(tb testing.TB, limit time.Duration, what string, check func() error) {
	tb.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("waited %s for %s: %v", limit, what, err)
		}
		time.Sleep(pollEvery)
	}
}

// pollEvery is the pause between two looks at a condition.
const pollEvery = 100 * time.Millisecond
