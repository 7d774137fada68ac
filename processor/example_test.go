package processor_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Topics of the example. A deployment declares them in stages.Topics.
const (
	topicClicksByIP = "clicks.by-ip"
	topicAlarms     = "alarms"
)

// byIP sends each click's address to the partition of that address: the key of clicks is the click ID, so that clicks of
// one address come to all partitions, and a stage sees those of its own only.
type byIP struct{}

func (byIP) Name() string              { return "by_ip" }
func (byIP) Inputs() []string          { return []string{schemas.TopicClicks} }
func (byIP) Outputs() []string         { return []string{topicClicksByIP} }
func (byIP) Task(int32) processor.Task { return byIPTask{} }

type byIPTask struct{}

func (byIPTask) Open(*processor.Context) error                   { return nil }
func (byIPTask) OnTimer(*processor.Context, []byte, int64) error { return nil }
func (byIPTask) Process(ctx *processor.Context, rec *processor.Record) error {
	var c events.Click
	if err := c.UnmarshalVT(rec.Value); err != nil {
		return fmt.Errorf("reading a click: %w", err)
	}
	return ctx.Emit(topicClicksByIP, c.Ip, []byte(c.ClickId))
}

// ipAlarm counts the clicks of each IP and emits a record once an IP makes its third within a minute.
type ipAlarm struct{}

func (ipAlarm) Name() string              { return "ip_alarm" }
func (ipAlarm) Inputs() []string          { return []string{topicClicksByIP} }
func (ipAlarm) Outputs() []string         { return []string{topicAlarms} }
func (ipAlarm) Task(int32) processor.Task { return ipAlarmTask{} }

// StateVersion is raised when the state is read otherwise than it was written; see stage.Versioned.
func (ipAlarm) StateVersion() uint32 { return 1 }

type ipAlarmTask struct{}

func (ipAlarmTask) Open(*processor.Context) error { return nil }

func (ipAlarmTask) Process(ctx *processor.Context, rec *processor.Record) error {
	ip := rec.Key
	raw, known, err := ctx.State.Get(ip)
	if err != nil {
		return err
	}
	n := uint64(1)
	if known {
		n += binary.BigEndian.Uint64(raw)
	} else {
		ctx.SetTimer(ctx.ArrivalMS()+60_000, ip)
	}
	ctx.State.Put(ip, binary.BigEndian.AppendUint64(nil, n))
	if n == 3 {
		addr, _ := netip.AddrFromSlice(ip)
		return ctx.Emit(topicAlarms, ip, fmt.Appendf(nil, "%d clicks of %s within a minute", n, addr.Unmap()))
	}
	return nil
}

// OnTimer ends the minute.
func (ipAlarmTask) OnTimer(ctx *processor.Context, ip []byte, _ int64) error {
	ctx.State.Delete(ip)
	return nil
}

// Stages of your own: what they remember and what they emit is exactly once, like the built-in stages'. On any number of
// partitions an address's clicks are counted in one place.
func Example_stage() {
	var topics []string
	for _, t := range schemas.Topics {
		topics = append(topics, t.Name)
	}
	kafka := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, append(topics, topicClicksByIP, topicAlarms)...))
	defer kafka.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)}

	p, err := processor.New(processor.Defaults(), processor.Deps{Kafka: opts, FS: vfs.NewMem(), Stages: []processor.Stage{byIP{}, ipAlarm{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()

	client, _ := kgo.NewClient(append(opts, kgo.ConsumeTopics(topicAlarms), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	defer client.Close()
	for i := range 5 {
		for _, ip := range []string{"192.0.2.1", "192.0.2.2"} {
			a := netip.MustParseAddr(ip).As16()
			click := &events.Click{ClickId: fmt.Sprintf("%s-%d", ip, i), Foreign: true, Ip: a[:]}
			value, _ := click.MarshalVT()
			client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(click.ClickId), Value: value})
		}
	}
	var alarms []string
	for len(alarms) < 2 && ctx.Err() == nil {
		for _, r := range client.PollFetches(ctx).Records() {
			alarms = append(alarms, fmt.Sprintf("%s: %s", r.Topic, r.Value))
		}
	}
	slices.Sort(alarms)
	for _, alarm := range alarms {
		fmt.Println(alarm)
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// alarms: 3 clicks of 192.0.2.1 within a minute
	// alarms: 3 clicks of 192.0.2.2 within a minute
	// <nil>
}
