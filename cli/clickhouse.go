package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// loadConnections reads the configuration for a command that asks the engines and runs no role.
func (e *environment) loadConnections() (*config.Loaded, *zap.Logger, error) {
	from := e.sources()
	from.Sections = []string{}
	return e.load(from)
}

// openClickHouse opens ClickHouse and waits for its first answer; who gets it closes it. change is called with how it is reached; nil
// for as configured.
func openClickHouse(ctx context.Context, c *config.ClickHouse, change func(*clickhouse.Options)) (clickhouse.Conn, error) {
	server, err := wiring.ClickHouseOptions(*c)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(server)
	}
	conn, err := clickhouse.Open(server)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(notReached(err, c), conn.Close())
	}
	return conn, nil
}

// reached is the error of a query; where nobody answers, it says where ClickHouse was looked for.
func reached(err error, c *config.ClickHouse) error {
	if err == nil || unanswered(err) == "" {
		return err
	}
	return notReached(err, c)
}

func notReached(err error, c *config.ClickHouse) error {
	hint := ""
	if c.Mode == config.ModeEmbedded {
		hint = "; is `tributary up` running?"
	}
	if why := unanswered(err); why != "" {
		return fmt.Errorf("reaching ClickHouse at %s (clickhouse.addr): %s%s", c.Addr, why, hint)
	}
	return fmt.Errorf("reaching ClickHouse at %s (clickhouse.addr): %w%s", c.Addr, err, hint)
}

// unanswered says, without the driver's request, that nobody answers; empty where the error is another.
func unanswered(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "connection refused"):
		return "connection refused"
	case strings.Contains(text, clickhouse.ErrAcquireConnTimeout.Error()), errors.Is(err, context.DeadlineExceeded):
		return "it takes connections and gives no answer"
	}
	return ""
}
