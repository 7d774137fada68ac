package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	freshSeconds = 15
	probeEvery   = 50 * time.Millisecond
	pollEvery    = 20 * time.Millisecond
)

// benchFreshness: from the answer to a click until a query sees it, at half of what the whole pipeline carries on this
// machine and at one event a second.
func benchFreshness(ctx context.Context, b *bench) error {
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "fresh-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("fresh", address)
	if err != nil {
		return err
	}
	engine, err := b.engine(ctx, s)
	if err != nil {
		return err
	}
	defer engine.stop()
	if err := b.command(ctx, "migrate", "--config", s.configFile); err != nil {
		return err
	}
	for _, role := range []string{"ingest", "process", "sink"} {
		p, err := b.role(ctx, s, role)
		if err != nil {
			return err
		}
		defer p.stop()
	}
	conn, err := connect(s)
	if err != nil {
		return err
	}
	defer conn.Close()
	full := &hammer{addr: s.edge, connections: edgeConnections, request: clickRequest(s, s.edge, ""), status: "302"}
	start := time.Now()
	shot, err := full.run(ctx, 10*time.Second)
	if err != nil {
		return err
	}
	if err := drained(ctx, conn, shot.requests); err != nil {
		return err
	}
	carried := float64(shot.requests) / time.Since(start).Seconds()
	b.report("pipeline: clicks/s from HTTP to ClickHouse, all roles and engines on these cores", fmt.Sprintf("%.0f", carried), "", "", "")

	half := &hammer{addr: s.edge, connections: 64, request: full.request, status: "302", perSecond: carried / 2}
	loadCtx, stopLoad := context.WithCancel(ctx)
	var wg sync.WaitGroup
	answered, loadErr := 0, error(nil)
	wg.Go(func() {
		load, err := half.run(loadCtx, (freshSeconds+3)*time.Second)
		if loadErr = err; load != nil {
			answered = load.requests
		}
	})
	pause(ctx, 3*time.Second)
	times, err := probes(ctx, s, conn, "half", probeEvery, freshSeconds*int(time.Second/probeEvery))
	stopLoad()
	wg.Wait()
	if err := errors.Join(err, loadErr); err != nil {
		return fmt.Errorf("at half load: %w", err)
	}
	b.report("accept → queryable at half load, p50 / p99 ms", quantiles(times), "", "", "p99 ≤ 2000")
	if err := drained(ctx, conn, shot.requests+answered+len(times)); err != nil {
		return err
	}
	times, err = probes(ctx, s, conn, "one", time.Second, freshSeconds)
	if err != nil {
		return err
	}
	b.report("accept → queryable at one event a second, p50 / p99 ms", quantiles(times), "", "", "p99 ≤ 2000")
	return nil
}

func quantiles(times []time.Duration) string {
	slices.Sort(times)
	at := func(q float64) int64 {
		return times[min(int(q*float64(len(times))), len(times)-1)].Milliseconds()
	}
	return fmt.Sprintf("%d / %d (n = %d)", at(.5), at(.99), len(times))
}

// drained waits until ClickHouse has every click that was acknowledged.
func drained(ctx context.Context, conn driver.Conn, clicks int) error {
	return until(ctx, "the pipeline to drain", func() (bool, error) {
		rows, err := count(ctx, conn, "tributary.clicks")
		return rows >= uint64(clicks), err
	})
}

// probes sends n clicks of a campaign that nobody else uses and asks ClickHouse for them until all are there. A probe's
// time ends when a query that began afterwards has answered it, so it includes the query.
func probes(ctx context.Context, s *site, conn driver.Conn, mark string, every time.Duration, n int) ([]time.Duration, error) {
	campaign := s.scenario.Campaigns[len(s.scenario.Campaigns)-1]
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var (
		mu       sync.Mutex
		accepted = map[string]time.Time{}
		wg       sync.WaitGroup
		sendErr  error
	)
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := range n {
			key := fmt.Sprintf("%s-%d", mark, i)
			answer, err := noRedirect.Get(fmt.Sprintf("http://%s/c/%s?source=%s&sub1=%s", s.edge, campaign.Name, s.scenario.Sources[0].Name, key))
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode != http.StatusFound {
					err = fmt.Errorf("a probe was answered %s", answer.Status)
				}
			}
			mu.Lock()
			if err != nil {
				sendErr = err
				mu.Unlock()
				return
			}
			accepted[key] = time.Now()
			mu.Unlock()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	seen := map[string]time.Duration{}
	deadline := time.Now().Add(every*time.Duration(n) + time.Minute)
	for len(seen) < n && ctx.Err() == nil {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d of %d probes did not arrive", n-len(seen), n)
		}
		rows, err := conn.Query(ctx, fmt.Sprintf("SELECT sub1 FROM tributary.clicks WHERE campaign_id = %d AND startsWith(sub1, '%s-') SETTINGS max_threads = 1", campaign.ID, mark))
		if err != nil {
			return nil, err
		}
		now := time.Now()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return nil, err
			}
			mu.Lock()
			at, ok := accepted[key]
			failed := sendErr
			mu.Unlock()
			if failed != nil {
				return nil, failed
			}
			if _, had := seen[key]; ok && !had {
				seen[key] = max(now.Sub(at), 0)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		rows.Close()
		pause(ctx, pollEvery)
	}
	wg.Wait()
	times := make([]time.Duration, 0, n)
	for _, t := range seen {
		times = append(times, t)
	}
	return times, ctx.Err()
}
