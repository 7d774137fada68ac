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
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// topicClicksByIP has no table; see the registration below.
const topicClicksByIP = "clicks.by-ip"

const dayMS = 24 * 60 * 60 * 1000

// alarms is a table of the stage's own. `migrate` and `up` make it and its topic, the loader fills it, verify audits
// it, and `tributary tail alarms` and `tributary dictionary alarms` know it. A new column goes to the end of Columns
// and of EmitRow's values.
var alarms = must(schemas.RowTable(schemas.Table{
	Name: "alarms", Comment: "Addresses with too many clicks within a minute, one row an alarm.",
	Topic:   schemas.Topic{Name: "alarms", Key: "IP address, 16 bytes", RetentionMS: 7 * dayMS},
	ID:      "click_id",
	OrderBy: []string{"ip", "received_at"},
	Columns: []schemas.Column{
		{Name: "ip", Type: schemas.TypeText, Comment: "The address.", Privacy: schemas.PrivacyPersonal},
		{Name: "click_id", Type: schemas.TypeText, Comment: "The click that was one too many.",
			Privacy: schemas.PrivacyNone},
		{Name: "clicks", Type: schemas.TypeUint32,
			Comment: "Clicks of the address within the minute, that one included."},
	},
}))

// settings are the section stages.ip_alarm of the configuration.
type settings struct {
	Clicks uint64 `yaml:"clicks" doc:"How many clicks of an address within a minute are an alarm."`
}

// A stage in a folder of its own does this in an init; processor/stages/own.go imports the folder.
func register() (undo func()) {
	first := stage.Register(stage.Declaration[struct{}]{
		Name: "by_ip", New: func(struct{}) (stage.Stage, error) { return byIP{}, nil },
		Topics: []schemas.Topic{{Name: topicClicksByIP, Key: "IP address, 16 bytes", RetentionMS: dayMS,
			Transactional: true}},
	})
	second := stage.Register(stage.Declaration[settings]{
		Name: "ip_alarm", Defaults: settings{Clicks: 3}, Tables: []schemas.Table{alarms},
		New: func(s settings) (stage.Stage, error) { return ipAlarm(s), nil },
	})
	return func() { first(); second() }
}

func must(t schemas.Table, err error) schemas.Table {
	if err != nil {
		panic(err)
	}
	return t
}

// byIP sends each click's address to the partition of that address: the key of clicks is the click ID, so that clicks
// of one address come to all partitions, and a stage sees those of its own only.
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

// ipAlarm counts the clicks of each IP and emits a row once an IP makes too many within a minute.
type ipAlarm settings

func (ipAlarm) Name() string                { return "ip_alarm" }
func (ipAlarm) Inputs() []string            { return []string{topicClicksByIP} }
func (ipAlarm) Outputs() []string           { return []string{alarms.Topic.Name} }
func (s ipAlarm) Task(int32) processor.Task { return ipAlarmTask(s) }

// StateVersion is raised when the state is read otherwise than it was written; see stage.Versioned.
func (ipAlarm) StateVersion() uint32 { return 1 }

type ipAlarmTask settings

func (ipAlarmTask) Open(*processor.Context) error { return nil }

func (t ipAlarmTask) Process(ctx *processor.Context, rec *processor.Record) error {
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
	if n == t.Clicks {
		addr, _ := netip.AddrFromSlice(ip)
		return ctx.EmitRow(&alarms, ip, ctx.ArrivalMS(), addr.Unmap().String(), string(rec.Value), n)
	}
	return nil
}

// OnTimer ends the minute.
func (ipAlarmTask) OnTimer(ctx *processor.Context, ip []byte, _ int64) error {
	ctx.State.Delete(ip)
	return nil
}

// Stages of your own: what they remember and what they emit is exactly once, like the built-in stages'. On any number
// of partitions an address's clicks are counted in one place.
func Example_stage() {
	defer register()()
	var topics []string
	for _, t := range append(stage.Topics(), schemas.Topics...) {
		topics = append(topics, t.Name)
	}
	kafka := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topics...))
	defer kafka.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)}

	stages, err := stage.Make(nil) // with their defaults; `up` gives what the configuration says
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := processor.New(processor.Defaults(), processor.Deps{Kafka: opts, FS: vfs.NewMem(), Stages: stages})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()

	client, _ := kgo.NewClient(append(opts, kgo.ConsumeTopics(alarms.Topic.Name),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	defer client.Close()
	for i := range 5 {
		for _, ip := range []string{"192.0.2.1", "192.0.2.2"} {
			a := netip.MustParseAddr(ip).As16()
			click := &events.Click{ClickId: fmt.Sprintf("%s-%d", ip, i), Foreign: true, Ip: a[:]}
			value, _ := click.MarshalVT()
			client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(click.ClickId), Value: value})
		}
	}
	var lines []string
	for len(lines) < 2 && ctx.Err() == nil {
		for _, r := range client.PollFetches(ctx).Records() {
			var row events.Row
			if err := row.UnmarshalVT(r.Value); err != nil {
				fmt.Println(err)
			}
			lines = append(lines, fmt.Sprintf("%s: %d clicks of %s", r.Topic, row.Values[2].Number, row.Values[0].Text))
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// alarms: 3 clicks of 192.0.2.1
	// alarms: 3 clicks of 192.0.2.2
	// <nil>
}
