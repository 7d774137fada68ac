package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb"
	"tributary/report"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	sink "tributary/sink/clickhouse"
)

const (
	sinkClicks = 4_000_000
	// sinkDatabase is where the engine's own inserts go.
	sinkDatabase = "tributary_limit"
)

// benchSink: scored clicks from Kafka into the tables, exactly once, against the engine's own insert of the same
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
	conn, err := connect(s)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := schema.Migrate(ctx, conn, schema.Options{Database: sinkDatabase, Views: report.Views()}); err != nil {
		return err
	}

	var rates, limits, ratios, settled, settledLimits, settledRatios, cpuRatios, cpus, engineCPUs, aloneCPUs, brokerCPUs, totals, alones, memories, blocks []float64
	for round := range b.rounds {
		for _, database := range []string{"tributary", sinkDatabase} {
			if err := empty(ctx, conn, database); err != nil {
				return err
			}
		}
		l, err := b.load(ctx, s, conn, engine, broker, round)
		if err != nil {
			return fmt.Errorf("loading: %w", err)
		}
		files, err := b.blockFiles(ctx, s, l.blocks)
		if err != nil {
			return err
		}
		alone, err := b.engineRate(ctx, s, conn, engine, files)
		if err != nil {
			return err
		}
		rates, limits, ratios = append(rates, l.rate), append(limits, alone.rate), append(ratios, l.rate/alone.rate)
		settled, settledLimits, settledRatios = append(settled, l.settledRate), append(settledLimits, alone.settledRate), append(settledRatios, l.settledRate/alone.settledRate)
		cpus, engineCPUs, brokerCPUs, aloneCPUs = append(cpus, l.cpu), append(engineCPUs, l.engineCPU), append(brokerCPUs, l.brokerCPU), append(aloneCPUs, alone.engine)
		totals, alones = append(totals, l.cpu+l.engineCPU+l.brokerCPU), append(alones, alone.engine+alone.client)
		cpuRatios = append(cpuRatios, alones[round]/totals[round])
		fmt.Fprintf(os.Stderr, "  round %d: %.0f rows/s of %.0f = %.2f in %d blocks, with all merges %.0f of %.0f = %.2f, CPU-s a million: loader %.2f, engine %.2f, broker %.2f; its own insert: engine %.2f, client %.2f; %.2f\n",
			round+1, l.rate, alone.rate, l.rate/alone.rate, len(l.blocks), l.settledRate, alone.settledRate, l.settledRate/alone.settledRate, l.cpu, l.engineCPU, l.brokerCPU, alone.engine, alone.client, cpuRatios[round])
		memories, blocks = append(memories, l.memoryMiB), append(blocks, float64(sinkClicks/len(l.blocks)))
	}
	number := func(format string, values []float64) string { return fmt.Sprintf(format, median(slices.Clone(values))) }
	b.report("sink: rows/s at full load, exactly once", number("%.0f", rates), number("%.0f engine's own insert of the same blocks", limits), number("%.2f", ratios), "≥ 0.80")
	b.report("sink: the same until all merges are done", number("%.0f", settled), number("%.0f", settledLimits), number("%.2f", settledRatios), "")
	b.report("sink: the same in CPU time, all processes", number("%.1f s a million rows", totals), number("%.1f engine and a client that only sends", alones), number("%.2f", cpuRatios), "")
	b.report("sink: rows in a block", number("%.0f", blocks), "", "", "")
	b.report("sink: CPU-s a million rows", number("%.1f", cpus), "", "", "")
	b.report("sink: the engine's own meanwhile", number("%.1f", engineCPUs), number("%.1f in its own insert", aloneCPUs), fmt.Sprintf("%.2f", median(engineCPUs)/median(aloneCPUs)), "")
	b.report("sink: the broker's meanwhile", number("%.1f", brokerCPUs), "", "", "")
	b.report("sink: most resident memory, MiB", number("%.0f", memories), "", "", "")
	return b.sinkFreshness(ctx, s, conn)
}

// loading is what one round of the loader showed; CPU is in seconds a million rows. settledRate has the engine's merges in its
// time: an insert leaves work behind, and whoever is slower has done more of it when the last row is in.
type loading struct {
	rate, settledRate, cpu, engineCPU, brokerCPU, memoryMiB float64
	blocks                                                  []block
}

// A block is one insert of the loader: the offsets of its first and last row, and the month its rows share.
type block struct {
	Partition, Month, Rows int
	First, Last            int64
}

// load starts a loader with a group of its own and waits until it has loaded everything. The clock runs from the moment it has
// its partitions: joining a group is a start, not a rate.
func (b *bench) load(ctx context.Context, s *site, conn driver.Conn, engine, broker *process, round int) (l loading, err error) {
	engineBefore, brokerBefore := engine.cpu(), broker.cpu()
	p, err := b.role(ctx, s, "sink", "--set", fmt.Sprintf("sink.group=bench-%d", round), "--set", "log.level=debug")
	if err != nil {
		return l, err
	}
	defer p.stop()
	start := time.Now()
	if b.join.profile != "" {
		go b.profile(s.opsOf["sink"], b.join.profile, profileTime)
	}
	// Its log says when it is done: a query each time would be work that the engine's own insert is spared.
	if err := until(ctx, "the loader", func() (bool, error) {
		_, rows, err := loadedBlocks(p.logFile.Name())
		return rows >= sinkClicks, err
	}); err != nil {
		return l, err
	}
	l.rate = sinkClicks / time.Since(start).Seconds()
	if err := merged(ctx, conn); err != nil {
		return l, err
	}
	l.settledRate = sinkClicks / (time.Since(start) - mergesQuiet).Seconds()
	l.cpu, l.engineCPU, l.brokerCPU = million(p.cpu()), million(engine.cpu()-engineBefore), million(broker.cpu()-brokerBefore)
	l.memoryMiB = float64(p.memory() >> 20)
	rows := 0
	if l.blocks, rows, err = loadedBlocks(p.logFile.Name()); err != nil || rows != sinkClicks {
		return l, fmt.Errorf("the loader's log tells of %d inserted rows, want %d: %w", rows, sinkClicks, err)
	}
	if n, err := count(ctx, conn, "tributary.clicks"); err != nil || n != sinkClicks {
		return l, fmt.Errorf("the table has %d rows, want %d: %w", n, sinkClicks, err)
	}
	return l, nil
}

// million is a time spent on all clicks, in seconds a million of them.
func million(d time.Duration) float64 { return d.Seconds() * 1e6 / sinkClicks }

// loadedBlocks reads from a loader's log which inserts it has made so far, and how many rows they had.
func loadedBlocks(path string) (blocks []block, rows int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"msg":"inserted"`) || !strings.HasSuffix(line, "\n") {
			continue
		}
		var made block
		if err := json.Unmarshal([]byte(line), &made); err != nil {
			return nil, 0, fmt.Errorf("reading the loader's log: %w", err)
		}
		blocks, rows = append(blocks, made), rows+made.Rows
	}
	return blocks, rows, nil
}

// mergesQuiet is how long the engine must have had no merge to do to be done with them.
const mergesQuiet = time.Second

// merged waits until the engine has done its merges. They go on after the last insert: those that one side of the comparison left
// behind would be charged to the other.
func merged(ctx context.Context, conn driver.Conn) error {
	last := time.Now()
	return until(ctx, "the engine's merges", func() (bool, error) {
		var running uint64
		if err := conn.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&running); err != nil {
			return false, err
		}
		if running > 0 {
			last = time.Now()
		}
		return time.Since(last) >= mergesQuiet, nil
	})
}

func empty(ctx context.Context, conn driver.Conn, database string) error {
	for _, table := range []string{"clicks"} {
		if err := conn.Exec(ctx, "TRUNCATE TABLE "+database+"."+table); err != nil {
			return fmt.Errorf("emptying %s.%s: %w", database, table, err)
		}
	}
	return nil
}

// alone is what inserts without a loader showed; engine, and client that sends files to it, are CPU-seconds a million rows.
type alone struct{ rate, settledRate, engine, client float64 }

// engineRate inserts the loader's blocks into the empty tables of the same schema, projections included, with the loader's settings: by a
// client that only copies bytes, as many inserts at once as the loader makes, in the order in which the loader made them.
func (b *bench) engineRate(ctx context.Context, s *site, conn driver.Conn, engine *process, files []string) (a alone, err error) {
	if err := merged(ctx, conn); err != nil {
		return a, err
	}
	before, clientBefore := engine.cpu(), ownCPU()
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
				if err := postBlock(ctx, s, path); err != nil {
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
	a.rate = sinkClicks / time.Since(start).Seconds()
	if err != nil {
		return a, err
	}
	if rows, err := count(ctx, conn, sinkDatabase+".clicks"); err != nil || rows != sinkClicks {
		return a, fmt.Errorf("the engine's own insert made %d rows of %d: %w", rows, sinkClicks, err)
	}
	a.client = million(ownCPU() - clientBefore)
	if err := merged(ctx, conn); err != nil {
		return a, err
	}
	a.settledRate = sinkClicks / (time.Since(start) - mergesQuiet).Seconds()
	a.engine = million(engine.cpu() - before)
	return a, nil
}

// ownCPU is this process's processor time.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail for oneself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// blockFiles writes the loader's blocks as the table has them to files, each one Native block with its rows in the same order.
func (b *bench) blockFiles(ctx context.Context, s *site, blocks []block) (files []string, err error) {
	for i, made := range blocks {
		path := filepath.Join(b.dir, fmt.Sprintf("block-%d.native", i))
		// A sorted result is cut by rows and by bytes unless both limits are far away.
		query := fmt.Sprintf("SELECT * FROM tributary.clicks WHERE _partition = %d AND _offset BETWEEN %d AND %d AND toYYYYMM(received_at) = %d "+
			"ORDER BY campaign_id, source_id, received_at, click_id FORMAT Native "+
			"SETTINGS max_block_size = 2000000, prefer_external_sort_block_bytes = 0, optimize_read_in_order = 0, max_threads = 1, output_format_native_encode_types_in_binary_format = 0",
			made.Partition, made.First, made.Last, made.Month)
		if err := fetchBlock(ctx, s, query, path); err != nil {
			return nil, fmt.Errorf("writing a block to a file: %w", err)
		}
		if err := isOneBlock(path, made.Rows); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// fetchBlock writes a query's result to a file.
func fetchBlock(ctx context.Context, s *site, query, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.clickhouse+"/", strings.NewReader(query))
	if err != nil {
		return err
	}
	request.SetBasicAuth(chdb.RolesUser, s.password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // what there is of it
		return fmt.Errorf("HTTP %d: %s", response.StatusCode, text)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}

// isOneBlock says that a file's first Native block has all of the rows.
func isOneBlock(path string, rows int) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := bufio.NewReader(file)
	if _, err := binary.ReadUvarint(head); err != nil { // its columns
		return fmt.Errorf("reading %s: %w", path, err)
	}
	n, err := binary.ReadUvarint(head)
	if err == nil && n != uint64(rows) {
		err = fmt.Errorf("its first block has %d rows, want %d", n, rows)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// postBlock is the least a client can do: a file's bytes as the body of an INSERT.
func postBlock(ctx context.Context, s *site, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	parameters := url.Values{"query": {"INSERT INTO " + sinkDatabase + ".clicks FORMAT Native"}}
	for setting, value := range sink.InsertSettings(fmt.Sprint(path, time.Now())) {
		parameters.Set(setting, fmt.Sprint(value))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.clickhouse+"/?"+parameters.Encode(), file)
	if err != nil {
		return err
	}
	request.SetBasicAuth(chdb.RolesUser, s.password)
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

func connect(s *site) (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{Addr: []string{s.clickhouse}, Auth: clickhouse.Auth{Username: chdb.RolesUser, Password: s.password}, Protocol: clickhouse.HTTP, DialTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute})
}

func count(ctx context.Context, conn driver.Conn, table string) (rows uint64, err error) {
	return rows, conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&rows)
}
