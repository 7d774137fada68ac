package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tributary/cli/loadgen"
	"tributary/deploy/embedded"
	"tributary/deploy/embedded/chdb"
	"tributary/ingest"
	"tributary/schemas"
)

// children are what this program does when it starts itself again. A child serves until its standard input ends, so it
// cannot outlive its parent, and prints its address as its first line.
var children = map[string]func([]string) error{
	"child-broker": func(args []string) error {
		k, err := embedded.NewKafka("127.0.0.1:0", args[0], zap.NewNop())
		if err != nil {
			return err
		}
		defer k.Close()
		return serveUntilEOF(k.Address())
	},
	"child-join-prefill": joinPrefill,
	"child-bare":         func([]string) error { return redirect(func(*fasthttp.RequestCtx) error { return nil }) },
	"child-durable":      redirectDurably,
}

// redirect serves a 302 to whatever is asked, once before says so.
func redirect(before func(*fasthttp.RequestCtx) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	location := []byte("https://offer.example/land?sub=06ek5s8w3h000g0g80c4a0r1sgm2b30w9p6bm9y0")
	s := &fasthttp.Server{NoDefaultServerHeader: true, NoDefaultContentType: true, Handler: func(ctx *fasthttp.RequestCtx) {
		if err := before(ctx); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusServiceUnavailable)
			return
		}
		ctx.SetStatusCode(fasthttp.StatusFound)
		ctx.Response.Header.SetBytesV("Location", location)
	}}
	go func() { _ = s.Serve(l) }() // ends with the process
	return serveUntilEOF(l.Addr().String())
}

// redirectDurably redirects when the broker at args[0] has the request as it came, with nothing read, enriched or signed: what the
// two libraries of the edge do by themselves. The linger is the edge's.
func redirectDurably(args []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(args[0]), kgo.DefaultProduceTopic(schemas.TopicClicks), kgo.ProducerLinger(ingest.Defaults().Linger), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return err
	}
	defer client.Close()
	var n atomic.Uint64
	return redirect(func(ctx *fasthttp.RequestCtx) error {
		r := kgo.Record{Key: binary.BigEndian.AppendUint64(nil, n.Add(1)), Value: bytes.Clone(ctx.Request.Header.Header())}
		done := make(chan error, 1)
		client.Produce(context.Background(), &r, func(_ *kgo.Record, err error) { done <- err })
		return <-done
	})
}

func serveUntilEOF(address string) error {
	fmt.Println(address)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// A process is a child with its log.
type process struct {
	name    string
	cmd     *exec.Cmd
	stdin   io.Closer
	logFile *os.File
	done    chan struct{} // closed after Wait
}

func (b *bench) start(name, program string, args ...string) (*process, *bufio.Reader, error) {
	cmd := exec.Command(program, args...)
	logFile, err := os.Create(filepath.Join(b.dir, name+".log"))
	if err != nil {
		return nil, nil, err
	}
	cmd.Stderr = logFile
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, stdin: in, logFile: logFile, done: make(chan struct{})}
	return p, bufio.NewReader(out), nil
}

// startChild starts this program as one of its children and answers its address.
func (b *bench) startChild(name string, args ...string) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	p, out, err := b.start(name, self, append([]string{name}, args...)...)
	if err != nil {
		return nil, "", err
	}
	p.reap(out)
	address, err := p.firstLine(out)
	if err != nil {
		p.stop()
		return nil, "", err
	}
	return p, address, nil
}

func (p *process) firstLine(out *bufio.Reader) (string, error) {
	line, err := out.ReadString('\n')
	if err != nil {
		return "", p.failed(errors.New("did not start"))
	}
	return strings.TrimSpace(line), nil
}

func (p *process) reap(*bufio.Reader) {
	go func() {
		_, _ = p.cmd.Process.Wait() // the exit state is not asked for
		close(p.done)
	}()
}

// startRole starts the program under test and waits until readyURL answers 200.
func (b *bench) startRole(ctx context.Context, role, readyURL string, args ...string) (*process, error) {
	p, out, err := b.start(role, b.binary, append([]string{role}, args...)...)
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	p.reap(out)
	ctx, cancel := context.WithTimeout(ctx, max(time.Minute, b.patience))
	defer cancel()
	for {
		if ready(readyURL) {
			return p, nil
		}
		select {
		case <-p.done:
			return nil, p.failed(errors.New("ended"))
		case <-ctx.Done():
			p.stop()
			return nil, p.failed(errors.New("did not become ready"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ready(url string) bool {
	answer, err := http.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (p *process) failed(err error) error {
	text, _ := os.ReadFile(p.logFile.Name())
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("%s %w; the end of its log:\n%s", p.name, err, text)
}

// stop ends the process as an operator does and waits for it.
func (p *process) stop() {
	p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.logFile.Close()
}

// memory answers the largest resident memory the process had so far, in bytes.
func (p *process) memory() int64 { return procKiB(p.cmd.Process.Pid, "status", "VmHWM:") << 10 }

// cpu answers the processor time that the process has used.
func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// Fields 14 and 15 count from the process number; the name in parentheses may have blanks. Ticks are 1/100 s on Linux.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func procKiB(pid int, file, key string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n
		}
	}
	return 0
}

// A site is one deployment of the roles under test: a broker, a ClickHouse address, a configuration file.
type site struct {
	broker     string
	edge       string
	clickhouse string
	password   string // of the roles at ClickHouse
	scenario   *loadgen.Scenario
	configFile string
	opsOf      map[string]string
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// newSite writes the configuration for roles on the broker.
func (b *bench) newSite(name, broker string) (*site, error) {
	s := &site{broker: broker, scenario: loadgen.DefaultScenario(time.Now()), opsOf: map[string]string{}}
	if b.plain {
		s.scenario.Plain()
	}
	var err error
	for _, a := range []*string{&s.edge, &s.clickhouse} {
		if *a, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	dir := filepath.Join(b.dir, name)
	users, err := chdb.KeptUsers(dir)
	if err != nil {
		return nil, err
	}
	s.password = users[0].Password
	text := fmt.Sprintf(`data_dir: %s
log: {level: warn, format: json}
kafka: {mode: external, brokers: [%q], partitions: 4, replication_factor: 1}
clickhouse: {mode: external, addr: %q, protocol: http, password: %q}
ingest: {listen: %q}
processor: {state_dir: %s, instance_id: bench}
%s`, dir, broker, s.clickhouse, s.password, s.edge, filepath.Join(dir, "state"), s.scenario.CatalogYAML())
	s.configFile = filepath.Join(dir, "tributary.yaml")
	return s, os.WriteFile(s.configFile, []byte(text), 0o600)
}

// role starts one role of the site.
func (b *bench) role(ctx context.Context, s *site, role string, flags ...string) (*process, error) {
	ops, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s.opsOf[role] = ops
	args := append([]string{"--config", s.configFile, "--set", "ops.listen=" + ops}, flags...)
	ready := "http://" + ops + "/readyz"
	if role == "ingest" {
		ready = "http://" + s.edge + "/readyz"
	}
	return b.startRole(ctx, role, ready, args...)
}

// engine starts the embedded ClickHouse of the site.
func (b *bench) engine(ctx context.Context, s *site) (*process, error) {
	return b.startRole(ctx, "clickhouse-embedded", "http://"+s.clickhouse+"/ping", "--listen", s.clickhouse, "--data", filepath.Join(filepath.Dir(s.configFile), "clickhouse"), "--passwords", filepath.Dir(s.configFile))
}

// command runs a command of the program under test to its end.
func (b *bench) command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, b.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tributary %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
