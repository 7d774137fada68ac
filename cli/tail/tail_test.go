package tail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/cli/misuse"
	"tributary/schemas"
	"tributary/schemas/broker/brokertest"
	"tributary/schemas/events"
)

func newBroker(t *testing.T) []kgo.Opt {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "p."+schemas.TopicConversions, "p."+schemas.TopicDeadLetters))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
}

// write commits conversions txid=0..n-1, with an aborted transaction before, between and after.
func write(t *testing.T, opts []kgo.Opt, n int) {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.TransactionalID("t"), kgo.DefaultProduceTopic("p."+schemas.TopicConversions))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	send := func(commit kgo.TransactionEndTry, ids ...string) {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			value, err := (&events.Conversion{Txid: id, Status: events.Status_STATUS_APPROVED, PayoutBaseMicros: 12_500_000, Seq: 1}).MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(id), Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	send(kgo.TryAbort, "ghost", "ghost2")
	for i := range n {
		send(kgo.TryCommit, fmt.Sprint(i))
	}
	send(kgo.TryAbort, "ghost", "ghost2")
}

func run(t *testing.T, o Options) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	o.Out, o.TopicPrefix = &out, "p."
	if err := Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatal("it did not end by itself")
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestPrintsCommittedEventsOnly(t *testing.T) {
	opts := newBroker(t)
	write(t, opts, 10)
	lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions})
	if len(lines) != 10 {
		t.Fatalf("%d lines, want 10:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, l := range lines {
		var e struct {
			Txid   string `json:"txid"`
			Status string `json:"status"`
			Payout int64  `json:"payout_base_micros"`
			Offset *int64 `json:"_offset"`
		}
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.Status != "approved" || e.Payout != 12_500_000 || e.Offset == nil || e.Txid == "ghost" {
			t.Errorf("%s: %v", l, err)
		}
	}
}

func TestLimitAndFilter(t *testing.T) {
	opts := newBroker(t)
	write(t, opts, 10)
	if lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, Limit: 3}); len(lines) != 3 {
		t.Errorf("%d lines with a limit of 3", len(lines))
	}
	lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, Filters: []string{"txid=7", "status=approved"}})
	if len(lines) != 1 || !strings.Contains(lines[0], `"txid":"7"`) {
		t.Errorf("filtered: %q", lines)
	}
	if lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, Filters: []string{"status=rejected"}}); lines[0] != "" {
		t.Errorf("filtered: %q", lines)
	}
	if lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, From: "1h"}); len(lines) != 10 {
		t.Errorf("%d lines of the last hour", len(lines))
	}
	if lines := run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, From: "end"}); lines[0] != "" {
		t.Errorf("from the end: %q", lines)
	}
	if lines := run(t, Options{Kafka: opts, Topic: schemas.TopicDeadLetters}); lines[0] != "" {
		t.Errorf("of an empty topic: %q", lines)
	}
}

func TestUsageErrors(t *testing.T) {
	opts := newBroker(t)
	for want, o := range map[string]Options{
		`did you mean "scored.conversions"? The topics are clicks,`: {Topic: "scored.conversion"},
		`is not member=value`: {Topic: schemas.TopicConversions, Filters: []string{"status"}},
		`an age such as 10m`:  {Topic: schemas.TopicConversions, From: "yesterday"},
		`tributary migrate`:   {Topic: schemas.TopicClicks},
	} {
		o.Kafka, o.TopicPrefix, o.Out = opts, "p.", &bytes.Buffer{}
		err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
		if want != "tributary migrate" && !misuse.Is(err) {
			t.Errorf("%v is no usage error", err)
		}
	}
}

func TestFieldsAreReadable(t *testing.T) {
	ip := make([]byte, 16)
	ip[10], ip[11], ip[12], ip[13], ip[14], ip[15] = 0xff, 0xff, 203, 0, 113, 7
	value, err := (&events.DeadLetter{LetterId: "x", Kind: events.DeadLetter_KIND_POSTBACK, Raw: []byte("GET /postback?a=b&c=<d>"), Ip: ip}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Value: value, Partition: 1, Offset: 2, Timestamp: time.UnixMilli(1000)}
	want := `{"_partition":1,"_offset":2,"_at":"1970-01-01T00:00:01.000Z","letter_id":"x","kind":"postback","raw":"GET /postback?a=b&c=<d>","ip":"203.0.113.7"}`
	if got := string(printer{&events.DeadLetter{}, nil}.appendRecord(nil, r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.Value = []byte("\xff\xff")
	if got := string(printer{&events.DeadLetter{}, nil}.appendRecord(nil, r)); !strings.Contains(got, `"_error":"not a tributary.v1.DeadLetter`) || !json.Valid([]byte(got)) {
		t.Errorf("a broken record: %s", got)
	}
}

// Following goes on in partitions that are added.
func TestFollowsAddedPartitions(t *testing.T) {
	opts := newBroker(t)
	defer func(before time.Duration) { partitionsEvery = before }(partitionsEvery)
	partitionsEvery = 20 * time.Millisecond
	topic := "p." + schemas.TopicConversions
	client, err := kgo.NewClient(append(opts, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	value, err := (&events.Conversion{Txid: "t"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan []string, 1)
	go func() {
		ended <- run(t, Options{Kafka: opts, Topic: schemas.TopicConversions, Follow: true, From: "beginning", Limit: 2})
	}()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Partition: 0, Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if made, err := kadm.NewClient(client).UpdatePartitions(t.Context(), 3, topic); err != nil || made.Error() != nil {
		t.Fatal(err, made.Error())
	}
	grown, err := kgo.NewClient(append(opts, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer grown.Close()
	if err := grown.ProduceSync(t.Context(), &kgo.Record{Partition: 2, Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if lines := <-ended; len(lines) != 2 {
		t.Errorf("%q", lines)
	}
}

// A topic of a stage of one's own may hold text, or bytes of any kind.
func TestARecordThatIsNoEventOfOurs(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	for want, r := range map[string]*kgo.Record{
		`{"_partition":0,"_offset":0,"_at":"2023-11-14T22:13:20.000Z","_key":"k","_value":"3 clicks <of> one IP"}`: {Key: []byte("k"), Value: []byte("3 clicks <of> one IP"), Timestamp: at},
		`{"_partition":0,"_offset":0,"_at":"2023-11-14T22:13:20.000Z","_key_base64":"/wA=","_value":""}`:           {Key: []byte{0xff, 0}, Timestamp: at},
	} {
		if got := string(printer{}.appendRecord(nil, r)); got != want || !json.Valid([]byte(got)) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestRowsHaveTheirColumns: a row of a stage's table is printed with the names of its columns.
func TestRowsHaveTheirColumns(t *testing.T) {
	table, err := schemas.RowTable(schemas.Table{Name: "alarms", Comment: "Alarms.", ID: "click_id", OrderBy: []string{"click_id"},
		Topic: schemas.Topic{Name: "alarms", Key: "none", RetentionMS: 1},
		Columns: []schemas.Column{{Name: "click_id", Type: schemas.TypeText, Comment: "Its click.", Privacy: schemas.PrivacyNone},
			{Name: "clicks", Type: schemas.TypeUint32, Comment: "How many."}, {Name: "sure", Type: schemas.TypeBool, Comment: "Whether."},
			{Name: "share", Type: schemas.TypeFloat64, Comment: "Share."}}})
	if err != nil {
		t.Fatal(err)
	}
	row, err := table.NewRow(5, `a"b`, 3, true, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := row.MarshalVT()
	r := &kgo.Record{Value: value, Timestamp: time.UnixMilli(0)}
	const want = `{"_partition":0,"_offset":0,"_at":"1970-01-01T00:00:00.000Z","click_id":"a\"b","clicks":3,"sure":true,"share":0.5,"received_ms":5}`
	if got := string(printer{&events.Row{}, &table}.appendRecord(nil, r)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// What the table would refuse is shown as it is.
	value, _ = (&events.Row{Values: []*events.Value{{Number: 1}}}).MarshalVT()
	r.Value = value
	if got := string(printer{&events.Row{}, &table}.appendRecord(nil, r)); !strings.Contains(got, `"values":[{"number":1}]`) {
		t.Error(got)
	}
}

// TestATailWithoutMarkerEnds: the last record of a partition is of a transaction that nobody ended, and none follows.
func TestATailWithoutMarkerEnds(t *testing.T) {
	conversion := func(txid string) *kgo.Record {
		value, err := (&events.Conversion{Txid: txid, Seq: 1}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		return &kgo.Record{Value: value}
	}
	opts := brokertest.Killed(t, schemas.TopicConversions, 2,
		[]*kgo.Record{conversion("committed")}, []*kgo.Record{conversion("forgotten")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := Run(ctx, Options{Kafka: opts, Topic: schemas.TopicConversions, Out: &out})
	if err != nil || ctx.Err() != nil || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "committed") {
		t.Errorf("%v, %v, printed %s", err, ctx.Err(), out.String())
	}
}
