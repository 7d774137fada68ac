package report

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A flight is a question on its way, and whoever asked the same meanwhile.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc
	table  *Table
	err    error

	mu       sync.Mutex
	watchers map[int]func(Progress)
	next     int
}

// board adds one who waits; leave returns how many are left.
func (f *flight) board(ctx context.Context) (leave func() (left int)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[int]func(Progress){}
	}
	seat := f.next
	f.next++
	f.watchers[seat] = watcherOf(ctx)
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, seat)
		return len(f.watchers)
	}
}

// watched: somebody wants to know how far it is.
func (f *flight) watched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watchers {
		if w != nil {
			return true
		}
	}
	return false
}

func (f *flight) tell(p Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watchers {
		if w != nil {
			w(p)
		}
	}
}

// key is the same for questions with the same answer, and another one for another scope.
func (q *Question) key() (string, error) {
	k := *q
	if k.Basis == "" {
		k.Basis = ByClick
	}
	if k.Zone == "" {
		k.Zone = "UTC"
	}
	k.Period, k.Compare.Period = k.Period.utc(), k.Compare.Period.utc()
	k.Known = k.Known.UTC()
	k.Scope.Campaigns = sortedSet(k.Scope.Campaigns)
	k.Scope.Buyers, k.Scope.Teams = sortedSet(k.Scope.Buyers), sortedSet(k.Scope.Teams)
	text, err := json.Marshal(k)
	if err != nil {
		return "", wrong("a time of the question cannot be written: %v", err)
	}
	return string(text), nil
}

func (p Period) utc() Period { return Period{p.From.UTC(), p.To.UTC()} }

func sortedSet[T interface{ uint32 | string }](values []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}

func newQueryID() string { return "report-" + rand.Text() }

// A cache keeps answers for a short time. Its owner locks it.
type cache struct {
	max, bytes int
	byKey      map[string]*list.Element
	order      list.List // the newest first
}

type cached struct {
	key   string
	table *Table
	until time.Time
	bytes int
}

func (c *cache) get(key string, now time.Time) *Table {
	element, ok := c.byKey[key]
	if !ok {
		return nil
	}
	entry := element.Value.(*cached)
	if !now.Before(entry.until) {
		c.drop(element)
		return nil
	}
	return entry.table
}

// put keeps an answer unless it is an eighth of all that may be kept.
func (c *cache) put(key string, t *Table, until, now time.Time) {
	if element, ok := c.byKey[key]; ok {
		c.drop(element)
	}
	entry := &cached{key: key, table: t, until: until, bytes: len(key) + t.bytes()}
	if entry.bytes > c.max/8 || !now.Before(until) {
		return
	}
	if c.byKey == nil {
		c.byKey = map[string]*list.Element{}
	}
	c.byKey[key] = c.order.PushFront(entry)
	c.bytes += entry.bytes
	for last := c.order.Back(); last != nil; last = c.order.Back() {
		if c.bytes <= c.max && now.Before(last.Value.(*cached).until) {
			break
		}
		c.drop(last)
	}
}

func (c *cache) drop(element *list.Element) {
	entry := c.order.Remove(element).(*cached)
	c.bytes -= entry.bytes
	delete(c.byKey, entry.key)
}

// bytes is about what an answer holds.
func (t *Table) bytes() int {
	const value, overhead = 48, 256
	n := overhead
	for i := range t.Rows {
		r := &t.Rows[i]
		n += value * (3 + len(r.Keys) + len(r.Figures) + len(r.Before))
		for _, k := range r.Keys {
			if text, ok := k.(string); ok {
				n += len(text)
			}
		}
	}
	return n
}

// A held value is read again when it is old. Several who want it read it once.
type held[T any] struct {
	mu      sync.Mutex
	value   T
	at      time.Time
	reading chan struct{}
}

// readTime is how long reading one in the background may take.
const readTime = 10 * time.Second

// get returns the value: from fresh on it is read again, and from stale on one waits for that.
func (h *held[T]) get(ctx context.Context, now time.Time, fresh, stale time.Duration,
	read func(context.Context) (T, error)) (T, error) {
	for {
		h.mu.Lock()
		age := now.Sub(h.at)
		if !h.at.IsZero() && age < fresh {
			defer h.mu.Unlock()
			return h.value, nil
		}
		waits := h.at.IsZero() || age >= stale
		if h.reading == nil {
			done := make(chan struct{})
			h.reading = done
			if waits {
				h.mu.Unlock()
				return h.fill(ctx, now, done, read)
			}
			go func() {
				background, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
				defer cancel()
				_, _ = h.fill(background, now, done, read) // the next one tries again
			}()
		}
		if !waits {
			defer h.mu.Unlock()
			return h.value, nil
		}
		reading := h.reading
		h.mu.Unlock()
		select {
		case <-reading:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("asking ClickHouse: %w", context.Cause(ctx))
		}
	}
}

// forget makes the next one read it again.
func (h *held[T]) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Time{}
}

func (h *held[T]) fill(ctx context.Context, now time.Time, done chan struct{}, read func(context.Context) (T, error)) (T, error) {
	value, err := read(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.value, h.at = value, now
	}
	h.reading = nil
	close(done)
	return value, err
}
