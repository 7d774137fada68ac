package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary/schemas"
	"tributary/schemas/id"
)

// desk answers look-ups as a test wants it.
type desk struct {
	find  func(ctx context.Context, receipt id.Receipt) (*Receipt, error)
	asked atomic.Int64
}

func (d *desk) Find(ctx context.Context, receipt id.Receipt) (*Receipt, error) {
	d.asked.Add(1)
	return d.find(ctx, receipt)
}

func withDesk(d *desk, change func(*ReceiptsConfig)) func(*Config, *Deps) {
	return func(c *Config, deps *Deps) {
		deps.Receipts = d
		if change != nil {
			change(&c.Receipts)
		}
	}
}

func someReceipt(at time.Time) id.Receipt {
	r, err := id.ParseReceipt("06h08g6cc4jsttg0016znk6sj8")
	if err != nil {
		panic(err)
	}
	ms := at.UnixMilli()
	for i := range 6 {
		r[i] = byte(ms >> (40 - 8*i))
	}
	return r
}

// TestReceiptAnswers holds each answer against its golden file.
func TestReceiptAnswers(t *testing.T) {
	known := someReceipt(testNow)
	d := &desk{find: func(_ context.Context, receipt id.Receipt) (*Receipt, error) {
		if receipt.TimeMS() == testNow.Add(-time.Hour).UnixMilli() {
			return nil, errors.New("connecting to 10.1.2.3:9000")
		}
		if receipt != known {
			return nil, nil
		}
		return &Receipt{ReceiptID: receipt.String(), State: ReceiptRejected, Reason: schemas.RejectBadPayout, Detail: "\"<abc>\" is not a decimal number", WhatToDo: "mend it",
			ReceivedAt: "2026-03-01T12:00:00.000Z", DecidedAt: "2026-03-01T12:00:00.000Z", Request: ReceiptRequest{Kind: "postback", Network: "acme"},
			History: []ReceiptStep{{State: ReceiptRejected, Reason: schemas.RejectBadPayout, Place: "ingest", At: "2026-03-01T12:00:00.000Z"}}}, nil
	}}
	b := newBench(t, withDesk(d, nil))
	for _, c := range []struct {
		name, path string
		code       int
		retry      string
	}{
		{"known", "/v1/receipts/" + known.String(), 200, ""},
		{"known_in_capitals", "/v1/receipts/" + strings.ToUpper(known.String()), 200, ""},
		{"young", "/v1/receipts/" + someReceipt(testNow.Add(-1500*time.Millisecond)).String(), 404, "1"},
		{"old", "/v1/receipts/" + someReceipt(testNow.Add(-48*time.Hour)).String(), 404, ""},
		{"to_come", "/v1/receipts/" + someReceipt(testNow.Add(48*time.Hour)).String(), 404, ""},
		{"short", "/v1/receipts/06h08g6cc4", 400, ""},
		{"empty", "/v1/receipts/", 400, ""},
		{"not_its_alphabet", "/v1/receipts/06h08g6cc4jsttg0016znk6s'8", 400, ""},
		{"away", "/v1/receipts/" + someReceipt(testNow.Add(-time.Hour)).String(), 503, "2"},
	} {
		got := b.get(c.path)
		if got.status != c.code || got.header.Get("Retry-After") != c.retry || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", c.name, got.status, got.header)
		}
		if strings.Contains(got.body, "10.1.2.3") {
			t.Errorf("%s names the server: %s", c.name, got.body)
		}
		golden(t, "receipts/"+c.name+".json", got.body)
	}
	if got := b.send(http.MethodPost, "/v1/receipts/"+known.String(), "", ""); got.status != 405 {
		t.Errorf("POST: %d", got.status)
	}
}

func TestReceiptsOff(t *testing.T) {
	for name, change := range map[string]func(*Config, *Deps){
		"no ClickHouse": nil,
		"turned off":    withDesk(&desk{}, func(c *ReceiptsConfig) { c.PerSecond = 0 }),
	} {
		if got := newBench(t, change).get("/v1/receipts/" + someReceipt(testNow).String()); got.status != 404 || !strings.Contains(got.body, reasonReceiptsOff) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// TestReceiptsAreBounded: a server that hangs takes no more than its slots and its time, and what is beyond the rate does not reach it.
func TestReceiptsAreBounded(t *testing.T) {
	hanging := &desk{find: func(ctx context.Context, _ id.Receipt) (*Receipt, error) { <-ctx.Done(); return nil, ctx.Err() }}
	b := newBench(t, withDesk(hanging, func(c *ReceiptsConfig) { c.Concurrent, c.Timeout, c.PerSecond = 1, 100*time.Millisecond, 1000 }))
	path := "/v1/receipts/" + someReceipt(testNow).String()
	codes := make(chan int)
	for range 8 {
		go func() {
			response, err := b.client.Get(b.url + path)
			if err != nil {
				codes <- 0
				return
			}
			response.Body.Close()
			codes <- response.StatusCode
		}()
	}
	for range 8 {
		if code := <-codes; code != 503 {
			t.Errorf("answered %d, want 503", code)
		}
	}
	if got := b.get("/c/summer"); got.status != 302 {
		t.Errorf("a click meanwhile: %d", got.status)
	}

	quick := &desk{find: func(context.Context, id.Receipt) (*Receipt, error) { return nil, nil }}
	b = newBench(t, withDesk(quick, func(c *ReceiptsConfig) { c.PerSecond = 2 }))
	seen := map[int]int{}
	for range 10 { // the bench's clock stands still
		got := b.get(path)
		if seen[got.status]++; got.status == 429 && got.header.Get("Retry-After") != "1" {
			t.Errorf("429 with %v", got.header)
		}
	}
	if want := map[int]int{404: 4, 429: 6}; fmt.Sprint(seen) != fmt.Sprint(want) || quick.asked.Load() != 4 {
		t.Errorf("%v, %d reached the server; want %v", seen, quick.asked.Load(), want)
	}
}

// TestReceiptsAreFair: who asks without end leaves the others their look-ups.
func TestReceiptsAreFair(t *testing.T) {
	quick := &desk{find: func(context.Context, id.Receipt) (*Receipt, error) { return nil, nil }}
	change := withDesk(quick, func(c *ReceiptsConfig) { c.PerSecond, c.PerIP = 4, 1 })
	b := newBench(t, func(c *Config, d *Deps) {
		change(c, d)
		c.TrustedProxies = []string{"127.0.0.0/8"}
	})
	minted := id.NewMinter().Receipt(testNow.UnixMilli())
	ask := func(client string) int {
		req := b.request("GET", "/v1/receipts/"+minted.String(), "", "")
		req.Header.Set("X-Forwarded-For", client)
		return b.do(req).status
	}
	for n := range 20 {
		if got, want := ask("198.51.100.1"), map[bool]int{true: 404, false: 429}[n < 2]; got != want {
			t.Errorf("the greedy client's %d. look-up: %d, want %d", n+1, got, want)
		}
	}
	for _, client := range []string{"198.51.100.2", "2001:db8::1"} {
		if got := ask(client); got != 404 {
			t.Errorf("another client's first look-up: %d", got)
		}
	}
	if got := ask("2001:db8::2"); got != 404 || quick.asked.Load() != 5 {
		t.Errorf("the second of a /64: %d, and %d look-ups in all, want 5", got, quick.asked.Load())
	}
	if got := ask("2001:db8::3"); got != 429 {
		t.Errorf("the third of a /64: %d", got)
	}
}

// TestReceiptsOfThisMachine: its own look-ups have no bound by address; what an undeclared proxy on it sends has.
func TestReceiptsOfThisMachine(t *testing.T) {
	for client, want := range map[string]int{"": 8, "198.51.100.1": 2} {
		quick := &desk{find: func(context.Context, id.Receipt) (*Receipt, error) { return nil, nil }}
		b := newBench(t, withDesk(quick, func(c *ReceiptsConfig) { c.PerSecond, c.PerIP = 4, 1 }))
		answered := 0
		for range 20 {
			req := b.request("GET", "/v1/receipts/"+id.NewMinter().Receipt(testNow.UnixMilli()).String(), "", "")
			if client != "" {
				req.Header.Set("X-Forwarded-For", client)
			}
			if b.do(req).status == 404 {
				answered++
			}
		}
		if answered != want {
			t.Errorf("forwarded for %q: %d look-ups, want %d", client, answered, want)
		}
	}
}

// FuzzReceiptPath: no path makes the edge ask for anything but a receipt in its one text.
func FuzzReceiptPath(f *testing.F) {
	f.Add([]byte("06h08g6cc4jsttg0016znk6sj8"))
	f.Add([]byte("06H08G6CC4JSTTG0016ZNK6SJ8"))
	f.Add([]byte("' OR 1=1 --"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := id.ParseReceipt(text)
		if err != nil {
			return
		}
		again, err := id.ParseReceipt(r.String())
		if err != nil || again != r || strings.Trim(r.String(), "0123456789abcdefghjkmnpqrstvwxyz") != "" {
			t.Errorf("%q became %q, %v", text, r, err)
		}
	})
}
