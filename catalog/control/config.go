package control

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas/broker"
)

// A Config says where the topic is and what is known of it. The zero value of each field but Topic is usable.
type Config struct {
	// Kafka reaches the broker: addresses, encryption, login.
	Kafka []kgo.Opt
	// Broker is what it can do.
	Broker broker.Abilities
	// Topic is its full name. The transactional ID of writers is the same.
	Topic string
	Kinds []Kind
	// Changes is the full name of the topic that each change of a kind with words (Kind.Says) is told to, in the transaction that
	// makes it; empty for none. A writer's.
	Changes string
	// Copy is the file of a reader's copy, empty for none; Replace writes it, whole and durable or not at all.
	Copy    string
	Replace func(path string, content []byte) error
	// Fill: the reader may fill the topic again where records are lost that its copy has.
	Fill       bool
	Now        func() time.Time
	Logger     *zap.Logger
	Registerer prometheus.Registerer

	// step, in tests, is told of each step of a write before it is made; an error is a kill at that point.
	step func(string) error
	// snapshotAfter is how many records the topic has before a snapshot, where it is not compacted; 0: minRecords.
	snapshotAfter int64
	// lookEvery is, in tests, another than the constant of that name; 0: that one.
	lookEvery time.Duration
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.step == nil {
		c.step = func(string) error { return nil }
	}
	if c.snapshotAfter == 0 {
		c.snapshotAfter = minRecords
	}
	if c.lookEvery == 0 {
		c.lookEvery = lookEvery
	}
	return c
}

// pause waits, unless ctx is done before.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
