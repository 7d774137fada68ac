package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
)

// ClickHouseConfig says how the engine runs.
type ClickHouseConfig struct {
	// Address is a loopback host:port for ClickHouse's HTTP interface.
	Address string
	// Dir holds the tables. The caller owns the data folder (see Lock), so whoever still holds Dir is the engine of a run
	// that was killed: it is waited for.
	Dir string
	// Users are all who are let in.
	Users []chdb.User
	// Durable has an insert answered only once its rows would outlive a power cut.
	Durable bool
	// GuestsUnconfined lets guests in although the operating system cannot confine the engine.
	GuestsUnconfined bool
	// Command starts the child; empty: this executable with "clickhouse-embedded".
	Command []string
	// Registerer takes the engine's metrics. Nil: none.
	Registerer prometheus.Registerer
	Logger     *zap.Logger
}

// ClickHouse is the engine's child process as a process.Runner.
type ClickHouse struct {
	child   *chdb.Process
	metrics *clickHouseMetrics

	mu sync.Mutex
	// silent is why the child did not answer when it was last asked, and since when it has not.
	silent error
	since  time.Time
}

const (
	// predecessorLimit is longer than the engine of a killed run takes to end: it lets queries end first.
	predecessorLimit = 30 * time.Second
	// pulseEvery is how often the engine is asked whether it answers, pulseLimit how long it may take: together they are how
	// late a frozen one is noticed. A busy one answers in milliseconds, over connections of their own.
	pulseEvery = time.Second
	pulseLimit = 3 * time.Second
)

// NewClickHouse starts the engine and returns once it answers queries.
func NewClickHouse(ctx context.Context, cfg ClickHouseConfig) (*ClickHouse, error) {
	if err := chdb.AwaitPredecessor(ctx, cfg.Dir, predecessorLimit); err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	// Asked here, because the child could only say it in its log. Another process may still come between.
	probe, err := net.Listen("tcp", cfg.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w: something already listens on %s; stop it, or set clickhouse.addr to a free address (--set clickhouse.addr=127.0.0.1:18123)", ErrAddressInUse, cfg.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse on %q: %w", cfg.Address, err)
	}
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	metrics, err := newClickHouseMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the embedded ClickHouse's metrics: %w", err)
	}
	// The child lives until Run's ctx ends, not the one of its start.
	child, err := chdb.Start(context.WithoutCancel(ctx), chdb.ProcessConfig{DataDir: cfg.Dir, Listen: cfg.Address, Users: cfg.Users, Durable: cfg.Durable, GuestsUnconfined: cfg.GuestsUnconfined, Command: cfg.Command, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	return &ClickHouse{child: child, metrics: metrics}, nil
}

// Address is the host:port of ClickHouse's HTTP interface.
func (c *ClickHouse) Address() string { return c.child.Address() }

// PID is the child's process number.
func (c *ClickHouse) PID() int { return c.child.PID() }

// Run asks the child how it is until ctx is done and then stops it, or returns why the child ended by itself.
func (c *ClickHouse) Run(ctx context.Context) error {
	asking, stop := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		c.watch(asking)
	}()
	defer func() { stop(); <-asked }()
	select {
	case <-c.child.Done():
		return c.child.Err()
	case <-ctx.Done():
		return c.child.Stop()
	}
}

// watch keeps silent and the metrics.
func (c *ClickHouse) watch(ctx context.Context) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeoutCause(ctx, pulseLimit, fmt.Errorf("no answer within %s", pulseLimit))
		status, err := c.child.Status(limited)
		if err != nil && errors.Is(err, context.DeadlineExceeded) {
			err = context.Cause(limited)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		c.metrics.saw(status, err)
		c.mu.Lock()
		if err == nil {
			c.since = time.Time{}
		} else if c.since.IsZero() {
			c.since = time.Now()
		}
		c.silent = err
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ready is nil while the child runs and its engine answers.
func (c *ClickHouse) Ready() error {
	if err := c.child.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent != nil {
		return fmt.Errorf("the embedded ClickHouse (process %d at %s) has not answered since %s: %w", c.child.PID(), c.child.Address(), c.since.UTC().Format(time.RFC3339), c.silent)
	}
	return nil
}
