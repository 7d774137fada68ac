package chdb_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb/chdbtest"
)

const (
	benchRows    = 100_000
	benchColumns = "at DateTime64(3), campaign UInt32, source UInt32, id String, country LowCardinality(String), agent LowCardinality(String), ip IPv6, cost Int64, score Float32, sub String"
)

// benchBlock is a block of clicks as the loader sends them, about 120 bytes a row.
type benchBlock struct {
	at                         []int64
	campaign, source           []uint32
	id, country, agent, ip, ss []string
	cost                       []int64
	score                      []float32
}

func newBenchBlock() *benchBlock {
	b := new(benchBlock)
	for i := range benchRows {
		b.at = append(b.at, 1_790_000_000_000+int64(i))
		b.campaign = append(b.campaign, uint32(i%50))
		b.source = append(b.source, uint32(i*7%400))
		b.id = append(b.id, fmt.Sprintf("%036x", i*0x9E3779B9))
		b.country = append(b.country, []string{"DE", "US", "BR", "IN"}[i%4])
		b.agent = append(b.agent, "Mozilla/5.0 (X11; Linux x86_64) "+strconv.Itoa(i%200))
		b.ip = append(b.ip, "::ffff:10.0."+strconv.Itoa(i/256%256)+"."+strconv.Itoa(i%256))
		b.cost = append(b.cost, int64(i%1000)*100)
		b.score = append(b.score, float32(i%100)/100)
		b.ss = append(b.ss, "sub-"+strconv.Itoa(i))
	}
	return b
}

func (b *benchBlock) columns() []any {
	return []any{b.at, b.campaign, b.source, b.id, b.country, b.agent, b.ip, b.cost, b.score, b.ss}
}

// BenchmarkInsert compares inserts of the same block by clickhouse-go over this server with the engine's own insert of
// it from a file on disk.
func BenchmarkInsert(b *testing.B) {
	dir := b.TempDir()
	process := chdbtest.StartIn(b, dir)
	conn := open(b, process.Address(), "default", nil)
	ctx := context.Background()
	must(b, conn.Exec(ctx, "CREATE TABLE t ("+benchColumns+") ENGINE = MergeTree ORDER BY (campaign, at)"))
	block := newBenchBlock()
	insert := func(b *testing.B, conn clickhouse.Conn) {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
		must(b, err)
		for i, column := range block.columns() {
			must(b, batch.Column(i).Append(column))
		}
		must(b, batch.Send())
	}
	insert(b, conn)
	file := filepath.Join(dir, "block.native")
	must(b, conn.Exec(ctx, "SELECT * FROM t LIMIT "+strconv.Itoa(benchRows)+" INTO OUTFILE '"+file+"' FORMAT Native SETTINGS max_block_size = 1000000, max_threads = 1"))
	info, err := os.Stat(file)
	must(b, err)
	b.Logf("a block: %d rows, %d bytes", benchRows, info.Size())
	rate := func(b *testing.B) { b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s") }

	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD} {
		b.Run("driver/"+method.String(), func(b *testing.B) {
			conn := open(b, process.Address(), "default", func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: method} })
			must(b, conn.Exec(ctx, "TRUNCATE TABLE t"))
			for b.Loop() {
				insert(b, conn)
			}
			rate(b)
		})
	}
	// What the server adds alone, without the driver's building and encoding of the block.
	b.Run("http/native", func(b *testing.B) {
		body, err := os.ReadFile(file)
		must(b, err)
		must(b, conn.Exec(ctx, "TRUNCATE TABLE t"))
		for b.Loop() {
			request, err := http.NewRequest(http.MethodPost, "http://"+process.Address()+"/?query="+url.QueryEscape("INSERT INTO t FORMAT Native"), bytes.NewReader(body))
			must(b, err)
			if answer := send(b, request); answer.status != http.StatusOK {
				b.Fatal(answer.body)
			}
		}
		rate(b)
	})
	for name, query := range map[string]string{
		"engine/file":   "INSERT INTO t SELECT * FROM file('" + file + "', 'Native')",
		"engine/infile": "INSERT INTO t FROM INFILE '" + file + "' FORMAT Native",
	} {
		b.Run(name, func(b *testing.B) {
			must(b, conn.Exec(ctx, "TRUNCATE TABLE t"))
			for b.Loop() {
				must(b, conn.Exec(ctx, query))
			}
			rate(b)
		})
	}
	b.Logf("the child holds %d MiB (anonymous %d MiB) after the inserts", statusBytes(b, process.PID(), "VmRSS")>>20, statusBytes(b, process.PID(), "RssAnon")>>20)
}
