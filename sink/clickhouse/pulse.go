package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// pulseEvery is how often ClickHouse is asked whether it answers, pulseLimit how long it may take: together they are how
	// late a frozen one is noticed. An insert would notice after InsertTimeout, and only where there are rows.
	pulseEvery = time.Second
	pulseLimit = 5 * time.Second
)

// watchClickHouse keeps what Ready says of a ClickHouse that accepts connections and does not answer, until ctx is done.
func (l *Loader) watchClickHouse(ctx context.Context) {
	l.awaitClickHouse(ctx)
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited, cancel := context.WithTimeoutCause(ctx, pulseLimit, fmt.Errorf("no answer within %s", pulseLimit))
		err := l.conn.Ping(limited)
		if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
			err = context.Cause(limited)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.felt(err)
	}
}

// felt takes the outcome of one question. It says nothing of inserts, which may fail while questions are answered.
func (l *Loader) felt(err error) {
	l.mu.Lock()
	since, down := l.silentSince, l.down
	switch {
	case err == nil:
		l.silentSince = time.Time{}
	case since.IsZero():
		l.silentSince = l.now()
	}
	l.silent = err
	l.mu.Unlock()
	switch {
	case err != nil:
		l.metrics.up.Set(0)
		if since.IsZero() {
			l.log.Warn("ClickHouse does not answer", zap.Error(err))
		}
	case !since.IsZero():
		if down.IsZero() {
			l.metrics.up.Set(1)
		}
		l.log.Info("ClickHouse answers again", zap.Duration("after", l.now().Sub(since)))
	}
}
