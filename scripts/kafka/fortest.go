package kafka

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// startLimit covers the first download on a slow line.
const startLimit = 5 * time.Minute

var shared struct {
	sync.Mutex
	tried  bool
	broker *Broker
	err    error
}

// StartForTest returns the test process's one broker, starting it for the first test that asks. The
// test is skipped, saying what to install, where Java or Maven is missing, and fails if the broker
// cannot start. The broker ends with the process: tests share it, so they name topics, groups and
// transactional IDs of their own, and leave Kill and Restart to brokers of their own ([Start]).
func StartForTest(tb testing.TB) *Broker {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		shared.broker, shared.err = Start(ctx, Options{})
		shared.tried = true
	}
	if errors.Is(shared.err, ErrMissing) {
		tb.Skipf("no Apache Kafka on this machine: %v", shared.err)
	}
	if shared.err != nil {
		tb.Fatalf("starting the shared Apache Kafka broker: %v", shared.err)
	}
	return shared.broker
}
