package wiring

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/deploy/process"
	"tributary/ingest"
)

// filesOfAll is what every role in one process opens beside the edge's connections: the state's tables (1,000 at
// most), the embedded broker's segments and clients, the loader, and what an edge alone needs.
const filesOfAll = 2048

// AddIngest adds the HTTP edge.
func (s *System) AddIngest() {
	slot := new(edgeSlot)
	s.edge.Store(slot)
	s.notes = append(s.notes, slot.told)
	s.followBlocks(slot)
	s.followCatalog()
	s.supervisor.Add(process.Unit{Name: UnitIngest, MustStart: true, Wait: true,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			if err := s.keepEdgeMeaning(ctx); err != nil {
				return nil, err
			}
			opts, err := KafkaOptions(c.Kafka, UnitIngest, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			s.awaitBlocks(ctx)
			if err := s.awaitCatalog(ctx); err != nil {
				return nil, err
			}
			slot.mu.Lock()
			defer slot.mu.Unlock()
			if slot.catalog == nil {
				if slot.catalog, err = s.compile(c); err != nil {
					return nil, process.Permanent(err)
				}
			}
			finder, err := s.receipts()
			if err != nil {
				return nil, process.Permanent(err)
			}
			reserve := 0
			if s.hasEngines {
				reserve = filesOfAll
			}
			leases, err := s.leases(opts, registerer)
			if err != nil {
				return nil, err
			}
			edge, err := ingest.New(c.Ingest, ingest.Deps{
				Kafka: opts, TopicPrefix: c.Kafka.TopicPrefix,
				Registerer: registerer,
				// The edge's own /metrics shows the whole process: a container with one role needs one port.
				Gatherer: s.supervisor,
				Logger:   s.logger.Named(UnitIngest), Catalog: slot.catalog, Now: clock(), Receipts: finder, ReserveFiles: reserve,
				OpsToken: c.Ops.Token, Leases: leases,
			})
			if err != nil {
				if leases != nil {
					leases.Discard()
				}
				return nil, err
			}
			edge.SetBlocks(slot.blocks)
			slot.set, slot.note, slot.files, slot.setBlocks = edge.SetCatalog, edge.Note, edge.ReloadFiles, edge.SetBlocks
			return edge, nil
		}})
}
