package control

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

const (
	// fetchWait is how long one fetch waits for what is new: a broker that answers nothing for blindAfter is not there.
	fetchWait  = 500 * time.Millisecond
	blindAfter = 4 * fetchWait
	// fetchLimit ends a fetch whose answer does not come, on a connection that is dead and says nothing.
	fetchLimit = 5 * time.Second
)

// A Reader follows the topic and has what is in force. Make it with Open, then Run it.
type Reader struct {
	cfg    Config
	client *kgo.Client
	keeper *keeper
	m      *metrics

	state   atomic.Pointer[State] // nil: nothing is known yet
	first   chan struct{}         // closed once something is
	caught  chan struct{}         // closed once Kafka has shown the end of the topic
	once    sync.Once             // of caught
	seen    atomic.Int64          // when Kafka last showed the end of the topic, Unix ns; before that, when the reader was made
	problem atomic.Pointer[string]
	lost    atomic.Pointer[string]
	refused atomic.Pointer[[]Refusal]
	// passedOver is how many more are refused than those.
	passedOver atomic.Int64

	expiries chan struct{} // asks runExpiry to look again
	mu       sync.Mutex    // of watchers, and of the change to another state
	watchers []watcher
}

type watcher struct {
	kind   string
	notify func(*State)
}

// Open returns a Reader that starts from the copy on disk. A damaged copy is set aside, and said. Run follows the topic.
func Open(cfg Config) (*Reader, error) {
	cfg = cfg.withDefaults()
	client, err := kgo.NewClient(cfg.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	r := &Reader{cfg: cfg, client: client, first: make(chan struct{}), caught: make(chan struct{}), expiries: make(chan struct{}, 1)}
	r.seen.Store(cfg.Now().UnixNano())
	r.keeper = newKeeper(&r.cfg)
	r.m = newMetrics(cfg.Registerer, r)
	state, refused, err := r.keeper.load(kindsOf(cfg.Kinds))
	if err != nil {
		client.Close()
		return nil, err
	}
	if state != nil {
		r.refused.Store(&refused)
		r.show(state, state.Kinds())
	}
	return r, nil
}

// Now returns what is in force, by the reader's clock; an empty state where nothing is known yet.
func (r *Reader) Now() *State {
	if s := r.state.Load(); s != nil {
		return s.At(r.cfg.Now())
	}
	return &State{}
}

// Await waits until something is known of the topic, from a copy or from Kafka.
func (r *Reader) Await(ctx context.Context) error {
	select {
	case <-r.first:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnready, context.Cause(ctx))
	}
}

// Seen waits until Kafka has shown the end of the topic once: from then on what was written before the call is in force here.
func (r *Reader) Seen(ctx context.Context) error {
	select {
	case <-r.caught:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnready, context.Cause(ctx))
	}
}

// Watch calls notify with the state now, and then after each change to the entries of a kind ("" for any), one call at a time and
// in order. Readers of the topic wait for it: it must be quick.
func (r *Reader) Watch(kind string, notify func(*State)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers = append(r.watchers, watcher{kind, notify})
	if s := r.state.Load(); s != nil {
		notify(s.At(r.cfg.Now()))
	}
}

// Blind returns since when Kafka has not shown the end of the topic: what was written since is not in force here. Zero: it sees.
func (r *Reader) Blind() time.Time {
	if seen := time.Unix(0, r.seen.Load()); r.problem.Load() != nil || r.cfg.Now().Sub(seen) > blindAfter {
		return seen
	}
	return time.Time{}
}

// Refused are the records that break a rule, by name. What was in force before them still is.
func (r *Reader) Refused() []Refusal {
	if list := r.refused.Load(); list != nil {
		return *list
	}
	return nil
}

// Ready returns nil when something is known of the topic: a reader that is blind goes on with what it has.
func (r *Reader) Ready() error {
	if r.state.Load() != nil {
		return nil
	}
	if p := r.problem.Load(); p != nil {
		return fmt.Errorf("%w: %s", ErrUnready, *p)
	}
	return ErrUnready
}

// Run follows the topic until ctx is done; then it returns nil. A Reader runs once.
func (r *Reader) Run(ctx context.Context) error {
	defer r.client.Close()
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { r.keeper.run(ctx) })
	beside.Go(func() { r.runExpiry(ctx) })
	f := follower{
		client: r.client, broker: r.cfg.Broker, topic: r.cfg.Topic, kinds: kindsOf(r.cfg.Kinds), before: r.state.Load,
	}
	for wait := firstPause; ctx.Err() == nil; {
		err := r.follow(ctx, &f)
		if err == nil {
			wait = firstPause
			continue
		}
		if ctx.Err() != nil {
			break
		}
		r.blind(err)
		pause(ctx, wait)
		wait = min(2*wait, lastPause)
	}
	return nil
}

// blind notes that Kafka does not show the topic.
func (r *Reader) blind(err error) {
	text := err.Error()
	if r.problem.Swap(&text) == nil {
		r.cfg.Logger.Warn("the topic control cannot be read; what is in force stays as it is",
			zap.Time("since", time.Unix(0, r.seen.Load())), zap.Error(err))
	}
}

// follow takes what one fetch brings.
func (r *Reader) follow(ctx context.Context, f *follower) error {
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	atEnd, err := f.step(limited, fetchWait)
	if err != nil || !atEnd {
		return err
	}
	if was := r.state.Load(); was != nil && (f.fold.revision < was.revision || f.fold.lost.has(was.revision)) {
		return r.refill(ctx, f, was)
	}
	r.lost.Store(nil)
	r.seen.Store(r.cfg.Now().UnixNano())
	if r.problem.Swap(nil) != nil {
		r.cfg.Logger.Info("the topic control can be read again")
	}
	r.publish(f)
	r.once.Do(func() { close(r.caught) })
	return nil
}

// publish puts in force what the fold has.
func (r *Reader) publish(f *follower) {
	if !f.fold.news && r.state.Load() != nil {
		return
	}
	refused := f.fold.refusals()
	r.tellRefused(refused)
	r.refused.Store(&refused)
	r.passedOver.Store(f.fold.passedOver)
	state, changed := f.fold.state()
	if was := r.state.Load(); was != nil {
		changed = state.differs(was, changed)
	}
	r.show(state, changed)
	r.keeper.keep(state)
}

// tellRefused has the log name those that are new.
func (r *Reader) tellRefused(refused []Refusal) {
	told := make(map[int64]bool, len(refused))
	for _, was := range r.Refused() {
		told[was.Revision] = true
	}
	named := 0
	for i := range refused {
		if told[refused[i].Revision] {
			continue
		}
		if named++; named <= maxNoted {
			r.cfg.Logger.Error("an entry of the topic control is refused", zap.Stringer("why", &refused[i]))
		}
	}
	if named > maxNoted {
		r.cfg.Logger.Error("more entries of the topic control are refused", zap.Int("entries", named-maxNoted))
	}
}

// show puts a state in force and tells the watchers of the kinds that changed; all of them where nothing was known.
func (r *Reader) show(s *State, changed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.state.Swap(s) == nil
	if first {
		close(r.first)
	}
	select {
	case r.expiries <- struct{}{}: // another entry may be the next to expire
	default:
	}
	r.tell(s, func(kind string) bool {
		return first || slices.Contains(changed, kind) || kind == "" && len(changed) > 0
	})
}

// tell calls the watchers of some kinds. Called with the lock.
func (r *Reader) tell(s *State, about func(kind string) bool) {
	at := s.At(r.cfg.Now())
	for _, w := range r.watchers {
		if about(w.kind) {
			w.notify(at)
		}
	}
}

// runExpiry tells the watchers when an entry has ended by itself, or, of a clock that goes back, has not.
func (r *Reader) runExpiry(ctx context.Context) {
	told := r.cfg.Now()
	for {
		wait := r.cfg.lookEvery // the clock may be put forward or back
		if s := r.state.Load(); s != nil {
			if next, any := s.nextExpiry(told); any {
				wait = min(wait, next.Sub(r.cfg.Now()))
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-r.expiries:
			timer.Stop()
			if !r.cfg.Now().Before(told) {
				continue
			}
		case <-timer.C:
		}
		r.mu.Lock()
		now, s := r.cfg.Now(), r.state.Load()
		if s != nil {
			from, to := told, now
			if now.Before(told) {
				from, to = now, told
			}
			kinds := s.expiredBetween(from, to)
			r.tell(s, func(kind string) bool { return slices.Contains(kinds, kind) || kind == "" && len(kinds) > 0 })
		}
		told = now
		r.mu.Unlock()
	}
}

func (r *Reader) hasCaughtUp() bool {
	select {
	case <-r.caught:
		return true
	default:
		return false
	}
}

// Notes say what a person should know of the topic, each in a sentence; none where all is well.
func (r *Reader) Notes() (notes []string) {
	if since := r.Blind(); !since.IsZero() {
		text := fmt.Sprintf("the topic control has not been seen since %s: what was written since is not in force here",
			since.UTC().Format(time.RFC3339))
		if began := r.keeper.began; !began.IsZero() && !r.hasCaughtUp() {
			// The topic did not change until this process's forerunner ended, but nobody knows when that was.
			text = fmt.Sprintf("the topic control has not been seen since the start: in force here is the copy of %s, and what was "+
				"written since then is not", began.UTC().Format(time.RFC3339))
		}
		if p := r.problem.Load(); p != nil {
			text += " (" + *p + ")"
		}
		notes = append(notes, text)
	}
	if lost := r.lost.Load(); lost != nil {
		notes = append(notes, *lost)
	}
	notes = append(notes, r.keeper.notes()...)
	return append(notes, r.refusedNotes()...)
}

// refusedNotes name the first of those that are refused.
func (r *Reader) refusedNotes() (notes []string) {
	refused := r.Refused()
	for i := range refused[:min(maxNoted, len(refused))] {
		notes = append(notes, refused[i].String())
	}
	if more := int64(max(0, len(refused)-maxNoted)) + r.passedOver.Load(); more > 0 {
		notes = append(notes, fmt.Sprintf("and %d more entries are refused", more))
	}
	return notes
}

// maxNoted is how many refused entries are named.
const maxNoted = 8
