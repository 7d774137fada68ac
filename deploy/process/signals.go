package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// A StopError is the cause of a context that a signal ended.
type StopError struct{ Signal os.Signal }

func (e *StopError) Error() string { return "stopped by " + e.Signal.String() }

// exitNow is what the second signal does; a test replaces it.
var exitNow = os.Exit

// WithSignals returns a context that the first SIGINT or SIGTERM ends, and a channel that gets a value at each SIGHUP.
// The second SIGINT or SIGTERM ends the process at once with 128 plus the signal's number. stop gives the signals back
// and waits for the goroutine.
func WithSignals(parent context.Context) (ctx context.Context, hangups <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 4)
	again := make(chan struct{}, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		stopping := false
		for {
			select {
			case <-done:
				return
			case s := <-received:
				switch {
				case s == syscall.SIGHUP:
					select {
					case again <- struct{}{}:
					default: // one is waiting already
					}
				case stopping:
					fmt.Fprintln(os.Stderr, "stopped without waiting for the work at hand")
					number, _ := s.(syscall.Signal)
					exitNow(128 + int(number))
				default:
					stopping = true
					cancel(&StopError{s})
				}
			}
		}
	}()
	return ctx, again, func() {
		signal.Stop(received)
		close(done)
		<-ended
		cancel(nil)
	}
}
