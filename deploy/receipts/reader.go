package receipts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
	"tributary/schemas"
	"tributary/schemas/id"
)

// Reader looks receipts up. It implements ingest.Receipts.
type Reader struct {
	conn     driver.Conn
	database string
}

// NewReader uses an open connection, which stays the caller's.
func NewReader(conn driver.Conn, database string) *Reader { return &Reader{conn, database} }

const (
	// aroundMS is how far the time in a receipt may lie from its request's received_at: the edge's clock was set back and its receipts
	// go on where they were, or many were given within a millisecond.
	aroundMS = 60 * 60 * 1000
	// maxReplays and maxSteps bound what one look-up reads: no receipt comes near them.
	maxReplays = 64
	maxSteps   = 256
	// settings keep a look-up small beside what else the server does.
	settings = " SETTINGS max_threads = 2, max_execution_time = 10"
)

// step is a row of receipt_events.
type step struct {
	receivedAt, at, waitsUntil                                         time.Time
	number                                                             uint8
	state, reason, detail, place, kind                                 string
	network, clickID, event, txid, originalStatus                      string
	conversionID, entryKind, status, match, payoutOriginal, currencyOf string
	notTaken                                                           []string
	seq                                                                uint32
}

// Find returns nil for a receipt that no table knows.
func (r *Reader) Find(ctx context.Context, receipt id.Receipt) (*ingest.Receipt, error) {
	times, err := r.replays(ctx, receipt)
	if err != nil {
		return nil, fmt.Errorf("looking up receipt %s: %w", receipt, err)
	}
	steps, err := r.steps(ctx, receipt, times)
	if err != nil {
		return nil, fmt.Errorf("looking up receipt %s: %w", receipt, err)
	}
	if len(steps) == 0 {
		return nil, nil
	}
	return fold(receipt, steps), nil
}

// replays answers when the postback was received at other times than its receipt says.
func (r *Reader) replays(ctx context.Context, receipt id.Receipt) (times []int64, err error) {
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT toUnixTimestamp64Milli(received_at) FROM %s.postbacks WHERE receipt_id = '%s' LIMIT %d%s", r.database, receipt, maxReplays, settings))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var ms int64
		if err := rows.Scan(&ms); err != nil {
			return nil, err
		}
		if distance := ms - receipt.TimeMS(); distance < -aroundMS || distance > aroundMS {
			times = append(times, ms)
		}
	}
	return times, rows.Err()
}

// where narrows a look-up to the times at which something of the receipt may have been received.
func where(receipt id.Receipt, times []int64) string {
	at := func(ms int64) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", max(ms, 0)) }
	text := fmt.Sprintf("receipt_id = '%s' AND (received_at BETWEEN %s AND %s", receipt, at(receipt.TimeMS()-aroundMS), at(receipt.TimeMS()+aroundMS))
	for _, ms := range times {
		text += " OR received_at = " + at(ms)
	}
	return text + ")"
}

func (r *Reader) steps(ctx context.Context, receipt id.Receipt, times []int64) (steps []step, err error) {
	rows, err := r.conn.Query(ctx, fmt.Sprintf(`SELECT received_at, at, waits_until, step, state, reason, detail, place, kind, network, click_id, event, txid, original_status,
conversion_id, seq, entry_kind, status, match, toString(payout_original), currency, not_taken FROM %s.receipt_events WHERE %s LIMIT %d%s`, r.database, where(receipt, times), maxSteps, settings))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s step
		if err := rows.Scan(&s.receivedAt, &s.at, &s.waitsUntil, &s.number, &s.state, &s.reason, &s.detail, &s.place, &s.kind, &s.network, &s.clickID, &s.event, &s.txid, &s.originalStatus,
			&s.conversionID, &s.seq, &s.entryKind, &s.status, &s.match, &s.payoutOriginal, &s.currencyOf, &s.notTaken); err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, rows.Err()
}

// fold makes one answer of all that is known of a receipt, at least one step.
func fold(receipt id.Receipt, steps []step) *ingest.Receipt {
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(a.receivedAt.Compare(b.receivedAt), cmp.Compare(a.number, b.number), a.at.Compare(b.at), cmp.Compare(a.state, b.state))
	})
	last := &steps[len(steps)-1]
	for i := range steps {
		if steps[i].state == ingest.ReceiptJoined {
			last = &steps[i]
		}
	}
	out := &ingest.Receipt{
		ReceiptID: receipt.String(), State: last.state, Reason: schemas.RejectReason(last.reason), Detail: last.detail,
		ReceivedAt: instant(steps[0].receivedAt), DecidedAt: instant(last.at),
		Request: ingest.ReceiptRequest{Kind: last.kind, Network: last.network, ClickID: last.clickID, Event: last.event, TxID: last.txid, OriginalStatus: last.originalStatus},
	}
	for _, info := range schemas.RejectReasons {
		if info.Reason == out.Reason {
			out.WhatToDo = info.Mend
		}
	}
	switch last.state {
	case ingest.ReceiptParked:
		out.WaitsUntil = instant(last.waitsUntil)
	case ingest.ReceiptJoined:
		out.Conversion = &ingest.ReceiptConversion{ConversionID: last.conversionID, Seq: last.seq, Entry: last.entryKind, Status: last.status,
			Payout: trimZeros(last.payoutOriginal), Currency: last.currencyOf, Match: last.match}
	}
	for i := range steps {
		s := &steps[i]
		out.History = append(out.History, ingest.ReceiptStep{State: s.state, Reason: schemas.RejectReason(s.reason), Place: s.place, At: instant(s.at)})
		for _, name := range s.notTaken {
			if !slices.Contains(out.Request.NotTaken, name) {
				out.Request.NotTaken = append(out.Request.NotTaken, name)
			}
		}
		if out.Request.OriginalStatus == "" { // a step says what it knows
			out.Request.OriginalStatus = s.originalStatus
		}
	}
	return out
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// trimZeros writes an amount with at least two decimals.
func trimZeros(amount string) string {
	whole, decimals, _ := strings.Cut(amount, ".")
	decimals = strings.TrimRight(decimals, "0")
	for len(decimals) < 2 {
		decimals += "0"
	}
	return whole + "." + decimals
}
