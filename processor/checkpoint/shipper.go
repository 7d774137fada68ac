package checkpoint

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"tributary/processor/state"
)

// A Shipper ships the partitions of one process, one at a time, each once an interval.
type Shipper struct {
	store    *Store
	db       *state.Store
	database string
	sums     sums
	cancel   context.CancelFunc
	ctx      context.Context
	sending  sync.WaitGroup

	mu         sync.Mutex
	partitions map[int32]*schedule
	busy       bool
	flushed    <-chan struct{} // nil: not asked for
	closed     bool
	tell       func(partition int32, p Progress)
}

// schedule is when a partition is next.
type schedule struct {
	due time.Time
	// fresh is when its newest checkpoint was frozen, or when the partition came.
	fresh time.Time
}

// NewShipper makes a Shipper of db's partitions. tell, which may be nil, hears of each transfer's progress.
func NewShipper(store *Store, db *state.Store, tell func(partition int32, p Progress)) (*Shipper, error) {
	id, err := db.ID()
	if err != nil {
		return nil, err
	}
	s := &Shipper{store: store, db: db, database: id, partitions: map[int32]*schedule{}, tell: tell}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	age := s.age
	store.metrics.ageSeconds.Store(&age)
	return s, nil
}

// Due tells whether the partition should be shipped now. The loop asks between cycles for each partition it owns; the
// first time starts the clock, at an offset that spreads the partitions over the interval. Shortly before it answers
// true it has the database's write buffers flushed in the background, which makes freezing fast. It never blocks.
func (s *Shipper) Due(partition int32) bool {
	now := s.store.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[partition]
	if p == nil {
		p = &schedule{due: now.Add(spread(partition, s.store.cfg.Interval)), fresh: now}
		s.partitions[partition] = p
	}
	if s.busy || s.closed || now.Before(p.due) {
		return false
	}
	if s.flushed == nil {
		flushed, err := s.db.FlushSoon()
		if err != nil {
			s.store.log.Warn("flushing before a checkpoint", zap.Error(err))
			return true
		}
		s.flushed = flushed
	}
	select {
	case <-s.flushed:
		return true
	default:
		return false
	}
}

// spread answers a fixed offset within the interval for each partition.
func spread(partition int32, interval time.Duration) time.Duration {
	const golden = 0x9e3779b9 // 2^32 divided by the golden ratio: neighbours land far apart
	return time.Duration(float64(uint32(partition+1)*golden) / (1 << 32) * float64(interval))
}

// Ship freezes the partition and sends it in the background. It must be called when everything in the partition's state is
// committed in Kafka and the state says so (settled), and the partition may not be flushed until it returns, which takes
// tens of milliseconds; other partitions may. meta must be what the state holds. It does nothing while another partition is being
// shipped. A failure is logged, counted and tried again later: it is no reason to stop.
func (s *Shipper) Ship(partition int32, meta Meta) {
	s.mu.Lock()
	if s.busy || s.closed {
		s.mu.Unlock()
		return
	}
	s.busy, s.flushed = true, nil
	s.sending.Add(1)
	s.mu.Unlock()
	start := s.store.now()
	began := time.Now()
	cp, err := s.db.Checkpoint(partition)
	s.store.metrics.freezeSeconds.Observe(time.Since(began).Seconds())
	if err != nil {
		s.ended(partition, start, err)
		s.sending.Done()
		return
	}
	go func() {
		defer s.sending.Done()
		sent, err := s.send(cp, meta)
		if rerr := cp.Remove(); rerr != nil {
			s.store.log.Warn("giving a frozen partition up", zap.Error(rerr))
		}
		if err == nil {
			s.store.log.Info("shipped a checkpoint", zap.Int32("partition", partition), zap.String("checkpoint", sent.Manifest.ID()),
				zap.Int("sent_files", sent.SentFiles), zap.Int64("sent_bytes", sent.SentBytes), zap.Int64("kept_bytes", sent.KeptBytes),
				zap.Duration("took", time.Since(began)))
			s.store.metrics.shipSeconds.Observe(time.Since(began).Seconds())
		}
		s.ended(partition, start, err)
	}()
}

func (s *Shipper) send(cp *state.Checkpoint, meta Meta) (Sent, error) {
	m := s.store.metrics
	m.shipTotal.Set(float64(cp.Bytes()))
	defer m.shipTotal.Set(0)
	defer m.shipDone.Set(0)
	return s.store.send(s.ctx, cp, s.database, meta, &s.sums, func(p Progress) {
		m.shipDone.Set(float64(p.Done))
		if s.tell != nil {
			s.tell(cp.Partition, p)
		}
	})
}

// retryPart is the share of the interval after which a failed partition is due again.
const retryPart = 4

func (s *Shipper) ended(partition int32, frozen time.Time, err error) {
	if err != nil && s.ctx.Err() == nil {
		s.store.metrics.shipFailures.Inc()
		s.store.log.Error("shipping a checkpoint failed", zap.Int32("partition", partition), zap.Error(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	p := s.partitions[partition]
	if err != nil {
		if p != nil {
			p.due = s.store.now().Add(s.store.cfg.Interval / retryPart)
		}
		return
	}
	s.store.metrics.shipped.Inc()
	if p != nil {
		p.fresh, p.due = frozen, frozen.Add(s.store.cfg.Interval)
	}
}

// Busy tells whether a checkpoint is being sent.
func (s *Shipper) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// Forget ends the schedule of a partition that was given up. A checkpoint of it that is being sent still goes: it is as
// true as before.
func (s *Shipper) Forget(partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.partitions, partition)
}

// age is how old the state would be, in seconds, that the worst partition would be restored with.
func (s *Shipper) age() float64 {
	now := s.store.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest time.Duration
	for _, p := range s.partitions {
		oldest = max(oldest, now.Sub(p.fresh))
	}
	return oldest.Seconds()
}

// Close breaks off what is being sent and waits for its end. Due answers false afterwards. The database may be closed then.
func (s *Shipper) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.sending.Wait()
	s.store.metrics.ageSeconds.Store(nil)
}
