package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/id"
)

// Receipts finds out what became of a request. Its methods are called from many goroutines.
type Receipts interface {
	// Find answers nil for a receipt that nothing is known of. It gives up when ctx is done.
	Find(ctx context.Context, receipt id.Receipt) (*Receipt, error)
}

// States of a receipt.
const (
	ReceiptReceived  = "received"  // the edge has it, nothing is decided yet
	ReceiptParked    = "parked"    // it waits for its click
	ReceiptJoined    = "joined"    // it made an entry of the ledger
	ReceiptDuplicate = "duplicate" // what it says was known
	ReceiptOrphan    = "orphan"    // its click did not come
	ReceiptRejected  = "rejected"
)

// A Receipt is what became of one request. It has what the sender said himself and what was decided about it; campaign, source, score and
// click are the owner's business.
type Receipt struct {
	ReceiptID string `json:"receipt_id"`
	State     string `json:"state"`
	// Reason, Detail and WhatToDo are of what made no entry.
	Reason   schemas.RejectReason `json:"reason,omitempty"`
	Detail   string               `json:"detail,omitempty"`
	WhatToDo string               `json:"what_to_do,omitempty"`
	// ReceivedAt is when it first came, DecidedAt since when it is in its state, in RFC 3339 with milliseconds.
	ReceivedAt string `json:"received_at"`
	DecidedAt  string `json:"decided_at"`
	// WaitsUntil is until when a parked one waits at most.
	WaitsUntil string             `json:"waits_until,omitempty"`
	Conversion *ReceiptConversion `json:"conversion,omitempty"`
	Request    ReceiptRequest     `json:"request"`
	// History are its steps in order.
	History []ReceiptStep `json:"history"`
}

// Final tells whether nothing more will become of it, unless its dead letter is replayed.
func (r *Receipt) Final() bool { return r.State != ReceiptReceived && r.State != ReceiptParked }

// ReceiptConversion is the ledger entry that a postback made.
type ReceiptConversion struct {
	ConversionID string `json:"conversion_id"`
	// Seq is the entry's number in its conversion, from 1.
	Seq uint32 `json:"seq"`
	// Entry is created, correction, status or payout.
	Entry string `json:"entry"`
	// Status, Payout and Currency are the conversion's after the entry.
	Status   string `json:"status"`
	Payout   string `json:"payout"`
	Currency string `json:"currency"`
	// Match is click, or click_id when the entry rests on the signed click ID alone.
	Match string `json:"match"`
}

// ReceiptRequest is what the request said.
type ReceiptRequest struct {
	// Kind is postback or click.
	Kind           string `json:"kind"`
	Network        string `json:"network,omitempty"`
	ClickID        string `json:"click_id,omitempty"`
	Event          string `json:"event,omitempty"`
	TxID           string `json:"txid,omitempty"`
	OriginalStatus string `json:"original_status,omitempty"`
	// NotTaken are the names of parameters that the request had and nobody took.
	NotTaken []string `json:"not_taken,omitempty"`
}

// ReceiptStep is one step of a request.
type ReceiptStep struct {
	State  string               `json:"state"`
	Reason schemas.RejectReason `json:"reason,omitempty"`
	// Place is the role that took it: ingest or processor.
	Place string `json:"place"`
	At    string `json:"at"`
}

// ReceiptsConfig is the section `ingest.receipts`. The route is open to whoever has a receipt: its 40 random bits are the permission, and
// the rate is what makes guessing them hopeless.
type ReceiptsConfig struct {
	PerSecond  int           `yaml:"per_second" doc:"receipts that are looked up a second, all clients together; more are answered 429; 0 turns GET /v1/receipts/{id} off"`
	PerIP      int           `yaml:"ip_per_second" doc:"receipts that one client address (of IPv6, one /64) may have looked up a second, so that no client uses up per_second for all; more are answered 429; 0 for no limit"`
	Concurrent int           `yaml:"concurrent" doc:"receipts that are looked up at the same time; more wait for timeout"`
	Timeout    time.Duration `yaml:"timeout" doc:"longest time that a look-up may take before it is answered 503"`
}

func defaultReceipts() ReceiptsConfig {
	return ReceiptsConfig{PerSecond: 50, PerIP: 10, Concurrent: 4, Timeout: 2 * time.Second}
}

func (c *ReceiptsConfig) validate(number func(string, int, int, int), span func(string, time.Duration, time.Duration, time.Duration)) {
	number("receipts.per_second", c.PerSecond, 0, 10_000)
	number("receipts.ip_per_second", c.PerIP, 0, 10_000)
	number("receipts.concurrent", c.Concurrent, 1, 64)
	span("receipts.timeout", c.Timeout, 10*time.Millisecond, time.Minute)
}

// receiptDesk answers GET /v1/receipts/{id}: few at a time, none for longer than timeout, so that clicks and postbacks do not feel it.
type receiptDesk struct {
	find    Receipts // nil: this edge was given none
	limit   *rate.Limiter
	perIP   *trust.PerAddress
	slots   chan struct{}
	timeout time.Duration
}

func newReceiptDesk(c ReceiptsConfig, find Receipts) *receiptDesk {
	if c.PerSecond == 0 {
		find = nil
	}
	return &receiptDesk{find: find, limit: rate.NewLimiter(rate.Limit(c.PerSecond), max(2*c.PerSecond, 1)), perIP: trust.NewPerAddress(c.PerIP, 2*c.PerIP), slots: make(chan struct{}, max(c.Concurrent, 1)), timeout: c.Timeout}
}

var pathReceipts = []byte("/v1/receipts/")

// Reasons of answers about receipts, beside those of a receipt itself.
const (
	reasonReceiptUnknown   = "receipt_unknown"
	reasonReceiptMalformed = "malformed_receipt"
	reasonReceiptsOff      = "receipts_off"
	reasonReceiptsBusy     = "too_many_lookups"
)

// settleTime is how long after it was given a receipt may not have come through yet while everything is well.
const settleTime = time.Minute

func (e *Edge) serveReceipt(ctx *fasthttp.RequestCtx, text []byte) {
	desk := e.receipts
	if desk.find == nil {
		e.answerError(ctx, fasthttp.StatusNotFound, answer{Error: &refusal{Reason: reasonReceiptsOff, Detail: "this edge looks up no receipts",
			WouldBeRight: "an edge with clickhouse.mode external, or of tributary up, and ingest.receipts.per_second above 0"}})
		return
	}
	now := e.now()
	receipt, err := id.ParseReceipt(text)
	if err != nil {
		e.answerError(ctx, fasthttp.StatusBadRequest, answer{Error: &refusal{Reason: reasonReceiptMalformed,
			Detail: err.Error(), WouldBeRight: "the receipt_id of an answer to a postback"}})
		return
	}
	busy := func(detail string) {
		retryAfter(ctx, time.Second)
		e.answerError(ctx, fasthttp.StatusTooManyRequests, answer{Error: &refusal{Reason: reasonReceiptsBusy, Detail: detail, WouldBeRight: "the same request, later"}})
	}
	// The client's own rate first: what it has too much of takes nothing from the others. `postback test` follows its own receipt
	// as fast as it can.
	if client := e.proxies.client(ctx); !isFromHere(ctx, client) && desk.perIP.Take(client, now) > 0 {
		busy("address " + client.Unmap().String() + " looks up more receipts than ingest.receipts.ip_per_second allows")
		return
	}
	if !desk.limit.AllowN(now, 1) {
		busy("too many receipts are looked up")
		return
	}
	found, err := desk.lookUp(receipt)
	switch {
	case err != nil:
		e.log.Debug("ingest: a receipt was not looked up", zap.Error(err))
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfterSeconds))
		e.answerError(ctx, fasthttp.StatusServiceUnavailable, answer{Error: &refusal{Reason: reasonUnavailable,
			Detail: "receipts cannot be looked up now; whether the postback was accepted does not depend on it", WouldBeRight: "the same request again, later"}})
	case found == nil:
		e.answerUnknownReceipt(ctx, receipt, now)
	default:
		ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
		writeJSON(ctx, found)
	}
}

// lookUp waits for a slot and for ClickHouse, both together at most timeout.
func (d *receiptDesk) lookUp(receipt id.Receipt) (*Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, errors.New("waiting for other look-ups: as many as ingest.receipts.concurrent are under way")
	}
	return d.find.Find(ctx, receipt)
}

// answerUnknownReceipt: a receipt says when it was given, so a young one may only not have come through.
func (e *Edge) answerUnknownReceipt(ctx *fasthttp.RequestCtx, receipt id.Receipt, now time.Time) {
	given := time.UnixMilli(receipt.TimeMS()).UTC()
	age := now.Sub(given)
	refused := &refusal{Reason: reasonReceiptUnknown, WouldBeRight: "a receipt_id of this system that is not older than its tables keep"}
	switch {
	case age.Abs() <= settleTime:
		retryAfter(ctx, time.Second)
		refused.Detail = fmt.Sprintf("receipt %s was not seen yet; it is %.1f s old", receipt, max(age, 0).Seconds())
		refused.WouldBeRight = "the same request again, in a second or two"
	case age < 0:
		refused.Detail = fmt.Sprintf("receipt %s was not seen: it says that it was given at %s, which is to come", receipt, given.Format(time.RFC3339))
	default:
		refused.Detail = fmt.Sprintf("receipt %s was not seen: it says that it was given at %s", receipt, given.Format(time.RFC3339))
	}
	e.answerError(ctx, fasthttp.StatusNotFound, answer{Error: refused, ReceiptID: receipt.String()})
}
