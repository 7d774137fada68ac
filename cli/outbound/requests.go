package outbound

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"tributary/schemas/events"
)

// A Place is where a request is in the topic outbound.requests.
type Place struct {
	Partition int32
	Offset    int64
}

// Requests reads the requests at places; one that Kafka has no more is not there.
func Requests(ctx context.Context, kafka []kgo.Opt, topic string, places []Place) (map[Place]*events.OutboundRequest, error) {
	wanted := map[int32][]int64{}
	for _, p := range places {
		wanted[p.Partition] = append(wanted[p.Partition], p.Offset)
	}
	found := map[Place]*events.OutboundRequest{}
	for partition, offsets := range wanted {
		slices.Sort(offsets)
		if err := read(ctx, kafka, topic, partition, slices.Compact(offsets), found); err != nil {
			return nil, fmt.Errorf("reading partition %d of %s: %w", partition, topic, err)
		}
	}
	return found, nil
}

// farApart: beyond so many offsets another one is asked for, rather than read on.
const farApart = 10_000

func read(ctx context.Context, kafka []kgo.Opt, topic string, partition int32, offsets []int64, found map[Place]*events.OutboundRequest) error {
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, kafka...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(offsets[0])}}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(offsets) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := int64(-1)
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset
			for len(offsets) > 0 && offsets[0] < r.Offset {
				offsets = offsets[1:] // retention took it
			}
			if len(offsets) == 0 || offsets[0] != r.Offset {
				return
			}
			offsets = offsets[1:]
			if request := new(events.OutboundRequest); request.UnmarshalVT(r.Value) == nil {
				found[Place{partition, r.Offset}] = request
			} else if failed == nil {
				failed = fmt.Errorf("offset %d is no request", r.Offset)
			}
		})
		if failed != nil {
			return failed
		}
		if len(offsets) > 0 && at >= 0 && offsets[0]-at > farApart {
			client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {partition: {Epoch: -1, Offset: offsets[0]}}})
		}
	}
	return nil
}

// Resend has requests told again, under their own IDs, where they are: number is that of the whole resend, and not 0.
func Resend(ctx context.Context, kafka []kgo.Opt, topic string, requests map[Place]*events.OutboundRequest, number uint32, now time.Time) error {
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, kafka...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for place, r := range requests {
		again := proto.Clone(r).(*events.OutboundRequest)
		again.Resend, again.DueMs = number, now.UnixMilli()
		value, err := again.MarshalVT()
		if err != nil {
			return err
		}
		records = append(records, &kgo.Record{Topic: topic, Partition: place.Partition, Key: []byte(r.Destination), Value: value})
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}
