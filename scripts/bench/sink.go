package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
)

const sinkClicks = 2_000_000

// benchSink: scored clicks from Kafka into the tables and rollups, exactly once, against the engine's own insert of the same
// blocks from files into tables of the same schema.
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

	engineBefore := engine.cpu()
	p, err := b.role(ctx, s, "sink")
	if err != nil {
		return err
	}
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
		p.stop()
		return err
	}
	rate := float64(sinkClicks-first) / time.Since(start).Seconds()
	engineDuring := engine.cpu() - engineBefore
	cpu, memory := p.cpu().Seconds(), p.memory()
	inserts, err := metric("http://"+s.opsOf["sink"]+"/metrics", `tributary_sink_inserts_total{topic="scored.clicks"}`)
	if err != nil {
		p.stop()
		return err
	}
	p.stop()

	limit, engineAlone, err := engineRate(ctx, b, conn, engine, int(sinkClicks/max(inserts, 1))+1)
	if err != nil {
		return err
	}
	b.report("sink: rows/s, exactly once", fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f engine's own insert", limit), fmt.Sprintf("%.2f", rate/limit), "≥ 0.70")
	b.report("sink: CPU-s a million rows", fmt.Sprintf("%.1f", cpu*1e6/sinkClicks), "", "", "")
	b.report("sink: the engine's own CPU-s a million rows meanwhile", fmt.Sprintf("%.1f", engineDuring.Seconds()*1e6/sinkClicks), fmt.Sprintf("%.1f engine's own insert", engineAlone.Seconds()*1e6/sinkClicks),
		fmt.Sprintf("%.2f", engineDuring.Seconds()/engineAlone.Seconds()), "")
	b.report("sink: most resident memory, MiB", fmt.Sprintf("%d", memory>>20), "", "", "")
	return nil
}

// engineRate inserts the rows that the loader loaded into a second database of the same tables, views included, in
// blocks as large as the loader's were, from files that the engine reads itself.
func engineRate(ctx context.Context, b *bench, conn driver.Conn, engine *process, blockRows int) (rate float64, cpu time.Duration, err error) {
	const database = "tributary_limit"
	if _, err := schema.Migrate(ctx, conn, schema.Options{Database: database}); err != nil {
		return 0, 0, err
	}
	var files []string
	for partition := range partitions {
		for block := 0; ; block++ {
			path := filepath.Join(b.dir, fmt.Sprintf("block-%d-%d.native", partition, block))
			query := fmt.Sprintf("SELECT * FROM tributary.clicks WHERE _partition = %d ORDER BY _offset LIMIT %d, %d INTO OUTFILE '%s' FORMAT Native SETTINGS max_block_size = 1000000, max_threads = 1",
				partition, block*blockRows, blockRows, path)
			if err := conn.Exec(ctx, query); err != nil {
				return 0, 0, fmt.Errorf("writing a block to a file: %w", err)
			}
			info, err := os.Stat(path)
			if err != nil {
				return 0, 0, err
			}
			if info.Size() < 1000 {
				break
			}
			files = append(files, path)
		}
	}
	before := engine.cpu()
	start := time.Now()
	for _, path := range files {
		query := fmt.Sprintf("INSERT INTO %s.clicks SELECT * FROM file('%s', 'Native') SETTINGS async_insert = 0, max_insert_threads = 1", database, path)
		if err := conn.Exec(ctx, query); err != nil {
			return 0, 0, fmt.Errorf("inserting a block from a file: %w", err)
		}
	}
	rate, cpu = sinkClicks/time.Since(start).Seconds(), engine.cpu()-before
	if rows, err := count(ctx, conn, database+".clicks"); err != nil || rows != sinkClicks {
		return 0, 0, fmt.Errorf("the engine's own insert made %d rows of %d: %w", rows, sinkClicks, err)
	}
	return rate, cpu, nil
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
