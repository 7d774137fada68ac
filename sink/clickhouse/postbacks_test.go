package clickhouse

import (
	"fmt"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

// TestPostbacksAndParked: each record of the two topics is a row with all that its table has of it, whatever its order; and what the
// processor decided has the time of the decision.
func TestPostbacksAndParked(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	sent := newPostbackEvents(300)
	for i := range sent {
		pb := sent[(i*7)%len(sent)]
		p.produce(schemas.TopicPostbacks, pb)
		p.produce(schemas.TopicParked, &events.Parked{ReceiptId: pb.ReceiptId, ClickId: pb.ClickId, Network: pb.Network, Event: pb.Event, Txid: pb.Txid, ReceivedMs: pb.ReceivedMs, ParkedMs: pb.ReceivedMs + 5, UntilMs: pb.ReceivedMs + 1000})
	}
	p.produce(schemas.TopicPostbacks, garbage("\xff\xff\xff not an event"))
	p.produce(schemas.TopicPostbacks, sent[0]) // the edge may send one twice
	p.produce(schemas.TopicConversions, &events.Conversion{ConversionId: "k", Seq: 1, ReceiptId: "r000001", EventMs: baseMS, ReceivedMs: baseMS, ClickMs: baseMS, DecidedMs: baseMS + 7})
	p.produce(schemas.TopicDeadLetters, &events.DeadLetter{LetterId: "r000002", ReceivedMs: baseMS, DecidedMs: baseMS + 8})
	p.produce(schemas.TopicDeadLetters, &events.DeadLetter{LetterId: "r000003", ReceivedMs: baseMS})
	r := p.start()
	p.awaitRows("postbacks", len(sent)+1)
	p.awaitRows("parked", len(sent))
	p.awaitRows("conversions", 1)
	p.awaitRows("dead_letters", 2)
	r.end(t)
	for query, want := range map[string]string{
		"SELECT toString((count(), uniqExact(receipt_id), uniqExact(_offset), sum(payout), sum(payout_original), toUnixTimestamp64Milli(max(received_at)), toUnixTimestamp64Milli(min(event_at)))) FROM %s.postbacks":  fmt.Sprintf("(301,300,301,0.0897,0.04485,%d,%d)", baseMS+299, baseMS),
		"SELECT toString(any((network, event, status, original_status, has_payout, currency, foreign, campaign_id, campaign, source_id, source, not_taken))) FROM %s.postbacks":                                        "('acme','sale','approved','ok',true,'EUR',false,7,'summer',3,'pushads',['foo','adv_sub'])",
		"SELECT toString((uniqExact(receipt_id), countIf(parked_at = received_at + INTERVAL 5 MILLISECOND AND until_at = received_at + INTERVAL 1 SECOND), any(network), any(event), uniqExact(txid))) FROM %s.parked": "(300,300,'acme','sale',300)",
		"SELECT toString(toUnixTimestamp64Milli(any(decided_at)) - toUnixTimestamp64Milli(any(received_at))) FROM %s.conversions":                                                                                      "7",
		"SELECT toString(groupArray(dateDiff('millisecond', received_at, decided_at))) FROM (SELECT * FROM %s.dead_letters ORDER BY letter_id)":                                                                        "[8,0]",
	} {
		if got := p.text(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
