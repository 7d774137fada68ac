package lease

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog/control"
)

const (
	// roundEvery is the least time between two transactions: what is asked for meanwhile shares the next one.
	roundEvery = 100 * time.Millisecond
	// Between two tries of a round that failed.
	firstWait, lastWait = 100 * time.Millisecond, 5 * time.Second
	// noticeWithin is how soon a grantor whose turn it is looks which requests are from before.
	noticeWithin = 200 * time.Millisecond
	// sessionTimeout is for how long a grantor that died keeps the next one waiting.
	sessionTimeout = 6 * time.Second
)

// A RoleConfig says where a grantor gets requests, and where it writes books.
type RoleConfig struct {
	// Books is the topic of the books; Kinds are filled in.
	Books control.Config
	// Requests is the full name of the topic of requests.
	Requests string
	// Group is the consumer group whose member that has the topic's first partition is the grantor.
	Group      string
	Now        func() time.Time
	Registerer prometheus.Registerer
	Logger     *zap.Logger
}

// A Role is the grantor as it runs. Several may: the group lets one grant at a time, and where it is wrong about that, the writer of
// the books fences all but the last.
type Role struct {
	cfg    RoleConfig
	client *kgo.Client
	writer *control.Writer
	turn   atomic.Int64 // counts the times that the first partition was assigned or lost; odd: it is here
	failed atomic.Pointer[error]
	m      roleMetrics
}

type roleMetrics struct {
	granted, returned, rounds, failures, refused prometheus.Counter
}

// NewRole returns a grantor; Run it.
func NewRole(cfg RoleConfig) (*Role, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Books.Kinds = Kinds()
	r := &Role{cfg: cfg}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, cfg.Books.Kafka...),
		kgo.ConsumerGroup(cfg.Group), kgo.ConsumeTopics(cfg.Requests), kgo.DisableAutoCommit(), kgo.SessionTimeout(sessionTimeout),
		// What was asked and given back while nobody granted is read again: it says sums.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { r.assigned(got, true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { r.assigned(lost, false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { r.assigned(lost, false) }))...)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	if r.writer, err = control.NewWriter(cfg.Books); err != nil {
		client.Close()
		return nil, err
	}
	r.client = client
	r.m = r.newMetrics()
	return r, nil
}

// Kinds are the kinds of entries of the topic of books.
func Kinds() []control.Kind { return []control.Kind{{Name: Kind, Check: Check}} }

func (r *Role) newMetrics() (m roleMetrics) {
	registerer := r.cfg.Registerer
	if registerer == nil {
		registerer = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "leases", Name: name, Help: help})
		registerer.MustRegister(c)
		return c
	}
	m.granted = counter("granted_clicks_total", "Clicks of caps that were granted to edges.")
	m.returned = counter("returned_clicks_total", "Clicks of caps that edges gave back unused.")
	m.rounds = counter("rounds_total", "Transactions that granted leases or took them back.")
	m.failures = counter("round_errors_total", "Tries of such a transaction that failed; edges use what they hold meanwhile.")
	m.refused = counter("requests_refused_total", "Records of requests for leases, or requests of another day than today's, that were passed over.")
	registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "leases", Name: "granting",
		Help: "1 where this process grants leases, 0 where it would if the one that does were gone."}, func() float64 { return float64(r.turn.Load() & 1) }))
	return m
}

// assigned notes whose turn it is: that of who has the first partition.
func (r *Role) assigned(of map[string][]int32, here bool) {
	for _, partition := range of[r.cfg.Requests] {
		if turn := r.turn.Load(); partition == 0 && turn&1 == 1 != here {
			r.turn.Store(turn + 1)
			r.cfg.Logger.Info("leases of caps are granted here", zap.Bool("from_now_on", here))
		}
	}
}

// Ready returns nil when it grants, or waits for its turn.
func (r *Role) Ready() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Run grants leases until ctx is done, then returns nil.
func (r *Role) Run(ctx context.Context) error {
	defer r.writer.Close()
	defer r.client.Close()
	var at struct {
		turn int64
		g    *Grantor
		past int64 // offsets below were there when this turn began
	}
	var last time.Time
	for ctx.Err() == nil {
		fetches := r.poll(ctx)
		if turn := r.turn.Load(); at.g == nil || turn != at.turn {
			past, err := r.end(ctx)
			if err != nil {
				r.fail(ctx, err, firstWait)
				r.rewind()
				continue
			}
			at.turn, at.g, at.past = turn, NewGrantor(r.now()), past
		}
		r.take(at.g, fetches, at.past)
		if at.turn&1 == 0 || at.g.Pending() == 0 {
			continue
		}
		pause(ctx, roundEvery-time.Since(last))
		r.take(at.g, r.client.PollFetches(nil), at.past) //nolint:staticcheck // nil: what is here already
		last = time.Now()
		r.grant(ctx, at.g, at.turn)
	}
	return nil
}

// poll waits for requests, but not for long: a turn that began is to be noticed before there are any.
func (r *Role) poll(ctx context.Context) kgo.Fetches {
	limited, cancel := context.WithTimeout(ctx, noticeWithin)
	defer cancel()
	return r.client.PollFetches(limited)
}

func (r *Role) now() int64 { return r.cfg.Now().UnixMilli() }

// end is the offset behind the last request.
func (r *Role) end(ctx context.Context) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, lastWait)
	defer cancel()
	ends, err := kadm.NewClient(r.client).ListEndOffsets(limited, r.cfg.Requests)
	if err != nil {
		return 0, fmt.Errorf("asking for the end of the topic %s: %w", r.cfg.Requests, err)
	}
	end, ok := ends.Lookup(r.cfg.Requests, 0)
	if !ok || end.Err != nil {
		return 0, fmt.Errorf("asking for the end of the topic %s: %w", r.cfg.Requests, errors.Join(end.Err, ends.Error()))
	}
	return end.Offset, nil
}

// rewind has what was read and not taken read again.
func (r *Role) rewind() {
	r.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{r.cfg.Requests: {0: {Epoch: -1, Offset: 0}}})
}

func (r *Role) take(g *Grantor, fetches kgo.Fetches, past int64) {
	now := r.now()
	fetches.EachRecord(func(record *kgo.Record) {
		list, err := DecodeRequests(record.Value)
		if err != nil {
			r.m.refused.Inc()
			r.cfg.Logger.Warn("a record of requests for leases is passed over", zap.Int64("offset", record.Offset), zap.Error(err))
			return
		}
		for _, one := range list {
			if !g.Take(one, now, record.Offset < past) && record.Offset >= past {
				r.m.refused.Inc()
			}
		}
	})
}

// grant commits a round; it repeats one that fails for as long as it is its turn.
func (r *Role) grant(ctx context.Context, g *Grantor, turn int64) {
	for wait := firstWait; ctx.Err() == nil && r.turn.Load() == turn; wait = min(2*wait, lastWait) {
		var sum Tally
		wrote := false
		_, err := r.writer.Write(ctx, func(state *control.State) (changes []control.Change, err error) {
			changes, sum, err = r.decide(g, state)
			wrote = len(changes) > 0
			return changes, err
		})
		if err != nil {
			r.m.failures.Inc()
			r.fail(ctx, fmt.Errorf("granting leases: %w", err), wait)
			continue
		}
		if r.failed.Swap(nil) != nil {
			r.cfg.Logger.Info("leases are granted again")
		}
		if g.Done(r.now()); wrote {
			r.m.rounds.Inc()
			r.m.granted.Add(float64(sum.Granted))
			r.m.returned.Add(float64(sum.Returned))
		}
		return
	}
}

// decide makes a round's changes of the books as they are committed.
func (r *Role) decide(g *Grantor, state *control.State) (changes []control.Change, sum Tally, err error) {
	changed, sum := g.Round(r.now(), func(key Key) (Book, error) {
		entry, ok := state.Get(Kind, key.String())
		if !ok {
			return Book{Key: key}, nil
		}
		return Decode(entry.ID, entry.Value)
	})
	for i := range changed {
		value, err := changed[i].Encode()
		if err != nil {
			return nil, sum, err
		}
		key := changed[i].Key
		changes = append(changes, control.Change{Entry: control.Entry{Kind: Kind, ID: key.String(), Author: "control", Expires: key.Expires(), Value: value}})
	}
	return changes, sum, nil
}

// fail notes what is wrong, says it once, and waits.
func (r *Role) fail(ctx context.Context, err error, wait time.Duration) {
	if ctx.Err() != nil {
		return
	}
	if r.failed.Swap(&err) == nil {
		r.cfg.Logger.Warn("no leases of caps are granted; edges use what they hold", zap.Error(err))
	}
	pause(ctx, wait)
}

// pause waits, unless ctx is done before.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
