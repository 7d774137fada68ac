package process

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// statusEvery is how often the service manager is told how the units are, where its watchdog does not want it sooner, and
// unreadyEvery how often while one is not ready, so that what it shows is not of the start.
const (
	statusEvery  = 10 * time.Second
	unreadyEvery = time.Second
)

// A Service tells the service manager that started this process (sd_notify(3), Type=notify) how it is: READY once
// everything has started, RELOADING and READY again around a reload, STOPPING, and WATCHDOG for as long as every unit can
// be asked. Without such a manager ($NOTIFY_SOCKET) its methods do nothing.
type Service struct {
	logger *zap.Logger
	notify func(state string) (bool, error)
	every  time.Duration
	barks  bool // the manager has a watchdog

	mu     sync.Mutex
	stage  serviceStage
	failed bool
}

// serviceStage is what the manager was told: READY before everything has started, or after the stop began, would be a lie.
type serviceStage uint8

const (
	serviceStarting serviceStage = iota
	serviceRunning
	serviceStopping
)

// NewService reads what the manager wants from the environment.
func NewService(logger *zap.Logger) *Service {
	s := &Service{logger: logger, every: statusEvery}
	s.notify = func(state string) (bool, error) { return daemon.SdNotify(false, state) }
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("the service manager's watchdog is not fed", zap.Error(err))
	}
	if limit > 0 {
		s.barks, s.every = true, min(statusEvery, limit/3)
	}
	return s
}

// Watch feeds the watchdog and tells the state of the units until ctx is done. states asks each of them: one that hangs
// in its answer stops the feeding, and the manager ends and starts the process.
func (s *Service) Watch(ctx context.Context, states func() error) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		notReady := states()
		state := "STATUS=" + statusLine(notReady)
		if s.barks {
			state += "\n" + daemon.SdNotifyWatchdog
		}
		if told, _ := s.tell(state); !told {
			return // nobody listens
		}
		if notReady != nil {
			next.Reset(min(s.every, unreadyEvery))
		} else {
			next.Reset(s.every)
		}
	}
}

// Started says that everything has started.
func (s *Service) Started() { s.move(serviceStarting, serviceRunning, daemon.SdNotifyReady) }

// Reloading says that the configuration is read again, and Reloaded that it was, whatever came of it: a manager that hears
// the first waits for the second. Before everything has started neither is told.
func (s *Service) Reloading() {
	// The time says to a manager of Type=notify-reload which of its signals this is about.
	s.move(serviceRunning, serviceRunning, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
}

// Reloaded may be called without Reloading: the file is read again when it changes, too.
func (s *Service) Reloaded() { s.move(serviceRunning, serviceRunning, daemon.SdNotifyReady) }

// Stopping says that the process is about to end.
func (s *Service) Stopping() {
	s.mu.Lock()
	s.stage = serviceStopping
	s.mu.Unlock()
	_, _ = s.tell(daemon.SdNotifyStopping) // a failure is logged
}

// move tells a state where the last one allows it.
func (s *Service) move(from, to serviceStage, state string) {
	s.mu.Lock()
	allowed := s.stage == from
	if allowed {
		s.stage = to
	}
	s.mu.Unlock()
	if allowed {
		_, _ = s.tell(state) // a failure is logged
	}
}

func (s *Service) tell(state string) (bool, error) {
	told, err := s.notify(state)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.failed {
		s.failed = true
		s.logger.Warn("the service manager cannot be told how this process is", zap.Error(err))
	}
	return told || err != nil, err
}

// statusLine is one line for `systemctl status`.
func statusLine(notReady error) string {
	if notReady == nil {
		return statusReady
	}
	text := strings.Join(strings.FieldsFunc(notReady.Error(), func(r rune) bool { return r < ' ' }), "; ")
	const longest = 400
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return "not ready: " + text
}

// Relay passes hangups on, each once reloading was called.
func Relay(ctx context.Context, hangups <-chan struct{}, reloading func()) <-chan struct{} {
	relayed := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			reloading()
			select {
			case <-ctx.Done():
				return
			case relayed <- struct{}{}:
			}
		}
	}()
	return relayed
}
