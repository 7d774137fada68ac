package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
)

// ClickHouse is the engine's child process as a process.Runner.
type ClickHouse struct{ child *chdb.Process }

// predecessorLimit is longer than the engine of a killed run takes to end: it lets queries end first.
const predecessorLimit = 30 * time.Second

// NewClickHouse starts the engine on address (loopback) with its tables in dir and returns once it answers queries.
// command starts the child; empty: this executable with "clickhouse-embedded". The caller owns the data folder (see Lock), so whoever still holds dir is
// the engine of a run that was killed: it is waited for.
func NewClickHouse(ctx context.Context, address, dir string, command []string, logger *zap.Logger) (*ClickHouse, error) {
	if err := chdb.AwaitPredecessor(ctx, dir, predecessorLimit); err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	// Asked here, because the child could only say it in its log. Another process may still come between.
	probe, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w: something already listens on %s; stop it, or set clickhouse.addr to a free address (--set clickhouse.addr=127.0.0.1:18123)", ErrAddressInUse, address)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse on %q: %w", address, err)
	}
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	// The child lives until Run's ctx ends, not the one of its start.
	child, err := chdb.Start(context.WithoutCancel(ctx), chdb.ProcessConfig{DataDir: dir, Listen: address, Command: command, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &ClickHouse{child: child}, nil
}

// Address is the host:port of ClickHouse's HTTP interface.
func (c *ClickHouse) Address() string { return c.child.Address() }

// PID is the child's process number.
func (c *ClickHouse) PID() int { return c.child.PID() }

// Run waits until ctx is done and stops the child, or returns why the child ended by itself.
func (c *ClickHouse) Run(ctx context.Context) error {
	select {
	case <-c.child.Done():
		return c.child.Err()
	case <-ctx.Done():
		return c.child.Stop()
	}
}

// Ready answers nil while the child runs.
func (c *ClickHouse) Ready() error { return c.child.Err() }
