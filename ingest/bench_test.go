package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/valyala/fasthttp"
)

// connections is what the aim is stated for.
const connections = 256

// link is what a traffic source sends: about the length of a real one.
const link = "/c/summer?source=pushads&sub1=zone-%d&sub2=mobile&external_id=3f2b9c1e7a&keyword=casual+games&creative=banner-12&cost=0.0125"

// BenchmarkRedirect measures how many links the edge serves a second over 256 connections, each click durable in Kafka,
// beside a fasthttp server that only redirects. Client, server and broker share the machine's cores in both.
func BenchmarkRedirect(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := &fasthttp.Server{NoDefaultServerHeader: true, NoDefaultContentType: true, Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(fasthttp.StatusFound)
			ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
			ctx.Response.Header.SetCanonical(headerLocation, []byte("https://offer.example/land"))
		}}
		go server.Serve(listener)
		defer server.Shutdown()
		drive(b, listener.Addr().String(), connections, links())
	})
	for _, compression := range []string{"lz4", "none"} {
		for _, linger := range []time.Duration{0, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond} {
			b.Run(fmt.Sprintf("edge/%s/linger=%v", compression, linger), func(b *testing.B) {
				bench := newBench(b, func(cfg *Config, deps *Deps) {
					deps.Now = time.Now
					cfg.Linger, cfg.Compression = linger, compression
				})
				waitReady(b, bench.edge)
				drive(b, bench.edge.Addr().String(), connections, links())
			})
		}
	}
}

// BenchmarkSpool is the same with a spool beside Kafka: idle while Kafka is well, and taking everything while Kafka refuses.
func BenchmarkSpool(b *testing.B) {
	for _, kafka := range []string{"well", "away"} {
		b.Run("kafka="+kafka, func(b *testing.B) {
			bench := newBench(b, func(cfg *Config, deps *Deps) {
				deps.Now = time.Now
				cfg.Spool.Dir, cfg.Spool.MaxBytes = b.TempDir(), 16<<30
			})
			waitReady(b, bench.edge)
			if kafka == "away" {
				defer bench.refuseProduce(kerr.NotEnoughReplicas)()
			}
			drive(b, bench.edge.Addr().String(), connections, links())
			b.ReportMetric(float64(bench.edge.spool.Depth().Records), "spooled")
		})
	}
}

// BenchmarkSpoolDrain is how many records a second go from the spool to Kafka when it is back, without other load.
func BenchmarkSpoolDrain(b *testing.B) {
	bench := newBench(b, func(cfg *Config, deps *Deps) {
		deps.Now = time.Now
		cfg.Spool.Dir, cfg.Spool.MaxBytes = b.TempDir(), 16<<30
	})
	waitReady(b, bench.edge)
	stop := bench.refuseProduce(kerr.NotEnoughReplicas)
	drive(b, bench.edge.Addr().String(), connections, links())
	before := bench.edge.spool.Depth().Records
	b.ResetTimer()
	start := time.Now()
	stop()
	bench.drained()
	b.ReportMetric(float64(before)/time.Since(start).Seconds(), "records/s")
}

// BenchmarkPostback is the same for postbacks.
func BenchmarkPostback(b *testing.B) {
	bench := newBench(b, func(_ *Config, deps *Deps) { deps.Now = time.Now })
	waitReady(b, bench.edge)
	click := clickID(b, testSecret, 1, 1)
	requests := make([][]byte, 64)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET /postback?network=acme&click_id=%s&status=ok&payout=12.50&currency=USD&txid=t-%d HTTP/1.1\r\nHost: t.example\r\n\r\n", click, i)
	}
	drive(b, bench.edge.Addr().String(), connections, requests)
}

// BenchmarkLonely is how long one visitor waits when nobody else clicks.
func BenchmarkLonely(b *testing.B) {
	bench := newBench(b, func(_ *Config, deps *Deps) { deps.Now = time.Now })
	waitReady(b, bench.edge)
	drive(b, bench.edge.Addr().String(), 1, links())
}

func links() [][]byte {
	requests := make([][]byte, 64)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET "+link+" HTTP/1.1\r\nHost: t.example\r\nUser-Agent: %s\r\nAccept-Language: de-DE,de;q=0.9\r\nReferer: https://site-%d.example/\r\n\r\n", i, chrome, i)
	}
	return requests
}

// drive sends b.N of the requests over keep-alive connections, each waiting for its answer, and reports rate and latency.
func drive(b *testing.B, addr string, connections int, requests [][]byte) {
	b.Helper()
	conns := make([]net.Conn, connections)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var mu sync.Mutex
	var counts [4096]int // by 50 µs
	var wg sync.WaitGroup
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	for i, conn := range conns {
		wg.Go(func() {
			var own [len(counts)]int
			reader := bufio.NewReaderSize(conn, 4<<10)
			for n := i; left.Add(-1) >= 0; n++ {
				start := time.Now()
				if _, err := conn.Write(requests[n%len(requests)]); err != nil {
					b.Error(err)
					return
				}
				if status, err := readAnswer(reader); err != nil || status >= 400 {
					b.Errorf("status %d, error %v", status, err)
					return
				}
				own[min(int(time.Since(start)/(50*time.Microsecond)), len(own)-1)]++
			}
			mu.Lock()
			for k, n := range own {
				counts[k] += n
			}
			mu.Unlock()
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	// What other processes do on the machine disturbs this less than the rate.
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
	for _, q := range []int{50, 99} {
		seen := 0
		for k, n := range counts {
			if seen += n; seen*100 >= b.N*q {
				b.ReportMetric(float64(k+1)*0.05, "p"+strconv.Itoa(q)+"-ms")
				break
			}
		}
	}
}

// cpuTime is what this process has used of the processor so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// readAnswer reads one answer and passes over its body.
func readAnswer(r *bufio.Reader) (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if first && len(line) > 12 {
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, err
			}
		} else if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(text)); err != nil {
				return 0, err
			}
		}
		if len(line) == 0 {
			_, err := r.Discard(length)
			return status, err
		}
	}
}

func waitReady(tb testing.TB, e *Edge) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		err := e.Ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("not ready: %v", err)
		}
	}
}

// BenchmarkFill is what one click costs before Kafka: reading, enriching, signing, marshalling, the link.
func BenchmarkFill(b *testing.B) {
	e := newBench(b, nil).edge
	work := clickWork(e)
	b.ReportAllocs()
	for b.Loop() {
		work()
	}
}

// clickWork makes a function that does all of a click but handing it to Kafka and to the connection.
func clickWork(e *Edge) func() {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}, nil)
	ctx.Request.SetRequestURI(fmt.Sprintf(link, 7))
	ctx.Request.Header.SetUserAgent(chrome)
	ctx.Request.Header.Set(fasthttp.HeaderAcceptLanguage, "de-DE,de;q=0.9")
	ctx.Request.Header.SetReferer("https://site-1.example/")
	return func() {
		path, rawQuery := target(ctx)
		cat := e.catalog.Load()
		v := e.newVisit()
		v.addr = e.proxies.client(ctx)
		e.readLink(v, rawQuery)
		e.readHeaders(ctx, v)
		e.readCookie(ctx, v)
		campaign := cat.Campaign(path[len(pathClick):])
		if refused := e.fill(v, cat, campaign, testNow, false); refused != nil {
			panic(refused.Detail)
		}
		e.observe(v)
		d, err := e.producer.prepare(topic(topicClicks), v.id[:], "", &v.event)
		if err != nil {
			panic(err)
		}
		ctx.Response.Reset()
		e.sendOn(ctx, v, cat, campaign.Redirect)
		d.owners.Store(1)
		d.release()
		e.endVisit(v)
	}
}
