package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb"
	"tributary/report"
)

// asking is who asks questions of a dataset.
type asking struct {
	site   *site
	data   *dataset
	roles  driver.Conn
	conn   driver.Conn
	heard  *hearing
	engine *report.Engine
	// process is ClickHouse.
	process *process
}

// answered has the times of a set, and the processor time that the engine took for all of it; 0 where others had some.
type answered struct {
	times []timed
	cpu   time.Duration
}

// hearing is a connection that remembers the last statement, to say what bounds it.
type hearing struct {
	driver.Conn
	mu   sync.Mutex
	last string
}

func (h *hearing) Query(ctx context.Context, sql string, arguments ...any) (driver.Rows, error) {
	if strings.Contains(sql, "is_total") {
		h.mu.Lock()
		h.last = sql
		h.mu.Unlock()
	}
	return h.Conn.Query(ctx, sql, arguments...)
}

// A timed is a question with the time of its answer, and the statement where one asks at a time.
type timed struct {
	took     time.Duration
	question report.Question
	sql      string
	groups   int
}

func (a *asking) ask(ctx context.Context, q report.Question) (timed, error) {
	start := time.Now()
	t, err := a.engine.Ask(ctx, q)
	took := time.Since(start)
	if err != nil {
		return timed{}, fmt.Errorf("asking by %s: %w", strings.Join(q.By, ", "), err)
	}
	a.heard.mu.Lock()
	defer a.heard.mu.Unlock()
	return timed{took: took, question: q, sql: a.heard.last, groups: t.Groups}, nil
}

func (a *asking) all(ctx context.Context, questions []report.Question) (of answered, err error) {
	before := a.process.cpu()
	for _, q := range questions {
		t, err := a.ask(ctx, q)
		if err != nil {
			return of, err
		}
		of.times = append(of.times, t)
	}
	of.cpu = a.process.cpu() - before
	return of, nil
}

// cold asks each question when no cache has anything: those of the engine, and the system's of the dataset's files.
func (a *asking) cold(ctx context.Context, questions []report.Question) (of answered, err error) {
	for _, q := range questions {
		for _, cache := range []string{"MARK", "INDEX MARK", "UNCOMPRESSED", "INDEX UNCOMPRESSED", "QUERY CONDITION", "PRIMARY INDEX"} {
			if err := a.roles.Exec(ctx, "SYSTEM DROP "+cache+" CACHE"); err != nil {
				return of, fmt.Errorf("dropping the %s cache: %w", strings.ToLower(cache), err)
			}
		}
		if err := evict(filepath.Join(a.data.dir, "clickhouse")); err != nil {
			return of, fmt.Errorf("taking files out of the system's cache: %w", err)
		}
		one, err := a.all(ctx, []report.Question{q})
		if err != nil {
			return of, err
		}
		of.times, of.cpu = append(of.times, one.times...), of.cpu+one.cpu
	}
	return of, nil
}

// running counts the questions that the engine is at.
func (a *asking) running(ctx context.Context) (n uint64, err error) {
	return n, a.roles.QueryRow(ctx, "SELECT count() FROM system.processes WHERE query LIKE '%rows_in_all%' AND query NOT LIKE '%system.processes%'").Scan(&n)
}

// users ask at random for some time, each after two seconds of thought, more or less.
func (a *asking) users(ctx context.Context, n int, long time.Duration) ([]timed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var times []timed
	var wg sync.WaitGroup
	end := time.Now().Add(long)
	for i := range n {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(2, uint64(i)))
			mine := report.As(ctx, "user "+strconv.Itoa(i))
			for {
				pause(ctx, time.Duration((1+2*chance.Float64())*float64(time.Second)))
				if time.Now().After(end) || ctx.Err() != nil {
					return
				}
				days := 7
				if chance.IntN(4) == 0 {
					days = 90
				}
				q := a.summary(chance, days)
				if chance.IntN(4) == 0 {
					q = a.within(chance)
				}
				t, err := a.ask(mine, q)
				if err != nil {
					cancel(err)
					return
				}
				t.sql = "" // it may be another's
				mu.Lock()
				times = append(times, t)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return times, context.Cause(ctx)
}

// spread of times in ms.
func spread(times []timed) string {
	if len(times) == 0 {
		return "none"
	}
	sorted := slices.Clone(times)
	slices.SortFunc(sorted, func(a, b timed) int { return int(a.took - b.took) })
	at := func(q float64) int64 { // so many are no longer than it
		return sorted[int(math.Ceil(q*float64(len(sorted))))-1].took.Milliseconds()
	}
	return fmt.Sprintf("%d / %d / %d (n = %d)", at(.5), at(.95), at(1), len(times))
}

func slowest(times []timed) timed {
	return slices.MaxFunc(times, func(a, b timed) int { return int(a.took - b.took) })
}

var projectionRead = regexp.MustCompile(`ReadFromMergeTree \(([^)]*)\)`)

// boundOf says what a question is bound by: what it reads, from where, and the planning.
func (a *asking) boundOf(ctx context.Context, t timed) (string, error) {
	q := t.question
	of := fmt.Sprintf("by %s, %.0f days, %s", strings.Join(q.By, "/"), q.Period.To.Sub(q.Period.From).Hours()/24, q.Zone)
	if t.sql == "" {
		return of, nil
	}
	planning, text, _, err := a.post(ctx, "EXPLAIN "+t.sql)
	if err != nil {
		return "", err
	}
	took, _, read, err := a.post(ctx, t.sql)
	if err != nil {
		return "", err
	}
	reads := map[string]int{}
	for _, m := range projectionRead.FindAllStringSubmatch(text, -1) {
		reads[strings.TrimPrefix(m[1], "tributary.")]++
	}
	var list []string
	for name := range reads {
		list = append(list, name)
	}
	slices.Sort(list)
	return fmt.Sprintf("%s: %srows, %sB, planning %d ms of %d again, reads %s", of, quantity(read.rows), quantity(read.bytes),
		planning.Milliseconds(), took.Milliseconds(), strings.Join(list, " + ")), nil
}

type reading struct{ rows, bytes float64 }

// post sends a statement as a plain client does: it answers how long it took, and what the engine has read for it.
func (a *asking) post(ctx context.Context, sql string) (took time.Duration, text string, read reading, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.site.clickhouse+"/?wait_end_of_query=1", strings.NewReader(sql))
	if err != nil {
		return 0, "", read, err
	}
	request.SetBasicAuth(chdb.RolesUser, a.site.password)
	start := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", read, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	took = time.Since(start)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(string(body))
	}
	if err != nil {
		return 0, "", read, err
	}
	var summary map[string]string
	if err := json.Unmarshal([]byte(response.Header.Get("X-ClickHouse-Summary")), &summary); err != nil {
		return 0, "", read, fmt.Errorf("reading the engine's summary: %w", err)
	}
	read.rows, _ = strconv.ParseFloat(summary["read_rows"], 64)
	read.bytes, _ = strconv.ParseFloat(summary["read_bytes"], 64)
	return took, string(body), read, nil
}
