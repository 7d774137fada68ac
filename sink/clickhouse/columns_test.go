package clickhouse

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"tributary/schemas"
	"tributary/schemas/events"
)

// encoded is the table's rows as they are sent, decoded again. Both ways of sending must be the same bytes.
func encoded(table table, order []uint32) (*proto.Block, error) {
	block := proto.NewBlock()
	var e encoder
	for i, c := range table.columns() {
		if err := block.AddColumn(c.name, column.Type(c.kind)); err != nil {
			return nil, err
		}
		if err := e.fill(c, order, block.Columns[i]); err != nil {
			return nil, err
		}
		if n := block.Columns[i].Rows(); n != len(order) {
			return nil, fmt.Errorf("column %s has %d rows of %d", c.name, n, len(order))
		}
	}
	var buffer chproto.Buffer
	if err := block.Encode(&buffer, 0); err != nil {
		return nil, err
	}
	streamed, err := io.ReadAll(newNativeBody(table.columns(), order, &e))
	if err != nil {
		return nil, err
	}
	if len(order) > 0 && !bytes.Equal(streamed, buffer.Buf) {
		return nil, fmt.Errorf("the streamed block of %d bytes is not the driver's of %d", len(streamed), len(buffer.Buf))
	}
	back := proto.NewBlock()
	return back, back.Decode(chproto.NewReader(bytes.NewReader(streamed)), 0)
}

// TestEveryFieldArrives holds each column of a block against the events it was made from, in another order.
func TestEveryFieldArrives(t *testing.T) {
	ofTheRows(t)
	clicks, conversions := newEvents(5, 700, 300)
	for i, c := range clicks { // more words than one byte numbers
		c.OsVersion = fmt.Sprint(i)
		c.Foreign = i%3 == 0
	}
	t.Run("clicks", func(t *testing.T) {
		table := newClicks()
		var order []uint32
		for i, c := range clicks {
			value, _ := c.MarshalVT()
			if err := table.add(value, 3, int64(i)); err != nil {
				t.Fatal(err)
			}
			clear(value) // the table must not hold on to it
			order = append([]uint32{uint32(i)}, order...)
		}
		block, err := encoded(table, order)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range order {
			c := clicks[row]
			codes, points, llr := []string{}, []uint32{}, []float64{}
			for _, r := range c.Reasons {
				codes, points, llr = append(codes, r.Code), append(points, r.Points), append(llr, r.Llr)
			}
			expect(t, block, i, map[string]any{"click_id": c.ClickId, "event_at": c.EventMs, "received_at": c.ReceivedMs, "campaign_id": c.CampaignId, "campaign": c.Campaign, "source": c.Source,
				"subs": append([]string{}, c.Subs...), "external_id": c.ExternalId, "cost": c.CostBaseMicros, "cost_original": c.CostMicros, "currency": c.Currency, "offer_payout": c.OfferPayoutBaseMicros, "country": c.Country,
				"os_version": c.OsVersion, "user_agent": c.UserAgent, "foreign": c.Foreign, "score": c.Score, "reason_codes": codes, "reason_points": points, "reason_llr": llr, "_partition": uint32(3), "_offset": uint64(row), "ip": fmt.Sprintf("10.1.%d.%d", c.Ip[14], c.Ip[15])})
		}
	})
	t.Run("conversions", func(t *testing.T) {
		table := newConversions()
		var order []uint32
		for i, c := range conversions {
			value, _ := c.MarshalVT()
			if err := table.add(value, 0, int64(i)); err != nil {
				t.Fatal(err)
			}
			order = append(order, uint32(i))
		}
		block, err := encoded(table, order)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range conversions {
			expect(t, block, i, map[string]any{"conversion_id": c.ConversionId, "seq": c.Seq, "kind": word(wordsOfConversionKind, int32(c.Kind)), "status": word(wordsOfStatus, int32(c.Status)), "pending_delta": c.PendingDelta, "approved_delta": c.ApprovedDelta,
				"revenue_hold_delta": c.RevenueHoldDeltaMicros, "revenue_confirmed_delta": c.RevenueConfirmedDeltaMicros, "click_at": c.ClickMs, "match": "click", "payout_source": "postback", "payout": c.PayoutBaseMicros})
		}
	})
}

func expect(t *testing.T, block *proto.Block, row int, want map[string]any) {
	t.Helper()
	for i, name := range block.ColumnsNames() {
		value, ok := want[name]
		if !ok {
			continue
		}
		c := block.Columns[i]
		text := fmt.Sprint(c.Row(row, false))
		switch c.(type) {
		case *column.Decimal:
			var shown float64
			fmt.Sscan(text, &shown)
			text, value = fmt.Sprintf("%.6f", shown), fmt.Sprintf("%.6f", float64(value.(int64))/1e6)
		case *column.DateTime64:
			var ms int64
			if err := c.ScanRow(&ms, row); err != nil {
				t.Fatal(err)
			}
			text = fmt.Sprint(ms)
		}
		if text != fmt.Sprint(value) {
			t.Fatalf("row %d, column %s is %s, want %v", row, name, text, value)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Fatalf("columns are missing: %v", want)
	}
}

func TestWordsOfEveryEnum(t *testing.T) {
	if got := word(wordsOfStatus, int32(events.Status_STATUS_CHARGEBACK)); got != "chargeback" {
		t.Error(got)
	}
	if got := word(wordsOfConversionMatch, int32(events.Conversion_MATCH_CLICK_ID)); got != "click_id" {
		t.Error(got)
	}
	if got := word(wordsOfDeadLetterKind, 99); got != "unknown" {
		t.Error(got)
	}
	if newTable(schemas.TopicAnomalies).name() != "anomalies" {
		t.Error("the anomalies have another table")
	}
}
