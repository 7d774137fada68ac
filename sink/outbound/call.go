package outbound

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/sink/outbound/protocol"
)

// Outcomes of an attempt, as rows have them.
const (
	outcomeDelivered = "delivered"
	outcomeRefused   = "refused"
	outcomeAgain     = "again"
	outcomeSplit     = "split"
	outcomePaused    = "paused"
	outcomeGone      = "gone"
	outcomeExpired   = "expired"
	outcomeCapped    = "capped"
	outcomeSkipped   = "skipped"
)

var outcomes = map[protocol.Outcome]string{
	protocol.Delivered: outcomeDelivered, protocol.Refused: outcomeRefused, protocol.Again: outcomeAgain,
	protocol.Split: outcomeSplit, protocol.Paused: outcomePaused, protocol.Gone: outcomeGone,
}

// OutcomeName is an outcome as rows have it.
func OutcomeName(o protocol.Outcome) string { return outcomes[o] }

// ErrNotSent is in errors of a Sender that sent nothing.
var ErrNotSent = errors.New("nothing was sent")

// maxAnswer is how much of an answer a row has.
const maxAnswer = 2 << 10

// lastTry is how long before the end of its window a request is tried for the last time, where a pause would lead beyond it.
const lastTry = time.Minute

// A result is what a call has come to.
type result struct {
	q        *queue
	group    []*item
	call     *protocol.Call
	answer   *protocol.Answer
	verdicts []protocol.Verdict
	// err is why no answer came, or no call was made.
	err  error
	sent bool
	took time.Duration
	at   time.Time
	done func(error)
}

// errUncounted says nothing about a destination's health.
var errUncounted = errors.New("the destination had no part in it")

// call tells a group of claimed items.
func (l *lane) call(q *queue, group []*item, now time.Time) error {
	done, err := q.breaker.Allow()
	if err != nil { // it opened meanwhile, or its time has not quite come
		for _, it := range group {
			delete(q.claimed, it.offset)
			l.line(q, it)
		}
		q.openUntil = time.Now().Add(lookEvery)
		return nil
	}
	if q.limiter != nil {
		q.limiter.AllowN(now, 1)
	}
	q.turns++
	q.calls++
	l.calls++
	l.e.calls.Add(1)
	target := q.target
	l.callers.Go(func() {
		r := l.perform(target, q, group)
		r.done = done
		l.in.Lock()
		l.in.results = append(l.in.results, r)
		l.in.Unlock()
		l.signal()
	})
	return nil
}

// perform makes a call, in a goroutine of its own.
func (l *lane) perform(t *Target, q *queue, group []*item) (r *result) {
	began := l.e.now()
	r = &result{q: q, group: group}
	defer func() {
		if p := recover(); p != nil {
			r.err, r.sent = fmt.Errorf("panic: %v", p), false
			r.verdicts = allOf(group, protocol.Verdict{Outcome: protocol.Refused, Reason: r.err.Error()})
		}
		r.at = l.e.now()
		r.took = max(0, r.at.Sub(began))
	}()
	requests := make([]*events.OutboundRequest, len(group))
	for i, it := range group {
		requests[i] = it.request
	}
	call, err := t.Protocol.Call(t.Destination, requests, began)
	if err != nil {
		verdict := protocol.Verdict{Outcome: protocol.Refused, Reason: err.Error()}
		if len(group) > 1 { // of one of them
			verdict.Outcome = protocol.Split
		}
		r.err, r.verdicts = errUncounted, allOf(group, verdict)
		return r
	}
	r.call, r.sent = call, true
	ctx, cancel := context.WithTimeoutCause(l.calling, t.Timeout, fmt.Errorf("no answer within %s", t.Timeout))
	defer cancel()
	send := func(ctx context.Context, call *protocol.Call) (*protocol.Answer, error) {
		return l.e.sender.Send(ctx, t, call)
	}
	r.verdicts, r.answer, r.err = l.e.credentials.Tell(ctx, t.Protocol, t.Destination, requests, call, send)
	if r.err != nil {
		verdict := protocol.Verdict{Outcome: protocol.Again, Reason: r.err.Error()}
		var refusal *protocol.Refusal
		switch {
		case errors.As(r.err, &refusal):
			r.sent, verdict = false, refusal.Verdict
		case ctx.Err() != nil:
			verdict.Reason = context.Cause(ctx).Error()
		default:
			r.sent = !errors.Is(r.err, ErrNotSent)
		}
		r.verdicts = allOf(group, verdict)
		return r
	}
	if len(r.verdicts) != len(group) {
		r.verdicts = allOf(group, protocol.Verdict{Outcome: protocol.Again, Reason: fmt.Sprintf("the answer was judged for %d of %d", len(r.verdicts), len(group))})
	}
	return r
}

func allOf(group []*item, v protocol.Verdict) []protocol.Verdict {
	return slices.Repeat([]protocol.Verdict{v}, len(group))
}

// complete takes what a call has come to.
func (l *lane) complete(r *result) {
	q, now := r.q, l.e.now()
	q.calls--
	l.calls--
	l.e.calls.Add(-1)
	l.touch(q)
	if l.calling.Err() != nil { // given up: what is not recorded is told again
		r.done(errUncounted)
		return
	}
	r.done(l.health(r))
	var sum string
	if r.call != nil && len(r.call.Body) > 0 {
		s := sha256.Sum256(r.call.Body)
		sum = hex.EncodeToString(s[:])
	}
	var hold time.Duration
	var split []*item
	for i, it := range r.group {
		v := r.verdicts[i]
		if v.Outcome == protocol.Split && len(r.group) == 1 {
			v.Outcome = protocol.Refused
		}
		outcome := outcomes[v.Outcome]
		if outcome == "" {
			v.Outcome, outcome = protocol.Again, outcomeAgain
		}
		it.tries++
		a := l.attempt(it, outcome, v.Reason, r.at)
		a.TookMs = uint32(r.took.Milliseconds())
		a.BodySha256 = sum
		if r.sent {
			a.Batch = uint32(len(r.group))
		}
		if r.call != nil {
			a.Method, a.Url = r.call.Method, clip(r.call.Masked, schemas.MaxURLBytes)
		}
		if r.answer != nil {
			a.StatusCode = uint32(r.answer.Status)
			if i == 0 {
				a.Answer = clip(string(r.answer.Body), maxAnswer)
			}
		}
		if !v.Alone {
			hold = max(hold, v.RetryAfter)
		}
		switch v.Outcome {
		case protocol.Delivered, protocol.Refused:
			a.Final = true
		case protocol.Split:
			a.NextDueMs = now.UnixMilli()
			split = append(split, it)
		case protocol.Paused, protocol.Gone:
			a.NextDueMs = now.UnixMilli()
			l.refused(q, outcome+": "+a.Reason, now)
		default:
			l.again(q, it, a, v, now)
		}
		q.stats.told(a)
		l.record1(q, it, a, v.Outcome == protocol.Split)
	}
	if hold > 0 {
		q.holdUntil = now.Add(min(hold, l.e.config.MaxRetryAfter))
	}
	if half := len(split) / 2; half > 0 {
		q.splits = append(q.splits, slices.Clone(split[:half]), slices.Clone(split[half:]))
	} else if len(split) == 1 {
		q.splits = append(q.splits, split)
	}
}

// health is what a result says about the destination: nil, that it is well.
func (l *lane) health(r *result) error {
	if errors.Is(r.err, errUncounted) || r.answer != nil && r.answer.Status == http.StatusTooManyRequests {
		return errUncounted
	}
	for _, v := range r.verdicts {
		if v.Outcome != protocol.Again || v.Alone {
			return nil
		}
	}
	return errors.New("failed")
}

// again says when the next try is due, or that there is none.
func (l *lane) again(q *queue, it *item, a *events.OutboundAttempt, v protocol.Verdict, now time.Time) {
	after := v.RetryAfter
	if !v.Alone {
		after = min(after, l.e.config.MaxRetryAfter)
	}
	after = max(after, q.target.pause(it.tries, requestHash(it.request, it.tries)))
	due, end := now.Add(after).UnixMilli(), it.request.ExpiresMs
	if end > 0 && due >= end {
		if due = end - lastTry.Milliseconds(); due < now.Add(lastTry/2).UnixMilli() {
			a.Outcome, a.Final = outcomeExpired, true
			a.Reason = clip("no try is left in the destination's window; the last: "+a.Reason, schemas.MaxDetailBytes)
			return
		}
	}
	a.NextDueMs = due
}

// refused stops all that goes to a destination until a person resumes it.
func (l *lane) refused(q *queue, why string, now time.Time) {
	if q.refusedMS > q.target.ResumedMS {
		return
	}
	q.refusedMS, q.refusal = max(now.UnixMilli(), q.target.ResumedMS+1), why
	value := append(binary.BigEndian.AppendUint64(nil, uint64(q.refusedMS)), why...)
	if err := l.e.store.db.Set(l.ofDestination('p', q.name), value, pebble.NoSync); err != nil {
		l.e.fail(fmt.Errorf("writing that a destination refuses us: %w", err))
	}
}

// end records that an item is over without a call.
func (l *lane) end(q *queue, it *item, outcome, reason string, now time.Time) {
	a := l.attempt(it, outcome, reason, now)
	a.Final = true
	q.stats.told(a)
	l.record1(q, it, a, false)
}

// attempt is a row about an item, without its call.
func (l *lane) attempt(it *item, outcome, reason string, at time.Time) *events.OutboundAttempt {
	r := it.request
	a := &events.OutboundAttempt{
		RequestId: r.RequestId, Destination: r.Destination, ConversionId: r.ConversionId, ReceiptId: r.ReceiptId, ClickId: r.ClickId,
		Seq: r.Seq, Told: told(r.Told), Event: r.Event, CampaignId: r.CampaignId, Campaign: r.Campaign, SourceId: r.SourceId, Source: r.Source,
		Try: it.tries, Resend: r.Resend, Outcome: outcome, Reason: clip(reason, schemas.MaxDetailBytes),
		EventMs: r.EventMs, DecidedMs: r.DecidedMs, DueMs: it.turn.dueMS, ReceivedMs: at.UnixMilli(), RequestOffset: it.offset,
	}
	if r.HasAmount {
		a.AmountMicros, a.Currency = r.AmountMicros, r.Currency
	}
	return a
}

func told(t events.OutboundRequest_Told) string {
	switch t {
	case events.OutboundRequest_TOLD_CREATED:
		return "created"
	case events.OutboundRequest_TOLD_RESTATED:
		return "restated"
	case events.OutboundRequest_TOLD_RETRACTED:
		return "retracted"
	}
	return ""
}

// clip is text that a row can have.
func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "\ufffd"[:0])
}

// record1 sends an attempt to Kafka.
func (l *lane) record1(q *queue, it *item, a *events.OutboundAttempt, split bool) {
	value, err := a.MarshalVT()
	if err != nil {
		l.e.fail(fmt.Errorf("encoding an attempt: %w", err))
		return
	}
	l.unrecorded = append(l.unrecorded, l.e.now())
	l.e.produce(l.partition, a.Destination, value, func(offset int64, err error) {
		if err != nil {
			l.e.fail(fmt.Errorf("recording an attempt: %w", err))
			return
		}
		l.in.Lock()
		l.in.acks = append(l.in.acks, ack{q, it, a, offset, split})
		l.in.Unlock()
		l.signal()
	})
}
