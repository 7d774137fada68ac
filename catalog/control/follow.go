package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/broker"
)

// A follower reads the topic's one partition into a fold. It belongs to one goroutine.
type follower struct {
	client *kgo.Client
	broker broker.Abilities
	topic  string
	kinds  kinds
	before func() *State // what is in force while the topic is read from the beginning

	part   *broker.Partition // nil: to be found
	id     [16]byte          // of the topic that fold is of
	fold   *fold
	next   int64
	start  int64
	stable int64
	end    int64
}

// step takes what one fetch brings, for which it waits so long. atEnd says that the fold has all of every transaction that it
// has anything of. After an error it may be called again.
func (f *follower) step(ctx context.Context, wait time.Duration) (atEnd bool, err error) {
	if f.part == nil {
		part, err := f.broker.Partition(ctx, f.client, f.topic, 0)
		if err != nil {
			return false, err
		}
		f.part = part
		if f.fold == nil || part.TopicID != f.id { // another topic has other offsets
			f.id = part.TopicID
			f.restart(0)
		}
	}
	got, err := f.part.Fetch(ctx, f.next, wait)
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange) && got.Next != f.next:
		f.restart(got.Next)
		return false, nil
	case err != nil:
		f.part = nil // its leader, or the topic, may be another
		return false, err
	}
	for _, r := range got.Records {
		f.fold.add(r)
	}
	f.next, f.start, f.stable, f.end = got.Next, got.Start, got.Stable, got.End
	return f.next >= f.stable, nil
}

// restart reads from the beginning.
func (f *follower) restart(from int64) {
	var before *State
	if f.before != nil {
		before = f.before()
	}
	f.fold, f.next = newFold(f.kinds, before), from
}

// Read returns what is in force at the end of the topic, once. It tries until ctx ends, but for what a second try does not cure.
func Read(ctx context.Context, cfg Config) (*State, error) {
	cfg = cfg.withDefaults()
	client, err := kgo.NewClient(cfg.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	defer client.Close()
	f := follower{client: client, broker: cfg.Broker, topic: cfg.Topic, kinds: kindsOf(cfg.Kinds)}
	for wait := firstPause; ; {
		atEnd, err := f.step(ctx, 0)
		if err != nil {
			if isFinal(err) || ctx.Err() != nil {
				return nil, err
			}
			pause(ctx, wait)
			wait = min(2*wait, lastPause)
			continue
		}
		if atEnd {
			state, _ := f.fold.state()
			state.refused = f.fold.refusals()
			return state.At(cfg.Now()), nil
		}
	}
}
