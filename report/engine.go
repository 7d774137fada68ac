package report

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// A Config says where an Engine asks, and how much it may take.
type Config struct {
	// Conn is the connection to ask on: where the engine is embedded that of the user analyst, whose queries have slots
	// of their own beside the loader's (docs/decisions/guests.md).
	Conn     driver.Conn
	Database string
	// Slots is how many questions are asked of ClickHouse at once. Default 3, of the 4 that a guest has: one is left for
	// who asks by SQL, and for what looks at progress.
	Slots int
	// MaxWaiting is how many more may wait for a slot. Default 64.
	MaxWaiting int
	// CacheBytes bounds the answers that are kept, roughly. Default 32 MiB; below 0: none are.
	CacheBytes int
	// Registerer takes the metrics; nil: none.
	Registerer prometheus.Registerer
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// How long an answer is given again. A second is what a figure may lag behind anyway; what is closed changes only with
// what is accepted late.
const (
	freshOpen   = time.Second
	freshClosed = 30 * time.Second
	// closedAfter is how long the rows of a closed time may take to be loaded.
	closedAfter = 5 * time.Minute
)

// An Engine answers questions. It is safe for concurrent use.
type Engine struct {
	cfg     Config
	slots   *slots
	names   held[Names]
	absent  held[map[string]bool]
	metrics *metrics

	mu      sync.Mutex
	flights map[string]*flight
	cache   cache
	// settings of a query: set once it is known whether the user may write.
	settings clickhouse.Settings
	knows    bool
}

// New returns an engine.
func New(cfg Config) *Engine {
	or(&cfg.Slots, 3)
	or(&cfg.MaxWaiting, 64)
	or(&cfg.CacheBytes, 32<<20)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &Engine{cfg: cfg, slots: newSlots(cfg.Slots, cfg.MaxWaiting), flights: map[string]*flight{},
		cache: cache{max: cfg.CacheBytes}}
	e.metrics = newMetrics(cfg.Registerer, e)
	return e
}

func or(value *int, otherwise int) {
	if *value == 0 {
		*value = otherwise
	}
}

// Ask answers a question. An error of the question is ErrQuestion, one of too many that wait ErrBusy. When the contexts
// of all who ask the same have ended, the query is ended in ClickHouse.
func (e *Engine) Ask(ctx context.Context, q Question) (*Table, error) {
	key, err := q.key()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if t := e.cache.get(key, e.cfg.Now()); t != nil {
		e.mu.Unlock()
		e.metrics.answered("cache")
		return t, nil
	}
	f, shared := e.flights[key]
	if !shared {
		f = e.depart(ctx, key, q)
	}
	leave := f.board(ctx)
	e.mu.Unlock()
	select {
	case <-f.done:
		leave()
		if shared {
			e.metrics.answered("shared")
		}
		return f.table, f.err
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		if leave() == 0 && e.flights[key] == f { // nobody waits any more, and nobody may join what ends
			delete(e.flights, key)
			f.cancel()
		}
		return nil, fmt.Errorf("asking ClickHouse: %w", context.Cause(ctx))
	}
}

// depart begins to ask. The lock is held.
func (e *Engine) depart(ctx context.Context, key string, q Question) *flight {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), cancel: cancel}
	e.flights[key] = f
	go func() {
		defer cancel()
		t, err := e.ask(own, f, &q)
		e.mu.Lock()
		defer e.mu.Unlock()
		f.table, f.err = t, err
		if e.flights[key] == f {
			delete(e.flights, key)
		}
		if err == nil {
			e.cache.put(key, t, e.fresh(&q, t), e.cfg.Now())
		}
		close(f.done)
	}()
	return f
}

// fresh is until when an answer is given again.
func (e *Engine) fresh(q *Question, t *Table) time.Time {
	before := t.Asked.Add(-closedAfter)
	closed := !q.Known.IsZero() && q.Known.Before(before) ||
		q.Basis == ByReceived && !q.Period.To.IsZero() && q.Period.To.Before(before)
	if closed {
		return t.Asked.Add(freshClosed)
	}
	return t.Asked.Add(freshOpen)
}

// ask plans and runs one.
func (e *Engine) ask(ctx context.Context, f *flight, q *Question) (*Table, error) {
	free, err := e.slots.take(ctx, askerOf(ctx))
	if err != nil {
		return nil, err
	}
	defer free()
	began := time.Now()
	plan, err := e.plan(ctx, q, false)
	if err != nil {
		return nil, err
	}
	settings, err := e.settingsOnce(ctx)
	if err != nil {
		return nil, err
	}
	id := newQueryID()
	running := clickhouse.Context(ctx, clickhouse.WithQueryID(id), clickhouse.WithSettings(settings))
	watched := e.watch(ctx, f, id)
	asked := e.cfg.Now()
	t, err := plan.read(running, e.cfg.Conn, e.fill(plan.SQL))
	if errors.Is(err, errMoved) {
		e.absent.forget()
		if plan, err = e.planWhole(ctx, q); err == nil {
			t, err = plan.read(running, e.cfg.Conn, e.fill(plan.SQL))
		}
	}
	watched()
	if err == nil && plan.nameless(t) { // a number that is newer than the names
		err = e.nameAgain(ctx, plan, t)
	}
	if err != nil {
		if ctx.Err() != nil {
			e.kill(id)
			e.metrics.answered("cancelled")
			return nil, fmt.Errorf("asking ClickHouse: %w", context.Cause(ctx))
		}
		e.metrics.answered("failed")
		return nil, explained(err)
	}
	t.Asked, t.Took = asked, time.Since(began)
	e.metrics.answered("asked")
	e.metrics.took(t.Took)
	return t, nil
}

// SQL is a question as a statement that stands by itself.
func (e *Engine) SQL(ctx context.Context, q Question) (string, error) {
	plan, err := e.plan(ctx, &q, true)
	if err != nil {
		return "", err
	}
	return e.fill(plan.SQL), nil
}

// plan of a question; self: its SQL stands by itself.
func (e *Engine) plan(ctx context.Context, q *Question, self bool) (*Plan, error) {
	// What is wrong is said without asking anybody.
	if _, err := newPlan(*q, planning{}); err != nil {
		return nil, err
	}
	p := planning{self: self}
	now := e.cfg.Now()
	shown, filtered := q.names()
	var err error
	switch {
	case filtered:
		p.names, err = e.names.get(ctx, now, freshOpen, freshOpen, e.readNames)
	case shown:
		p.names, err = e.names.get(ctx, now, freshOpen, freshClosed, e.readNames)
	}
	if err != nil {
		return nil, err
	}
	if !self {
		if p.absent, err = e.absent.get(ctx, now, freshOpen, freshOpen, e.readAbsent); err != nil {
			return nil, err
		}
	}
	return newPlan(*q, p)
}

// planWhole is plan with every table.
func (e *Engine) planWhole(ctx context.Context, q *Question) (*Plan, error) {
	var p planning
	if shown, filtered := q.names(); shown || filtered {
		var err error
		if p.names, err = e.names.get(ctx, e.cfg.Now(), freshOpen, freshOpen, e.readNames); err != nil {
			return nil, err
		}
	}
	return newPlan(*q, p)
}

func (e *Engine) fill(sql string) string {
	return strings.ReplaceAll(sql, "{database}", e.cfg.Database)
}

// codeThrown is FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: see archivedDays, the only use of throwIf here. Over HTTP the driver has a
// text alone.
const codeThrown = 395

var thrownText = regexp.MustCompile(`(?i)\bcode: ` + strconv.Itoa(codeThrown) + `\b`)

// explained makes what the SQL says of a question an error of it.
func explained(err error) error {
	if errors.Is(err, ErrQuestion) {
		return err
	}
	var said *clickhouse.Exception
	if errors.As(err, &said) && said.Code == codeThrown || thrownText.MatchString(err.Error()) {
		return wrong("%s", archivedDays)
	}
	return fmt.Errorf("asking ClickHouse: %w", err)
}

// settingsOnce finds out whether the user may write, and so has to be told not to.
func (e *Engine) settingsOnce(ctx context.Context) (clickhouse.Settings, error) {
	e.mu.Lock()
	settings, knows := e.settings, e.knows
	e.mu.Unlock()
	if knows {
		return settings, nil
	}
	var level uint8
	if err := e.cfg.Conn.QueryRow(ctx, "SELECT toUInt8(getSetting('readonly'))").Scan(&level); err != nil {
		return nil, fmt.Errorf("asking ClickHouse whether the user is read-only: %w", err)
	}
	settings = clickhouse.Settings{}
	if level == 0 {
		settings["readonly"] = 2
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settings, e.knows = settings, true
	return settings, nil
}

// killTime is how long ending a query may take.
const killTime = 5 * time.Second

// kill ends a query that nobody waits for: the connection's end does that where ClickHouse looks at it, and a server that
// was asked over HTTP does not.
func (e *Engine) kill(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	_ = e.cfg.Conn.Exec(ctx, "KILL QUERY WHERE query_id = "+quote(id)+" ASYNC") // it may have ended
}
