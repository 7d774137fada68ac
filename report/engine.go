package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A Config says where an Engine asks.
type Config struct {
	// Conn is the connection to ask on: of the user analyst where the engine is embedded, whose queries have slots of
	// their own beside the loader's.
	Conn     driver.Conn
	Database string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// An Engine answers questions. It is safe for concurrent use.
type Engine struct {
	cfg Config
}

// New returns an engine.
func New(cfg Config) *Engine {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Engine{cfg: cfg}
}

// Ask answers a question. An error of the question wraps ErrQuestion. Ending the context ends the query in ClickHouse.
func (e *Engine) Ask(ctx context.Context, q Question) (*Table, error) {
	names, err := e.namesFor(ctx, &q)
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(q, planning{names: names})
	if err != nil {
		return nil, err
	}
	start := e.cfg.Now()
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{}))
	t, err := plan.read(ctx, e.cfg.Conn, e.fill(plan.SQL))
	if err != nil {
		return nil, explained(err)
	}
	t.Asked, t.Took = start, e.cfg.Now().Sub(start)
	return t, nil
}

// SQL is a question as a statement that stands by itself.
func (e *Engine) SQL(ctx context.Context, q Question) (string, error) {
	names, err := e.namesFor(ctx, &q)
	if err != nil {
		return "", err
	}
	plan, err := newPlan(q, planning{names: names, self: true})
	if err != nil {
		return "", err
	}
	return e.fill(plan.SQL), nil
}

func (e *Engine) fill(sql string) string { return strings.ReplaceAll(sql, "{database}", e.cfg.Database) }

// explained makes what the SQL says of a question an error of it.
func explained(err error) error {
	var said *clickhouse.Exception
	if errors.As(err, &said) && strings.Contains(said.Message, archivedDays) || strings.Contains(err.Error(), archivedDays) {
		return wrong("%s", archivedDays)
	}
	return fmt.Errorf("asking ClickHouse: %w", err)
}

// namesFor reads the latest names where the question has any to do with them.
func (e *Engine) namesFor(ctx context.Context, q *Question) (Names, error) {
	named := false
	look := func(name string) {
		if a, err := askedNamed(name); err == nil && a.named() {
			named = true
		}
	}
	for _, name := range q.By {
		look(name)
	}
	for _, f := range q.Where {
		look(f.Dimension)
	}
	if !named {
		return nil, nil
	}
	rows, err := e.cfg.Conn.Query(ctx, "SELECT kind, id, name FROM "+e.cfg.Database+"."+latestNames)
	if err != nil {
		return nil, fmt.Errorf("reading the names: %w", err)
	}
	defer rows.Close()
	names := Names{}
	for rows.Next() {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &id, &name); err != nil {
			return nil, fmt.Errorf("reading the names: %w", err)
		}
		if names[kind] == nil {
			names[kind] = map[uint32]string{}
		}
		names[kind][id] = name
	}
	return names, rows.Err()
}
