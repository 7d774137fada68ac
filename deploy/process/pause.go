package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
)

// errPaused is why a paused unit is not ready.
var errPaused = errors.New("is paused while a backup is taken")

// Pause ends the units of these names in an orderly way, the last one added first, and holds them until resume, which
// returns once each runs again and those whose Wait is set are ready, or once ctx is done. It is for the time in which a
// unit's files must stand still. An error leaves nothing paused.
func (s *Supervisor) Pause(ctx context.Context, names ...string) (resume func(context.Context) error, err error) {
	var paused []*member
	resume = func(ctx context.Context) error {
		for _, m := range slices.Backward(paused) {
			m.resume()
			if m.unit.Wait && !m.awaitReady(ctx) {
				// What follows tries until this one is back, as after a failure.
				continue
			}
		}
		return ctx.Err()
	}
	for _, m := range slices.Backward(s.members) {
		if !slices.Contains(names, m.unit.Name) {
			continue
		}
		limited, cancel := context.WithTimeoutCause(ctx, s.drain,
			fmt.Errorf("%s did not finish its work within %s (ops.drain_timeout)", m.unit.Name, s.drain))
		paused = append(paused, m)
		err := m.pause(limited)
		cancel()
		if err != nil {
			return nil, errors.Join(err, resume(ctx))
		}
	}
	return resume, nil
}

// pause ends the runner and holds the unit. It returns once the runner has ended.
func (m *member) pause(ctx context.Context) error {
	m.mu.Lock()
	if m.held == nil {
		m.held, m.stands = make(chan struct{}), make(chan struct{})
	}
	stands, interrupt := m.stands, m.interrupt
	m.mu.Unlock()
	if interrupt != nil {
		interrupt()
	}
	select {
	case <-stands:
		return nil
	case <-m.ended:
		return fmt.Errorf("%s: %w", m.unit.Name, errStopped)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *member) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		close(m.held)
		m.held, m.stands = nil, nil
		m.state = errStarting
	}
}

// standStill waits for as long as the unit is held, and tells whether it was. An error of the runner that was ended for it
// is told of in the log.
func (m *member) standStill(ctx context.Context, err error) bool {
	m.mu.Lock()
	held, stands := m.held, m.stands
	if held == nil {
		m.mu.Unlock()
		return false
	}
	m.runner, m.registry, m.state = nil, nil, errPaused
	m.mu.Unlock()
	if err != nil {
		m.logger.Error("paused with an error", zap.Error(err))
	}
	close(stands)
	select {
	case <-held:
	case <-ctx.Done():
	}
	return true
}

// wait is a pause between two tries, which the unit's end and its being held cut short.
func (m *member) wait(ctx context.Context, pause time.Duration) {
	ctx, done := m.interruptible(ctx)
	defer done()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// interruptible returns a context that being held ends too.
func (m *member) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.interrupt = cancel
	if m.held != nil {
		cancel()
	}
	return ctx, cancel
}
