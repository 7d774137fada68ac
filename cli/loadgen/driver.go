package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"tributary/schemas"
	"tributary/schemas/id"
)

// DriverOptions say how a Driver sends.
type DriverOptions struct {
	// Address is the edge's host and port; several, with commas between, share the requests, and one that fails is left out
	// for a while, as a load balancer does.
	Address string
	// Connections is how many requests run at once; 64 when 0.
	Connections int
	// Rate bounds the requests a second; 0 sends as fast as the edge answers. SetRate changes it while running.
	Rate float64
	// Timeout is how long one request may take; 10 s when 0. RetryFor is how long a request is repeated that was answered 503
	// or not at all; 2 min when 0.
	Timeout, RetryFor time.Duration
}

// A Driver sends a generator's steps to an edge and books the answers in a Truth.
type Driver struct {
	options DriverOptions
	truth   *Truth
	edges   []*edge
	stop    atomic.Bool
	rate    atomic.Int64 // requests per 1000 s
	Stats   Stats
	// Watch, when set, is called after every accepted click and postback, from many goroutines.
	Watch func(*Click, *Postback)

	mu         sync.Mutex
	unexpected []string
}

const (
	laneQueue     = 64
	maxUnexpected = 20
	firstBackoff  = 20 * time.Millisecond
	longBackoff   = time.Second
)

// NewDriver makes a driver. Nothing is sent before Run.
func NewDriver(options DriverOptions, truth *Truth) *Driver {
	if options.Connections <= 0 {
		options.Connections = 64
	}
	if options.Timeout <= 0 {
		options.Timeout = 10 * time.Second
	}
	if options.RetryFor <= 0 {
		options.RetryFor = 2 * time.Minute
	}
	d := &Driver{options: options, truth: truth}
	for address := range strings.SplitSeq(options.Address, ",") {
		d.edges = append(d.edges, newEdge(strings.TrimSpace(address), &options))
	}
	d.SetRate(options.Rate)
	return d
}

// SetRate bounds the requests a second from now on; 0 for no bound.
func (d *Driver) SetRate(rate float64) { d.rate.Store(int64(rate * 1000)) }

// Finish makes Run end soon: no more clicks are made, those that postbacks have overtaken are still sent, the other
// postbacks to come are not, and whatever is on its way is repeated until it is answered. So the truth stays exact.
func (d *Driver) Finish() { d.stop.Store(true) }

// Run sends every step of the generator, or until ctx is done, and waits for the last answer. Its error says how many
// answers were not what the generator expected, with examples. Steps that ctx cut off are not in the truth.
func (d *Driver) Run(ctx context.Context, g *Generator) error {
	lanes := make([]chan Step, d.options.Connections)
	var workers sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan Step, laneQueue)
		workers.Go(func() {
			w := worker{d: d, ctx: ctx, home: i}
			for step := range lanes[i] {
				if ctx.Err() == nil {
					w.do(step)
				}
			}
		})
	}
	d.Stats.start()
	d.feed(ctx, g, lanes)
	for _, lane := range lanes {
		close(lane)
	}
	workers.Wait()
	d.Stats.stop()
	for _, e := range d.edges {
		e.client.CloseIdleConnections()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.unexpected) > 0 {
		return fmt.Errorf("%d answers were not as expected, such as:\n  %s", d.Stats.Unexpected.Load(), strings.Join(d.unexpected, "\n  "))
	}
	return nil
}

func (d *Driver) feed(ctx context.Context, g *Generator, lanes []chan Step) {
	next := time.Now()
	finishing := false
	for ctx.Err() == nil {
		if !finishing && d.stop.Load() {
			finishing = true
			g.Finish()
		}
		step, more := g.Next()
		if !more {
			return
		}
		if rate := d.rate.Load(); rate > 0 {
			next = next.Add(time.Duration(float64(time.Second) * 1000 / float64(rate)))
			if wait := time.Until(next); wait > 0 {
				timer := time.NewTimer(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return
				}
			} else if wait < -time.Second {
				next = time.Now() // do not make up for more than a second that the edge was slow
			}
		}
		select {
		case lanes[step.lane%uint64(len(lanes))] <- step:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Driver) surprise(format string, args ...any) {
	d.Stats.Unexpected.Add(1)
	d.mu.Lock()
	if len(d.unexpected) < maxUnexpected {
		d.unexpected = append(d.unexpected, fmt.Sprintf(format, args...))
	}
	d.mu.Unlock()
}

// worker sends the steps of its lanes, one at a time.
type worker struct {
	d    *Driver
	ctx  context.Context
	body []byte
	home int // the edge that it prefers
}

func (w *worker) do(step Step) {
	switch {
	case step.Bad != nil:
		w.badClick(step.Bad)
	case step.Impression != nil:
		w.impression(step.Impression)
	case step.Press != nil:
		w.press(step.Press)
	case step.Click != nil:
		w.click(step.Click)
	default:
		w.postback(step.Postback)
	}
}

// exchange sends a request until it has an answer other than 503, and answers the edge that gave it, nil when it gave up.
// doubt is called each time an attempt may have been accepted without our knowing. With must it goes to that edge only, and
// is given up, counted as skipped, while nothing of it can have been accepted.
func (w *worker) exchange(request *fasthttp.Request, answer *fasthttp.Response, doubt func(), repeat bool, must *edge) *edge {
	stats := &w.d.Stats
	deadline := time.Now().Add(w.d.options.RetryFor)
	pause := firstBackoff
	doubted := false
	for attempt := 0; ; attempt++ {
		began := time.Now()
		answer.Reset()
		e := w.pick(began, must, attempt)
		err := e.client.DoTimeout(request, answer, w.d.options.Timeout)
		answered := err == nil && answer.StatusCode() != fasthttp.StatusServiceUnavailable
		e.note(answered)
		if answered {
			stats.observe(time.Since(began))
			return e
		}
		if err != nil {
			stats.Failed.Add(1)
			if !neverSent(err) {
				doubted = true
				doubt()
				if !repeat {
					return nil
				}
			} else if must != nil && !doubted {
				stats.Skipped.Add(1)
				return nil
			}
		} else {
			stats.Refused503.Add(1)
			doubted = true
			doubt() // a record that was given up waiting for may land all the same
		}
		if time.Now().After(deadline) || w.ctx.Err() != nil {
			stats.GaveUp.Add(1)
			return nil
		}
		stats.Retried.Add(1)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, longBackoff)
	}
}

func neverSent(err error) bool {
	text := err.Error()
	return strings.Contains(text, "connection refused") || errors.Is(err, fasthttp.ErrDialTimeout) || errors.Is(err, fasthttp.ErrNoFreeConns)
}

func (w *worker) click(c *Click) {
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	if c.Link {
		w.linkRequest(request, c)
	} else {
		w.body = appendClick(w.body[:0], c)
		post(request, "/v1/clicks", "application/json", w.body)
	}
	w.d.Stats.Clicks.Add(1)
	if w.exchange(request, answer, func() { w.d.truth.doubtClick(c) }, !c.Link, nil) == nil {
		return
	}
	clickID := ""
	if c.Link {
		clickID = string(answer.Header.Peek("X-Click-Id"))
		if answer.StatusCode() != fasthttp.StatusFound {
			w.d.surprise("click link %s: %d %s, want 302", request.RequestURI(), answer.StatusCode(), cut(answer.Body()))
			return
		}
	} else {
		var reply struct {
			ClickID string `json:"click_id"`
		}
		if err := json.Unmarshal(answer.Body(), &reply); err != nil || answer.StatusCode() != fasthttp.StatusOK {
			w.d.surprise("click %s: %d %s, want 200", cut(w.body), answer.StatusCode(), cut(answer.Body()))
			return
		}
		clickID = reply.ClickID
	}
	if c.Link {
		minted, err := id.ParseClick(clickID)
		if err != nil {
			w.d.surprise("click link %s: X-Click-Id %q: %v", request.RequestURI(), clickID, err)
			return
		}
		c.ID, c.EventMS = clickID, minted.TimeMS()
	} else if clickID != c.ID {
		w.d.surprise("click %s came back as %q", c.ID, clickID)
		return
	}
	w.d.truth.click(c)
	if w.d.Watch != nil {
		w.d.Watch(c, nil)
	}
}

func (w *worker) badClick(b *BadClick) {
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	what := b.Path
	if b.Path != "" {
		request.SetRequestURI(b.Path)
		request.SetHost("tributary")
	} else {
		what = b.Body
		post(request, "/v1/clicks", "application/json", []byte(b.Body))
	}
	w.d.Stats.Bad.Add(1)
	if w.exchange(request, answer, func() { w.d.truth.doubtRefusal("click", b.Refusal) }, true, nil) != nil {
		w.refusal("click", what, b.Refusal, answer)
	}
}

func (w *worker) postback(p *Postback) {
	if p.Click != nil && p.Click.ID == "" {
		return // its click never had an answer
	}
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	eventMS := p.EventMS
	if p.AfterClickMS > 0 {
		eventMS = p.Click.EventMS + p.AfterClickMS
	}
	var must *edge
	if len(w.d.edges) > 1 { // one edge keeps the order by itself
		must = predecessor(p)
		if w.d.truth.unsure(p) || must != nil && must.suspect.Load() != 0 {
			w.d.Stats.Skipped.Add(1)
			return
		}
	}
	query := p.Query
	if p.Refusal == "" {
		query = postbackQuery(p, eventMS)
	}
	if p.Body != "" {
		post(request, "/postback?"+query, p.Type, []byte(p.Body))
	} else {
		request.SetRequestURI("/postback?" + query)
		request.SetHost("tributary")
	}
	w.d.Stats.Postbacks.Add(1)
	through := w.exchange(request, answer, func() { w.d.truth.doubtPostback(p, eventMS) }, true, must)
	if through == nil {
		return
	}
	if p.Refusal != "" {
		w.refusal("postback", query, p.Refusal, answer)
		return
	}
	var reply struct {
		ReceiptID string `json:"receipt_id"`
	}
	if err := json.Unmarshal(answer.Body(), &reply); err != nil || answer.StatusCode() != fasthttp.StatusOK || reply.ReceiptID == "" {
		w.d.surprise("postback %s: %d %s, want 200 and a receipt", query, answer.StatusCode(), cut(answer.Body()))
		return
	}
	passed(p, through)
	w.d.truth.postback(p, eventMS)
	if w.d.Watch != nil {
		w.d.Watch(p.Click, p)
	}
}

// refusal checks that a request was refused for the reason that the generator built into it, and books it.
func (w *worker) refusal(kind, what string, reason schemas.RejectReason, answer *fasthttp.Response) {
	var reply struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	err := json.Unmarshal(answer.Body(), &reply)
	if status := answer.StatusCode(); err != nil || status < 400 || status > 499 || reply.Error.Reason != string(reason) {
		w.d.surprise("bad %s %s: %d %s, want a 4xx with reason %s", kind, cut([]byte(what)), status, cut(answer.Body()), reason)
		return
	}
	w.d.truth.refused(kind, reason)
}

func cut(text []byte) string {
	if len(text) > 200 {
		return strconv.Quote(string(text[:200])) + "…"
	}
	return strconv.Quote(string(text))
}
