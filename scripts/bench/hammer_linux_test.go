package main

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func redirector(t *testing.T, before func()) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		before()
		ctx.Response.Header.Set("Location", "https://offer.example/")
		ctx.SetStatusCode(fasthttp.StatusFound)
		ctx.SetBodyString("moved")
	}}
	go func() { _ = s.Serve(l) }() // until the test closes it
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

var plainRequest = []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")

func TestHammerCountsEveryAnswer(t *testing.T) {
	var served atomic.Int64
	h := hammer{addr: redirector(t, func() { served.Add(1) }), connections: 16, request: plainRequest, status: "302"}
	s, err := h.run(context.Background(), 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(s.requests); got == 0 || got > served.Load() || got < served.Load()-16 || s.refused != 0 || s.cpu <= 0 {
		t.Errorf("%d answers to %d requests, %d refused, %v of the processor", got, served.Load(), s.refused, s.cpu)
	}
	h.status = "200"
	if s, err = h.run(context.Background(), 50*time.Millisecond); err != nil || s.requests != 0 || s.refused == 0 {
		t.Errorf("of wrong answers %d count, %v", s.requests, err)
	}
}

// TestHammerSeesAStall: with a rate, every request that a stall kept waiting counts, not only the one that was under way.
func TestHammerSeesAStall(t *testing.T) {
	const perSecond, stall = 1000, 300 * time.Millisecond
	var served atomic.Int64
	h := hammer{addr: redirector(t, func() {
		if served.Add(1) == 100 {
			time.Sleep(stall)
		}
	}), connections: 1, request: plainRequest, status: "302", perSecond: perSecond}
	s, err := h.run(context.Background(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, l := range s.latencies {
		if l >= stall/3 {
			late++
		}
	}
	// Two thirds of what was due during the stall.
	if want := int(perSecond * stall.Seconds() * 2 / 3); late < want {
		t.Errorf("%d of %d requests were late, at least %d are", late, s.requests, want)
	}
}

func TestReadHead(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n": 0,
		"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n":            41,
		"HTTP/1.1 302 Found\r\nContent-Length: 12\r\nA: b\r\n\r\nxx": 60,
		"HTTP/1.1 302 Found\r\n\r\n":                                 -1, "HTTP/1.1 302 Found\r\nContent-Length: x\r\n\r\n": -1,
	} {
		_, length, err := readHead([]byte(text))
		if (err != nil) != (want < 0) || err == nil && length != want {
			t.Errorf("%q is %d bytes long, %v; want %d", text, length, err, want)
		}
	}
}
