package processor_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor"
	"tributary/schemas"
	"tributary/schemas/events"
)

// clicksOfIP counts the clicks of each IP and emits a record once an IP makes its third within a minute.
type clicksOfIP struct{}

func (clicksOfIP) Name() string              { return "ip_alarm" }
func (clicksOfIP) Inputs() []string          { return []string{schemas.TopicClicks} }
func (clicksOfIP) Outputs() []string         { return []string{"alarms"} }
func (clicksOfIP) Task(int32) processor.Task { return alarmTask{} }

type alarmTask struct{}

func (alarmTask) Open(*processor.Context) error { return nil }

func (alarmTask) Process(ctx *processor.Context, rec *processor.Record) error {
	var c events.Click
	if err := c.UnmarshalVT(rec.Value); err != nil {
		return fmt.Errorf("reading a click: %w", err)
	}
	raw, known, err := ctx.State.Get(c.Ip)
	if err != nil {
		return err
	}
	n := uint64(1)
	if known {
		n += binary.BigEndian.Uint64(raw)
	} else {
		ctx.SetTimer(ctx.ArrivalMS()+60_000, c.Ip)
	}
	ctx.State.Put(c.Ip, binary.BigEndian.AppendUint64(nil, n))
	if n == 3 {
		return ctx.Emit("alarms", c.Ip, fmt.Appendf(nil, "%d clicks of one IP within a minute", n))
	}
	return nil
}

// OnTimer ends the minute.
func (alarmTask) OnTimer(ctx *processor.Context, ip []byte, _ int64) error {
	ctx.State.Delete(ip)
	return nil
}

// A stage of your own: what it remembers and what it emits is exactly once, like the built-in stages'.
func Example_stage() {
	var topics []string
	for _, t := range schemas.Topics {
		topics = append(topics, t.Name)
	}
	kafka := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, append(topics, "alarms")...))
	defer kafka.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)}

	cfg := processor.Defaults()
	p, err := processor.New(cfg, processor.Deps{Kafka: opts, FS: vfs.NewMem(), Stages: []processor.Stage{clicksOfIP{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()

	client, _ := kgo.NewClient(append(opts, kgo.ConsumeTopics("alarms"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	defer client.Close()
	for i := range 5 {
		value, _ := (&events.Click{ClickId: fmt.Sprintf("click-%d", i), Foreign: true, Ip: []byte("0123456789abcdef")}).MarshalVT()
		client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte("k"), Value: value})
	}
	for _, r := range client.PollFetches(ctx).Records() {
		fmt.Printf("%s: %s\n", r.Topic, r.Value)
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// alarms: 3 clicks of one IP within a minute
	// <nil>
}
