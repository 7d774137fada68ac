package outbound

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas/events"
	"tributary/sink/outbound/protocol"
)

// A contract is what differs from platform to platform.
type contract struct {
	params, secrets map[string]string
	events          string // what the goal is called
	value           string // of 12.5 USD, as the platform writes it
	token           string // that it takes
	test            map[string]string
	age             time.Duration // beyond which an event is refused, 0 where the platform names none
	// rows: the platform answers for each row, so that a poisoned one fails alone.
	rows, restates, retracts bool
	// copies: what is told again is counted by the stand-in; else it is refused as known.
	restated string
}

var contracts = map[string]contract{
	"meta": {params: map[string]string{"pixel_id": "1234567890"}, secrets: map[string]string{"access_token": "good"}, events: "Purchase", value: "12.5", token: "good",
		test: map[string]string{"test_event_code": "TEST1"}, age: 7 * day},
	"google_data_manager": {params: map[string]string{"customer_id": "123-456-7890"}, secrets: map[string]string{"client_id": "i", "client_secret": "s", "refresh_token": "r"},
		events: "987654321", value: "12.5", token: "renewed", test: map[string]string{"test": "true"}, restates: true, restated: "20"},
	"google_ads": {params: map[string]string{"customer_id": "123-456-7890"}, secrets: map[string]string{"developer_token": "d", "client_id": "i", "client_secret": "s", "refresh_token": "r"},
		events: "987654321", value: "12.5", token: "renewed", test: map[string]string{"test": "true"}, rows: true, restates: true, retracts: true, restated: "20", age: 90 * day},
	"tiktok": {params: map[string]string{"pixel_id": "C0ABCDEF12345"}, secrets: map[string]string{"access_token": "good"}, events: "CompletePayment", value: "12.5", token: "good",
		test: map[string]string{"test_event_code": "TEST1"}},
	"microsoft": {params: map[string]string{"customer_id": "1", "account_id": "2"}, secrets: map[string]string{"developer_token": "d", "client_id": "i", "refresh_token": "r"},
		events: "First deposit", value: "12.5", token: "renewed", rows: true, restates: true, retracts: true, restated: "20", age: 90 * day},
	"snap": {params: map[string]string{"pixel_id": "1ec32188-754e-4be2"}, secrets: map[string]string{"access_token": "good"}, events: "PURCHASE", value: "12.5", token: "good",
		test: map[string]string{"test": "true"}, age: 37 * day},
	"pinterest": {params: map[string]string{"ad_account_id": "549755885175"}, secrets: map[string]string{"access_token": "good"}, events: "checkout", value: "12.5", token: "good",
		test: map[string]string{"test": "true"}, rows: true, age: 7 * day},
	"reddit": {params: map[string]string{"pixel_id": "a2_abc"}, secrets: map[string]string{"access_token": "good"}, events: "PURCHASE", value: "12.5", token: "good",
		test: map[string]string{"test_id": "t2_test"}, age: 7 * day},
	"x": {params: map[string]string{"pixel_id": "o8z6j"}, secrets: map[string]string{"consumer_key": "k", "consumer_secret": "s", "token": "good", "token_secret": "t"},
		events: "tw-o8z6j-o8z21", value: "12.5", token: "good"},
	"openai": {params: map[string]string{"pixel_id": "px_12345"}, secrets: map[string]string{"access_token": "good"}, events: "order_created", value: "1250", token: "good",
		test: map[string]string{"test": "true"}, age: 7 * day},
}

// a bench is a destination, its stand-in, and who hands out tokens, over real HTTP on loopback.
type bench struct {
	t     *testing.T
	c     contract
	s     *StandIn
	d     *destination.Destination
	p     protocol.Protocol
	creds *protocol.Credentials
	now   time.Time
	url   string
	token string // that the authority hands out
}

func newBench(t *testing.T, name string, params map[string]string) *bench {
	b := &bench{t: t, c: contracts[name], now: time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC), token: "renewed"}
	b.s = New(name, func() time.Time { return b.now }, b.c.token)
	api := httptest.NewServer(b.s)
	t.Cleanup(api.Close)
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600,"token_type":"Bearer"}`, b.token)
	}))
	t.Cleanup(authority.Close)
	b.url = api.URL
	config := destination.Config{Name: name, Template: name, Params: map[string]string{"base_url": api.URL}, Secrets: map[string]trust.Secret{},
		Events: map[string]string{"ftd": b.c.events}, Fields: map[string]string{}}
	for k, v := range b.c.params {
		config.Params[k] = v
	}
	for k, v := range params {
		config.Params[k] = v
	}
	for k, v := range b.c.secrets {
		config.Secrets[k] = trust.Secret(v)
	}
	template := destination.TemplateNamed(name)
	for _, p := range template.Params {
		if p.Name == "token_url" {
			config.Params["token_url"] = authority.URL
		}
	}
	for _, f := range template.Fields {
		if text, ok := map[string]string{"email": "{sub1}", "phone": "{sub2}", "user_id": "{sub3}", "page_url": "https://shop.example/thanks"}[f.Name]; ok {
			config.Fields[f.Name] = text
		}
	}
	built, problems := destination.Build([]destination.Config{config}, destination.Known{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b.d = built[0]
	b.p, _ = protocol.Named(b.d.Template.Protocol)
	b.creds = &protocol.Credentials{Client: http.DefaultClient, Now: func() time.Time { return b.now }}
	return b
}

// request is the i-th conversion, of an hour ago.
func (b *bench) request(i int) *events.OutboundRequest {
	at := b.now.Add(-time.Hour + time.Duration(i)*time.Second)
	return &events.OutboundRequest{
		RequestId: fmt.Sprintf("%032x", i+1), ConversionId: fmt.Sprintf("%032x", 1000+i), Seq: 1, Told: events.OutboundRequest_TOLD_CREATED, Event: b.c.events,
		HasAmount: true, AmountMicros: 12_500_000, Currency: "USD", EventMs: at.UnixMilli(), ClickMs: at.Add(-time.Hour).UnixMilli(), DecidedMs: at.UnixMilli(),
		Values: map[string]string{"external_id": fmt.Sprintf("click%d", i), "ip": "203.0.113.9", "user_agent": "Mozilla/5.0", "country": "US",
			"sub1": fmt.Sprintf("Jane.%d@Example.com", i), "sub2": "+1 650 555 1212", "sub3": "c7"},
	}
}

// later is what is told of a conversion that was told.
func (b *bench) later(req *events.OutboundRequest, told events.OutboundRequest_Told, micros int64) *events.OutboundRequest {
	next := proto.Clone(req).(*events.OutboundRequest)
	next.FirstRequestId, next.RequestId, next.Told, next.Seq = req.RequestId, req.RequestId[:30]+fmt.Sprintf("%02x", 0xa0+int(told)), told, 2
	next.AmountMicros, next.DecidedMs = micros, b.now.UnixMilli()
	return next
}

func (b *bench) tell(reqs ...*events.OutboundRequest) []protocol.Verdict {
	b.t.Helper()
	call, err := b.p.Call(b.d, reqs, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.HasPrefix(call.URL, b.url) {
		b.t.Fatalf("the call goes to %s", call.URL)
	}
	verdicts, _, err := b.creds.Tell(b.t.Context(), b.p, b.d, reqs, call, send)
	if err != nil {
		b.t.Fatal(err)
	}
	return verdicts
}

func send(ctx context.Context, call *protocol.Call) (*protocol.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	req.Header = call.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxAnswerBytes+1))
	if err != nil {
		return nil, err
	}
	answer := &protocol.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if len(body) > protocol.MaxAnswerBytes {
		answer.Body, answer.Cut = body[:protocol.MaxAnswerBytes], true
	}
	return answer, nil
}

func (b *bench) want(what string, verdicts []protocol.Verdict, outcomes ...protocol.Outcome) {
	b.t.Helper()
	if len(verdicts) != len(outcomes) {
		b.t.Fatalf("%s: %d verdicts, want %d", what, len(verdicts), len(outcomes))
	}
	for i, v := range verdicts {
		if v.Outcome != outcomes[i] {
			b.t.Errorf("%s: request %d: outcome %d (%s), want %d", what, i, v.Outcome, v.Reason, outcomes[i])
		}
	}
}

// TestContracts plays each platform: what it takes, what it takes once, what it refuses, and how that is read.
func TestContracts(t *testing.T) {
	const D, R, A, S, P = protocol.Delivered, protocol.Refused, protocol.Again, protocol.Split, protocol.Paused
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, nil)
			r0, r1, r2 := b.request(0), b.request(1), b.request(2)
			b.want("two", b.tell(r0, r1), D, D)
			if n := len(b.s.Ledger()); n != 2 {
				t.Fatalf("the ledger has %d", n)
			}
			for id, e := range b.s.Ledger() {
				if e.Value != c.value || e.Currency != "USD" || !strings.Contains(e.Event, c.events) || e.Time.UnixMilli()/1000 != r0.EventMs/1000 && e.Time.UnixMilli()/1000 != r1.EventMs/1000 {
					t.Errorf("%s: %+v", id, e)
				}
			}
			b.want("the same again", b.tell(r0, r1), D, D)
			if n := len(b.s.Ledger()); n != 2 {
				t.Fatalf("told twice, the ledger has %d", n)
			}

			poison := b.request(3)
			poison.Currency = "usd" // no platform takes it
			if c.rows {
				b.want("a poisoned row", b.tell(r2, poison), D, R)
			} else {
				verdicts := b.tell(r2, poison)
				if verdicts[0].Outcome != S || verdicts[1].Outcome == D {
					t.Errorf("a poisoned batch: %+v", verdicts)
				}
				b.want("the good half", b.tell(r2), D)
			}
			b.want("the poison alone", b.tell(poison), R)
			if n := len(b.s.Ledger()); n != 3 {
				t.Errorf("the ledger has %d, want 3", n)
			}

			if c.age > 0 {
				old := b.request(4)
				old.EventMs = b.now.Add(-c.age - time.Minute).UnixMilli()
				b.want("one beyond the window", b.tell(old), R)
			}
			b.s.PerMinute = b.s.calls
			limited := b.tell(b.request(5))
			b.want("one too many", limited, A)
			b.now = b.now.Add(time.Minute)
			b.s.PerMinute = 0
			b.want("a minute later", b.tell(b.request(5)), D)
			b.s.Allow("another")
			b.token = "refused"
			b.want("a token that is no more", b.tell(b.request(6)), P)
			b.s.Allow("another", c.token)
			b.token = "renewed"
			b.want("one that is renewed", b.tell(b.request(6)), D)
		})
	}
}

// TestLater plays restatements and retractions of those who take them; the others' protocols refuse before they send.
func TestLater(t *testing.T) {
	const restated, retracted = events.OutboundRequest_TOLD_RESTATED, events.OutboundRequest_TOLD_RETRACTED
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, nil)
			first := b.request(0)
			b.want("a conversion", b.tell(first), protocol.Delivered)
			if name == "google_ads" {
				if v := b.tell(b.later(first, restated, 20_000_000)); v[0].Outcome != protocol.Again || v[0].RetryAfter == 0 {
					t.Errorf("within a day: %+v", v)
				}
			}
			b.now = b.now.Add(25 * time.Hour)
			change, undo := b.later(first, restated, 20_000_000), b.later(first, retracted, 0)
			for req, able := range map[*events.OutboundRequest]bool{change: c.restates, undo: c.retracts} {
				if _, err := b.p.Call(b.d, []*events.OutboundRequest{req}, b.now); (err == nil) != able {
					t.Errorf("%s: %v", req.Told, err)
				}
			}
			only := func() (e Entry) {
				ledger := b.s.Ledger()
				if len(ledger) != 1 {
					t.Fatalf("the ledger has %d", len(ledger))
				}
				for _, e = range ledger {
				}
				return e
			}
			if c.restates {
				for range 2 { // a lost answer: the same again
					b.want("a restatement", b.tell(change), protocol.Delivered)
				}
				if e := only(); e.Value != c.restated || e.Restated == 0 {
					t.Errorf("restated: %+v", e)
				}
			}
			if c.retracts {
				for range 2 {
					b.want("a retraction", b.tell(undo), protocol.Delivered)
				}
				if e := only(); !e.Retracted {
					t.Errorf("retracted: %+v", e)
				}
			}
		})
	}
}

// TestTestMode records nothing.
func TestTestMode(t *testing.T) {
	for name, c := range contracts {
		if c.test == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, c.test)
			b.want("in test mode", b.tell(b.request(0)), protocol.Delivered)
			if len(b.s.Ledger()) != 0 || b.s.Tested() != 1 {
				t.Errorf("recorded %d, tested %d", len(b.s.Ledger()), b.s.Tested())
			}
		})
	}
}

// TestWholeBatch: the template's batch is one that the platform takes, and its answer can be read whole.
func TestWholeBatch(t *testing.T) {
	for name := range contracts {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, nil)
			var reqs []*events.OutboundRequest
			for i := range b.d.Batch {
				reqs = append(reqs, b.request(i))
			}
			for i, v := range b.tell(reqs...) {
				if v.Outcome != protocol.Delivered {
					t.Fatalf("request %d of %d: %+v", i, len(reqs), v)
				}
			}
			if n := len(b.s.Ledger()); n != b.d.Batch {
				t.Errorf("the ledger has %d of %d", n, b.d.Batch)
			}
			over := append(reqs, b.request(b.d.Batch))
			if limit := map[string]int{"google_ads": 2000, "pinterest": 1000}[name]; limit > 0 {
				for i := len(over); i <= limit; i++ {
					over = append(over, b.request(i))
				}
			}
			if v := b.tell(over...); v[0].Outcome != protocol.Split {
				t.Errorf("more than it takes: %+v", v[0])
			}
		})
	}
}
