package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// letters is the table dead_letters, from the topic dead-letters.
type letters struct {
	position
	event events.DeadLetter

	id, detail, raw, clickID, txid                                                 textColumn
	kind, reason, place, network, eventType, originalStatus, currency, sourceTopic wordColumn
	stage                                                                          wordColumn
	payout, payoutOriginal, sourceOffset, decidedAt                                int64Column
	ip                                                                             ipColumn
	sourcePartition                                                                plainColumn[int32]
	all                                                                            []namedColumn
}

func newLetters() *letters {
	t := &letters{position: newPosition(),
		ip: newIPColumn(), sourcePartition: int32Column()}
	t.all = append([]namedColumn{
		{"letter_id", kindText, &t.id}, {"kind", kindWord, &t.kind}, {"reason", kindWord, &t.reason}, {"detail", kindText, &t.detail},
		{"place", kindWord, &t.place}, {"raw", kindText, &t.raw}, {"network", kindWord, &t.network}, {"click_id", kindText, &t.clickID},
		{"event", kindWord, &t.eventType}, {"txid", kindText, &t.txid}, {"original_status", kindWord, &t.originalStatus}, {"payout", kindMoney, &t.payout},
		{"payout_original", kindMoney, &t.payoutOriginal}, {"currency", kindWord, &t.currency}, {"ip", kindIP, &t.ip}, {"source_topic", kindWord, &t.sourceTopic},
		{"source_partition", kindInt32, &t.sourcePartition}, {"source_offset", kindInt64, &t.sourceOffset},
		{"decided_at", kindTime, &t.decidedAt}, {"stage", kindWord, &t.stage},
	}, t.position.columns()...)
	return t
}

func (t *letters) name() string           { return "dead_letters" }
func (t *letters) columns() []namedColumn { return t.all }

func (t *letters) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.DeadLetter{}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a DeadLetter: %w", err)
	}
	if err := checkTimes([3]string{"received_ms"}, [3]int64{e.ReceivedMs}); err != nil {
		return fmt.Errorf("decoding a DeadLetter: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.id.add(e.LetterId)
	t.kind.add(word(letterKinds, int32(e.Kind)))
	t.reason.add(e.Reason)
	t.detail.add(e.Detail)
	t.place.add(e.Place)
	t.raw.addBytes(e.Raw)
	t.network.add(e.Network)
	t.clickID.add(e.ClickId)
	t.eventType.add(e.Event)
	t.txid.add(e.Txid)
	t.originalStatus.add(e.OriginalStatus)
	t.payout.add(e.PayoutBaseMicros)
	t.payoutOriginal.add(e.PayoutMicros)
	t.currency.add(e.Currency)
	t.ip.add(e.Ip)
	t.sourceTopic.add(e.SourceTopic)
	t.sourcePartition.add(e.SourcePartition)
	t.sourceOffset.add(e.SourceOffset)
	t.decidedAt.add(decidedMS(e.DecidedMs, e.ReceivedMs))
	t.stage.add(e.Stage)
	return nil
}

// sortKey leaves the order to tie: the table's key starts with words.
func (t *letters) sortKey(row uint32) (uint64, int64) { return 0, 0 }

func (t *letters) tie(a, b uint32) int {
	return cmp.Or(
		cmp.Compare(t.kind.at(a), t.kind.at(b)),
		cmp.Compare(t.reason.at(a), t.reason.at(b)),
		cmp.Compare(t.received.values[a], t.received.values[b]),
		cmp.Compare(t.id.at(a), t.id.at(b)))
}
