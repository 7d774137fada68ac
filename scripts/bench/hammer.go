package main

import (
	"context"
	"slices"
	"time"
)

// A shot is what a hammer measured.
type shot struct {
	requests  int
	refused   int // answers other than the wanted status
	seconds   float64
	cpu       time.Duration   // of the processor, what sending and measuring took
	latencies []time.Duration // sorted
}

func (s *shot) perSecond() float64 { return float64(s.requests) / s.seconds }

func (s *shot) quantile(q float64) time.Duration {
	if len(s.latencies) == 0 {
		return 0
	}
	return s.latencies[min(int(q*float64(len(s.latencies))), len(s.latencies)-1)]
}

func (s *shot) sort() { slices.Sort(s.latencies) }

// A hammer sends one prepared request again and again over open connections, each waiting for its answer before the
// next, as browsers do. It is one thread that polls, and parses no more of the answer than it must, so that both sides of a
// comparison pay little for being measured.
type hammer struct {
	addr        string
	connections int
	request     []byte
	status      string // wanted, such as "302"
	// perSecond is 0 for as fast as it goes. Otherwise requests are due at even times, whatever became of those before, and latency
	// counts from the moment that a request was due: a stalled server cannot hide behind requests that were never sent.
	perSecond float64
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
