package outbound

import (
	"slices"
	"sort"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"tributary/schemas/events"
)

// headItems is how many turns of a line are in memory.
const headItems = 256

// An item is a request that is in a line or under way.
type item struct {
	turn
	progress
	// tries are those that were made; try of progress those that are in Kafka.
	tries uint32
	// request is nil until it is needed.
	request *events.OutboundRequest
}

// A line is what of a destination waits in the store in one class, of which the first are in memory: all up to upto but those that
// were claimed.
type line struct {
	head []*item
	upto turn
	// more: the store may have some beyond upto.
	more bool
}

func newLine() line { return line{upto: turn{-1, -1}, more: true} }

// insert puts an item in its place, and returns one that has to leave the memory for it, which may be the item.
func (n *line) insert(it *item) (left *item) {
	if n.more && n.upto.before(it.turn) {
		return it
	}
	at := sort.Search(len(n.head), func(i int) bool { return it.turn.before(n.head[i].turn) })
	n.head = slices.Insert(n.head, at, it)
	if n.upto.before(it.turn) {
		n.upto = it.turn
	}
	if len(n.head) <= headItems {
		return nil
	}
	last := len(n.head) - 1
	left = n.head[last]
	n.head[last] = nil
	n.head = n.head[:last]
	n.upto, n.more = n.head[last-1].turn, true
	return left
}

func (n *line) pop() *item {
	it := n.head[0]
	n.head[0] = nil
	if n.head = n.head[1:]; len(n.head) == 0 {
		n.head = nil
	}
	return it
}

// A queue is all of one destination in one lane.
type queue struct {
	name   string
	target *Target // nil: it is not declared
	seen   bool    // target was looked for at all

	lines [classes]line
	// splits are groups of a batch that was refused for one of them, to be told before others.
	splits [][]*item
	// claimed are out of their line: a call tells of them, or their attempt is on its way to Kafka.
	claimed map[int64]*item

	calls   int // under way
	turns   int // counts calls, so that retries get one in retryShare
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	// openUntil is when the breaker lets a call through to see; zero while it is closed.
	openUntil time.Time
	limiter   *rate.Limiter
	// holdUntil is when the destination wants to be called again (Retry-After).
	holdUntil time.Time

	waiting  int64
	capDay   int64 // days since 1970 in the destination's zone
	capCount int64
	// capAt are the offsets, of requests and of attempts, at which the counting began.
	capAt [2]int64
	// refusedMS is when the destination refused us (401, 403, 410), refusal why; 0: it did not.
	refusedMS int64
	refusal   string

	// wakeMS is when something may be done without an event before; index is the place among those that sleep, -1: it does not.
	wakeMS int64
	index  int
	dirty  bool

	stats queueStats
}

// paused says why nothing may be sent; empty: it may.
func (q *queue) paused() string {
	switch {
	case q.target == nil:
		return "it is not declared"
	case q.target.Paused != "":
		return q.target.Paused
	case q.refusedMS > q.target.ResumedMS:
		return q.refusal
	}
	return ""
}

// sleepers is a heap of queues by when they wake.
type sleepers []*queue

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].wakeMS < s[j].wakeMS }
func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}
func (s *sleepers) Push(x any) {
	q := x.(*queue)
	q.index = len(*s)
	*s = append(*s, q)
}
func (s *sleepers) Pop() any {
	old := *s
	q := old[len(old)-1]
	q.index = -1
	*s = old[:len(old)-1]
	return q
}
