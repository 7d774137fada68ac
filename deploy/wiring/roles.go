package wiring

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/deploy/process"
	"tributary/processor"
	"tributary/processor/stage"
	"tributary/schemas/broker"
	sink "tributary/sink/clickhouse"
)

// AddRoles adds every role, the last one in the flow first, so that it stops last: what the edge accepted can still be
// joined and loaded.
func (s *System) AddRoles() {
	s.AddSink()
	s.AddProcessor()
	s.AddIngest()
}

// AddProcessor adds the stream processor.
func (s *System) AddProcessor() {
	s.supervisor.Add(process.Unit{Name: UnitProcessor,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			if err := s.checkTopics(ctx, UnitProcessor); err != nil {
				return nil, err
			}
			opts, err := KafkaOptions(c.Kafka, UnitProcessor, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			own, err := stage.Make(c.Stages)
			if err != nil {
				return nil, process.Permanent(err)
			}
			return processor.New(c.Processor, processor.Deps{
				Kafka: opts, TopicPrefix: c.Kafka.TopicPrefix, Registerer: registerer,
				Logger: s.logger.Named(UnitProcessor), Stages: own, TransactionalID: s.transactionalID(), Now: clock(),
				Meaning: s.processorMeaning, Broker: c.Kafka.Abilities(),
			})
		}})
}

// AddSink adds the loader.
func (s *System) AddSink() {
	s.supervisor.Add(process.Unit{Name: UnitSink,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			if err := s.checkTopics(ctx, UnitSink); err != nil {
				return nil, err
			}
			opts, err := KafkaOptions(c.Kafka, UnitSink, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			server, err := ClickHouseOptions(c.ClickHouse)
			if err != nil {
				return nil, process.Permanent(err)
			}
			server.Auth.Database = "" // the loader names its database in each statement
			tables, err := Tables(c, UnitSink, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			log := s.logger.Named(UnitSink)
			mean := func(ctx context.Context) error { return keepInTables(ctx, s.loaded, log) }
			return &guarded{tables: tables, log: log, mean: mean, loader: func() (*sink.Loader, error) {
				return sink.New(c.Sink, sink.Deps{
					Kafka: opts, Broker: c.Kafka.Abilities(), TopicPrefix: c.Kafka.TopicPrefix, Registerer: registerer, Logger: log,
					ClickHouse: server, Now: clock(), Own: stage.Tables(),
				})
			}}, nil
		}})
}

// transactionalID is a new one for each life of the process where the broker cannot broker.FenceByID: what an earlier life
// left open the broker ends at its start, and nothing of it is this producer's. A broker that is made again within a life
// fences by its epochs.
func (s *System) transactionalID() string {
	c := &s.loaded.Config
	if abilities := c.Kafka.Abilities(); abilities.Can(broker.FenceByID) {
		return ""
	}
	return c.Processor.Group + "-" + s.life
}
