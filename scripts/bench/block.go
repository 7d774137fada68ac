package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	blocksMeasured = 200
	blockEdges     = 3
	// Of so many blocks, one edge is killed before this one, and one is cut off from Kafka while these are written.
	blockKill               = blocksMeasured * 3 / 10
	blockCut, blockRejoined = blocksMeasured * 6 / 10, blocksMeasured * 7 / 10
	// blockLoad are clicks a second at each edge meanwhile.
	blockLoad = 300
	// blockLimit is how long a block may take before the run fails.
	blockLimit = 30 * time.Second
	blockProbe = 2 * time.Millisecond
)

// blockEdge is one edge of the fleet, on a way of its own to Kafka.
type blockEdge struct {
	site *site
	way  *kafkaWay
	role *process
	ops  string
}

// benchBlock: from `tributary block add` until no redirect of what it blocks leaves any of three edges, under load. One of
// them is killed on the way and one cut off from Kafka.
func benchBlock(ctx context.Context, b *bench) error {
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "block-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	f := &blockFleet{bench: b, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if f.writer, err = b.newSite("block-writer", address); err != nil {
		return err
	}
	for i := range blockEdges {
		e := &blockEdge{}
		if e.way, err = newKafkaWay(address); err != nil {
			return err
		}
		defer e.way.close()
		if e.site, err = b.newSite(fmt.Sprintf("block-edge-%d", i), e.way.addr()); err != nil {
			return err
		}
		if err := f.start(ctx, e); err != nil {
			return err
		}
		defer func() { e.role.stop() }()
		f.edges = append(f.edges, e)
	}
	loadCtx, stopLoad := context.WithCancel(ctx)
	var clicks atomic.Int64
	began := time.Now()
	var load sync.WaitGroup
	for _, e := range f.edges {
		h := &hammer{addr: e.site.edge, connections: 16, request: clickRequest(e.site, e.site.edge, ""), status: "302", perSecond: blockLoad}
		load.Go(func() {
			for loadCtx.Err() == nil { // the one that is killed ends a run
				if shot, _ := h.run(loadCtx, time.Hour); shot != nil {
					clicks.Add(int64(shot.requests))
				}
				pause(loadCtx, 100*time.Millisecond)
			}
		})
	}
	err = f.measure(ctx)
	stopLoad()
	load.Wait()
	if err != nil {
		return err
	}
	b.report("load meanwhile, clicks/s", fmt.Sprintf("%.0f", float64(clicks.Load())/time.Since(began).Seconds()), "", "", "")
	b.report(fmt.Sprintf("block add → no redirect leaves any of %d edges, from the command's start, p50 / p99 ms", blockEdges), quantiles(f.whole), "", "", "")
	b.report("the same from the command's end, which is the write", quantiles(f.after), "", "", "p99 ≤ 1000")
	b.report("killed edge: redirects of blocked clicks after its return", fmt.Sprint(f.leaked), "", "", "0")
	b.report("edge cut off from Kafka: back → applies what it missed, ms", fmt.Sprint(f.rejoined.Milliseconds()), "", "", "≤ 1000")
	return nil
}

// blockFleet is what is measured.
type blockFleet struct {
	*bench
	client *http.Client
	writer *site
	edges  []*blockEdge

	whole, after []time.Duration
	leaked       int
	rejoined     time.Duration
}

// start starts an edge and waits until it takes clicks.
func (f *blockFleet) start(ctx context.Context, e *blockEdge) (err error) {
	e.role, err = f.role(ctx, e.site, "ingest")
	e.ops = e.site.opsOf["ingest"]
	return err
}

// redirects tells whether a click of the i-th block is sent on by an edge.
func (f *blockFleet) redirects(ctx context.Context, e *blockEdge, i int) bool {
	c := e.site.scenario.Campaigns[0]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://%s/c/%s?source=%s&sub1=%s", e.site.edge, c.Name, f.source(), blockedValue(i)), nil)
	if err != nil {
		return false
	}
	request.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36")
	answer, err := f.client.Do(request)
	if err != nil {
		return false // nothing leaves it
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return answer.StatusCode == http.StatusFound
}

func (f *blockFleet) source() string { return "bench-source" }

func blockedValue(i int) string { return fmt.Sprintf("zone-%d", i) }

func (f *blockFleet) measure(ctx context.Context) error {
	for i := range blocksMeasured {
		edges := f.edges
		var killed chan error
		switch {
		case i == blockKill:
			e := f.edges[1]
			_ = e.role.cmd.Process.Kill()
			<-e.role.done
			killed = make(chan error, 1)
			go func() { killed <- f.start(ctx, e) }()
		case i == blockCut:
			f.edges[2].way.cut(true)
		case i == blockRejoined:
			if err := f.rejoin(ctx); err != nil {
				return err
			}
		}
		if i >= blockCut && i < blockRejoined {
			edges = f.edges[:2]
		}
		if err := f.one(ctx, edges, i); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if killed != nil {
			if err := <-killed; err != nil {
				return err
			}
			for past := range i + 1 { // its first answers
				if f.redirects(ctx, f.edges[1], past) {
					f.leaked++
				}
			}
		}
	}
	return nil
}

// one writes a block and waits until no edge sends on what it blocks.
func (f *blockFleet) one(ctx context.Context, edges []*blockEdge, i int) error {
	ctx, cancel := context.WithTimeout(ctx, blockLimit)
	defer cancel()
	start := time.Now()
	ends := make([]time.Time, len(edges))
	var probes sync.WaitGroup
	for n, e := range edges {
		probes.Go(func() {
			for f.redirects(ctx, e, i) && ctx.Err() == nil {
				pause(ctx, blockProbe)
			}
			ends[n] = time.Now()
		})
	}
	err := f.command(ctx, "block", "add", "--config", f.writer.configFile, "--source", f.source(), "--sub", "sub1="+blockedValue(i),
		"--answer", "empty", "--reason", "a measurement")
	written := time.Now()
	probes.Wait()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	last := start
	for _, end := range ends {
		if end.After(last) {
			last = end
		}
	}
	f.whole = append(f.whole, last.Sub(start))
	f.after = append(f.after, max(0, last.Sub(written)))
	return nil
}

// rejoin looks at the edge that was cut off: it says so, it still does what it knew, and on its return it does the rest.
func (f *blockFleet) rejoin(ctx context.Context) error {
	e := f.edges[2]
	said, err := f.readyz(ctx, e)
	if err != nil {
		return err
	}
	if !strings.Contains(said, "has not been seen since") {
		return fmt.Errorf("the edge that is cut off does not say that it is blind: %s", said)
	}
	for i := range blockCut {
		if f.redirects(ctx, e, i) {
			return fmt.Errorf("the edge that is cut off forgot block %d", i)
		}
	}
	e.way.cut(false)
	start := time.Now()
	for i := blockCut; i < blockRejoined; i++ {
		for f.redirects(ctx, e, i) {
			if time.Since(start) > blockLimit {
				return fmt.Errorf("%s after its return the edge does not apply block %d", blockLimit, i)
			}
			pause(ctx, blockProbe)
		}
	}
	f.rejoined = time.Since(start)
	return nil
}

func (f *blockFleet) readyz(ctx context.Context, e *blockEdge) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.ops+"/readyz", nil)
	if err != nil {
		return "", err
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}
