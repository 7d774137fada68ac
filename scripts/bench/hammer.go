package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A shot is what a hammer measured.
type shot struct {
	requests  int
	refused   int // answers other than the wanted status
	seconds   float64
	latencies []time.Duration // sorted
}

func (s *shot) perSecond() float64 { return float64(s.requests) / s.seconds }

func (s *shot) quantile(q float64) time.Duration {
	if len(s.latencies) == 0 {
		return 0
	}
	return s.latencies[min(int(q*float64(len(s.latencies))), len(s.latencies)-1)]
}

// A hammer sends one prepared request again and again over open connections, each waiting for its answer before the
// next, as browsers do. It parses no more of the answer than it must, so that both sides of a comparison pay little for
// being measured.
type hammer struct {
	addr        string
	connections int
	request     []byte
	status      string  // wanted, such as "302"
	perSecond   float64 // 0: as fast as it goes
}

func (h *hammer) run(ctx context.Context, d time.Duration) (*shot, error) {
	conns := make([]net.Conn, h.connections)
	for i := range conns {
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			return nil, fmt.Errorf("connecting to %s: %w", h.addr, err)
		}
		defer c.Close()
		conns[i] = c
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		out     shot
		failure error
		stop    atomic.Bool
	)
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	interval := time.Duration(0)
	if h.perSecond > 0 {
		interval = time.Duration(float64(h.connections) / h.perSecond * float64(time.Second))
	}
	start := time.Now()
	for i, c := range conns {
		wg.Go(func() {
			lat, refused, err := h.loop(ctx, c, &stop, interval, start.Add(interval*time.Duration(i)/time.Duration(h.connections)))
			mu.Lock()
			defer mu.Unlock()
			out.latencies = append(out.latencies, lat...)
			out.refused += refused
			if err != nil && failure == nil {
				failure = err
			}
		})
	}
	wg.Wait()
	out.seconds = time.Since(start).Seconds()
	out.requests = len(out.latencies)
	slices.Sort(out.latencies)
	return &out, failure
}

// loop owns one connection. With an interval, latency counts from the moment the request was due, so that a stalled
// server cannot hide behind requests that were never sent.
func (h *hammer) loop(ctx context.Context, c net.Conn, stop *atomic.Bool, interval time.Duration, due time.Time) (lat []time.Duration, refused int, err error) {
	lat = make([]time.Duration, 0, 1<<14)
	r := bufio.NewReaderSize(c, 4096)
	for !stop.Load() && ctx.Err() == nil {
		begin := time.Now()
		if interval > 0 {
			if wait := due.Sub(begin); wait > 0 {
				pause(ctx, wait)
			}
			begin = due
			due = due.Add(interval)
		}
		if _, err = c.Write(h.request); err != nil {
			return lat, refused, fmt.Errorf("sending: %w", err)
		}
		status, err := skipResponse(r)
		if err != nil {
			return lat, refused, fmt.Errorf("reading the answer: %w", err)
		}
		if status != h.status {
			refused++
			continue
		}
		lat = append(lat, time.Since(begin))
	}
	return lat, refused, nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

var contentLength = []byte("content-length:")

// skipResponse reads one HTTP/1.1 answer with a Content-Length and answers its status.
func skipResponse(r *bufio.Reader) (status string, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(line) < 12 {
		return "", fmt.Errorf("status line %q", line)
	}
	status = string(line[9:12])
	body := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return "", err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if body, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return "", err
			}
		}
	}
	_, err = r.Discard(body)
	return status, err
}
