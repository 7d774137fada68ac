package archive_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas/clickhouse/archive"
)

// meeting holds commits until two are there: each has seen that nobody has committed the run.
type meeting struct {
	driver.Conn
	met *sync.WaitGroup
}

const committing = "archive_months (base"

func (m meeting) Exec(ctx context.Context, query string, arguments ...any) error {
	if strings.Contains(query, committing) {
		m.met.Done()
		m.met.Wait()
	}
	return m.Conn.Exec(ctx, query, arguments...)
}

// halfway leaves a month whose rows are stamped, and nothing else.
func halfway(t *testing.T, conn driver.Conn, options archive.Options) (run uint64) {
	t.Helper()
	for at := 1; run == 0; at++ {
		const newest = "SELECT max(_archived) FROM tributary.clicks WHERE toYYYYMM(received_at) = (SELECT max(toYYYYMM(received_at)) FROM tributary.clicks)"
		options.ClickHouse = &killed{conn, at}
		if _, err := archive.Run(t.Context(), options); err == nil {
			t.Fatal("it was never killed after the stamp")
		}
		run = number(t, conn, newest)
	}
	return run
}

// TestARunIsCommittedOnce: of two commands that are about to commit the same run, one does. Where ClickHouse was killed between
// a commit's token and its row, the next one commits.
func TestARunIsCommittedOnce(t *testing.T) {
	t.Parallel()
	conn := database(t)
	r := &rows{}
	const views = "totals_by_hour"
	options := archive.Options{Before: map[string]archive.Month{"clicks": 202604}}

	r.insert(t, conn, "clicks", "2026-01-03 00:00:00", 300)
	was := all(t, conn, views)
	halfway(t, conn, options)
	var met, both sync.WaitGroup
	met.Add(2)
	for range 2 {
		both.Go(func() {
			mine := options
			mine.ClickHouse = meeting{conn, &met}
			if _, err := archive.Run(t.Context(), mine); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if n := number(t, conn, "SELECT count() FROM tributary.archive_months"); n != 1 {
		t.Errorf("the run was committed %d times", n)
	}
	same(t, "two commits of a run", was, all(t, conn, views))

	r.insert(t, conn, "clicks", "2026-02-03 00:00:00", 300)
	was = all(t, conn, views)
	run := halfway(t, conn, options)
	execute(t, conn, fmt.Sprintf("INSERT INTO tributary.archive_months (base, month, run) SETTINGS async_insert = 0, insert_deduplicate = 1, "+
		"insert_deduplication_token = 'run-%d-0' VALUES ('clicks', 202602, 1)", run))
	execute(t, conn, "ALTER TABLE tributary.archive_months DELETE WHERE run = 1 SETTINGS mutations_sync = 1")
	options.ClickHouse = conn
	if _, err := archive.Run(t.Context(), options); err != nil {
		t.Error(err)
	}
	if n := number(t, conn, "SELECT count() FROM tributary.archive_months"); n != 2 {
		t.Errorf("with a token that has no row, %d runs are committed", n)
	}
	same(t, "a token without its row", was, all(t, conn, views))
}
