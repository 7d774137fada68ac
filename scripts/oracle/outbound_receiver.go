package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"tributary/sink/outbound"
	"tributary/sink/outbound/protocol"

	platforms "tributary/scripts/standin/outbound"
)

// A receiver is told conversions. It keeps a ledger of its own, of all that came, whatever it answered.
type receiver struct {
	plan   Receiver
	world  *World
	server *http.Server
	port   int
	// platform answers as a conversion API does; nil of those that are a URL.
	platform *platforms.StandIn

	mu       sync.Mutex
	mishap   string
	until    time.Time
	healthy  time.Time // since when nothing has befallen it
	known    map[string]bool
	arrivals []arrival
}

// An arrival is one telling of one request.
type arrival struct {
	id string
	at time.Time
	// text is what came, without what may differ from try to try.
	text string
	// said is what was answered about it: yes, no, later, or nothing.
	said string
}

func (w *World) newReceiver(plan Receiver, port int) (*receiver, error) {
	r := &receiver{plan: plan, world: w, port: port, known: map[string]bool{}, healthy: time.Now()}
	r.platform = platforms.New(plan.Template, time.Now, "good")
	l, err := w.network.listen("", portAddr(port).String())
	if err != nil {
		return nil, err
	}
	r.server = &http.Server{Handler: r, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// befall begins a mishap, which ends by itself.
func (r *receiver) befall(kind string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind == illForget {
		r.known = map[string]bool{}
		return
	}
	until := time.Now().Add(d)
	r.mishap, r.until = kind, until
	if kind == illDead {
		r.world.network.setAway(r.port, true)
	}
	r.world.later(d, func() {
		r.mu.Lock()
		if r.until.Equal(until) {
			r.mishap, r.healthy = "", time.Now()
		}
		r.mu.Unlock()
		if kind == illDead {
			r.world.network.setAway(r.port, false)
		}
		if kind == illBarred {
			r.world.later(2*callTimeout, func() { r.world.towards.resume(r.plan.Name) })
		}
	})
}

// tellings takes a call apart: the IDs of the requests, and the text of each.
func (r *receiver) tellings(req *http.Request, body []byte) (list []arrival) {
	switch r.plan.Template {
	case "get":
		return []arrival{{id: req.URL.Query().Get("id"), text: req.URL.String()}}
	case "webhook":
		return []arrival{{id: req.Header.Get("Webhook-Id"), text: string(body)}}
	}
	var payload struct {
		Data []json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(body, &payload)
	for _, raw := range payload.Data {
		var event struct {
			ID string `json:"event_id"`
		}
		_ = json.Unmarshal(raw, &event)
		list = append(list, arrival{id: event.ID, text: string(raw)})
	}
	return list
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // a call of which half came was never made
	}
	list := r.tellings(req, body)
	r.mu.Lock()
	mishap := r.mishap
	r.mu.Unlock()
	took := mishap == "" || mishap == illLate || mishap == illLost || mishap == illLie500 || mishap == illTwice || mishap == illGarbage
	answer := httptest.NewRecorder()
	if took {
		r.take(answer, req, body, list)
	}
	said := "nothing"
	switch mishap {
	case "", illTwice:
		said = "as it is"
	case illBroken, illLie500, illRate:
		said = "later"
	case illGarbage, illLie200:
		if r.plan.Template == "webhook" { // any 2xx is a success by its rule
			said = "yes"
		}
	}
	r.note(list, answer, said)
	r.world.trace.add(r.plan.Name, "is told %s (%s): %d", ids(list), mishap, answer.Code)
	switch mishap {
	case "", illTwice:
		reply(w, answer)
		if mishap == illTwice {
			if c, buffer, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
				_ = buffer.Flush()
				_ = c.Close()
			}
		}
	case illHang, illLate:
		r.hold(req.Context())
		reply(w, answer)
	case illLost:
		panic(http.ErrAbortHandler)
	case illRate:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	case illBarred:
		w.WriteHeader(http.StatusForbidden)
	case illGarbage, illLie200:
		_, _ = io.WriteString(w, "<html>welcome</html>")
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// hold waits until nobody waits for an answer any more.
func (r *receiver) hold(ctx context.Context) {
	timer := time.NewTimer(2 * callTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func reply(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// take is what a receiver does that is well.
func (r *receiver) take(answer *httptest.ResponseRecorder, req *http.Request, body []byte, list []arrival) {
	if r.platform != nil {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		r.platform.ServeHTTP(answer, again)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := list[0].id
	switch {
	case strings.Contains(id, poisonNote) && r.plan.Template == "get":
		_, _ = answer.WriteString("ERROR: no such click") // with 200, as some do
	case strings.Contains(id, poisonNote):
		answer.WriteHeader(http.StatusUnprocessableEntity)
	case r.known[id] && r.plan.Template == "get":
		_, _ = answer.WriteString("ERROR: already notified")
	default:
		r.known[id] = true
		_, _ = answer.WriteString("OK")
	}
}

// note writes down what came, and what is said about it.
func (r *receiver) note(list []arrival, answer *httptest.ResponseRecorder, said string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range list {
		a.at, a.said = time.Now(), said
		if said == "as it is" {
			poisoned := strings.Contains(a.id, poisonNote)
			switch {
			case poisoned && (answer.Code >= 400 || strings.Contains(answer.Body.String(), "ERROR")):
				a.said = "no"
			case r.plan.Template == "pinterest" && answer.Code == http.StatusUnprocessableEntity, answer.Code == http.StatusOK:
				a.said = "yes"
			default:
				a.said = "not all"
			}
		}
		r.arrivals = append(r.arrivals, a)
	}
}

func ids(list []arrival) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.id
	}
	return strings.Join(names, " ")
}

// sender makes calls over a host's network: when the host dies, what it had written is still delivered, and nothing else.
type sender struct{ client *http.Client }

func newSender(h *host) *sender {
	return &sender{&http.Client{
		Transport:     &http.Transport{DialContext: h.dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: 20 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// Send implements outbound.Sender.
func (s *sender) Send(ctx context.Context, _ *outbound.Target, call *protocol.Call) (*protocol.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	req.Header = call.Header.Clone()
	resp, err := s.client.Do(req)
	if err != nil {
		if strings.Contains(err.Error(), errRefused.Error()) {
			err = fmt.Errorf("%w: %w", outbound.ErrNotSent, err)
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxAnswerBytes))
	if err != nil {
		return nil, err
	}
	return &protocol.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}
