package ingest

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"tributary/ingest/spool"
	"tributary/schemas"
)

// place is this role's name in dead letters.
const place = "ingest"

// A refusal says why a request became no event, in the words of the answer.
type refusal struct {
	Reason       schemas.RejectReason `json:"reason"`
	Detail       string               `json:"detail"`
	Field        string               `json:"field,omitempty"`
	WouldBeRight string               `json:"would_be_right,omitempty"`

	// wait is when the same request would be taken; 0: never.
	wait time.Duration
	// unbelieved: the request failed to prove itself its network's.
	unbelieved bool
	// unkept: the sender keeps the request, no row is made of it.
	unkept bool
	// unavailable: nothing is wrong with the request.
	unavailable error
}

func refuse(reason schemas.RejectReason, field, detail, wouldBeRight string) *refusal {
	return &refusal{Reason: reason, Detail: strings.ToValidUTF8(clip(detail, schemas.MaxDetailBytes), ""), Field: field, WouldBeRight: wouldBeRight}
}

// status is the HTTP status of a refusal.
func (r *refusal) status() int {
	switch r.Reason {
	case schemas.RejectIgnoredStatus:
		// Its sender did as it was told.
		return fasthttp.StatusOK
	case schemas.RejectUnknownCampaign, schemas.RejectUnknownOffer, schemas.RejectUnknownPath:
		return fasthttp.StatusNotFound
	case schemas.RejectForgedClickID, schemas.RejectBadSignature, schemas.RejectStaleRequest, schemas.RejectBadToken, schemas.RejectIPNotAllowed:
		return fasthttp.StatusForbidden
	case schemas.RejectExpiredClickID:
		return fasthttp.StatusGone
	case schemas.RejectReplayedRequest:
		return fasthttp.StatusConflict
	case schemas.RejectRateLimited:
		return fasthttp.StatusTooManyRequests
	}
	return fasthttp.StatusBadRequest
}

// Not in the closed list, because nothing is dropped: the sender keeps the request and sends it again, or sent no event at all.
const (
	reasonUnavailable = "unavailable"
	reasonNotFound    = "not_found"
	reasonMethod      = "method_not_allowed"
	reasonRequest     = "bad_request"
)

// answer is the body of every answer that is not 200.
type answer struct {
	Error     *refusal `json:"error"`
	ReceiptID string   `json:"receipt_id,omitempty"`
}

func (e *Edge) answerError(ctx *fasthttp.RequestCtx, status int, a answer) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	writeJSON(ctx, a)
}

// writeJSON makes v, which is made of strings, the body. URLs keep their ampersands.
func writeJSON(ctx *fasthttp.RequestCtx, v any) {
	ctx.Response.Header.SetContentType("application/json")
	encoder := json.NewEncoder(ctx)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("marshalling an answer of strings: " + err.Error())
	}
}

// answerUnavailable says that nothing was accepted and when to come again.
func (e *Edge) answerUnavailable(ctx *fasthttp.RequestCtx, err error) {
	ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfterSeconds))
	e.answerError(ctx, fasthttp.StatusServiceUnavailable, answer{Error: unavailable(err)})
}

// unavailableFor are the causes that an answer names.
var unavailableFor = []error{errFull, errNoCatalog, errNonces, errUploads, spool.ErrFull, spool.ErrStale, spool.ErrBusy, spool.ErrNoSpace, spool.ErrDisk, spool.ErrClosed}

// unavailable hides what the client said: addresses of brokers are nobody's business outside.
func unavailable(err error) *refusal {
	detail := errUnavailable.Error()
	for _, known := range unavailableFor {
		if errors.Is(err, known) {
			detail = known.Error()
		}
	}
	return &refusal{Reason: reasonUnavailable, Detail: detail + "; nothing was accepted", WouldBeRight: "the same request again, later"}
}

// retryAfterSeconds is long enough for a broker's leader to move.
const retryAfterSeconds = 2

// quoted is a value as an error text shows it.
func quoted(value []byte) string {
	const shown = 80
	if len(value) > shown {
		return strconv.Quote(string(value[:shown])) + "…"
	}
	return strconv.Quote(string(value))
}

// clip cuts text to limit bytes.
func clip[T string | []byte](text T, limit int) T {
	if len(text) > limit {
		return text[:limit]
	}
	return text
}
