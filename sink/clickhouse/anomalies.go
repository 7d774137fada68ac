package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// anomalies is the table anomalies, from the topic scored.anomalies.
type anomalies struct {
	position
	event events.Anomaly

	id, clickID, conversionID, receiptID          textColumn
	code, subject, network, campaign, source      wordColumn
	observed, expected, llr                       plainColumn[float64]
	n                                             plainColumn[uint64]
	points, baseline, score, campaignID, sourceID plainColumn[uint32]
	eventAt                                       int64Column
	all                                           []namedColumn
}

func newAnomalies() *anomalies {
	t := &anomalies{position: newPosition(),
		observed: float64Column(), expected: float64Column(), n: uint64Column(), llr: float64Column(), points: uint32Column(), baseline: uint32Column(), score: uint32Column(), campaignID: uint32Column(), sourceID: uint32Column()}
	t.all = append([]namedColumn{
		{"anomaly_id", kindText, &t.id}, {"code", kindWord, &t.code}, {"subject", kindWord, &t.subject}, {"observed", kindFloat, &t.observed},
		{"expected", kindFloat, &t.expected}, {"n", kindUint64, &t.n}, {"llr", kindFloat, &t.llr}, {"points", kindUint32, &t.points},
		{"baseline", kindUint32, &t.baseline}, {"score", kindUint32, &t.score}, {"click_id", kindText, &t.clickID}, {"conversion_id", kindText, &t.conversionID},
		{"receipt_id", kindText, &t.receiptID}, {"network", kindWord, &t.network}, {"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign},
		{"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.source}, {"event_at", kindTime, &t.eventAt},
	}, t.position.columns()...)
	return t
}

func (t *anomalies) name() string           { return "anomalies" }
func (t *anomalies) columns() []namedColumn { return t.all }

func (t *anomalies) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Anomaly{}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Anomaly: %w", err)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms"}, [3]int64{e.EventMs, e.ReceivedMs}); err != nil {
		return fmt.Errorf("decoding a Anomaly: %w", err)
	}
	reason := e.Reason
	if reason == nil {
		return fmt.Errorf("decoding an Anomaly: it has no reason")
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.id.add(e.AnomalyId)
	t.code.add(reason.Code)
	t.subject.add(e.Subject)
	t.observed.add(reason.Observed)
	t.expected.add(reason.Expected)
	t.n.add(reason.N)
	t.llr.add(reason.Llr)
	t.points.add(reason.Points)
	t.baseline.add(reason.Baseline)
	t.score.add(e.Score)
	t.clickID.add(e.ClickId)
	t.conversionID.add(e.ConversionId)
	t.receiptID.add(e.ReceiptId)
	t.network.add(e.Network)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.source.add(e.Source)
	t.eventAt.add(e.EventMs)
	return nil
}

func (t *anomalies) sortKey(row uint32) (uint64, int64) {
	return uint64(t.campaignID.values[row])<<32 | uint64(t.sourceID.values[row]), t.received.values[row]
}

func (t *anomalies) tie(a, b uint32) int { return cmp.Compare(t.id.at(a), t.id.at(b)) }
