package wiring

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/destination"
	"tributary/catalog/hold"
	"tributary/deploy/process"
	"tributary/sink/outbound"
	"tributary/sink/outbound/protocol"
)

// declared joins what the catalog and the topic control say of destinations.
type declared struct {
	outbound.Declared

	mu           sync.Mutex
	destinations []*destination.Destination
	holds        map[string]hold.Hold
	taken        bool
}

func (d *declared) catalog(c *catalog.Catalog) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.destinations, d.taken = c.Destinations(), true
	d.Set(d.destinations, d.holds)
}

func (d *declared) control(state *control.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds = hold.InForce(state)
	if d.taken {
		d.Set(d.destinations, d.holds)
	}
}

// AddOutbound adds the deliverer.
func (s *System) AddOutbound() {
	declared := new(declared)
	s.takeCatalogWith(declared.catalog)
	s.WatchControl(hold.Kind, declared.control)
	s.supervisor.Add(process.Unit{Name: UnitOutbound,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			if err := s.checkTopics(ctx, UnitOutbound); err != nil {
				return nil, err
			}
			opts, err := KafkaOptions(c.Kafka, UnitOutbound, s.logger)
			if err != nil {
				return nil, process.Permanent(err)
			}
			s.awaitBlocks(ctx) // what a person has paused is known before anything is sent
			if err := s.awaitCatalog(ctx); err != nil {
				return nil, err
			}
			if err := s.firstDestinations(declared); err != nil {
				return nil, process.Permanent(err)
			}
			client := outbound.NewClient()
			engine, err := outbound.New(c.Outbound, outbound.Deps{
				Kafka: opts, Broker: c.Kafka.Abilities(), TopicPrefix: c.Kafka.TopicPrefix, Registerer: registerer,
				Logger: s.logger.Named(UnitOutbound), Now: clock(), Targets: declared, Sender: client,
				Credentials: &protocol.Credentials{Client: client.Plain(), Now: clock(), Keeper: outbound.NewKeeper(c.Outbound.StateDir)},
			})
			if err != nil {
				return nil, err
			}
			return engine, nil
		}})
}

// firstDestinations are those of the catalog in force at a start, unless a later one was taken already.
func (s *System) firstDestinations(d *declared) error {
	d.mu.Lock()
	taken := d.taken
	d.mu.Unlock()
	if taken {
		return nil
	}
	s.catalogs.Lock()
	defer s.catalogs.Unlock()
	c := &s.inForce.Config
	if !s.CatalogFromControl() && len(c.Catalog.Destinations) == 0 {
		return nil // who declares none needs no catalog here: what came for one before waits
	}
	compiled, err := s.compile(c)
	if err != nil {
		return err
	}
	d.catalog(compiled)
	return nil
}
