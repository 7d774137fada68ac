package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	edgeConnections = 256
	// share of a server's own maximum at which latency is measured.
	share = 0.8
)

// edgeFlags are the edge part's own.
type edgeFlags struct {
	kafka bool   // Apache Kafka instead of the embedded broker
	nginx string // the program; empty finds it by PATH
	spool string // "on", "off" or "both"
	// against is another build of the program to measure beside this one; empty for none.
	against string
	// variants has settings for more edges, separated by blanks, each edge's by a semicolon; empty for none.
	variants string
}

// clickRequest is a click as a browser sends it, about 500 bytes.
func clickRequest(s *site, host, extra string) []byte {
	return fmt.Appendf(nil, "GET /c/%s?source=%s&sub1=zone-4411&sub2=mobile&external_id=3f2b9c1e7a&keyword=casual+games&creative=banner-12&cost=0.0125%s HTTP/1.1\r\nHost: %s\r\n"+
		"User-Agent: Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36\r\n"+
		"Accept: text/html,application/xhtml+xml\r\nAccept-Language: de-DE,de;q=0.9\r\nReferer: https://news.example/article/1234\r\n\r\n",
		s.scenario.Campaigns[0].Name, s.scenario.Sources[0].Name, extra, host)
}

// A contender is one server that redirects, with what its rounds measured.
type contender struct {
	name    string
	process *process
	hammer  hammer
	isEdge  bool
	// produces: it hands records to the broker.
	produces bool
	ops      string // where an edge's CPU profile is
	edge     string // where it serves

	rate, ratio, clientCPU, cpu, brokerCPU, allocations, bytes []float64
	full, loaded                                               []*shot // at its maximum, and at a share of that
}

// benchEdge: durably acknowledged clicks against servers that only redirect, in turn, over as many connections, on the same cores. The
// broker has a process of its own, as in production, where it would have cores of its own too.
func benchEdge(ctx context.Context, b *bench) error {
	contenders, broker, stop, err := b.contenders(ctx)
	defer stop()
	if err != nil {
		return err
	}
	d := time.Duration(b.seconds * float64(time.Second))
	for _, c := range contenders {
		if _, err := c.hammer.run(ctx, time.Second); err != nil {
			return fmt.Errorf("warming %s up: %w", c.name, err)
		}
	}
	for round := range b.rounds {
		for _, c := range contenders {
			if c.isEdge && round == 0 && b.join.profile != "" {
				defer b.profileEdge(c, d)()
			}
			if err := c.measure(ctx, d, broker, contenders[0]); err != nil {
				return err
			}
		}
	}
	for range b.rounds {
		for _, c := range contenders {
			h := c.hammer
			h.perSecond = share * median(slices.Clone(c.rate))
			s, err := h.run(ctx, d)
			if err != nil {
				return fmt.Errorf("%s at %.0f requests/s: %w", c.name, h.perSecond, err)
			}
			c.loaded = append(c.loaded, s)
		}
	}
	b.edgeTable(contenders)
	for _, c := range contenders {
		if c.isEdge {
			b.report(c.name+": durable clicks/s, 256 connections", fmt.Sprintf("%.0f", median(c.rate)), fmt.Sprintf("%.0f bare fasthttp 302", median(contenders[0].rate)), fmt.Sprintf("%.2f", median(c.ratio)), "≥ 0.85")
			b.report(c.name+": p99 at 80 %, ms", millis(c.loaded, .99), millis(contenders[0].loaded, .99), "", "≤ 25")
			b.report(c.name+": most resident memory, MiB", fmt.Sprintf("%d", c.process.memory()>>20), "", "", "≤ 200")
		}
	}
	return nil
}

// profileEdge has the edge's first round profiled: its figures are a few percent the worse for it, the medians are not. Each edge has a file of
// its own. What it answers waits for the file.
func (b *bench) profileEdge(c *contender, d time.Duration) (wait func()) {
	b.profiled++
	file := b.join.profile
	if b.profiled > 1 {
		file = fmt.Sprintf("%s.%d", file, b.profiled)
	}
	var done sync.WaitGroup
	done.Go(func() { b.profile(c.ops, file, d) })
	return done.Wait
}

// measure drives the contender as fast as it goes; limit is what its rate is divided by.
func (c *contender) measure(ctx context.Context, d time.Duration, broker *process, limit *contender) error {
	var before, after heap
	var err error
	if c.isEdge {
		if before, err = c.heap(); err != nil {
			return err
		}
	}
	cpu, brokerCPU := c.process.cpuOfAll(), broker.cpuOfAll()
	s, err := c.hammer.run(ctx, d)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	cpu, brokerCPU = c.process.cpuOfAll()-cpu, broker.cpuOfAll()-brokerCPU
	if s.refused > 0 {
		return fmt.Errorf("%s refused %d of %d requests", c.name, s.refused, s.refused+s.requests)
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(s.requests) }
	c.full = append(c.full, s)
	c.rate = append(c.rate, s.perSecond())
	c.ratio = append(c.ratio, s.perSecond()/limit.rate[len(c.rate)-1])
	c.cpu, c.brokerCPU, c.clientCPU = append(c.cpu, each(cpu)), append(c.brokerCPU, each(brokerCPU)), append(c.clientCPU, each(s.cpu))
	if c.isEdge {
		if after, err = c.heap(); err != nil {
			return err
		}
		c.allocations = append(c.allocations, (after.objects-before.objects)/float64(s.requests))
		c.bytes = append(c.bytes, (after.bytes-before.bytes)/float64(s.requests))
	}
	fmt.Fprintf(os.Stderr, "  %-28s %8.0f/s %.2f, p99 %5.1f ms, CPU-µs %.1f, broker %.1f, client %.1f\n", c.name, s.perSecond(), c.ratio[len(c.ratio)-1],
		s.quantile(.99).Seconds()*1000, c.cpu[len(c.cpu)-1], c.brokerCPU[len(c.cpu)-1], c.clientCPU[len(c.cpu)-1])
	return nil
}

// edgeTable prints what docs/benchmarks.md shows.
func (b *bench) edgeTable(contenders []*contender) {
	var t strings.Builder
	kafka := "embedded broker in a process of its own"
	if b.edge.kafka {
		kafka = "Apache Kafka, one node"
	}
	fmt.Fprintf(&t, "\nEdge: %s, %d cores for client, servers and broker; %s; %d connections; %d rounds of %g s in turns, medians.\n\n", cpuModel(), runtime.NumCPU(), kafka, edgeConnections, b.rounds, b.seconds)
	fmt.Fprintf(&t, "| | requests/s | of bare fasthttp (min..max) | p50 / p99 / p99.9 ms | at 80 %% of it: p50 / p99 / p99.9 ms | CPU-µs a request: server, broker, client | heap a request: objects, bytes | most resident MiB |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range contenders {
		memory, heap, ofBroker := "", "", "–"
		if c.isEdge {
			memory, heap = fmt.Sprintf("%d", c.process.memory()>>20), fmt.Sprintf("%.1f, %.0f", median(c.allocations), median(c.bytes))
		}
		if c.produces && !b.edge.kafka {
			ofBroker = fmt.Sprintf("%.1f", median(c.brokerCPU))
		}
		fmt.Fprintf(&t, "| %s | %.0f | %.2f (%.2f..%.2f) | %s / %s / %s | %s / %s / %s | %.1f, %s, %.1f | %s | %s |\n", c.name, median(c.rate), median(c.ratio), slices.Min(c.ratio), slices.Max(c.ratio),
			millis(c.full, .5), millis(c.full, .99), millis(c.full, .999), millis(c.loaded, .5), millis(c.loaded, .99), millis(c.loaded, .999),
			median(c.cpu), ofBroker, median(c.clientCPU), heap, memory)
	}
	fmt.Fprintln(&t)
	fmt.Print(t.String())
}

// millis is the median of the rounds' quantiles.
func millis(shots []*shot, q float64) string {
	var values []float64
	for _, s := range shots {
		values = append(values, s.quantile(q).Seconds()*1000)
	}
	return fmt.Sprintf("%.1f", median(values))
}

var errNoEdge = errors.New("--spool is on, off or both")
