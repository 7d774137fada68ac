package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

const (
	edgeConnections = 256
	rounds          = 3
)

// clickRequest is a click as a browser sends it, about 500 bytes.
func clickRequest(s *site, host, extra string) []byte {
	return fmt.Appendf(nil, "GET /c/%s?source=%s&sub1=zone-4411&sub2=mobile&external_id=3f2b9c1e7a&keyword=casual+games&creative=banner-12&cost=0.0125%s HTTP/1.1\r\nHost: %s\r\n"+
		"User-Agent: Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36\r\n"+
		"Accept: text/html,application/xhtml+xml\r\nAccept-Language: de-DE,de;q=0.9\r\nReferer: https://news.example/article/1234\r\n\r\n",
		s.scenario.Campaigns[0].Name, s.scenario.Sources[0].Name, extra, host)
}

// benchEdge: durably acknowledged clicks against a server that only redirects, in turn, on the same cores. Once with the
// broker in the edge's process, as in `tributary up`; once with a process each, as in production, where the broker would have cores of
// its own.
func benchEdge(ctx context.Context, b *bench) error {
	if err := b.edgeWithBroker(ctx); err != nil {
		return err
	}
	return b.edgeAlone(ctx)
}

func (b *bench) edgeWithBroker(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s, err := b.newSite("edge-up", address)
	if err != nil {
		return err
	}
	both, _, err := b.startChild("child-edge", s.configFile)
	if err != nil {
		return err
	}
	defer both.stop()
	return b.edgeRounds(ctx, s, both, "edge with the embedded broker", "≥ 0.70")
}

func (b *bench) edgeAlone(ctx context.Context) error {
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "edge-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("edge", address)
	if err != nil {
		return err
	}
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	edge, err := b.role(ctx, s, "ingest")
	if err != nil {
		return err
	}
	defer edge.stop()
	if err := b.edgeRounds(ctx, s, edge, "edge, broker in a process of its own", ""); err != nil {
		return err
	}
	b.report("edge: most resident memory at full load, MiB", fmt.Sprintf("%d", edge.memory()>>20), "", "", "≤ 200")
	return nil
}

// edgeRounds hammers the site's edge and a bare server in turn.
func (b *bench) edgeRounds(ctx context.Context, s *site, edge *process, name, aim string) error {
	bare, bareAddress, err := b.startChild("child-bare")
	if err != nil {
		return err
	}
	defer bare.stop()
	if err := until(ctx, "the edge", func() (bool, error) { return ready("http://" + s.edge + "/readyz"), nil }); err != nil {
		return err
	}
	d := time.Duration(b.seconds * float64(time.Second))
	clicks := &hammer{addr: s.edge, connections: edgeConnections, request: clickRequest(s, s.edge, ""), status: "302"}
	if _, err := clicks.run(ctx, time.Second); err != nil {
		return err
	}
	var ratios, edgeRate, bareRate, edgeP99, bareP99, cpu []float64
	for range rounds {
		limit, err := (&hammer{addr: bareAddress, connections: edgeConnections, request: clickRequest(s, bareAddress, ""), status: "302"}).run(ctx, d)
		if err != nil {
			return err
		}
		before := edge.cpu()
		ours, err := clicks.run(ctx, d)
		if err != nil {
			return err
		}
		if ours.refused > 0 {
			return fmt.Errorf("%d of %d clicks were refused", ours.refused, ours.refused+ours.requests)
		}
		cpu = append(cpu, float64((edge.cpu()-before).Microseconds())/float64(ours.requests))
		ratios = append(ratios, ours.perSecond()/limit.perSecond())
		edgeRate, bareRate = append(edgeRate, ours.perSecond()), append(bareRate, limit.perSecond())
		edgeP99, bareP99 = append(edgeP99, ours.quantile(.99).Seconds()*1000), append(bareP99, limit.quantile(.99).Seconds()*1000)
	}
	b.report(name+": durable clicks/s, 256 connections", fmt.Sprintf("%.0f", median(edgeRate)), fmt.Sprintf("%.0f bare fasthttp 302", median(bareRate)), fmt.Sprintf("%.2f", median(ratios)), aim)
	b.report(name+": p99 of those, ms", fmt.Sprintf("%.1f", median(edgeP99)), fmt.Sprintf("%.1f", median(bareP99)), fmt.Sprintf("%.2f", median(edgeP99)/median(bareP99)), "")
	b.report(name+": CPU-µs a click", fmt.Sprintf("%.1f", median(cpu)), "", "", "")
	return nil
}
