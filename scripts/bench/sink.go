package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	"tributary/sink"
)

const (
	sinkClicks = 2_000_000
	// sinkDatabase is where the engine's own inserts go.
	sinkDatabase = "tributary_limit"
)

// benchSink: scored clicks from Kafka into the tables and rollups, exactly once, against the engine's own insert of the same
// blocks; in turns, each into empty tables. Then how fresh the rows are.
func benchSink(ctx context.Context, b *bench) error {
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "sink-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("sink", address)
	if err != nil {
		return err
	}
	engine, err := b.engine(ctx, s)
	if err != nil {
		return err
	}
	defer engine.stop()
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	if err := b.command(ctx, "migrate", "--config", s.configFile); err != nil {
		return err
	}
	if _, err := fill(ctx, s, schemas.TopicScoredClicks, sinkClicks, false); err != nil {
		return err
	}
	conn, err := connect(s.clickhouse)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := schema.Migrate(ctx, conn, schema.Options{Database: sinkDatabase}); err != nil {
		return err
	}

	var files []string // the first round's blocks
	var rates, limits, ratios, cpus, engineCPUs, aloneCPUs, brokerCPUs, memories, blocks []float64
	for round := range rounds {
		if err := empty(ctx, conn, "tributary"); err != nil {
			return err
		}
		l, err := b.load(ctx, s, conn, engine, broker, round)
		if err != nil {
			return fmt.Errorf("loading: %w", err)
		}
		if files == nil {
			if files, err = b.blockFiles(ctx, conn, int(sinkClicks/max(l.inserts, 1))+1); err != nil {
				return err
			}
		}
		limit, alone, err := b.engineRate(ctx, s, conn, engine, files)
		if err != nil {
			return err
		}
		rates, limits, ratios = append(rates, l.rate), append(limits, limit), append(ratios, l.rate/limit)
		cpus, engineCPUs, brokerCPUs, aloneCPUs = append(cpus, l.cpu), append(engineCPUs, l.engineCPU), append(brokerCPUs, l.brokerCPU), append(aloneCPUs, alone)
		fmt.Fprintf(os.Stderr, "  round %d: %.0f rows/s of %.0f, CPU-s a million: loader %.1f, engine %.1f (alone %.1f), broker %.1f\n", round+1, l.rate, limit, l.cpu, l.engineCPU, alone, l.brokerCPU)
		memories, blocks = append(memories, l.memoryMiB), append(blocks, sinkClicks/l.inserts)
	}
	number := func(format string, values []float64) string { return fmt.Sprintf(format, median(slices.Clone(values))) }
	b.report("sink: rows/s at full load, exactly once", number("%.0f", rates), number("%.0f engine's own insert of the same blocks", limits), number("%.2f", ratios), "≥ 0.80")
	b.report("sink: rows in a block", number("%.0f", blocks), "", "", "")
	b.report("sink: CPU-s a million rows", number("%.1f", cpus), "", "", "")
	b.report("sink: the engine's own meanwhile", number("%.1f", engineCPUs), number("%.1f in its own insert", aloneCPUs), fmt.Sprintf("%.2f", median(engineCPUs)/median(aloneCPUs)), "")
	b.report("sink: the broker's meanwhile", number("%.1f", brokerCPUs), "", "", "")
	b.report("sink: most resident memory, MiB", number("%.0f", memories), "", "", "")
	return b.sinkFreshness(ctx, s, conn)
}

// loading is what one round of the loader showed; CPU is in seconds a million rows.
type loading struct{ rate, inserts, cpu, engineCPU, brokerCPU, memoryMiB float64 }

// load starts a loader with a group of its own and waits until it has loaded everything.
func (b *bench) load(ctx context.Context, s *site, conn driver.Conn, engine, broker *process, round int) (l loading, err error) {
	engineBefore, brokerBefore := engine.cpu(), broker.cpu()
	p, err := b.role(ctx, s, "sink", "--set", fmt.Sprintf("sink.group=bench-%d", round))
	if err != nil {
		return l, err
	}
	defer p.stop()
	// From the first block on: joining the group and filling the first batch is a start, not a rate.
	var first uint64
	var start time.Time
	if err := until(ctx, "the loader", func() (bool, error) {
		rows, err := count(ctx, conn, "tributary.clicks")
		if first == 0 && rows > 0 {
			first, start = rows, time.Now()
		}
		return rows == sinkClicks, err
	}); err != nil {
		return l, err
	}
	l.rate = float64(sinkClicks-first) / time.Since(start).Seconds()
	million := func(d time.Duration) float64 { return d.Seconds() * 1e6 / sinkClicks }
	l.cpu, l.engineCPU, l.brokerCPU = million(p.cpu()), million(engine.cpu()-engineBefore), million(broker.cpu()-brokerBefore)
	l.memoryMiB = float64(p.memory() >> 20)
	l.inserts, err = metric("http://"+s.opsOf["sink"]+"/metrics", `tributary_sink_inserts_total{topic="scored.clicks"}`)
	return l, err
}

func empty(ctx context.Context, conn driver.Conn, database string) error {
	for _, table := range []string{"clicks", "rollup_minute", "rollup_hour"} {
		if err := conn.Exec(ctx, "TRUNCATE TABLE "+database+"."+table); err != nil {
			return fmt.Errorf("emptying %s.%s: %w", database, table, err)
		}
	}
	return nil
}

// engineRate inserts the rows that the loader loaded into empty tables of the same schema, views included, with the loader's
// settings, in blocks as large and sorted as the loader's were: by a client that only copies bytes, as many inserts at once as the
// loader makes. CPU is the engine's seconds a million rows.
func (b *bench) engineRate(ctx context.Context, s *site, conn driver.Conn, engine *process, files []string) (rate, cpu float64, err error) {
	if err := empty(ctx, conn, sinkDatabase); err != nil {
		return 0, 0, err
	}
	before := engine.cpu()
	start := time.Now()
	queue := make(chan string, len(files))
	for _, path := range files {
		queue <- path
	}
	close(queue)
	failed := make(chan error, sink.Defaults().Inserts)
	for range cap(failed) {
		go func() {
			for path := range queue {
				if err := postBlock(ctx, s.clickhouse, path); err != nil {
					failed <- fmt.Errorf("inserting a block: %w", err)
					return
				}
			}
			failed <- nil
		}()
	}
	for range cap(failed) {
		err = errors.Join(err, <-failed)
	}
	took := time.Since(start)
	if err != nil {
		return 0, 0, err
	}
	if rows, err := count(ctx, conn, sinkDatabase+".clicks"); err != nil || rows != sinkClicks {
		return 0, 0, fmt.Errorf("the engine's own insert made %d rows of %d: %w", rows, sinkClicks, err)
	}
	return sinkClicks / took.Seconds(), (engine.cpu() - before).Seconds() * 1e6 / sinkClicks, nil
}

// blockFiles writes what the loader loaded to files, a block each. The topic's offsets have no gaps: nothing in it was written in
// transactions.
func (b *bench) blockFiles(ctx context.Context, conn driver.Conn, blockRows int) (files []string, err error) {
	for partition := range partitions {
		for block := 0; ; block++ {
			path := filepath.Join(b.dir, fmt.Sprintf("block-%d-%d.native", partition, block))
			query := fmt.Sprintf("SELECT * FROM tributary.clicks WHERE _partition = %d AND _offset >= %d AND _offset < %d ORDER BY campaign_id, source_id, received_at, click_id INTO OUTFILE '%s' FORMAT Native SETTINGS max_block_size = 1000000, max_threads = 1, output_format_native_encode_types_in_binary_format = 0",
				partition, block*blockRows, (block+1)*blockRows, path)
			if err := conn.Exec(ctx, query); err != nil {
				return nil, fmt.Errorf("writing a block to a file: %w", err)
			}
			info, err := os.Stat(path)
			if err != nil {
				return nil, err
			}
			if info.Size() < 1000 {
				break
			}
			files = append(files, path)
		}
	}
	return files, nil
}

// postBlock is the least a client can do: a file's bytes as the body of an INSERT.
func postBlock(ctx context.Context, address, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	parameters := url.Values{"query": {"INSERT INTO " + sinkDatabase + ".clicks FORMAT Native"}}
	for setting, value := range sink.InsertSettings(fmt.Sprint(path, time.Now())) {
		parameters.Set(setting, fmt.Sprint(value))
	}
	// A SELECT writes its rows to the file in smaller pieces than the loader's one block: joined again before they are inserted.
	parameters.Set("min_insert_block_size_rows", "1000000")
	parameters.Set("min_insert_block_size_bytes", strconv.Itoa(1<<30))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/?"+parameters.Encode(), file)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(string(text))
	}
	return err
}

func connect(address string) (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{Addr: []string{address}, Protocol: clickhouse.HTTP, DialTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute})
}

func count(ctx context.Context, conn driver.Conn, table string) (rows uint64, err error) {
	return rows, conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&rows)
}

// metric reads one sample of a role's metrics.
func metric(url, name string) (float64, error) {
	answer, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s: %w", url, name, lines.Err())
}
