package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// blockRows is how many rows an insert of the dataset has.
const blockRows = 250_000

// A dataset is what questions are asked of.
type dataset struct {
	dir    string
	clicks int64
	// block is how many rows an insert has; 0 is blockRows.
	block int64
}

func (d *dataset) entries() int64 { return d.clicks / clicksPerEntry }

// A marker says what a directory holds; Rows and Columns are checksums of how rows are made and of the tables' columns.
type marker struct {
	Version int    `json:"version"`
	Clicks  int64  `json:"clicks"`
	Rows    string `json:"rows"`
	Columns string `json:"columns"`
	Whole   bool   `json:"whole"`
}

// markerName is the file that says so.
const markerName = "dataset.json"

// build makes the dataset, or what is missing of it. Its tables are there.
func (d *dataset) build(ctx context.Context, conn driver.Conn) error {
	want, err := d.marker(ctx, conn)
	if err != nil {
		return err
	}
	switch has, err := d.kept(); {
	case errors.Is(err, fs.ErrNotExist):
		if n, err := count(ctx, conn, "tributary.clicks"); err != nil || n > 0 {
			return fmt.Errorf("%s has %d clicks and no %s: it is no dataset of this benchmark; name another --data: %w", d.dir, n, markerName, err)
		}
	case err != nil:
		return err
	case has.Version != want.Version || has.Rows != want.Rows || has.Columns != want.Columns || has.Clicks != want.Clicks:
		return fmt.Errorf("%s holds another dataset (version %d, %d clicks, or tables of another schema); remove it, or name another --data", d.dir, has.Version, has.Clicks)
	case has.Whole:
		return nil
	}
	if err := d.keep(want); err != nil {
		return err
	}
	if err := d.fill(ctx, conn, "clicks", d.clicks, clickRows); err != nil {
		return err
	}
	if err := d.fill(ctx, conn, "conversions", d.entries(), entryRows); err != nil {
		return err
	}
	if err := settled(ctx, conn); err != nil {
		return err
	}
	want.Whole = true
	return d.keep(want)
}

// marker is what the directory is to hold.
func (d *dataset) marker(ctx context.Context, conn driver.Conn) (marker, error) {
	_, click := clickRows(d.clicks, 0, 1, 0)
	_, entry := entryRows(d.clicks, 0, 1, 0)
	m := marker{Version: reportRows, Clicks: d.clicks, Rows: checksum(click + entry)}
	var columns []string
	err := conn.QueryRow(ctx, "SELECT groupArray(text) FROM (SELECT concat(table, ' ', name, ' ', type, ' ', compression_codec) AS text FROM system.columns "+
		"WHERE database = 'tributary' AND table IN ('clicks', 'conversions') ORDER BY table, position)").Scan(&columns)
	m.Columns = checksum(strings.Join(columns, "\n"))
	return m, err
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func (d *dataset) kept() (m marker, err error) {
	text, err := os.ReadFile(filepath.Join(d.dir, markerName))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(d.dir, markerName), err)
	}
	return m, nil
}

func (d *dataset) keep(m marker) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(d.dir, markerName)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// fill inserts the blocks that a table lacks. A block that is there in part, as a kill leaves it where it spans two months,
// is made again.
func (d *dataset) fill(ctx context.Context, conn driver.Conn, table string, rows int64, query func(clicks, first, count, block int64) ([]string, string)) error {
	has := map[int64]int64{}
	found, err := conn.Query(ctx, fmt.Sprintf("SELECT toInt64(_partition) - %d, toInt64(count()) FROM tributary.%s WHERE _partition >= %[1]d GROUP BY 1", reportKafka, table))
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var block, n int64
		if err := found.Scan(&block, &n); err != nil {
			return err
		}
		has[block] = n
	}
	if err := found.Err(); err != nil {
		return err
	}
	size := cmp.Or(d.block, blockRows)
	p := pacing{what: "making " + table, total: rows, start: time.Now()}
	for block, first := int64(0), int64(0); first < rows; block, first = block+1, first+size {
		n := min(size, rows-first)
		switch has[block] {
		case n:
			p.had(n)
			continue
		case 0:
		default:
			drop := fmt.Sprintf("ALTER TABLE tributary.%s DELETE WHERE _partition = %d SETTINGS mutations_sync = 2", table, reportKafka+block)
			if err := conn.Exec(ctx, drop); err != nil {
				return fmt.Errorf("removing half a block of %s: %w", table, err)
			}
		}
		columns, rows := query(d.clicks, first, n, block)
		// One block, as a loader makes it. Its checksum may be that of one that was removed.
		insert := "INSERT INTO tributary." + table + " (" + strings.Join(columns, ", ") + ") " + rows +
			fmt.Sprintf(" SETTINGS async_insert = 0, insert_deduplicate = 0, max_insert_threads = 1, min_insert_block_size_rows = %d, min_insert_block_size_bytes = 0", 2*size)
		if err := conn.Exec(ctx, insert); err != nil {
			return fmt.Errorf("inserting %s from number %d on: %w", table, first, err)
		}
		p.add(n)
	}
	return nil
}

// A pacing tells how far long work is, every few seconds.
type pacing struct {
	what              string
	done, made, total int64
	start, told       time.Time
}

// had counts what was there before.
func (p *pacing) had(n int64) { p.done += n }

func (p *pacing) add(n int64) {
	p.done, p.made = p.done+n, p.made+n
	if time.Since(p.told) < 5*time.Second && p.done < p.total {
		return
	}
	p.told = time.Now()
	took := time.Since(p.start)
	left := time.Duration(float64(took) * float64(p.total-p.done) / float64(p.made))
	fmt.Fprintf(os.Stderr, "  %s: %d of %d, %.0f rows/s, about %s left\n", p.what, p.done, p.total, float64(p.made)/took.Seconds(), left.Round(time.Second))
}

// settled waits until the engine has merged what was inserted, and says how far it is.
func settled(ctx context.Context, conn driver.Conn) error {
	start, last, told := time.Now(), time.Now(), time.Now()
	for time.Since(last) < 5*time.Second {
		var running, parts uint64
		if err := conn.QueryRow(ctx, "SELECT (SELECT count() FROM system.merges), (SELECT count() FROM system.parts WHERE active AND database = 'tributary' AND table IN ('clicks', 'conversions'))").Scan(&running, &parts); err != nil {
			return err
		}
		if running > 0 {
			last = time.Now()
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "  merging: %d at work, %d parts left, for %s\n", running, parts, time.Since(start).Round(time.Second))
		}
		if pause(ctx, 500*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// describe says how big it is.
func (d *dataset) describe(ctx context.Context, b *bench, conn driver.Conn) error {
	for _, table := range []struct{ name, what string }{{"clicks", "click"}, {"conversions", "ledger entry"}} {
		var rows, bytes, parts, kept uint64
		of := "database = 'tributary' AND table = '" + table.name + "' AND active"
		if err := conn.QueryRow(ctx, "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts WHERE "+of).Scan(&rows, &bytes, &parts); err != nil {
			return err
		}
		list, err := conn.Query(ctx, "SELECT name, sum(rows), sum(bytes_on_disk) FROM system.projection_parts WHERE "+of+" GROUP BY name ORDER BY name")
		if err != nil {
			return err
		}
		defer list.Close()
		var said []string
		for list.Next() {
			var name string
			var n, size uint64
			if err := list.Scan(&name, &n, &size); err != nil {
				return err
			}
			kept += size
			said = append(said, fmt.Sprintf("%s %.1f (%.2f of the rows)", name, float64(size)/float64(rows), float64(n)/float64(rows)))
		}
		if err := list.Err(); err != nil {
			return err
		}
		b.report("report: bytes a "+table.what+" on disk", fmt.Sprintf("%.0f, %.0f of them projections", float64(bytes)/float64(rows), float64(kept)/float64(rows)),
			fmt.Sprintf("%d rows, %d parts", rows, parts), "", "")
		b.note("a " + table.what + "'s projections, bytes: " + strings.Join(said, ", "))
	}
	return nil
}
