package wiring

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/deploy/process"
	"tributary/processor"
	"tributary/processor/stage"
	"tributary/processor/stages/outbound"
	"tributary/schemas/broker"
	sink "tributary/sink/clickhouse"
)

// AddRoles adds every role, the last one in the flow first, so that it stops last: what the edge accepted can still be
// joined and loaded.
func (s *System) AddRoles() {
	s.AddSink()
	s.AddOutbound()
	s.AddProcessor()
	s.AddLeases() // the edge gives its leases back when it stops
	s.AddIngest()
}

// AddProcessor adds the stream processor.
func (s *System) AddProcessor() {
	decides := outbound.New(s.supervisor.Registry())
	s.takeCatalogWith(func(c *catalog.Catalog) {
		if err := s.declare(decides, c); err != nil {
			s.logger.Error("the destinations of the changed catalog are refused; those before stay in force", zap.Error(err))
		}
	})
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
			if err := s.declareFirst(ctx, decides); err != nil {
				return nil, err
			}
			return processor.New(c.Processor, processor.Deps{
				Kafka: opts, TopicPrefix: c.Kafka.TopicPrefix, Registerer: registerer,
				Logger: s.logger.Named(UnitProcessor), Stages: own, Outbound: decides, TransactionalID: s.transactionalID(), Now: clock(),
				Meaning: s.processorMeaning, Broker: c.Kafka.Abilities(),
			})
		}})
}

// declare has the processor decide by the destinations of a catalog from its next cycle on.
func (s *System) declare(decides *outbound.Stage, c *catalog.Catalog) error {
	now := time.Now
	if of := clock(); of != nil {
		now = of
	}
	return decides.Declare(c, s.loaded.Config.Processor.BookRetention.Milliseconds(), now())
}

// declareFirst is declare of the catalog in force at a start. Who declares no destination needs no catalog here.
func (s *System) declareFirst(ctx context.Context, decides *outbound.Stage) error {
	if err := s.awaitCatalog(ctx); err != nil {
		return err
	}
	s.catalogs.Lock()
	defer s.catalogs.Unlock()
	c := &s.inForce.Config
	if !s.CatalogFromControl() && len(c.Catalog.Destinations) == 0 {
		return nil
	}
	compiled, err := s.compile(c)
	if err != nil {
		return process.Permanent(err)
	}
	if err := s.declare(decides, compiled); err != nil {
		return process.Permanent(err)
	}
	return nil
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
