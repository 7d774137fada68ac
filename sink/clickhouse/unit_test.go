package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/fuzzbound"
)

func TestPlanSurvivesItsText(t *testing.T) {
	for _, want := range []plan{{first: 0, last: 0, records: 1}, {first: 7, last: math.MaxInt64, records: 200_000},
		{first: 5, last: 9, records: 2, at: &piece{202610, 5, 5, true}}, {first: 5, last: 9, records: 2, at: &noPiece}} {
		got, found, err := parsePlan(want.first, want.metadata())
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v came back as %+v, %v, %v", want, got, found, err)
		}
	}
	// Older versions had block numbers in the fourth field.
	for text, want := range map[string]plan{"tributary-plan:2:100:299:200:5.7.9": {first: 100, last: 299, records: 200}, "tributary-plan:2:100:299:200:5.7.9.8.7.41": {first: 100, last: 299, records: 200},
		"tributary-plan:2:100:299:200:5:202610.100.149.1": {first: 100, last: 299, records: 200, at: &piece{202610, 100, 149, true}}} {
		if got, found, err := parsePlan(100, text); err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v, %v", text, got, found, err)
		}
	}
	for _, foreign := range []string{"", "consumer-1-3f", "tributary"} {
		if _, found, err := parsePlan(3, foreign); found || err != nil {
			t.Errorf("%q is taken for a plan: %v, %v", foreign, found, err)
		}
	}
	for _, bad := range []string{"tributary-plan:1:3:4:1", "tributary-plan:2:3:4:", "tributary-plan:2:3:2:1:", "tributary-plan:2:4:5:1:", "tributary-plan:2:3:4:3:", "tributary-plan:2:3:4:0:", "tributary-plan:2:3:x:1:",
		"tributary-plan:2:3:4:1:9.x", "tributary-plan:2:3:4:1:9:1.2", "tributary-plan:2:3:4:1:9:1.2.3.2", "tributary-plan:2:3:4:1:9:1.2.3.4:5"} {
		if _, _, err := parsePlan(3, bad); err == nil {
			t.Errorf("%q is taken for a plan", bad)
		}
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add(int64(3), "tributary-plan:2:3:4:2:")
	f.Add(int64(3), "tributary-plan:2:3:4:2:7.8.9:202610.3.3.1")
	f.Fuzz(func(t *testing.T, offset int64, text string) {
		fuzzbound.Hold(t, 128*len(text), func() { _, _, _ = parsePlan(offset, text) })
		p, found, err := parsePlan(offset, text)
		if err != nil || !found {
			return
		}
		if again, found, err := parsePlan(p.first, p.metadata()); err != nil || !found || !reflect.DeepEqual(again, p) {
			t.Errorf("%q: %+v came back as %+v, %v", text, p, again, err)
		}
	})
}

// FuzzTables feeds arbitrary records to every table: a refused one must leave no trace in any column.
func FuzzTables(f *testing.F) {
	clicks, conversions := newEvents(1, 3, 3)
	for i, m := range []interface{ MarshalVT() ([]byte, error) }{clicks[0], conversions[0], &events.Anomaly{Reason: &events.Reason{}}, &events.DeadLetter{Raw: []byte("x")},
		&events.Postback{ReceiptId: "r", ClickId: "c"}, &events.Parked{ReceiptId: "r"}} {
		value, err := m.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), value)
	}
	f.Fuzz(func(t *testing.T, which byte, value []byte) {
		table := newTable(Topics[int(which)%len(Topics)])
		for i := range 2 {
			before := table.rows()
			err := table.add(value, 1, int64(i))
			if want := before + 1; err == nil && table.rows() != want || err != nil && table.rows() != before {
				t.Fatalf("%d rows after %v, %d before", table.rows(), err, before)
			}
		}
		if table.rows() == 0 {
			return // no insert is made of no rows
		}
		order := make([]uint32, table.rows())
		for i := range order {
			order[i] = uint32(i)
		}
		if _, err := encoded(table, order); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzLetters: whatever record is in a topic of the sink, it is a row or becomes a letter that is itself a row, and fits a record.
func FuzzLetters(f *testing.F) {
	for i := range Topics {
		f.Add(uint8(i), []byte("\xff\x00"), int64(-1), uint32(0))
		f.Add(uint8(i), []byte(nil), int64(math.MinInt64), uint32(0))
		f.Add(uint8(i), []byte("\xff"), int64(math.MaxInt64), uint32(1000<<10))
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte, ms int64, long uint32) {
		base := Topics[int(which)%len(Topics)]
		o := &owner{loader: &Loader{prefix: "p.", log: zap.NewNop()}, topic: "p." + base, partition: 3}
		o.metrics = &topicMetrics{letters: prometheus.NewCounter(prometheus.CounterOpts{}), refused: prometheus.NewCounter(prometheus.CounterOpts{})}
		o.batch.table = newTable(base)
		value = append(bytes.Clone(value), make([]byte, long%(1<<20))...)
		o.batch.add(value, time.UnixMilli(ms), 3, 7, time.Now())
		if o.batch.records() != 1 {
			t.Fatalf("one record became %d", o.batch.records())
		}
		o.batch.spans()
		for _, row := range o.batch.values { // as if ClickHouse had refused it
			o.refused = append(o.refused, refusal{row: 0, cause: fmt.Errorf("no\xff %x", row)})
		}
		records, err := o.encodeLetters(o.newLetters())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			letter := &events.DeadLetter{}
			if err := proto.Unmarshal(r.Value, letter); err != nil || len(r.Value) > schemas.MaxRecordBytes {
				t.Errorf("a letter of %d bytes: %v", len(r.Value), err)
			}
			if err := newTable(schemas.TopicDeadLetters).add(r.Value, 0, 0); err != nil {
				t.Errorf("a letter that is no row: %v", err)
			}
		}
	})
}

func TestClassify(t *testing.T) {
	exception := func(code int32) error { return fmt.Errorf("inserting: %w", &clickhouse.Exception{Code: code}) }
	for _, c := range []struct {
		err  error
		want class
	}{
		{exception(469), classRow}, {exception(60), classSchema}, {exception(241), classRetry}, {exception(252), classRetry}, {exception(31337), classUnknown},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, classRetry}, {io.ErrUnexpectedEOF, classRetry},
		{context.DeadlineExceeded, classRetry}, {&schemaError{"no column"}, classSchema}, {errors.New("news"), classUnknown},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	c := Defaults()
	if err := c.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	c.Group, c.Database, c.BatchRows, c.BatchBytes, c.BufferedBytes, c.Inserts, c.BatchAge, c.RetryMax = "", "a-b", 0, 1, 0, 0, 0, time.Hour
	c.DrainTimeout, c.StallAfter = c.RebalanceTimeout, c.InsertTimeout
	err := c.Validate()
	for _, field := range []string{"group", "database", "batch_rows", "batch_bytes", "buffered_bytes", "inserts", "batch_age", "retry_max", "stall_after", "rebalance_timeout"} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("no problem with %s in:\n%v", field, err)
		}
	}
	var one *schemas.FieldError
	if !errors.As(err, &one) {
		t.Error("the problems are no FieldErrors")
	}
	if _, err := New(c, Deps{}); err == nil {
		t.Error("New takes it")
	}
}

// TestSpans: a batch is cut by month, each part sorted by the table's key, whatever order it came in.
func TestSpans(t *testing.T) {
	clicks, _ := newEvents(3, 500, 0)
	b := batch{table: newClicks(), first: -1, last: -1}
	for i, c := range clicks {
		value, _ := c.MarshalVT()
		b.add(value, time.Time{}, 0, int64(10+2*i), time.Now())
	}
	spans := b.spans()
	if len(spans) != 2 || spans[0].month != 202610 || spans[1].month != 202611 || len(spans[0].order)+len(spans[1].order) != len(clicks) {
		t.Fatalf("%d spans", len(spans))
	}
	for _, s := range spans {
		if !slices.IsSortedFunc(s.order, func(x, y uint32) int {
			a, c := clicks[x], clicks[y]
			return slices.Compare([]int64{int64(a.CampaignId), int64(a.SourceId), a.ReceivedMs}, []int64{int64(c.CampaignId), int64(c.SourceId), c.ReceivedMs})
		}) {
			t.Errorf("month %d is not sorted", s.month)
		}
		low, high := s.halve()
		if len(low.order)+len(high.order) != len(s.order) || low.to > high.from || b.digest(low) == b.digest(high) || b.digest(s) == b.digest(low) {
			t.Errorf("halves of %d rows: %d and %d", len(s.order), len(low.order), len(high.order))
		}
	}
}

// TestColumnsMatchTheSchema: what a table sends is what the migrations make, column by column.
func TestColumnsMatchTheSchema(t *testing.T) {
	p := newPipeline(t, 1)
	for _, topic := range Topics {
		table := newTable(topic)
		var want, got []string
		for _, column := range table.columns() {
			want = append(want, column.name+" "+column.kind)
		}
		rows, err := p.conn.Query(t.Context(), "SELECT name, type FROM system.columns WHERE database = '"+p.database+"' AND table = '"+table.name()+"' AND default_kind IN ('', 'DEFAULT') AND name != '"+
			schemas.StampColumn+"'") // which the archive sets
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var name, kind string
			if err := rows.Scan(&name, &kind); err != nil {
				t.Fatal(err)
			}
			got = append(got, name+" "+kind)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s sends %v\nand has %v", table.name(), want, got)
		}
	}
	if n := p.count("SELECT toUInt64(count()) FROM system.tables WHERE database = '%s' AND engine LIKE '%%MergeTree' AND name NOT IN ('schema_migrations', 'schema_views', 'schema_fills', 'installation', 'names') AND name NOT LIKE 'archive%%' AND create_table_query NOT LIKE '%%non_replicated_deduplication_window = 10000%%'"); n != 0 {
		t.Errorf("%d tables have another token window", n)
	}
}

// TestAddAllocatesNothing: once its buffers have grown, a table takes events without findings for no allocation.
func TestAddAllocatesNothing(t *testing.T) {
	clicks, conversions := newEvents(4, 200, 200)
	for topic, values := range map[string][][]byte{schemas.TopicScoredClicks: marshalled(clicks), schemas.TopicConversions: marshalled(conversions), schemas.TopicPostbacks: marshalled(newPostbackEvents(200))} {
		table := newTable(topic)
		fill := func() {
			reset(table)
			for i, value := range values {
				if err := table.add(value, 0, int64(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill()
		if allocations := testing.AllocsPerRun(20, fill); allocations > 0 {
			t.Errorf("%s: %.1f allocations for %d events", topic, allocations, len(values))
		}
	}
}

func marshalled[T interface{ MarshalVT() ([]byte, error) }](messages []T) [][]byte {
	var values [][]byte
	for _, m := range messages {
		if c, ok := any(m).(*events.Click); ok {
			c.Reasons = nil
		}
		value, err := m.MarshalVT()
		if err != nil {
			panic(err)
		}
		values = append(values, value)
	}
	return values
}

// newPostbackEvents are postbacks of one minute, each with a receipt of its own.
func newPostbackEvents(n int) (postbacks []*events.Postback) {
	for i := range n {
		postbacks = append(postbacks, &events.Postback{ReceiptId: fmt.Sprintf("r%06d", i), ClickId: fmt.Sprint("c", i%50), Network: "acme", Event: "sale", Status: events.Status_STATUS_APPROVED,
			OriginalStatus: "ok", Txid: fmt.Sprint(i), HasPayout: true, PayoutMicros: int64(i), Currency: "EUR", PayoutBaseMicros: int64(2 * i), EventMs: baseMS, ReceivedMs: baseMS + int64(i),
			CampaignId: 7, Campaign: "summer", SourceId: 3, Source: "pushads", Ip: make([]byte, 16), Raw: []byte("x=1"), NotTaken: []string{"foo", "adv_sub"}})
	}
	return postbacks
}
