package dlq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
	"tributary/schemas/events"
)

// ErrClickHouse is matched when ClickHouse did not answer.
var ErrClickHouse = errors.New("asking ClickHouse")

// ledger asks ClickHouse what is booked and loaded.
type ledger struct {
	conn     driver.Conn
	database string
	// overtake lets older postbacks of a conversion go after newer ones.
	overtake bool
}

// ledgerBatch is how many letters one question is about.
const ledgerBatch = 1000

// check takes back what must not be sent: rows that are in their table, postbacks that are in the ledger, and postbacks
// whose conversion has a newer entry there.
func (g *ledger) check(ctx context.Context, plans []*Plan, progress func(done, total int)) error {
	for start := 0; start < len(plans); start += ledgerBatch {
		progress(start, len(plans))
		batch := plans[start:min(start+ledgerBatch, len(plans))]
		if err := errors.Join(g.checkPostbacks(ctx, batch), g.checkRows(ctx, batch)); err != nil {
			return fmt.Errorf("%w what is booked: %w", ErrClickHouse, err)
		}
	}
	return nil
}

// conversionKey is what a postback is about: a conversion of its network, or the correction of the same transaction.
type conversionKey struct {
	click, network, event, txid string
	correction                  bool
}

func (g *ledger) checkPostbacks(ctx context.Context, plans []*Plan) (err error) {
	var ids []string
	for _, p := range plans {
		if p.Verdict == Send && p.postback != nil {
			ids = append(ids, p.postback.ClickId)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	type entry struct {
		status   string
		received int64
	}
	latest, receipts := map[conversionKey]entry{}, map[string]bool{}
	rows, err := g.conn.Query(ctx, fmt.Sprintf(`SELECT click_id, toString(network), toString(event), txid, toBool(payout_original < 0 AND payout_source = 'postback'), receipt_id, toString(status), toUnixTimestamp64Milli(received_at)
FROM %s.conversions WHERE seq > 0 AND click_id IN (?)`, g.database), ids)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var k conversionKey
		var receipt string
		var e entry
		if err := rows.Scan(&k.click, &k.network, &k.event, &k.txid, &k.correction, &receipt, &e.status, &e.received); err != nil {
			return err
		}
		receipts[receipt] = true
		if old, ok := latest[k]; !ok || e.received > old.received {
			latest[k] = e
		}
	}
	for _, p := range plans {
		if p.Verdict != Send || p.postback == nil {
			continue
		}
		pb := p.postback
		if receipts[pb.ReceiptId] {
			p.Verdict, p.Why = Done, "the ledger has an entry of this receipt"
			continue
		}
		if pb.Txid == "" && pb.BlankTxidIsNew {
			continue // a conversion of its own
		}
		newest, ok := latest[conversionKey{pb.ClickId, pb.Network, pb.Event, pb.Txid, pb.HasPayout && pb.PayoutMicros < 0}]
		if ok && newest.received > p.Letter.Event.ReceivedMs && !g.overtake {
			p.Verdict = Held
			p.Why = fmt.Sprintf("the ledger has a newer entry of this conversion: %s, received %s UTC; --overtake sends it all the same",
				newest.status, time.UnixMilli(newest.received).UTC().Format(clockLayout))
		}
	}
	return rows.Err()
}

// checkRows looks for a row at its first offset, and under its identity, which it keeps at whatever offset it came again.
func (g *ledger) checkRows(ctx context.Context, plans []*Plan) error {
	for _, p := range plans {
		table := tableOf(p.Topic)
		if p.Verdict != Send || table == "" {
			continue
		}
		e := p.Letter.Event
		where := "_partition = ? AND _offset = ?"
		args := []any{uint32(e.SourcePartition), uint64(e.SourceOffset)}
		if condition, values := rowIdentity(p.Topic, e.Raw); condition != "" && e.Kind == events.DeadLetter_KIND_ROW {
			where += " OR received_at = fromUnixTimestamp64Milli(?) AND " + condition
			args = append(append(args, e.ReceivedMs), values...)
		}
		var n uint64
		if err := g.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s.%s WHERE %s", g.database, table, where), args...).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			p.Verdict, p.Why = Done, fmt.Sprintf("table %s has the row of partition %d, offset %d", table, e.SourcePartition, e.SourceOffset)
		}
	}
	return nil
}

// rowIdentity is what one row alone of its table fulfils; empty where nothing does.
func rowIdentity(topic string, raw []byte) (condition string, values []any) {
	switch topic {
	case schemas.TopicScoredClicks:
		var c events.Click
		if c.UnmarshalVT(raw) == nil {
			return "click_id = ?", []any{c.ClickId}
		}
	case schemas.TopicConversions:
		var c events.Conversion
		if c.UnmarshalVT(raw) == nil && c.Seq > 0 {
			return "conversion_id = ? AND seq = ?", []any{c.ConversionId, c.Seq}
		}
	case schemas.TopicImpressions:
		var i events.Impression
		if i.UnmarshalVT(raw) == nil {
			return "impression_id = ?", []any{i.ImpressionId}
		}
	case schemas.TopicLandingClicks:
		var l events.LandingClick
		if l.UnmarshalVT(raw) == nil {
			return "landing_click_id = ?", []any{l.LandingClickId}
		}
	case schemas.TopicParked:
		var w events.Parked
		if w.UnmarshalVT(raw) == nil {
			return "receipt_id = ?", []any{w.ReceiptId}
		}
	case schemas.TopicAnomalies:
		var a events.Anomaly
		if a.UnmarshalVT(raw) == nil {
			return "anomaly_id = ?", []any{a.AnomalyId}
		}
	}
	return "", nil
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
