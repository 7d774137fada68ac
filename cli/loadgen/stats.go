package loadgen

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats count what a Driver did. Every field may be read while it runs.
type Stats struct {
	// Requests by kind, re-sent ones of the traffic included, repeated attempts not.
	Clicks, Postbacks, Bad, Impressions, Presses atomic.Int64
	// Failed attempts had no answer; Refused503 were told to come again; Retried attempts followed either; GaveUp requests ran
	// out of time; Unexpected answers were not what the generator built the request for; Skipped postbacks were not sent
	// because an earlier one about the same conversion may still land after them, or went through an edge that is away.
	Failed, Refused503, Retried, GaveUp, Unexpected, Skipped atomic.Int64

	began, ended atomic.Int64 // Unix ns
	answers      atomic.Int64
	buckets      [64 * 8]atomic.Int64
}

func (s *Stats) start() { s.began.Store(time.Now().UnixNano()); s.ended.Store(0) }
func (s *Stats) stop()  { s.ended.Store(time.Now().UnixNano()) }

// observe counts one answer in a bucket of its duration: eight to each power of two of nanoseconds.
func (s *Stats) observe(d time.Duration) {
	s.answers.Add(1)
	s.buckets[bucketOf(uint64(max(d, 8)))].Add(1)
}

func bucketOf(ns uint64) int {
	power := bits.Len64(ns) - 1
	return power*8 + int(ns>>(power-3)&7)
}

// Answers is how many requests were answered for good.
func (s *Stats) Answers() int64 { return s.answers.Load() }

// Elapsed is the time of the last Run, so far when it is still on.
func (s *Stats) Elapsed() time.Duration {
	began, ended := s.began.Load(), s.ended.Load()
	if began == 0 {
		return 0
	}
	if ended == 0 {
		ended = time.Now().UnixNano()
	}
	return time.Duration(ended - began)
}

// PerSecond is answers a second over the last Run.
func (s *Stats) PerSecond() float64 {
	elapsed := s.Elapsed().Seconds()
	if elapsed == 0 {
		return 0
	}
	return float64(s.Answers()) / elapsed
}

// Quantile is the answer time that the part q of the answers stayed below, to within 13 %.
func (s *Stats) Quantile(q float64) time.Duration {
	want := int64(float64(s.answers.Load()) * q)
	seen := int64(0)
	for i := range s.buckets {
		if seen += s.buckets[i].Load(); seen > want {
			power, eighth := i/8, i%8
			return time.Duration(float64(uint64(1)<<power) * (1 + float64(eighth+1)/8))
		}
	}
	return 0
}
