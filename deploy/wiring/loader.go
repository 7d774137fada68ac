package wiring

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/deploy/meaning"
	"tributary/deploy/process"
	"tributary/processor/stage"
	sink "tributary/sink/clickhouse"
)

// tablesPoll is how often a loader that waits asks for its tables again, tablesLimit how long one question may take.
const (
	tablesPoll  = time.Second
	tablesLimit = 15 * time.Second
)

// A guarded loader does not join its group before ClickHouse's tables are those that the group's offsets are about.
type guarded struct {
	tables *sink.Installation
	// mean holds the configuration against what the tables mean: meaning.ErrMismatch ends the process.
	mean   func(context.Context) error
	loader func() (*sink.Loader, error)
	log    *zap.Logger

	mu     sync.Mutex
	inner  *sink.Loader
	reason error
}

// Run waits for the tables and loads until ctx is done.
func (g *guarded) Run(ctx context.Context) error {
	said := ""
	for {
		reason := g.check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(reason, meaning.ErrMismatch) {
			return process.Permanent(reason)
		}
		if reason == nil {
			break
		}
		if g.set(nil, reason); reason.Error() != said {
			said = reason.Error()
			var lost *sink.LostTables
			if errors.As(reason, &lost) {
				g.log.Error(said)
			} else {
				g.log.Warn("the tables cannot be asked for; trying on", zap.Error(reason))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tablesPoll):
		}
	}
	loader, err := g.loader()
	if err != nil {
		return err
	}
	g.set(loader, nil)
	return loader.Run(ctx)
}

func (g *guarded) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tablesLimit)
	defer cancel()
	lost, err := g.tables.Check(ctx)
	if errors.Is(err, kerr.GroupAuthorizationFailed) {
		g.log.Warn("this user may not read or write the offsets of the group that remembers ClickHouse's tables: a lost ClickHouse will not be noticed", zap.Error(err))
		return g.mean(ctx)
	}
	if err == nil && lost != nil {
		return lost
	}
	if err == nil {
		err = g.mean(ctx)
	}
	return err
}

func (g *guarded) set(inner *sink.Loader, reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inner, g.reason = inner, reason
}

// Ready returns the loader's own answer, or why there is none.
func (g *guarded) Ready() error {
	g.mu.Lock()
	inner, reason := g.inner, g.reason
	g.mu.Unlock()
	switch {
	case inner != nil:
		return inner.Ready()
	case reason != nil:
		return reason
	}
	return errors.New("the sink has not asked for its tables yet")
}

// Tables are a configuration's loader group and the tables that it fills.
func Tables(c *config.Config, role string, logger *zap.Logger) (*sink.Installation, error) {
	opts, err := KafkaOptions(c.Kafka, role, logger)
	if err != nil {
		return nil, err
	}
	server, err := ClickHouseOptions(c.ClickHouse)
	if err != nil {
		return nil, err
	}
	return &sink.Installation{Group: c.Sink.Group, Database: c.Sink.Database, TopicPrefix: c.Kafka.TopicPrefix, Kafka: opts, ClickHouse: server, Own: stage.Tables()}, nil
}
