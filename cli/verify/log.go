package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	fetchBytes = 4 << 20
	fetchWait  = time.Second
	// requestTimeout bounds one request; kafka-go would wait for ever.
	requestTimeout = 30 * time.Second
	// emptyFetches is how many answers without a record are taken below the end before the log counts as broken.
	emptyFetches = 20
)

// extent is the range of offsets of one partition: from the first that is kept to the last stable one, which is excluded.
type extent struct{ start, end int64 }

func equalExtents(a, b map[string][]extent) bool {
	return a != nil && maps.EqualFunc(a, b, func(x, y []extent) bool { return slices.Equal(x, y) })
}

// log reads topics through kafka-go, committed records only.
type log struct {
	prefix    string
	addr      net.Addr
	transport *kafkago.Transport
	client    *kafkago.Client
}

func newLog(o Options) *log {
	transport := o.Transport
	if transport == nil {
		transport = &kafkago.Transport{}
	}
	transport.ClientID = cmp.Or(transport.ClientID, "tributary-verify")
	addr := kafkago.TCP(o.Brokers...)
	return &log{prefix: o.TopicPrefix, addr: addr, transport: transport, client: &kafkago.Client{Addr: addr, Timeout: requestTimeout, Transport: transport}}
}

func (l *log) close() { l.transport.CloseIdleConnections() }

// extents answers the range of every partition of the topics, by name without prefix.
func (l *log) extents(ctx context.Context, names []string) (map[string][]extent, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = l.prefix + name
	}
	meta, err := l.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: full})
	if err != nil {
		return nil, fmt.Errorf("asking Kafka at %s for its topics: %w", l.addr, err)
	}
	asks := map[string][]kafkago.OffsetRequest{}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("asking Kafka for topic %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			asks[t.Name] = append(asks[t.Name], kafkago.FirstOffsetOf(p.ID), kafkago.LastOffsetOf(p.ID))
		}
	}
	answer, err := l.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: asks, IsolationLevel: kafkago.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for the ends of its topics: %w", err)
	}
	out := map[string][]extent{}
	for name, partitions := range answer.Topics {
		list := make([]extent, len(partitions))
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("asking Kafka for the ends of %s/%d: %w", name, p.Partition, p.Error)
			}
			if p.Partition < 0 || p.Partition >= len(list) {
				return nil, fmt.Errorf("topic %s has a partition %d of %d", name, p.Partition, len(list))
			}
			list[p.Partition] = extent{p.FirstOffset, p.LastOffset}
		}
		out[strings.TrimPrefix(name, l.prefix)] = list
	}
	return out, nil
}

// committed answers a group's offsets by topic and partition; 0 where it has committed none.
func (l *log) committed(ctx context.Context, group string, names []string, extents map[string][]extent) (map[string][]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	asks := map[string][]int{}
	out := map[string][]int64{}
	for _, name := range names {
		for p := range extents[name] {
			asks[l.prefix+name] = append(asks[l.prefix+name], p)
		}
		out[name] = make([]int64, len(extents[name]))
	}
	answer, err := l.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: group, Topics: asks})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return nil, fmt.Errorf("asking Kafka how far group %s is: %w", group, err)
	}
	for name, partitions := range answer.Topics {
		for _, p := range partitions {
			if list := out[strings.TrimPrefix(name, l.prefix)]; p.Partition < len(list) {
				list[p.Partition] = max(p.CommittedOffset, 0)
			}
		}
	}
	return out, nil
}

// scan calls visit for every committed record of [from, to) in order. value belongs to visit. An error of visit ends it.
//
// kafka-go's own readers do not leave out aborted records, so this reads batches: a batch of a transaction that the broker
// lists as aborted is passed over until that producer's abort marker.
func (l *log) scan(ctx context.Context, name string, partition int, from, to int64, visit func(offset int64, value []byte) error) error {
	empty := 0
	for offset := from; offset < to; {
		next, err := l.fetch(ctx, name, partition, offset, to, visit)
		if err != nil {
			if errors.Is(err, errFound) || ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("reading topic %s, partition %d at offset %d: %w", name, partition, offset, err)
		}
		if next > offset {
			offset, empty = next, 0
			continue
		}
		if empty++; empty == emptyFetches {
			return fmt.Errorf("reading topic %s, partition %d: the broker has no record at offset %d, but its end is %d", name, partition, offset, to)
		}
	}
	return nil
}

func (l *log) fetch(ctx context.Context, name string, partition int, offset, to int64, visit func(int64, []byte) error) (next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// The partition's limit is reached first: the embedded broker leaves out the aborted transactions where the whole's is.
	message, err := l.transport.RoundTrip(ctx, l.addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(fetchWait.Milliseconds()), MinBytes: 1, MaxBytes: 2 * fetchBytes, IsolationLevel: int8(kafkago.ReadCommitted),
		SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: l.prefix + name, Partitions: []fetch.RequestPartition{{
			Partition: int32(partition), CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: fetchBytes,
		}}}},
	})
	if err != nil {
		return offset, err
	}
	answer, ok := message.(*fetch.Response)
	if !ok || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return offset, errors.New("the broker's answer lacks the partition")
	}
	p := &answer.Topics[0].Partitions[0]
	if code := cmp.Or(answer.ErrorCode, p.ErrorCode); code != 0 {
		return offset, kafkago.Error(code)
	}
	batches := []protocol.RecordReader{p.RecordSet.Records}
	if stream, ok := p.RecordSet.Records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	skip := newAborted(p.AbortedTransactions)
	next = offset
	for _, batch := range batches {
		if batch == nil {
			continue
		}
		hidden, err := skip.hides(batch)
		if err != nil {
			return next, err
		}
		if control, ok := batch.(*protocol.ControlBatch); ok {
			next = max(next, control.BaseOffset+1) // a control batch has one record
			continue
		}
		for {
			record, err := batch.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return next, err
			}
			if record.Offset < next { // a batch may begin before the offset that was asked for
				closeRecord(record)
				continue
			}
			if record.Offset >= to {
				closeRecord(record)
				return to, nil
			}
			next = record.Offset + 1
			if hidden {
				closeRecord(record)
				continue
			}
			value, err := protocol.ReadAll(record.Value)
			closeRecord(record)
			if err != nil {
				return next, err
			}
			if err := visit(record.Offset, value); err != nil {
				return next, err
			}
		}
	}
	return next, nil
}

func closeRecord(r *protocol.Record) {
	if r.Key != nil {
		r.Key.Close()
	}
	if r.Value != nil {
		r.Value.Close()
	}
}

// aborted knows which producers' transactions are being passed over.
type aborted struct {
	waiting []fetch.ResponseTransaction
	active  map[int64]bool
}

func newAborted(list []fetch.ResponseTransaction) *aborted {
	waiting := slices.Clone(list)
	slices.SortFunc(waiting, func(a, b fetch.ResponseTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &aborted{waiting: waiting, active: map[int64]bool{}}
}

// hides tells whether the batch belongs to an aborted transaction. Batches come in the order of the log.
func (a *aborted) hides(batch protocol.RecordReader) (bool, error) {
	const abortMarker = 0
	switch b := batch.(type) {
	case *protocol.ControlBatch:
		marker, err := b.ReadControlRecord()
		if err != nil {
			return false, fmt.Errorf("reading the marker at offset %d: %w", b.BaseOffset, err)
		}
		if marker.Type == abortMarker {
			a.start(b.BaseOffset)
			delete(a.active, b.ProducerID)
		}
		return false, nil
	case *protocol.RecordBatch:
		a.start(b.BaseOffset)
		return b.Attributes&protocol.Transactional != 0 && a.active[b.ProducerID], nil
	}
	return false, nil
}

// start makes active what began at or before the offset.
func (a *aborted) start(offset int64) {
	for len(a.waiting) > 0 && a.waiting[0].FirstOffset <= offset {
		a.active[a.waiting[0].ProducerID] = true
		a.waiting = a.waiting[1:]
	}
}
