package dlq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

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
		if p.Verdict != Send || table == nil {
			continue
		}
		e := p.Letter.Event
		where := "_partition = ? AND _offset = ?"
		args := []any{uint32(e.SourcePartition), uint64(e.SourceOffset)}
		if condition, values := rowIdentity(table, e.Raw); condition != "" && e.Kind == events.DeadLetter_KIND_ROW {
			where += " OR received_at = fromUnixTimestamp64Milli(?) AND " + condition
			args = append(append(args, e.ReceivedMs), values...)
		}
		var n uint64
		if err := g.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s.%s WHERE %s", g.database, table.Name, where), args...).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			p.Verdict, p.Why = Done, fmt.Sprintf("table %s has the row of partition %d, offset %d", table.Name, e.SourcePartition, e.SourceOffset)
		}
	}
	return nil
}

// rowIdentity is what one row alone of its table fulfils, by what verify holds a row against: its names and numbers, not
// its amounts and times. It is empty where nothing does, as of an event that the loader refuses.
func rowIdentity(t *schemas.Table, raw []byte) (condition string, values []any) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(t.Topic.Message))
	if err != nil {
		return "", nil // the message of a stage that is not linked in
	}
	event := kind.New()
	if proto.Unmarshal(raw, event.Interface()) != nil {
		return "", nil
	}
	row, _ := event.Interface().(*events.Row)
	var conditions []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Required && len(c.Path) > 0 && !event.Has(c.Path[0]) {
			return "", nil
		}
		if c.Privacy == schemas.PrivacyPersonal || !c.Audited && c.Name != t.ID {
			continue
		}
		var value any
		switch {
		case c.Fill == schemas.FillRow && row != nil && i < len(row.Values) && c.Type == schemas.TypeText:
			value = row.Values[i].Text
		case c.Fill == schemas.FillRow && row != nil && i < len(row.Values) && c.Type == schemas.TypeUint32:
			value = uint32(row.Values[i].Number)
		case c.Fill == schemas.FillField && len(c.Path) == 1 && c.Path[0].Kind() == protoreflect.StringKind,
			c.Fill == schemas.FillField && len(c.Path) == 1 && c.Type == schemas.TypeUint32:
			value = event.Get(c.Path[0]).Interface()
		default:
			continue
		}
		conditions, values = append(conditions, "`"+c.Name+"` = ?"), append(values, value)
	}
	return strings.Join(conditions, " AND "), values
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
