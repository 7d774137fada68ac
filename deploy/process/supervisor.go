package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// A Runner is what a role is to the shell: see the roles' packages.
type Runner interface {
	// Run works until ctx is done, then finishes what it has begun and returns nil.
	Run(ctx context.Context) error
	// Ready answers nil when it can do its work, else why not.
	Ready() error
}

// A Unit is one thing that runs: a role or an embedded engine.
type Unit struct {
	Name string
	// New makes the Runner, once at the start and again after each failure; it must not outlive ctx's end by long.
	New func(ctx context.Context, registerer prometheus.Registerer) (Runner, error)
	// MustStart ends the process when the first start fails: for what the others cannot do without.
	MustStart bool
	// Wait holds the next unit back until this one is ready.
	Wait bool
}

// Permanent marks an error that a second try cannot cure.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// IsPermanent tells whether the error was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
	// steadyAfter is how long a unit must have run for its next failure to start the back-off anew.
	steadyAfter = time.Minute
	readyPoll   = 20 * time.Millisecond
)

var (
	errStarting = errors.New("is starting")
	errStopped  = errors.New("has stopped")
)

// A Supervisor runs units. Make it with NewSupervisor.
type Supervisor struct {
	logger   *zap.Logger
	drain    time.Duration
	members  []*member
	restarts *prometheus.CounterVec
	up       *prometheus.GaugeVec
	registry *prometheus.Registry
}

// NewSupervisor returns one without units. drain is how long one unit may take to stop.
func NewSupervisor(logger *zap.Logger, drain time.Duration) *Supervisor {
	s := &Supervisor{
		logger: logger, drain: drain, registry: prometheus.NewRegistry(),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_process_restarts_total", Help: "Failures after which a unit was started again.",
		}, []string{"unit"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tributary_process_ready", Help: "1 when the unit can do its work.",
		}, []string{"unit"}),
	}
	s.registry.MustRegister(s.restarts, s.up)
	return s
}

// Registry is where the process's own metrics go.
func (s *Supervisor) Registry() *prometheus.Registry { return s.registry }

// Add appends a unit, before Run.
func (s *Supervisor) Add(u Unit) {
	s.members = append(s.members, &member{
		unit: u, logger: s.logger.Named(u.Name), state: errStarting, ended: make(chan struct{}),
		restarts: s.restarts.WithLabelValues(u.Name), up: s.up.WithLabelValues(u.Name),
	})
}

// Run starts the units in order and runs them until ctx is done or one fails for good, then stops them in the opposite
// order. It returns nil after an orderly end that ctx asked for. started, if set, is called once all units have started
// and those that must be are ready.
func (s *Supervisor) Run(ctx context.Context, started func()) error {
	inner, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	running := 0
	for _, m := range s.members {
		m.launch(fail)
		running++
		if m.unit.Wait && !m.awaitReady(inner) {
			break
		}
		if inner.Err() != nil {
			break
		}
	}
	if inner.Err() == nil {
		if started != nil {
			started()
		}
		<-inner.Done()
	}
	err := s.stop(running)
	if ctx.Err() == nil {
		err = errors.Join(context.Cause(inner), err)
	}
	return err
}

func (s *Supervisor) stop(running int) error {
	for i := running - 1; i >= 0; i-- {
		m := s.members[i]
		m.cancel()
		limit := time.NewTimer(s.drain)
		select {
		case <-m.ended:
			limit.Stop()
		case <-limit.C:
			return fmt.Errorf("%s did not finish its work within %s (ops.drain_timeout); what it had not finished is done again at the next start", m.unit.Name, s.drain)
		}
	}
	return nil
}

// Ready returns nil when every unit is ready, else each that is not and why.
func (s *Supervisor) Ready() error {
	var errs []error
	for name, err := range s.States() {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// States yields each unit's name with nil or why it is not ready, in the order of starting.
func (s *Supervisor) States() func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, m := range s.members {
			if !yield(m.unit.Name, m.ready()) {
				return
			}
		}
	}
}

// member is one unit at run time.
type member struct {
	unit     Unit
	logger   *zap.Logger
	restarts prometheus.Counter
	up       prometheus.Gauge
	cancel   context.CancelFunc
	ended    chan struct{}

	mu       sync.Mutex
	runner   Runner               // nil while none runs
	state    error                // why there is none
	registry *prometheus.Registry // of the runner
	// interrupt ends what the unit does now; held and stands are there from Pause to resume: see pause.go.
	interrupt    context.CancelFunc
	held, stands chan struct{}
}

// launch starts the unit's goroutine. Its context is not a child of the process's: units end one by one.
func (m *member) launch(fail context.CancelCauseFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() {
		defer close(m.ended)
		defer m.set(nil, nil, errStopped)
		pause := backoff.NewExponentialBackOff()
		pause.InitialInterval, pause.MaxInterval, pause.Multiplier = firstPause, lastPause, 2
		for first := true; ; first = false {
			began := time.Now()
			err := m.once(ctx)
			if ctx.Err() != nil {
				if err != nil {
					m.logger.Error("stopped with an error", zap.Error(err))
				}
				return
			}
			if m.standStill(ctx, err) {
				continue
			}
			if err == nil {
				err = errors.New("ended although nothing asked it to")
			}
			if IsPermanent(err) || first && m.unit.MustStart && !m.hasStarted() {
				fail(fmt.Errorf("%s: %w", m.unit.Name, err))
				return
			}
			if time.Since(began) > steadyAfter {
				pause.Reset()
			}
			wait := pause.NextBackOff()
			m.restarts.Inc()
			m.set(nil, nil, fmt.Errorf("failed and is started again: %w", err))
			m.logger.Error("failed; starting it again", zap.Error(err), zap.Duration("after", wait.Round(time.Millisecond)))
			if m.wait(ctx, wait); ctx.Err() != nil {
				return
			}
		}
	}()
}

// once makes the runner and runs it to its end.
func (m *member) once(ctx context.Context) error {
	ctx, done := m.interruptible(ctx)
	defer done()
	if ctx.Err() != nil {
		return nil // held, or ended, before it began
	}
	registry := prometheus.NewRegistry()
	runner, err := m.unit.New(ctx, registry)
	if err != nil {
		return err
	}
	m.set(runner, registry, nil)
	return runner.Run(ctx)
}

func (m *member) set(r Runner, registry *prometheus.Registry, state error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runner, m.registry, m.state = r, registry, state
}

func (m *member) hasStarted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runner != nil
}

func (m *member) ready() error {
	m.mu.Lock()
	runner, err := m.runner, m.state
	m.mu.Unlock()
	if runner != nil {
		err = runner.Ready()
	}
	if err == nil {
		m.up.Set(1)
	} else {
		m.up.Set(0)
	}
	return err
}

// awaitReady answers false when ctx or the unit ended first.
func (m *member) awaitReady(ctx context.Context) bool {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for m.ready() != nil {
		select {
		case <-ctx.Done():
			return false
		case <-m.ended:
			return false
		case <-poll.C:
		}
	}
	return true
}
