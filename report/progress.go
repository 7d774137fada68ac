package report

import (
	"context"
	"time"
)

// Progress says how far a question is.
type Progress struct {
	// Read of Total rows; Total is what ClickHouse knows so far, 0 for nothing yet.
	Read, Total uint64
	Elapsed     time.Duration
}

// Left is about how long it will take from now; 0: not known.
func (p Progress) Left() time.Duration {
	if p.Read == 0 || p.Total <= p.Read {
		return 0
	}
	return time.Duration(float64(p.Elapsed) * float64(p.Total-p.Read) / float64(p.Read))
}

type askerKey struct{}
type watcherKey struct{}

// As returns a context whose questions are somebody's: slots go round by who asks.
func As(ctx context.Context, asker string) context.Context {
	return context.WithValue(ctx, askerKey{}, asker)
}

func askerOf(ctx context.Context) string {
	asker, _ := ctx.Value(askerKey{}).(string)
	return asker
}

// Watch returns a context whose questions tell how far they are, when they take long. The function is called from another
// goroutine and must not wait.
func Watch(ctx context.Context, tell func(Progress)) context.Context {
	return context.WithValue(ctx, watcherKey{}, tell)
}

func watcherOf(ctx context.Context) func(Progress) {
	tell, _ := ctx.Value(watcherKey{}).(func(Progress))
	return tell
}

// progressEvery is how often one that takes long is looked at.
const progressEvery = 500 * time.Millisecond

// watch tells those who wait how far a query is until the returned function is called. HTTP sends nothing of it before
// the answer, so it is looked up.
func (e *Engine) watch(ctx context.Context, f *flight, id string) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if f.watched() {
					e.lookAt(ctx, f, id)
				}
			}
		}
	}()
	return func() { close(stopped); cancel(); <-ended }
}

func (e *Engine) lookAt(ctx context.Context, f *flight, id string) {
	var p Progress
	var seconds float64
	err := e.cfg.Conn.QueryRow(ctx, "SELECT toUInt64(read_rows), toUInt64(total_rows_approx), toFloat64(elapsed) "+
		"FROM system.processes WHERE query_id = "+quote(id)).Scan(&p.Read, &p.Total, &seconds)
	if err != nil {
		return // it has ended, or nobody may look
	}
	p.Elapsed = time.Duration(seconds * float64(time.Second))
	f.tell(p)
}
