package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/scripts/kafka"
)

// contenders starts the servers, the bare one first. stop ends what was started, also beside an error.
func (b *bench) contenders(ctx context.Context) (list []*contender, broker *process, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	if !slices.Contains([]string{"on", "off", "both"}, b.edge.spool) {
		return nil, nil, stop, errNoEdge
	}
	bare, address, err := b.startChild("child-bare")
	if err != nil {
		return nil, nil, stop, err
	}
	stops = append(stops, bare.stop)
	addresses := []string{address}
	list = append(list, &contender{name: "bare fasthttp 302", process: bare})

	if nginx, address, err := b.startNginx(ctx); err != nil {
		return nil, nil, stop, err
	} else if nginx != nil {
		stops = append(stops, nginx.stop)
		list, addresses = append(list, &contender{name: "bare nginx 302", process: nginx}), append(addresses, address)
	}

	broker = &process{} // without figures of its own: it is a Java program that the kafka package owns
	var brokerAddress string
	if b.edge.kafka {
		started, err := kafka.Start(ctx, kafka.Options{})
		if err != nil {
			return nil, nil, stop, err
		}
		stops = append(stops, func() { _ = started.Stop() }) // its folder goes with it
		brokerAddress = started.Addr()
	} else {
		if broker, brokerAddress, err = b.startChild("child-broker", filepath.Join(b.dir, "edge-kafka")); err != nil {
			return nil, nil, stop, err
		}
		stops = append(stops, broker.stop)
	}
	if err := makeTopics(ctx, brokerAddress); err != nil {
		return nil, nil, stop, err
	}
	durable, address, err := b.startChild("child-durable", brokerAddress)
	if err != nil {
		return nil, nil, stop, err
	}
	stops = append(stops, durable.stop)
	list, addresses = append(list, &contender{name: "fasthttp and franz-go", process: durable, produces: true}), append(addresses, address)
	var request func(host string) []byte
	for i, e := range b.edge.edges() {
		s, err := b.newSite(fmt.Sprintf("edge-%d", i), brokerAddress)
		if err != nil {
			return nil, nil, stop, err
		}
		of := *b
		if e.binary != "" {
			of.binary = e.binary
		}
		edge, err := of.role(ctx, s, "ingest", e.flags...)
		if err != nil {
			return nil, nil, stop, err
		}
		stops = append(stops, edge.stop)
		list, addresses = append(list, &contender{name: e.name, process: edge, isEdge: true, produces: true, ops: s.opsOf["ingest"], edge: s.edge}), append(addresses, s.edge)
		request = func(host string) []byte { return clickRequest(s, host, "") }
	}
	for i, c := range list {
		c.hammer = hammer{addr: addresses[i], connections: edgeConnections, request: request(addresses[i]), status: "302"}
	}
	return list, broker, stop, nil
}

// An edgeKind is one edge to measure.
type edgeKind struct {
	name   string
	flags  []string
	binary string // empty for the program under test
}

func (f *edgeFlags) edges() (list []edgeKind) {
	if f.spool != "off" {
		list = append(list, edgeKind{name: "edge, each click durable"})
	}
	if f.spool != "on" {
		list = append(list, edgeKind{name: "the same without a spool", flags: []string{"--set", "ingest.spool.dir="}})
	}
	if f.against != "" {
		list = append(list, edgeKind{name: "the build at " + f.against, binary: f.against})
	}
	for variant := range strings.SplitSeq(f.variants, ";") {
		e := edgeKind{name: "the same with " + strings.TrimSpace(variant)}
		for _, set := range strings.Fields(variant) {
			e.flags = append(e.flags, "--set", set)
		}
		if len(e.flags) > 0 {
			list = append(list, e)
		}
	}
	return list
}

// startNginx answers nil and says so where there is no nginx.
func (b *bench) startNginx(ctx context.Context) (*process, string, error) {
	program := b.edge.nginx
	if program == "" {
		// Debian keeps it where only root's PATH reaches.
		for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
			if found, err := exec.LookPath(name); err == nil {
				program = found
				break
			}
		}
	}
	if program == "" {
		fmt.Fprintln(os.Stderr, "  bare nginx 302: SKIPPED: there is no nginx (Debian: apt-get install nginx-light; or --nginx PATH)")
		return nil, "", nil
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	dir := filepath.Join(b.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", err
	}
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "  %s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	file := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
worker_processes auto;
pid %s;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
%s  server {
    listen %s reuseport;
    location / { return 302 https://offer.example/land?sub=06ek5s8w3h000g0g80c4a0r1sgm2b30w9p6bm9y0; }
  }
}
`, filepath.Join(dir, "pid"), temporary.String(), address)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, "", err
	}
	p, out, err := b.start("nginx", program, "-p", dir, "-c", file)
	if err != nil {
		return nil, "", err
	}
	p.reap(out)
	err = until(ctx, "nginx", func() (bool, error) {
		select {
		case <-p.done:
			return false, p.failed(errors.New("ended"))
		default:
			return answers("http://" + address + "/"), nil
		}
	})
	if err != nil {
		p.stop()
		return nil, "", err
	}
	return p, address, nil
}

// answers says whether there is any answer, a redirect too.
func answers(url string) bool {
	client := http.Client{Timeout: time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return true
}

// cpuOfAll is the processor time of the process and of its children that live, in all so far; 0 for no process.
func (p *process) cpuOfAll() time.Duration {
	if p.cmd == nil {
		return 0
	}
	total := cpuOf(p.cmd.Process.Pid)
	for _, child := range childrenOf(p.cmd.Process.Pid) {
		total += cpuOf(child)
	}
	return total
}

// A heap is what a Go process asked for so far.
type heap struct{ objects, bytes float64 }

// heap asks the edge's own metrics: at its management address, or where builds before that had them.
func (c *contender) heap() (heap, error) {
	h, err := heapOf(c.ops)
	if err != nil {
		if h, older := heapOf(c.edge); older == nil {
			return h, nil
		}
	}
	return h, err
}

func heapOf(address string) (h heap, err error) {
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return h, fmt.Errorf("asking for metrics: %w", err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		for name, value := range map[string]*float64{"go_memstats_mallocs_total ": &h.objects, "go_memstats_alloc_bytes_total ": &h.bytes} {
			if text, ok := strings.CutPrefix(lines.Text(), name); ok {
				if *value, err = strconv.ParseFloat(text, 64); err != nil {
					return h, fmt.Errorf("reading %s: %w", name, err)
				}
			}
		}
	}
	if h.objects == 0 || h.bytes == 0 {
		return h, fmt.Errorf("http://%s/metrics tells nothing of the heap", address)
	}
	return h, lines.Err()
}
