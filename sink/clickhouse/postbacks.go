package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// postbacks is the table postbacks, from the topic postbacks. It leaves the sender's address and the raw request out: personal data
// that no question about a receipt needs.
type postbacks struct {
	position
	event events.Postback

	receiptID, clickID, txid                                                     textColumn
	network, eventType, status, originalStatus, currencies, campaign, sourceName wordColumn
	payout, payoutOriginal, eventAt                                              int64Column
	hasPayout, foreign                                                           plainColumn[bool]
	campaignID, sourceID                                                         plainColumn[uint32]
	notTaken                                                                     textsColumn
	all                                                                          []namedColumn
}

func newPostbacks() *postbacks {
	t := &postbacks{position: newPosition(), hasPayout: boolColumn(), foreign: boolColumn(), campaignID: uint32Column(), sourceID: uint32Column()}
	t.all = append([]namedColumn{
		{"receipt_id", kindText, &t.receiptID}, {"click_id", kindText, &t.clickID}, {"network", kindWord, &t.network}, {"event", kindWord, &t.eventType},
		{"txid", kindText, &t.txid}, {"status", kindWord, &t.status}, {"original_status", kindWord, &t.originalStatus}, {"has_payout", kindBool, &t.hasPayout},
		{"payout", kindMoney, &t.payout}, {"payout_original", kindMoney, &t.payoutOriginal}, {"currency", kindWord, &t.currencies}, {"foreign", kindBool, &t.foreign},
		{"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign}, {"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.sourceName},
		{"not_taken", kindTexts, &t.notTaken}, {"event_at", kindTime, &t.eventAt},
	}, t.position.columns()...)
	return t
}

func (t *postbacks) name() string           { return "postbacks" }
func (t *postbacks) columns() []namedColumn { return t.all }

// add makes no row of what the processor reports as a dead letter: a record that is no postback.
func (t *postbacks) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Postback{NotTaken: e.NotTaken[:0]} // its memory is used again; the column keeps copies
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Postback: %w: %w", errReported, err)
	}
	if e.ClickId == "" {
		return fmt.Errorf("decoding a Postback: it has no click_id: %w", errReported)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms"}, [3]int64{e.EventMs, e.ReceivedMs}); err != nil {
		return fmt.Errorf("decoding a Postback: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.receiptID.add(e.ReceiptId)
	t.clickID.add(e.ClickId)
	t.network.add(e.Network)
	t.eventType.add(e.Event)
	t.txid.add(e.Txid)
	t.status.add(word(statuses, int32(e.Status)))
	t.originalStatus.add(e.OriginalStatus)
	t.hasPayout.add(e.HasPayout)
	t.payout.add(e.PayoutBaseMicros)
	t.payoutOriginal.add(e.PayoutMicros)
	t.currencies.add(e.Currency)
	t.foreign.add(e.Foreign)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.sourceName.add(e.Source)
	t.notTaken.add(e.NotTaken)
	t.eventAt.add(e.EventMs)
	return nil
}

// sortKey leaves the order to tie: the table's key is a text.
func (t *postbacks) sortKey(uint32) (uint64, int64) { return 0, 0 }

func (t *postbacks) tie(a, b uint32) int { return cmp.Compare(t.receiptID.at(a), t.receiptID.at(b)) }
