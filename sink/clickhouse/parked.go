package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// parked is the table parked, from the topic parked.
type parked struct {
	position
	event events.Parked

	receiptID, clickID, txid textColumn
	network, eventType       wordColumn
	parkedAt, untilAt        int64Column
	all                      []namedColumn
}

func newParked() *parked {
	t := &parked{position: newPosition()}
	t.all = append([]namedColumn{
		{"receipt_id", kindText, &t.receiptID}, {"click_id", kindText, &t.clickID}, {"network", kindWord, &t.network}, {"event", kindWord, &t.eventType},
		{"txid", kindText, &t.txid}, {"parked_at", kindTime, &t.parkedAt}, {"until_at", kindTime, &t.untilAt},
	}, t.position.columns()...)
	return t
}

func (t *parked) name() string           { return "parked" }
func (t *parked) columns() []namedColumn { return t.all }

func (t *parked) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Parked{}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Parked: %w", err)
	}
	if err := checkTimes([3]string{"received_ms", "parked_ms", "until_ms"}, [3]int64{e.ReceivedMs, e.ParkedMs, e.UntilMs}); err != nil {
		return fmt.Errorf("decoding a Parked: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.receiptID.add(e.ReceiptId)
	t.clickID.add(e.ClickId)
	t.network.add(e.Network)
	t.eventType.add(e.Event)
	t.txid.add(e.Txid)
	t.parkedAt.add(e.ParkedMs)
	t.untilAt.add(e.UntilMs)
	return nil
}

// sortKey leaves the order to tie: the table's key is a text.
func (t *parked) sortKey(uint32) (uint64, int64) { return 0, 0 }

func (t *parked) tie(a, b uint32) int { return cmp.Compare(t.receiptID.at(a), t.receiptID.at(b)) }
