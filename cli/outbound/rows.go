package outbound

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A Summary is how one destination does.
type Summary struct {
	Destination string    `json:"destination"`
	State       string    `json:"state"`
	Told        uint64    `json:"told"`     // delivered in the period
	NotTold     uint64    `json:"not_told"` // refused, expired, capped or skipped in the period
	Failed      uint64    `json:"failed"`   // tries in the period that failed
	Waiting     uint64    `json:"waiting"`  // requests that were tried and wait for another try
	Last        time.Time `json:"last"`
	LastOutcome string    `json:"last_outcome"`
	LastReason  string    `json:"last_reason"`
}

// Summaries are those of the destinations that were told anything in the period before now, by name.
func Summaries(ctx context.Context, conn driver.Conn, database string, period time.Duration) (list []Summary, err error) {
	rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT destination, countIf(outcome = 'delivered'), countIf(final AND outcome != 'delivered'), countIf(NOT final),
    uniqExactIf((request_id, resend), NOT ended), max(received_at), argMax(outcome, (received_at, _offset)), argMax(reason, (received_at, _offset))
FROM (SELECT *, max(final) OVER (PARTITION BY request_id, resend) AS ended FROM %s.outbound_attempts WHERE received_at > now() - INTERVAL %d SECOND)
GROUP BY destination ORDER BY destination`, database, int64(period.Seconds())))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s Summary
		if err := rows.Scan(&s.Destination, &s.Told, &s.NotTold, &s.Failed, &s.Waiting, &s.Last, &s.LastOutcome, &s.LastReason); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// An Attempt is one row.
type Attempt struct {
	At           time.Time  `json:"at"`
	Destination  string     `json:"destination"`
	RequestID    string     `json:"request_id"`
	ConversionID string     `json:"conversion_id"`
	Told         string     `json:"told"`
	Event        string     `json:"event"`
	Try          uint32     `json:"try"`
	Resend       uint32     `json:"resend,omitempty"`
	Outcome      string     `json:"outcome"`
	Reason       string     `json:"reason,omitempty"`
	Final        bool       `json:"final"`
	NextDue      *time.Time `json:"next_due,omitempty"`
	Status       uint32     `json:"status_code,omitempty"`
	TookMS       uint32     `json:"took_ms"`
	Method       string     `json:"method,omitempty"`
	URL          string     `json:"url,omitempty"`
	Answer       string     `json:"answer,omitempty"`
	Partition    int32      `json:"-"`
	Offset       int64      `json:"-"`
}

// A Filter says which attempts are meant. What is empty says nothing.
type Filter struct {
	// ID is a request's, a conversion's, a click's or a receipt's.
	ID, Destination string
	Outcomes        []string
	Since, Until    time.Time
	// Last: only the last attempt of each request, where it is final.
	Last  bool
	Limit int
}

// Attempts returns the attempts that fit, oldest first.
func Attempts(ctx context.Context, conn driver.Conn, database string, f Filter) (list []Attempt, err error) {
	where, args := []string{"1"}, []any{}
	add := func(text string, values ...any) { where, args = append(where, text), append(args, values...) }
	if f.ID != "" {
		add("(request_id = ? OR conversion_id = ? OR click_id = ? OR receipt_id = ?)", f.ID, f.ID, f.ID, f.ID)
	}
	if f.Destination != "" {
		add("destination = ?", f.Destination)
	}
	if !f.Since.IsZero() {
		add("received_at >= fromUnixTimestamp64Milli(?, 'UTC')", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("received_at < fromUnixTimestamp64Milli(?, 'UTC')", f.Until.UnixMilli())
	}
	from := database + ".outbound_attempts WHERE " + strings.Join(where, " AND ")
	if f.Last {
		from = "(SELECT * FROM " + from + " ORDER BY received_at DESC, _offset DESC LIMIT 1 BY request_id) WHERE final"
	}
	if len(f.Outcomes) > 0 {
		from += " AND outcome IN (?)"
		args = append(args, f.Outcomes)
	}
	rows, err := conn.Query(ctx, `SELECT received_at, destination, request_id, conversion_id, told, event, try, resend, outcome, reason, final, next_due_at,
    status_code, took_ms, method, url, answer, toInt32(_partition), toInt64(request_offset) FROM `+from+fmt.Sprintf(" ORDER BY received_at, _offset LIMIT %d", f.Limit), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Attempt
		var due time.Time
		if err := rows.Scan(&a.At, &a.Destination, &a.RequestID, &a.ConversionID, &a.Told, &a.Event, &a.Try, &a.Resend, &a.Outcome, &a.Reason, &a.Final, &due,
			&a.Status, &a.TookMS, &a.Method, &a.URL, &a.Answer, &a.Partition, &a.Offset); err != nil {
			return nil, err
		}
		if !a.Final {
			a.NextDue = &due
		}
		list = append(list, a)
	}
	return list, rows.Err()
}
