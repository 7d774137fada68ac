package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"tributary/ingest/spool"
)

const (
	// kafkaCheckEvery is how often the topics are looked up while all is well, kafkaRetryEvery while it is not.
	kafkaCheckEvery = 5 * time.Second
	kafkaRetryEvery = 250 * time.Millisecond
	kafkaCheckLimit = 3 * time.Second
)

var (
	errNotChecked = errors.New("kafka has not been reached yet")
	// errUnreachable says that Kafka is away, which a spool bridges; any other answer of the check is a fault to be mended.
	errUnreachable = errors.New("kafka is away")
)

// readiness is the last answer of the watch.
type readiness struct{ err atomic.Pointer[error] }

// Ready returns nil when the edge can take clicks and postbacks, else what is missing.
func (e *Edge) Ready() error {
	var missing []error
	if e.draining.Load() {
		missing = append(missing, errors.New("stopping"))
	}
	if e.catalog.Load() == nil {
		missing = append(missing, errNoCatalog)
	}
	if err := e.kafkaError(); err != nil {
		switch {
		case e.spool == nil || !errors.Is(err, errUnreachable):
			missing = append(missing, err)
		case e.spool.Err() != nil:
			missing = append(missing, err, e.spool.Err())
		}
	}
	if e.spool != nil {
		if err := diskError(e.producer.diskLate.Load(), e.spool.Waiting()); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...)
}

// diskError says that a request was refused because neither Kafka nor the spool's disk confirmed in time, and that the disk
// is still at the batch. An edge that is not ready gets no requests: so it is ready again once the disk has answered.
func diskError(late bool, waiting time.Duration) error {
	if !late || waiting == 0 {
		return nil
	}
	return fmt.Errorf("%w: it has been at one batch for %s, and Kafka confirms nothing in time: requests are answered 503",
		spool.ErrBusy, waiting.Round(time.Second))
}

// kafkaError is the last answer of the watch.
func (e *Edge) kafkaError() error {
	if err := e.kafka.err.Load(); err != nil {
		return *err
	}
	return errNotChecked
}

// Note returns in words what an operator should know of an edge that is ready: that the spool holds records, that it
// takes none, that some are set aside, that Kafka is away, that there is room for fewer connections than asked for, that
// no leases of caps come.
// It is empty when all is well.
func (e *Edge) Note() string {
	var notes []string
	if note := e.crowded(); note != "" {
		notes = append(notes, note)
	}
	if e.caps.leases != nil {
		if note := e.caps.leases.Note(); note != "" {
			notes = append(notes, note)
		}
	}
	if e.spool == nil {
		return strings.Join(notes, "; ")
	}
	if d := e.spool.Depth(); d.Records > 0 {
		notes = append(notes, fmt.Sprintf("spooling: %d records, oldest %ds", d.Records, int(d.Age.Seconds())))
	}
	if err := e.spool.Err(); err != nil {
		notes = append(notes, err.Error())
	}
	if held := e.spool.Aside(); held.Files > 0 {
		notes = append(notes, fmt.Sprintf("set aside: %d acknowledged records that kafka refused for good, %d damaged places, %d bytes in all: see `tributary spool list`",
			held.Refused, held.Files-held.Refused, held.Bytes))
	}
	if err := e.kafkaError(); errors.Is(err, errUnreachable) {
		notes = append(notes, err.Error())
	}
	return strings.Join(notes, "; ")
}

// crowded says that fewer connections are served than ingest.max_connections asks for.
func (e *Edge) crowded() string {
	if e.connections >= e.cfg.MaxConnections {
		return ""
	}
	return fmt.Sprintf("ingest.max_connections is %d, and the process may open %d files: %d connections are served at the same time", e.cfg.MaxConnections, e.files, e.connections)
}

// watchKafka looks again and again whether the topics are there and fit together.
func (e *Edge) watchKafka(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := e.checkKafka(ctx)
		if ctx.Err() != nil {
			return
		}
		before := e.kafka.err.Swap(&err)
		if err != nil && (before == nil || *before == nil) {
			e.log.Warn("ingest: kafka is not ready", zap.Error(err))
		} else if err == nil && (before == nil || *before != nil) {
			e.log.Info("ingest: kafka is ready")
		}
		if err != nil {
			timer.Reset(kafkaRetryEvery)
		} else {
			timer.Reset(kafkaCheckEvery)
		}
	}
}

func (e *Edge) checkKafka(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaCheckLimit)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	for i := range e.producer.names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &e.producer.names[i]
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, e.producer.client)
	if err != nil {
		return fmt.Errorf("%w: asking for the topics: %w", errUnreachable, err)
	}
	partitions := map[string]int{}
	for _, topic := range resp.Topics {
		if topic.Topic == nil {
			continue
		}
		if err := kerr.ErrorForCode(topic.ErrorCode); errors.Is(err, kerr.LeaderNotAvailable) {
			return fmt.Errorf("%w: topic %s: %w", errUnreachable, *topic.Topic, err)
		} else if err != nil {
			return fmt.Errorf("topic %s: %w", *topic.Topic, err)
		}
		for _, p := range topic.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("%w: topic %s: partition %d has no leader", errUnreachable, *topic.Topic, p.Partition)
			}
		}
		partitions[*topic.Topic] = len(topic.Partitions)
	}
	clicks, postbacks := e.producer.names[topicClicks], e.producer.names[topicPostbacks]
	if a, b := partitions[clicks], partitions[postbacks]; a != b {
		return fmt.Errorf("topic %s has %d partitions and %s has %d; they must have the same number", clicks, a, postbacks, b)
	}
	return nil
}
