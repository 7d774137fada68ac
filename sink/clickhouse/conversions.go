package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// conversions is the table conversions, the ledger, from the topic scored.conversions.
type conversions struct {
	position
	event   events.Conversion
	reasons *reasonColumns

	id, receiptID, clickID, txid, externalID                                                                                                               textColumn
	seq, campaignID, sourceID, offerID, score                                                                                                              plainColumn[uint32]
	kind, network, eventType, status, previousStatus, originalStatus, currency, payoutSource, match, campaign, source, offer, country, device, os, browser wordColumn
	payout, payoutOriginal, holdDelta, confirmedDelta, eventAt, clickAt, decidedAt                                                                         int64Column
	conversionsDelta, registeredDelta, pendingDelta, approvedDelta, rejectedDelta, chargebackDelta, flaggedDelta                                           plainColumn[int32]
	foreign                                                                                                                                                plainColumn[bool]
	subs                                                                                                                                                   textsColumn
	all                                                                                                                                                    []namedColumn
}

func newConversions() *conversions {
	t := &conversions{position: newPosition(), reasons: newReasonColumns(),
		seq: uint32Column(), conversionsDelta: int32Column(), registeredDelta: int32Column(), pendingDelta: int32Column(), approvedDelta: int32Column(), rejectedDelta: int32Column(), chargebackDelta: int32Column(), flaggedDelta: int32Column(), foreign: boolColumn(), campaignID: uint32Column(), sourceID: uint32Column(), offerID: uint32Column(), score: uint32Column()}
	t.all = append([]namedColumn{
		{"conversion_id", kindText, &t.id}, {"seq", kindUint32, &t.seq}, {"kind", kindWord, &t.kind}, {"receipt_id", kindText, &t.receiptID},
		{"click_id", kindText, &t.clickID}, {"network", kindWord, &t.network}, {"event", kindWord, &t.eventType}, {"txid", kindText, &t.txid},
		{"status", kindWord, &t.status}, {"previous_status", kindWord, &t.previousStatus}, {"original_status", kindWord, &t.originalStatus}, {"payout", kindMoney, &t.payout},
		{"payout_original", kindMoney, &t.payoutOriginal}, {"currency", kindWord, &t.currency}, {"payout_source", kindWord, &t.payoutSource}, {"conversions_delta", kindInt32, &t.conversionsDelta},
		{"registered_delta", kindInt32, &t.registeredDelta}, {"pending_delta", kindInt32, &t.pendingDelta}, {"approved_delta", kindInt32, &t.approvedDelta}, {"rejected_delta", kindInt32, &t.rejectedDelta},
		{"chargeback_delta", kindInt32, &t.chargebackDelta}, {"revenue_hold_delta", kindMoney, &t.holdDelta}, {"revenue_confirmed_delta", kindMoney, &t.confirmedDelta}, {"flagged_delta", kindInt32, &t.flaggedDelta},
		{"event_at", kindTime, &t.eventAt}, {"click_at", kindTime, &t.clickAt}, {"match", kindWord, &t.match}, {"foreign", kindBool, &t.foreign},
		{"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign}, {"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.source},
		{"offer_id", kindUint32, &t.offerID}, {"offer", kindWord, &t.offer}, {"country", kindWord, &t.country}, {"device", kindWord, &t.device},
		{"os", kindWord, &t.os}, {"browser", kindWord, &t.browser}, {"subs", kindTexts, &t.subs}, {"external_id", kindText, &t.externalID},
		{"score", kindUint32, &t.score}, {"decided_at", kindTime, &t.decidedAt},
	}, append(t.reasons.columns(), t.position.columns()...)...)
	return t
}

func (t *conversions) name() string           { return "conversions" }
func (t *conversions) columns() []namedColumn { return t.all }

func (t *conversions) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Conversion{Subs: e.Subs[:0], Reasons: e.Reasons[:0]}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Conversion: %w", err)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms", "click_ms"}, [3]int64{e.EventMs, e.ReceivedMs, e.ClickMs}); err != nil {
		return fmt.Errorf("decoding a Conversion: %w", err)
	}
	if err := checkReasons(len(e.Reasons)); err != nil {
		return fmt.Errorf("decoding a Conversion: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.id.add(e.ConversionId)
	t.seq.add(e.Seq)
	t.kind.add(word(conversionKinds, int32(e.Kind)))
	t.receiptID.add(e.ReceiptId)
	t.clickID.add(e.ClickId)
	t.network.add(e.Network)
	t.eventType.add(e.Event)
	t.txid.add(e.Txid)
	t.status.add(word(statuses, int32(e.Status)))
	t.previousStatus.add(word(statuses, int32(e.PreviousStatus)))
	t.originalStatus.add(e.OriginalStatus)
	t.payout.add(e.PayoutBaseMicros)
	t.payoutOriginal.add(e.PayoutMicros)
	t.currency.add(e.Currency)
	t.payoutSource.add(word(payoutSources, int32(e.PayoutSource)))
	t.conversionsDelta.add(e.ConversionsDelta)
	t.registeredDelta.add(e.RegisteredDelta)
	t.pendingDelta.add(e.PendingDelta)
	t.approvedDelta.add(e.ApprovedDelta)
	t.rejectedDelta.add(e.RejectedDelta)
	t.chargebackDelta.add(e.ChargebackDelta)
	t.holdDelta.add(e.RevenueHoldDeltaMicros)
	t.confirmedDelta.add(e.RevenueConfirmedDeltaMicros)
	t.flaggedDelta.add(e.FlaggedDelta)
	t.eventAt.add(e.EventMs)
	t.clickAt.add(e.ClickMs)
	t.match.add(word(matches, int32(e.Match)))
	t.foreign.add(e.Foreign)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.source.add(e.Source)
	t.offerID.add(e.OfferId)
	t.offer.add(e.Offer)
	t.country.add(e.Country)
	t.device.add(e.Device)
	t.os.add(e.Os)
	t.browser.add(e.Browser)
	t.subs.add(e.Subs)
	t.externalID.add(e.ExternalId)
	t.score.add(e.Score)
	t.decidedAt.add(decidedMS(e.DecidedMs, e.ReceivedMs))
	t.reasons.add(e.Reasons)
	return nil
}

func (t *conversions) sortKey(row uint32) (uint64, int64) {
	return uint64(t.campaignID.values[row])<<32 | uint64(t.sourceID.values[row]), t.received.values[row]
}

func (t *conversions) tie(a, b uint32) int { return cmp.Compare(t.clickID.at(a), t.clickID.at(b)) }
