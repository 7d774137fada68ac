package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"
)

const (
	copyBytes = 128 << 10
	// stallTimeout is how long a transfer may stand still before it is broken off and tried again: longer than S3 services
	// take to answer when they are slow.
	stallTimeout = 2 * time.Minute
	// transferTries is how often one object is tried, over about a minute.
	transferTries   = 8
	firstRetryAfter = 250 * time.Millisecond
	longestRetry    = 20 * time.Second
	// reportEvery is how often progress is told.
	reportEvery = time.Second
)

// Progress says how far a transfer is.
type Progress struct {
	// Doing is "fetching", then "applying" (rewriting into the state), or "shipping".
	Doing       string
	Done, Total int64 // bytes; Total may be an estimate
	// BytesPerSecond is the mean since this step began, Left the time at that rate; both 0 when not known yet.
	BytesPerSecond float64
	Left           time.Duration
}

func (p Progress) String() string {
	return fmt.Sprintf("%s: %d of %d bytes, %.1f MB/s, %s left", p.Doing, p.Done, p.Total, p.BytesPerSecond/1e6, p.Left.Round(time.Second))
}

// meter turns counts into Progress, at most one a reportEvery and one at the end.
type meter struct {
	doing string
	now   func() time.Time
	tell  func(Progress) // nil: nobody listens

	mu            sync.Mutex
	done, skipped int64
	total         int64
	start, told   time.Time
}

func newMeter(doing string, total int64, now func() time.Time, tell func(Progress)) *meter {
	return &meter{doing: doing, total: total, now: now, tell: tell, start: now(), told: now()}
}

// add counts bytes that moved; negative ones were in vain.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(m.done+n, m.total)
}

// skip counts bytes that need not move: they are done, at no rate.
func (m *meter) skip(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skipped += n
	m.set(m.done+n, m.total)
}

func (m *meter) at(done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(max(m.done, done), total)
}

func (m *meter) set(done, total int64) {
	m.done, m.total = done, total
	if m.tell == nil {
		return
	}
	now := m.now()
	if now.Sub(m.told) < reportEvery && done < total {
		return
	}
	m.told = now
	p := Progress{Doing: m.doing, Done: done, Total: total}
	if seconds := now.Sub(m.start).Seconds(); seconds > 0 && done > m.skipped {
		p.BytesPerSecond = float64(done-m.skipped) / seconds
		p.Left = time.Duration(float64(total-done) / p.BytesPerSecond * float64(time.Second))
	}
	m.tell(p)
}

// limiter answers nil for no limit. The burst is what one read may take at once.
func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), copyBytes)
}

// flow is a reader at a limited rate that notices a standstill. net/http may still read a request's body after the request
// has failed: end keeps it from what the next attempt uses.
type flow struct {
	ctx   context.Context
	limit *rate.Limiter
	stall *time.Timer
	moved func(int64)

	mu     sync.Mutex
	r      io.ReadCloser // nil: ended
	passed int64
}

func (f *flow) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := context.Cause(f.ctx); err != nil {
		return 0, err
	}
	if f.r == nil {
		return 0, io.ErrClosedPipe
	}
	n, err := f.r.Read(b[:min(len(b), copyBytes)])
	if n > 0 {
		if f.limit != nil {
			if werr := f.limit.WaitN(f.ctx, n); werr != nil {
				return 0, werr
			}
		}
		f.stall.Reset(stallTimeout)
		f.passed += int64(n)
		f.moved(int64(n))
	}
	return n, err
}

// end closes what is read and answers how much passed.
func (f *flow) end() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.r.Close() // it was read only
	f.r = nil
	return f.passed
}

var errStalled = fmt.Errorf("nothing moved for %s", stallTimeout)

// through makes a limited reader of what is to be read, and closes it after the attempt.
type through func(io.ReadCloser) io.Reader

// transfer runs attempt until it succeeds, fails for good, or was tried often enough. What moved in vain is taken back from
// the count.
func transfer(ctx context.Context, limit *rate.Limiter, moved func(int64), retried func(error), attempt func(context.Context, through) error) error {
	return retry(ctx, retried, func() error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stall := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
		defer stall.Stop()
		var flows []*flow
		err := attempt(ctx, func(r io.ReadCloser) io.Reader {
			f := &flow{ctx: ctx, r: r, limit: limit, stall: stall, moved: moved}
			flows = append(flows, f)
			return f
		})
		stalled := errors.Is(context.Cause(ctx), errStalled)
		cancel(nil)
		for _, f := range flows {
			if passed := f.end(); err != nil {
				moved(-passed)
			}
		}
		if err != nil && stalled {
			return errStalled
		}
		return err
	})
}

// retry answers the last error, without what makes it permanent.
func retry(ctx context.Context, retried func(error), attempt func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetryAfter, longestRetry
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, attempt() },
		backoff.WithBackOff(pause), backoff.WithMaxTries(transferTries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { retried(err) }))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Unwrap()
	}
	return err
}
