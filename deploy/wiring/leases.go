package wiring

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog/control"
	"tributary/catalog/lease"
	"tributary/deploy/process"
	"tributary/ingest"
	"tributary/schemas"
)

// leaseGroup is the consumer group of grantors, behind kafka.topic_prefix.
const leaseGroup = "tributary-control-leases"

// AddLeases adds what hands out leases of caps. One at a time does, of all processes that run it.
func (s *System) AddLeases() {
	s.supervisor.Add(process.Unit{Name: UnitLeases,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			if err := s.checkTopics(ctx, UnitLeases); err != nil {
				return nil, err
			}
			opts, err := KafkaOptions(c.Kafka, UnitLeases, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			log := s.logger.Named(UnitLeases)
			books := s.leaseBooks(opts)
			books.Logger = log
			return lease.NewRole(lease.RoleConfig{
				Books: books, Requests: c.Kafka.TopicPrefix + schemas.TopicLeaseRequests, Group: c.Kafka.TopicPrefix + leaseGroup,
				Now: clock(), Registerer: registerer, Logger: log,
			})
		}})
}

// leaseBooks is where leases are written and read.
func (s *System) leaseBooks(opts []kgo.Opt) control.Config {
	c := &s.loaded.Config
	return control.Config{Kafka: opts, Broker: c.Kafka.Abilities(), Topic: c.Kafka.TopicPrefix + schemas.TopicLeases, Now: clock()}
}

// leases are the edge's; nil where it counts its own clicks.
func (s *System) leases(opts []kgo.Opt, registerer prometheus.Registerer) (ingest.Leases, error) {
	c := &s.loaded.Config
	if c.Ingest.Caps != ingest.CapsShared {
		return nil, nil
	}
	books := s.leaseBooks(opts)
	books.Logger, books.Fill = s.logger.Named(UnitIngest), true
	asker, err := lease.NewAsker(lease.AskerConfig{
		Books: books, Requests: c.Kafka.TopicPrefix + schemas.TopicLeaseRequests, Now: clock(), Registerer: registerer, Logger: books.Logger,
	})
	if err != nil {
		return nil, process.Permanent(err)
	}
	return asker, nil
}
