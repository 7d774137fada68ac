package clickhouse

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"testing"
	"time"

	"tributary/schemas"
)

// BenchmarkDecode is records to columns, one goroutine; ns/op is a row.
func BenchmarkDecode(b *testing.B) {
	clicks, conversions := newEvents(1, 20_000, 20_000)
	for topic, values := range map[string][][]byte{schemas.TopicScoredClicks: marshalled(clicks), schemas.TopicConversions: marshalled(conversions)} {
		b.Run(topic, func(b *testing.B) {
			table := newTable(topic)
			b.SetBytes(int64(len(values[0])))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(values) == 0 {
					reset(table)
				}
				if err := table.add(values[i%len(values)], 0, int64(i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// blockRows is a block of the insert benchmarks.
const blockRows = 100_000

// BenchmarkSpans is sorting and cutting a batch; ns/op is a block of 100,000 rows.
func BenchmarkSpans(b *testing.B) {
	clicks, _ := newEvents(1, blockRows, 0)
	batch := fillBatch(b, marshalled(clicks))
	b.ReportAllocs()
	for b.Loop() {
		batch.spans()
	}
	b.ReportMetric(float64(b.N*blockRows)/b.Elapsed().Seconds(), "rows/s")
}

func fillBatch(b *testing.B, values [][]byte) *batch {
	batch := &batch{table: newClicks(), first: -1, last: -1}
	for i, value := range values {
		batch.add(value, time.Time{}, 0, int64(i), time.Time{})
	}
	if len(batch.letters) > 0 {
		b.Fatal(batch.letters[0].detail)
	}
	return batch
}

// BenchmarkBlock is records to the Native block that is sent: decode, sort, hash, encode. cpu-ns/row is this process's
// processor time, which a busy machine does not change much.
func BenchmarkBlock(b *testing.B) {
	clicks, _ := newEvents(1, blockRows, 0)
	for _, c := range clicks {
		c.ReceivedMs, c.EventMs = baseMS+c.ReceivedMs%50_000, baseMS+c.EventMs%50_000 // one month
	}
	values := marshalled(clicks)
	batch := fillBatch(b, values)
	var e encoder
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		batch.reset()
		for row, value := range values {
			batch.add(value, time.Time{}, 0, int64(row), time.Time{})
		}
		for _, s := range batch.spans() {
			batch.digest(s)
			written, err := newNativeBody(batch.table.columns(), s.order, &e).WriteTo(io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(written)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N*blockRows), "cpu-ns/row")
}

// BenchmarkInsert compares, block by block and in turns, what the loader does with records (decode, sort, encode, insert)
// with the engine's own insert of the same rows from a ready Native body. Both pay for the materialized views.
func BenchmarkInsert(b *testing.B) {
	clicks, _ := newEvents(1, blockRows, 0)
	for _, c := range clicks {
		c.ReceivedMs, c.EventMs = baseMS+c.ReceivedMs%50_000, baseMS+c.EventMs%50_000 // one month
	}
	values := marshalled(clicks)
	name, options, conn := database(b)
	batch := fillBatch(b, values)
	var e encoder
	body, err := io.ReadAll(newNativeBody(batch.table.columns(), batch.spans()[0].order, &e))
	if err != nil {
		b.Fatal(err)
	}
	in := newInserter(conn, true, name, batch.table)
	engine := func(token string) {
		parameters := url.Values{"query": {in.query + " FORMAT Native"}}
		for setting, value := range InsertSettings(token) {
			parameters.Set(setting, fmt.Sprint(value))
		}
		answer, err := http.Post("http://"+options.Addr[0]+"/?"+parameters.Encode(), "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			b.Fatal(string(text))
		}
	}
	loader := func(token string) {
		batch.reset()
		for row, value := range values {
			batch.add(value, time.Time{}, 0, int64(row), time.Time{})
		}
		for _, s := range batch.spans() {
			if err := in.insert(b.Context(), s.order, fmt.Sprint(token, batch.digest(s)), time.Now().Add(time.Minute)); err != nil {
				b.Fatal(err)
			}
		}
	}
	engine("warm-engine")
	loader("warm-loader")
	var engineTook, loaderTook, loaderCPU time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		engine(fmt.Sprint("engine", i))
		middle, before := time.Now(), cpu(b)
		loader(fmt.Sprint("loader", i))
		engineTook += middle.Sub(start)
		loaderTook += time.Since(middle)
		loaderCPU += cpu(b) - before
	}
	rows := float64(b.N * blockRows)
	b.ReportMetric(rows/engineTook.Seconds(), "engine-rows/s")
	b.ReportMetric(rows/loaderTook.Seconds(), "loader-rows/s")
	b.ReportMetric(engineTook.Seconds()/loaderTook.Seconds(), "ratio")
	// The engine is another process: this is what the loader itself costs, however busy the machine is.
	b.ReportMetric(float64(loaderCPU)/rows, "cpu-ns/row")
}

// cpu is this process's CPU time.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkLoader is the whole way from Kafka to ClickHouse, four partitions, plans and confirmations included.
func BenchmarkLoader(b *testing.B) {
	clicks, _ := newEvents(1, 4*blockRows, 0)
	for _, c := range clicks {
		c.ReceivedMs, c.EventMs = baseMS+c.ReceivedMs%50_000, baseMS+c.EventMs%50_000
	}
	p := newPipeline(b, 4)
	config := Defaults()
	config.Database = p.database
	p.config = config
	p.produceEvents(clicks, nil)
	b.ResetTimer()
	for b.Loop() {
		p.config.Group = fmt.Sprint("bench-", time.Now().UnixNano())
		if err := p.conn.Exec(b.Context(), "TRUNCATE TABLE "+p.database+".clicks"); err != nil {
			b.Fatal(err)
		}
		r := p.start()
		p.awaitRows("clicks", len(clicks))
		r.end(b)
	}
	b.ReportMetric(float64(b.N*len(clicks))/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkFreshness is the time from Kafka's acknowledgement of one click on an idle system until a query counts it, under
// the default configuration.
func BenchmarkFreshness(b *testing.B) {
	clicks, _ := newEvents(1, 1000, 0)
	p := newPipeline(b, 4)
	config := Defaults()
	config.Database = p.database
	p.config = config
	r := p.start()
	await(b, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		p.produceEvents(clicks[n%len(clicks):n%len(clicks)+1], nil)
		start := time.Now()
		for p.count("SELECT count() FROM %s.clicks") < uint64(n+1) {
			time.Sleep(5 * time.Millisecond)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
	r.end(b)
}
