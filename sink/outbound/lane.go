package outbound

import (
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/sony/gobreaker/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tributary/schemas/events"
)

// A lane delivers what one partition has. All of it but calls is done by one goroutine.
type lane struct {
	keys
	e   *Engine
	log *zap.Logger

	// calling ends with the calls; whoever ends it gives them up.
	calling context.Context
	giveUp  context.CancelFunc
	callers sync.WaitGroup

	in     inbox
	notify chan struct{}
	// leave is closed when the lane has to end; left when it has.
	leave, left chan struct{}

	queues map[string]*queue
	dirty  []*queue
	asleep sleepers

	// requestsAt and attemptsAt are the next offsets of the two topics that the store has not; a request keeps the second as it came.
	requestsAt, attemptsAt int64
	// low is a bound: no request before it is in the store.
	low  int64
	live bool
	// loaded is how many requests are decoded in lines.
	loaded int
	calls  int
	// unrecorded are attempts on their way to Kafka, the time of each in the order in which they went.
	unrecorded []time.Time
	pruneFrom  []byte
	mark       atomic.Pointer[[2]int64] // see markLow
}

// maxLoaded bounds what of a lane's lines is decoded.
const maxLoaded = 2048

// An inbox is what others leave for a lane.
type inbox struct {
	sync.Mutex
	records []*kgo.Record
	bytes   int
	paused  bool
	results []*result
	acks    []ack
}

// An ack says that an attempt is in Kafka.
type ack struct {
	q       *queue
	it      *item
	attempt *events.OutboundAttempt
	offset  int64
	split   bool
}

func newLane(e *Engine, partition int32) *lane {
	l := &lane{keys: keys{partition}, e: e, log: e.log.With(zap.Int32("partition", partition)), notify: make(chan struct{}, 1),
		leave: make(chan struct{}), left: make(chan struct{}), queues: map[string]*queue{}}
	l.calling, l.giveUp = context.WithCancel(e.crash)
	return l
}

func (l *lane) signal() {
	select {
	case l.notify <- struct{}{}:
	default:
	}
}

// run works until leave is closed, then waits for the calls under way, for drain_timeout at most.
func (l *lane) run() {
	defer close(l.left)
	defer l.callers.Wait()
	defer l.giveUp()
	if err := l.work(); err != nil {
		l.e.fail(fmt.Errorf("delivering partition %d of %s: %w", l.partition, l.e.requests, err))
	}
}

func (l *lane) work() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := l.load(); err != nil {
		return err
	}
	if err := l.catchUp(); err != nil || !l.live {
		return err
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for leave, deadline := l.leave, (<-chan time.Time)(nil); ; {
		if err := l.round(leave != nil); err != nil {
			return err
		}
		if leave == nil && l.calls == 0 && len(l.unrecorded) == 0 {
			return nil
		}
		if len(l.asleep) > 0 {
			timer.Reset(max(0, time.UnixMilli(l.asleep[0].wakeMS).Sub(l.e.now())))
		}
		select {
		case <-l.notify:
		case <-timer.C:
		case <-tick.C:
			if err := l.tick(); err != nil {
				return err
			}
		case <-leave:
			leave = nil
			limit := time.NewTimer(l.e.config.DrainTimeout)
			defer limit.Stop()
			deadline = limit.C
		case <-deadline:
			return nil
		case <-l.e.crash.Done():
			return nil
		}
	}
}

const tickEvery = time.Second

// round takes what was left for the lane, and begins what may begin.
func (l *lane) round(calling bool) error {
	records, results, acks := l.collect()
	if err := l.intake(records); err != nil {
		return err
	}
	for _, r := range results {
		l.complete(r)
	}
	if err := l.record(acks); err != nil {
		return err
	}
	now := l.e.now()
	for len(l.asleep) > 0 && l.asleep[0].wakeMS <= now.UnixMilli() {
		l.touch(heap.Pop(&l.asleep).(*queue))
	}
	dirty := l.dirty
	l.dirty = nil
	for _, q := range dirty {
		q.dirty = false
		if !calling {
			continue
		}
		if err := l.pump(q, now); err != nil {
			return err
		}
	}
	return nil
}

// collect returns what is in the inbox.
func (l *lane) collect() ([]*kgo.Record, []*result, []ack) {
	l.in.Lock()
	defer l.in.Unlock()
	records, results, acks := l.in.records, l.in.results, l.in.acks
	l.in.records, l.in.results, l.in.acks, l.in.bytes = nil, nil, nil, 0
	if l.in.paused {
		l.in.paused = false
		l.e.resume(l.partition)
	}
	return records, results, acks
}

// touch has a queue looked at in this round or the next.
func (l *lane) touch(q *queue) {
	if !q.dirty {
		q.dirty = true
		l.dirty = append(l.dirty, q)
	}
}

// sleepUntil has a queue looked at again at a time, or sooner.
func (l *lane) sleepUntil(q *queue, atMS int64) {
	q.wakeMS = atMS
	if q.index < 0 {
		heap.Push(&l.asleep, q)
	} else {
		heap.Fix(&l.asleep, q.index)
	}
}

// load reads what the store says of the partition.
func (l *lane) load() error {
	value, found, err := l.e.store.get(l.offsets())
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("partition %d has no beginning", l.partition)
	}
	at, err := int64s(value, 2)
	if err != nil {
		return err
	}
	l.requestsAt, l.attemptsAt = at[0], at[1]
	prefix := l.begin('n', 0)
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		key := it.Key()
		if len(key) < 7 || len(key) != 7+int(binary.BigEndian.Uint16(key[5:])) {
			return errStore
		}
		q := l.queue(string(key[7:]))
		numbers, err := int64s(it.Value(), 5)
		if err != nil {
			return err
		}
		q.waiting, q.capDay, q.capCount, q.capAt = numbers[0], numbers[1], numbers[2], [2]int64{numbers[3], numbers[4]}
		refused, found, err := l.e.store.get(l.ofDestination('p', q.name))
		if err != nil {
			return err
		}
		if found {
			if len(refused) < 8 {
				return errStore
			}
			q.refusedMS, q.refusal = int64(binary.BigEndian.Uint64(refused)), string(refused[8:])
		}
	}
	return it.Error()
}

func (l *lane) queue(name string) *queue {
	q := l.queues[name]
	if q == nil {
		q = &queue{name: name, claimed: map[int64]*item{}, index: -1}
		for c := range q.lines {
			q.lines[c] = newLine()
		}
		q.stats = l.e.metrics.of(name)
		q.breaker = l.breaker(q)
		l.queues[name] = q
	}
	return q
}

// breaker is closed after one call that succeeds, open after so many in a row that fail.
func (l *lane) breaker(q *queue) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	failures, pause := uint32(l.e.config.BreakerFailures), l.e.config.BreakerPause
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: q.name, Timeout: pause,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failures },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			q.openUntil = time.Time{}
			if to == gobreaker.StateOpen {
				q.openUntil = time.Now().Add(pause)
			}
			q.stats.open(to != gobreaker.StateClosed)
		},
	})
}

// retarget takes the declaration that is in force.
func (l *lane) retarget(q *queue) {
	target := l.e.targets.Target(q.name)
	if target == q.target && q.seen {
		return
	}
	q.target, q.seen = target, true
	q.limiter = nil
	if target != nil && target.PerSecond > 0 {
		q.limiter = rate.NewLimiter(rate.Limit(target.PerSecond), max(1, int(target.PerSecond/10)))
	}
}

// intake puts new requests into the store and, once the lane is live, into their lines.
func (l *lane) intake(records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	b := l.e.store.db.NewBatch()
	defer b.Close()
	var inBatch map[string]bool
	if len(records) > 1 {
		inBatch = make(map[string]bool, len(records))
	}
	touched := map[*queue]bool{}
	type arrival struct {
		q  *queue
		it *item
	}
	var arrivals []arrival
	for _, record := range records {
		if record.Offset < l.requestsAt {
			continue
		}
		l.requestsAt = record.Offset + 1
		if record.Attrs.IsControl() {
			continue
		}
		r := new(events.OutboundRequest)
		if err := r.UnmarshalVT(record.Value); err != nil || r.Destination == "" || r.RequestId == "" {
			l.e.metrics.undecodable.Inc()
			l.log.Error("a record is no request to tell a destination something; it is left out", zap.Int64("offset", record.Offset), zap.Error(err))
			continue
		}
		r.DueMs, r.ExpiresMs = max(r.DueMs, 0), max(r.ExpiresMs, 0)
		q := l.queue(r.Destination)
		l.retarget(q)
		it := &item{turn: turn{r.DueMs, record.Offset}, progress: progress{dueMS: r.DueMs, line: true}, request: r}
		conversion := r.Destination + "\x00" + r.ConversionId
		if r.Seq > 1 || r.Resend > 0 {
			behind, err := l.isBehind(r, record.Offset)
			if err != nil {
				return err
			}
			it.line = !behind && !inBatch[conversion]
		}
		if inBatch != nil {
			inBatch[conversion] = true
		}
		if l.isCapped(q, r, record.Offset) {
			it.capped, it.class = true, retries
		}
		if err := l.put(b, it, record.Value); err != nil {
			return err
		}
		q.waiting++
		q.stats.arrived(r)
		touched[q] = true
		if l.live && it.line {
			arrivals = append(arrivals, arrival{q, it})
		}
	}
	if err := l.commit(b, touched); err != nil {
		return err
	}
	for _, a := range arrivals {
		l.line(a.q, a.it)
	}
	return nil
}

// put writes a new request.
func (l *lane) put(b *pebble.Batch, it *item, value []byte) error {
	r := it.request
	if err := b.Set(l.ofOffset('r', it.offset), append(appendInt64s(make([]byte, 0, 8+len(value)), l.attemptsAt), value...), nil); err != nil {
		return err
	}
	if err := b.Set(l.inOrder(r, it.offset), nil, nil); err != nil {
		return err
	}
	if !it.line || it.class != fresh {
		if err := b.Set(l.ofOffset('s', it.offset), it.encode(), nil); err != nil {
			return err
		}
	}
	if !it.line {
		return nil
	}
	return b.Set(l.turn(r.Destination, it.class, it.turn), nil, nil)
}

// commit writes a batch with the offsets up to which the store is then a view, and the counts of queues.
func (l *lane) commit(b *pebble.Batch, touched map[*queue]bool) error {
	for q := range touched {
		if err := b.Set(l.ofDestination('n', q.name), appendInt64s(nil, q.waiting, q.capDay, q.capCount, q.capAt[0], q.capAt[1]), nil); err != nil {
			return err
		}
	}
	if err := b.Set(l.offsets(), appendInt64s(nil, l.requestsAt, l.attemptsAt), nil); err != nil {
		return err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("writing what waits to be told: %w", err)
	}
	return nil
}

// line puts an item into its line.
func (l *lane) line(q *queue, it *item) {
	if it.request != nil {
		if l.loaded >= maxLoaded {
			it.request = nil
		} else {
			l.loaded++
		}
	}
	if left := q.lines[it.class].insert(it); left != nil && left.request != nil {
		l.loaded--
	}
	l.touch(q)
}

// isBehind tells whether something of the same conversion has to be told before.
func (l *lane) isBehind(r *events.OutboundRequest, offset int64) (bool, error) {
	prefix := l.conversion('c', r.Destination, r.ConversionId)
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: l.inOrder(r, offset)})
	if err != nil {
		return false, err
	}
	found := it.First()
	return found, it.Close()
}

// isCapped counts a conversion among those of its day.
func (l *lane) isCapped(q *queue, r *events.OutboundRequest, offset int64) bool {
	if q.target == nil || q.target.CapPerDay <= 0 || r.Told != events.OutboundRequest_TOLD_CREATED || r.Resend > 0 || r.Skip != "" {
		return false
	}
	if day := q.target.day(time.UnixMilli(r.DecidedMs)); day > q.capDay {
		q.capDay, q.capCount, q.capAt = day, 0, [2]int64{offset, l.attemptsAt}
	}
	q.capCount++
	return q.capCount > q.target.CapPerDay
}

// requestHash spreads the tries of requests that failed together; with every try alike.
func requestHash(r *events.OutboundRequest, try uint32) uint64 {
	return xxhash.Sum64String(r.RequestId) + uint64(try)*0x9e3779b97f4a7c15
}
