package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

var (
	// ErrWriteFailed is wrapped when a write to the broker's folder failed. The broker has ended as a kill would have
	// ended it; it can be started again once the cause is mended.
	ErrWriteFailed = errors.New("writing to the embedded Kafka's folder failed")
	// ErrSyncFailed is wrapped when the disk did not keep what was written. What it forgot cannot be known by asking
	// again: the process must end.
	ErrSyncFailed = errors.New("the disk of the embedded Kafka did not keep what was written")
)

// A failure is the first thing that went wrong. After it nothing is acknowledged.
type failure struct {
	once   sync.Once
	err    atomic.Pointer[error]
	failed chan struct{}
}

func newFailure() *failure { return &failure{failed: make(chan struct{})} }

// set keeps the first error and returns whether it was it.
func (f *failure) set(err error) (first bool) {
	f.once.Do(func() {
		f.err.Store(&err)
		close(f.failed)
		first = true
	})
	return first
}

// get returns the error, nil while there is none.
func (f *failure) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// harmless are the warnings and errors that kfake logs while it runs, by the start of their format, that do not say
// that a write failed. Every other one does: kfake logs a failed write, and acknowledges what it was for. A test holds
// the list against kfake's source.
var harmless = []string{
	"txn timeout abort:",
	"txn: EndTxn slow", // longer than 5 ms, which a busy disk makes usual: not even passed on
	"consumerHeartbeatLate:",
	"consumerRebalanceTimeout:",
	"consumerSessionTimeout:",
	"OffsetCommit STALE:",
	"group %s: addPartitionEpochs:",
	"compact %s-%d: read", // a read; the log stays as it is
}

// Phases of the broker's life, in which its log means different things.
const (
	phaseLoading int32 = iota
	phaseRunning
	phaseClosing
)

// brokerLog passes on what an operator can act on (kfake logs every request at its levels info and debug) and finds
// failed writes in it.
type brokerLog struct {
	to      *zap.SugaredLogger
	phase   atomic.Int32
	failure *failure
	metrics *metrics
	dir     string
	ended   chan struct{} // closed when the broker's goroutine has ended by a failed write
}

// Logf implements kfake.Logger. Where it is told of a failed write it ends the broker's goroutine, which called it:
// nothing is written after the tear, compacted without what lies behind it, or acknowledged.
func (l *brokerLog) Logf(level kfake.LogLevel, format string, arguments ...any) {
	if level != kfake.LogLevelError && level != kfake.LogLevelWarn || strings.HasPrefix(format, "txn: EndTxn slow") {
		return
	}
	phase := l.phase.Load()
	if phase == phaseLoading || isHarmless(format) {
		if level == kfake.LogLevelError {
			l.to.Errorf(format, arguments...)
		} else {
			l.to.Warnf(format, arguments...)
		}
		return
	}
	if l.failure.set(writeError(l.dir, fmt.Errorf(format, arguments...), causeIn(arguments))) {
		l.metrics.writeFailures.Inc()
	}
	if phase == phaseRunning {
		close(l.ended)
		runtime.Goexit()
	}
}

func isHarmless(format string) bool {
	for _, start := range harmless {
		if strings.HasPrefix(format, start) {
			return true
		}
	}
	return false
}

func causeIn(arguments []any) error {
	for _, a := range arguments {
		if err, ok := a.(error); ok {
			return err
		}
	}
	return nil
}

// writeError says what failed and what to do.
func writeError(dir string, what, cause error) error {
	advice := "look at the disk and at the folder's permissions"
	switch {
	case errors.Is(cause, syscall.ENOSPC):
		advice = "the disk is full: free some of it; the broker is started again by itself"
	case errors.Is(cause, syscall.EDQUOT):
		advice = "the quota is used up: free some space; the broker is started again by itself"
	case errors.Is(cause, syscall.EFBIG):
		advice = "a file reached the limit of its size: raise it (ulimit -f)"
	case errors.Is(cause, syscall.EMFILE), errors.Is(cause, syscall.ENFILE):
		advice = "too many files are open: raise the limit (ulimit -n)"
	case errors.Is(cause, syscall.EROFS):
		advice = "the file system is read-only"
	}
	return fmt.Errorf("%w, %s: %w; nothing was acknowledged after it; %s", ErrWriteFailed, dir, what, advice)
}
