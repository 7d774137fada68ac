package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
	"tributary/cli/misuse"
	"tributary/schemas"
	"tributary/schemas/broker/brokertest"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const testSecret = "a secret of the tests, 32 bytes."

// fixture is a broker with letters.
type fixture struct {
	t      *testing.T
	source Source
	client *kgo.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	var names []string
	for _, topic := range schemas.Topics {
		names = append(names, "p."+topic.Name)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, names...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &fixture{t: t, source: Source{Kafka: opts, TopicPrefix: "p."}, client: client}
}

func (f *fixture) write(key string, letters ...*events.DeadLetter) {
	f.t.Helper()
	for _, l := range letters {
		value, err := l.MarshalVT()
		if err != nil {
			f.t.Fatal(err)
		}
		if err := f.client.ProduceSync(f.t.Context(), &kgo.Record{Topic: "p." + schemas.TopicDeadLetters, Key: []byte(key), Value: value}).FirstErr(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// read answers a topic's records.
func (f *fixture) read(topic string) (records []*kgo.Record) {
	f.t.Helper()
	if err := f.source.scan(f.t.Context(), topic, 0, func(r *kgo.Record) error { records = append(records, r); return nil }); err != nil {
		f.t.Fatal(err)
	}
	return records
}

func (f *fixture) replay(change func(*ReplayOptions)) (*Outcome, string) {
	f.t.Helper()
	var text bytes.Buffer
	o := ReplayOptions{Source: f.source, TransactionalID: "p.tributary-dlq", Catalog: testCatalog(f.t, "ok"), Out: &text}
	if change != nil {
		change(&o)
	}
	out, err := Replay(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return out, text.String()
}

// testCatalog knows the network acme with these status words.
func testCatalog(t *testing.T, words ...string) *catalog.Catalog {
	t.Helper()
	c := catalog.Config{BaseCurrency: "USD", ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: testSecret}},
		Campaigns: []catalog.CampaignConfig{{ID: 1, Name: "summer", Offers: []string{"o"}}},
		Offers:    []catalog.OfferConfig{{ID: 1, Name: "o", URL: "https://o.example/"}},
		Networks: []catalog.NetworkConfig{{Name: "acme", DefaultEvent: "sale", Statuses: map[string]string{}},
			{Name: "rebill", BlankTxIDIsNew: true}, {Name: "legacy", AllowForeignClickIDs: true}}}
	for _, word := range words {
		c.Networks[0].Statuses[word] = "approved"
	}
	built, err := catalog.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func signedClick(t *testing.T, n uint64) string {
	t.Helper()
	keys, err := id.NewKeyring(1, map[uint8][]byte{1: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	click := id.NewMinter().Click(keys, noon.Add(-time.Hour).UnixMilli()+int64(n), 1, 0)
	return click.String()
}

func refused(letterID, request string, reason schemas.RejectReason, minute int) *events.DeadLetter {
	return &events.DeadLetter{LetterId: letterID, Kind: events.DeadLetter_KIND_POSTBACK, Reason: string(reason), Place: "ingest", Detail: "was wrong",
		Raw: []byte(request), ReceivedMs: noon.Add(time.Duration(minute) * time.Minute).UnixMilli(), Network: "acme"}
}

func TestReplayByKind(t *testing.T) {
	f := newFixture(t)
	click := signedClick(t, 1)
	conversion := &events.Conversion{ClickId: click, ConversionId: "x", Seq: 1, ReceivedMs: noon.UnixMilli()}
	row, err := conversion.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	postback, err := (&events.Postback{ReceiptId: "r", ClickId: click}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	parked, err := (&events.Parked{ReceiptId: "r", ClickId: click}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	at := noon.UnixMilli()
	record := func(letterID, place, topic string, raw []byte) *events.DeadLetter {
		return &events.DeadLetter{LetterId: letterID, Kind: events.DeadLetter_KIND_RECORD, Reason: "undecodable_record", Place: place, Raw: raw, ReceivedMs: at, SourceTopic: topic, SourcePartition: 2, SourceOffset: 7}
	}
	letters := map[string]struct {
		letter  *events.DeadLetter
		verdict Verdict
		topic   string
		why     string
	}{
		"mended":         {refused("mended", "GET /postback?network=acme&status=ok&payout=3.5&click_id="+click, schemas.RejectUnknownStatus, 0), Send, schemas.TopicPostbacks, ""},
		"post":           {refused("post", "POST /postback?network=acme\n\n{\"click_id\":\""+click+"\",\"txid\":\"j\",\"payout\":2}", schemas.RejectBadBody, 1), Send, schemas.TopicPostbacks, ""},
		"not mended":     {refused("not mended", "GET /postback?network=acme&status=weird&click_id="+click, schemas.RejectUnknownStatus, 2), Refused, "", `unknown_status: network acme has no status word "weird"; right would be a word in its statuses`},
		"forged":         {refused("forged", "GET /postback?network=acme&click_id="+strings.Repeat("0", 40), schemas.RejectForgedClickID, 3), Refused, "", "forged_click_id"},
		"second try":     {refused("second try", "GET /postback?network=acme&status=ok&payout=3.50&click_id="+click, schemas.RejectUnknownStatus, 4), Done, "", "says the same as letter mended"},
		"cut":            {refused("cut", "GET /postback?network=acme&click_id="+click+"&x="+strings.Repeat("x", schemas.MaxRawBytes), schemas.RejectTooLong, 5), Impossible, "", "only its first 4096 bytes were kept"},
		"large":          {refused("large", "POST /postback?network=acme", schemas.RejectTooLong, 6), Impossible, "", "its body was too large"},
		"no request":     {refused("no request", "\x16\x03\x01", schemas.RejectBadBody, 7), Impossible, "", "do not begin with a request line"},
		"new each":       {refused("new each", "GET /postback?network=rebill&payout=1&click_id="+click, schemas.RejectBadPayout, 8), Send, schemas.TopicPostbacks, ""},
		"new each again": {refused("new each again", "GET /postback?network=rebill&payout=1&click_id="+click, schemas.RejectBadPayout, 9), Held, "", "--repeats sends it"},
		"orphan": {&events.DeadLetter{LetterId: "orphan", Kind: events.DeadLetter_KIND_POSTBACK, Reason: "orphan", Place: "processor", Raw: []byte("click_id=other-tracker-1&payout=9&network=legacy"), ReceivedMs: at, Network: "legacy",
			ClickId: "other-tracker-1", Event: "conversion", PayoutMicros: 9_000_000, Currency: "USD"}, Send, schemas.TopicPostbacks, ""},
		"booked":   {&events.DeadLetter{LetterId: "booked", Kind: events.DeadLetter_KIND_POSTBACK, Reason: "duplicate_postback", Place: "processor", Raw: []byte("x=1"), ReceivedMs: at}, Done, "", "booked before"},
		"link":     {&events.DeadLetter{LetterId: "link", Kind: events.DeadLetter_KIND_CLICK, Reason: "unknown_campaign", Place: "ingest", Raw: []byte("GET /c/nope"), ReceivedMs: at}, Impossible, "", "visitor is gone"},
		"again":    {&events.DeadLetter{LetterId: "again", Kind: events.DeadLetter_KIND_CLICK, Reason: "duplicate_click", Place: "processor", ReceivedMs: at}, Done, "", "counted before"},
		"garbage":  {record("garbage", "processor", schemas.TopicPostbacks, []byte("\xff\xff")), Refused, "", "this program cannot read its bytes as a Postback either"},
		"record":   {record("record", "processor", schemas.TopicPostbacks, postback), Send, schemas.TopicPostbacks, ""},
		"unknown":  {record("unknown", "processor", "p.mine", postback), Impossible, "", "topic p.mine, which this program does not know"},
		"timer":    {record("timer", "processor", "", nil), Impossible, "", "a timer failed"},
		"row":      {record("row", "sink", "p."+schemas.TopicConversions, row), Held, "", "unknown without ClickHouse"},
		"receipt":  {record("receipt", "sink", "p."+schemas.TopicPostbacks, postback), Impossible, "", "nothing is lost of the postback: the processor read the record of postbacks, partition 2, offset"},
		"parked":   {record("parked", "sink", "p."+schemas.TopicParked, parked), Held, "", "whether table parked has it already is unknown without ClickHouse"},
		"old kind": {&events.DeadLetter{LetterId: "old kind", Kind: 77, ReceivedMs: at}, Impossible, "", "does not know what kind"},
	}
	for _, name := range []string{"row", "receipt", "parked"} {
		letters[name].letter.Kind = events.DeadLetter_KIND_ROW
	}
	for _, c := range letters {
		f.write("the key", c.letter)
	}
	before := len(f.read(schemas.TopicPostbacks))
	out, text := f.replay(nil)
	for _, p := range out.Plans {
		want := letters[p.Letter.Event.LetterId]
		if p.Verdict != want.verdict || p.Verdict == Send && p.Topic != want.topic || !strings.Contains(p.Why, want.why) {
			t.Errorf("%s: %s %s %s, want %+v", p.Letter.Event.LetterId, p.Verdict, p.Topic, p.Why, want)
		}
	}
	if len(out.Plans) != len(letters) || out.Sent != 0 {
		t.Fatalf("%d plans of %d letters, %d sent", len(out.Plans), len(letters), out.Sent)
	}
	if !strings.Contains(text, "would be sent: 5") || !strings.Contains(text, "Nothing was sent: this was a dry run.") {
		t.Errorf("the dry run says:\n%s", text)
	}
	if len(f.read(schemas.TopicPostbacks)) != before || len(f.read(schemas.TopicReplays)) != 0 {
		t.Fatal("a dry run wrote")
	}

	out, text = f.replay(func(o *ReplayOptions) { o.Send = true })
	if out.Sent != 5 || !strings.Contains(text, "sent: 5 of 5") {
		t.Fatalf("%d sent:\n%s", out.Sent, text)
	}
	sent := map[string]*kgo.Record{}
	for _, r := range f.read(schemas.TopicPostbacks) {
		sent[string(r.Headers[0].Value)] = r
	}
	var pb events.Postback
	if err := pb.UnmarshalVT(sent["mended"].Value); err != nil {
		t.Fatal(err)
	}
	if pb.ReceiptId != "mended" || pb.EventMs != at || pb.ClickId != click || pb.PayoutMicros != 3_500_000 || string(sent["mended"].Key) != click {
		t.Errorf("the postback lost its identity: %v", &pb)
	}
	if r := sent["record"]; r.Partition != 2 || string(r.Key) != "the key" || !bytes.Equal(r.Value, postback) {
		t.Errorf("the record came to partition %d with key %q", r.Partition, r.Key)
	}
	if err := pb.UnmarshalVT(sent["orphan"].Value); err != nil || pb.PayoutMicros != 9_000_000 || !pb.Foreign || pb.EventMs != at {
		t.Errorf("the orphan: %v, %v", &pb, err)
	}

	out, _ = f.replay(func(o *ReplayOptions) { o.Send = true })
	if out.Sent != 0 || len(f.read(schemas.TopicPostbacks)) != 5 {
		t.Errorf("a second replay sent %d", out.Sent)
	}
}

// Letters written twice are one; a replayed letter is shown as such, and money once.
func TestListAndCount(t *testing.T) {
	f := newFixture(t)
	letter := refused("l1", "GET /postback?network=acme&status=ok&payout=3&click_id="+signedClick(t, 1), schemas.RejectUnknownStatus, 0)
	letter.PayoutMicros, letter.Currency, letter.ClickId = 3_000_000, "USD", "c1"
	other := refused("l2", "GET /postback", schemas.RejectUnknownNetwork, 1)
	other.Network = "evil\x1b[2J"
	f.write("", letter, letter, other)
	list := func(change func(*ListOptions)) string {
		t.Helper()
		var text bytes.Buffer
		o := ListOptions{Source: f.source, Out: &text}
		if change != nil {
			change(&o)
		}
		if err := List(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	text := list(nil)
	for _, want := range []string{"l1", "l2", "2 letters.", "Money at stake: 3.00 USD", `evil\x1b[2J`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.ContainsRune(text, '\x1b') || strings.Count(text, "l1") != 1 {
		t.Errorf("escape sequences or repeats in\n%q", text)
	}
	if text := list(func(o *ListOptions) { o.Limit = 1 }); strings.Contains(text, "l1") || !strings.Contains(text, "the newest 1 are shown") {
		t.Errorf("with a limit:\n%s", text)
	}
	f.replay(func(o *ReplayOptions) { o.Send = true })
	if text := list(nil); !strings.Contains(text, "1 of them replayed") || !strings.Contains(text, "Money at stake: -") {
		t.Errorf("after the replay:\n%s", text)
	}
	lines := strings.Split(strings.TrimSpace(list(func(o *ListOptions) { o.JSON = true })), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		var got line
		if err := json.Unmarshal([]byte(l), &got); err != nil || got.LetterID == "l1" && (len(got.Replayed) != 1 || got.Raw != string(letter.Raw) || got.PayoutMicros != 3_000_000) {
			t.Errorf("%s: %v", l, err)
		}
	}
	count := list(func(o *ListOptions) { o.Count = true })
	if !strings.Contains(count, "unknown_status") || !strings.Contains(count, "declare the network, or correct the URL") {
		t.Errorf("count:\n%s", count)
	}
	filter, err := Selection{Networks: []string{"nobody"}}.Parse(noon)
	if err != nil {
		t.Fatal(err)
	}
	if text := list(func(o *ListOptions) { o.Filter = filter }); text != "No dead letter matches; 3 letters read.\n" {
		t.Errorf("none: %q", text)
	}
}

func TestShow(t *testing.T) {
	f := newFixture(t)
	f.write("", refused("l1", "POST /postback?network=acme&status=we%20ird\n\nclick_id="+signedClick(t, 1), schemas.RejectUnknownStatus, 0))
	var text bytes.Buffer
	o := ReplayOptions{Source: f.source, Catalog: testCatalog(t), Out: &text, Now: func() time.Time { return noon.Add(2 * time.Hour) }}
	if err := Show(t.Context(), o, "l1"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"refused   a postback, by ingest: unknown_status (the status word maps to no status)", "right     add the word to the network's statuses",
		"2026-03-02 12:00:00.000 UTC (2 h ago)", "replay    still refused: unknown_status", "POST /postback", "  status       we ird", "  click_id     "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	err := Show(t.Context(), o, "l2")
	if !misuse.Is(err) || !strings.Contains(err.Error(), `no dead letter "l2" among the 1 in Kafka`) {
		t.Errorf("an unknown letter: %v", err)
	}
}

// A replay that another one of the same name overtakes must not write any more.
func TestSecondReplayEndsTheFirst(t *testing.T) {
	f := newFixture(t)
	l := refused("l1", "GET /postback", schemas.RejectUnknownStatus, 0)
	options := ReplayOptions{Source: f.source, TransactionalID: "one"}
	first, err := newSender(t.Context(), &options)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	second, err := newSender(t.Context(), &options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	plan := func() *Plan {
		return &Plan{Letter: &Letter{Event: l}, Topic: schemas.TopicConversions, Transactional: true, Record: &kgo.Record{Topic: "p." + schemas.TopicConversions, Value: []byte("x"), Partition: 0}}
	}
	n, err := first.send(t.Context(), []*Plan{plan()}, 0, func(Progress) {})
	if !errors.Is(err, errTaken) || n != 0 || !strings.Contains(err.Error(), "0 of 1 were sent and noted, run the same command again") {
		t.Errorf("the first replay: %d, %v", n, err)
	}
	if n, err := second.send(t.Context(), []*Plan{plan()}, 0, func(Progress) {}); n != 1 || err != nil {
		t.Errorf("the second replay: %d, %v", n, err)
	}
	if n := len(f.read(schemas.TopicConversions)); n != 1 {
		t.Errorf("%d records", n)
	}
}

// Letters that cannot go take no room from those that can.
func TestLimitTakesTheOldestAndGoesOn(t *testing.T) {
	f := newFixture(t)
	for n := range 15 {
		f.write("", refused(fmt.Sprintf("never%02d", n), "GET /postback?network=acme&status=weird&click_id="+signedClick(t, 0), schemas.RejectUnknownStatus, -n))
	}
	for i := range 25 {
		n := (i*7 + 3) % 25 // not in order
		f.write(fmt.Sprint(n), refused(fmt.Sprintf("l%02d", n), fmt.Sprintf("GET /postback?network=acme&status=ok&txid=%d&click_id=%s", n, signedClick(t, uint64(n))), schemas.RejectUnknownStatus, n))
	}
	var progress []Progress
	var got []string
	for range 3 {
		out, _ := f.replay(func(o *ReplayOptions) {
			o.Send, o.Limit, o.Rate = true, 10, 1000
			o.Progress = func(p Progress) {
				if p.What == "replaying" {
					progress = append(progress, p)
				}
			}
		})
		for _, p := range out.Plans {
			if p.Verdict == Send {
				got = append(got, p.Letter.Event.LetterId)
			}
		}
	}
	if len(got) != 25 || !slices.IsSorted(got) {
		t.Errorf("sent %v", got)
	}
	if last := progress[len(progress)-1]; last.Done != 5 || last.Total != 5 || last.Rate <= 0 {
		t.Errorf("progress ends with %+v", last)
	}
}

// A replay that a signal ends says how far it came, and the next one sends the rest, each once.
func TestInterruptedReplayGoesOn(t *testing.T) {
	f := newFixture(t)
	const letters = 30
	for n := range letters {
		f.write(fmt.Sprint(n), refused(fmt.Sprintf("l%02d", n), fmt.Sprintf("GET /postback?network=acme&status=ok&txid=%d&click_id=%s", n, signedClick(t, uint64(n))), schemas.RejectUnknownStatus, n))
	}
	ctx, stop := context.WithCancel(t.Context())
	o := ReplayOptions{Source: f.source, TransactionalID: "p.tributary-dlq", Catalog: testCatalog(t, "ok"), Out: io.Discard, Send: true, Rate: 20} // chunks of 10
	o.Progress = func(p Progress) {
		if p.What == "replaying" && p.Done > 0 {
			stop()
		}
	}
	out, err := Replay(ctx, o)
	if err == nil || !strings.Contains(err.Error(), "10 of 30 were sent and noted, run the same command again for the rest") || out.Sent != 10 {
		t.Fatalf("%v", err)
	}
	if out, _ := f.replay(func(o *ReplayOptions) { o.Send = true }); out.Sent != letters-10 {
		t.Errorf("the next replay sent %d", out.Sent)
	}
	ids := map[string]int{}
	for _, r := range f.read(schemas.TopicPostbacks) {
		ids[string(r.Headers[0].Value)]++
	}
	if len(ids) != letters || len(f.read(schemas.TopicReplays)) != letters || len(f.read(schemas.TopicPostbacks)) != letters {
		t.Errorf("%d letters, %d records, %d notes", len(ids), len(f.read(schemas.TopicPostbacks)), len(f.read(schemas.TopicReplays)))
	}
}

// A replay that dies inside its transaction leaves neither record nor note, and the next one sends.
func TestDeathInsideTheTransaction(t *testing.T) {
	f := newFixture(t)
	value, err := (&events.Anomaly{AnomalyId: "a", ClickId: "c"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	f.write("", &events.DeadLetter{LetterId: "l", Kind: events.DeadLetter_KIND_RECORD, Reason: "undecodable_record", Place: "sink", Raw: value, ReceivedMs: 1,
		SourceTopic: "p." + schemas.TopicAnomalies, SourcePartition: 1, SourceOffset: 5})
	options := ReplayOptions{Source: f.source, TransactionalID: "p.tributary-dlq"}
	dying, err := newSender(t.Context(), &options)
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.transactional.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{schemas.TopicAnomalies, schemas.TopicReplays} {
		if err := dying.transactional.ProduceSync(t.Context(), &kgo.Record{Topic: "p." + topic, Value: value, Partition: 1}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	dying.close()
	p := (&ReplayOptions{Source: f.source, Now: time.Now}).planner()
	s, err := newSender(t.Context(), &options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var list []*Plan
	if _, err := f.source.each(t.Context(), Filter{}, func(l *Letter) error { list = append(list, p.plan(l)); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Verdict != Send || !list[0].Transactional {
		t.Fatalf("%+v", list[0])
	}
	if n, err := s.send(t.Context(), list, 0, func(Progress) {}); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got := f.read(schemas.TopicAnomalies)
	if len(got) != 1 || got[0].Partition != 1 || string(got[0].Key) != "c" || len(f.read(schemas.TopicReplays)) != 1 {
		t.Errorf("%d records, %d notes", len(got), len(f.read(schemas.TopicReplays)))
	}
}

// BenchmarkCount reads and groups letters as `dlq list --count` does.
func BenchmarkCount(b *testing.B) {
	const letters = 100_000
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, schemas.TopicDeadLetters, schemas.TopicReplays))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for n := range letters {
		l := refused(fmt.Sprintf("06h09nkvp01vpj8001k5%06d", n), fmt.Sprintf("GET /postback?network=acme&status=weird&payout=12.50&txid=%d&click_id=06h09nktxw000400040g7et90006abwr4vcytvq8", n), schemas.RejectUnknownStatus, n%600)
		l.ClickId, l.Txid, l.PayoutMicros, l.Currency = "06h09nktxw000400040g7et90006abwr4vcytvq8", fmt.Sprint(n), 12_500_000, "USD"
		value, err := l.MarshalVT()
		if err != nil {
			b.Fatal(err)
		}
		client.Produce(b.Context(), &kgo.Record{Topic: schemas.TopicDeadLetters, Key: []byte(fmt.Sprint(n)), Value: value}, nil)
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := List(b.Context(), ListOptions{Source: Source{Kafka: opts}, Count: true, Out: io.Discard}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(letters)*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}

// TestATailWithoutMarkerEnds: the last record of a partition is of a transaction that nobody ended, and none follows.
func TestATailWithoutMarkerEnds(t *testing.T) {
	opts := brokertest.Killed(t, schemas.TopicDeadLetters, 2,
		[]*kgo.Record{{Value: []byte("committed")}}, []*kgo.Record{{Value: []byte("forgotten")}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []string
	err := (&Source{Kafka: opts}).scan(ctx, schemas.TopicDeadLetters, 0, func(r *kgo.Record) error {
		seen = append(seen, string(r.Value))
		return nil
	})
	if err != nil || !slices.Equal(seen, []string{"committed"}) {
		t.Errorf("%v, seen were %q", err, seen)
	}
}
