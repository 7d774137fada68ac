package chdb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// insertTokened sends one block of rows under a deduplication token, as the loader does.
func insertTokened(ctx context.Context, conn clickhouse.Conn, token string, first, rows int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": token,
		"async_insert":               0,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
	}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO raw (a, money)")
	if err != nil {
		return err
	}
	a, money := make([]uint64, rows), make([]int64, rows)
	for i := range rows {
		a[i], money[i] = uint64(first+i), 10
	}
	if err := errors.Join(batch.Column(0).Append(a), batch.Column(1).Append(money)); err != nil {
		return err
	}
	return batch.Send()
}

func totals(t testing.TB, conn clickhouse.Conn) (rows, distinct uint64, rolled int64) {
	t.Helper()
	must(t, conn.QueryRow(context.Background(), "SELECT count(), uniqExact(a), (SELECT sum(money) FROM rollup) FROM raw").Scan(&rows, &distinct, &rolled))
	return rows, distinct, rolled
}

func createLedger(t testing.TB, conn clickhouse.Conn) {
	t.Helper()
	for _, query := range []string{
		"CREATE TABLE raw (a UInt64, money Int64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000",
		"CREATE TABLE rollup (bucket UInt64, money Int64) ENGINE = SummingMergeTree ORDER BY bucket SETTINGS non_replicated_deduplication_window = 1000",
		"CREATE MATERIALIZED VIEW to_rollup TO rollup AS SELECT intDiv(a, 10) AS bucket, sum(money) AS money FROM raw GROUP BY bucket",
	} {
		must(t, conn.Exec(context.Background(), query))
	}
}

func TestRepeatedTokenInsertsNothing(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, db, nil)
	ctx := context.Background()
	createLedger(t, conn)
	for _, token := range []string{"one", "one", "two", "one", "two"} {
		must(t, insertTokened(ctx, conn, token, 0, 100)) // the same rows: only the token tells them apart
	}
	if rows, _, rolled := totals(t, conn); rows != 200 || rolled != 2000 {
		t.Fatalf("%d rows and %d rolled up, want 200 and 2000", rows, rolled)
	}
	var parts uint64
	must(t, conn.QueryRow(ctx, "SELECT count() FROM system.parts WHERE table = 'raw' AND database = ?", db).Scan(&parts))
	if parts > 3 { // two blocks, and their merge if it came already
		t.Fatalf("%d parts of two blocks", parts)
	}
}

func TestKilledEngineKeepsAcknowledgedRowsAndTokens(t *testing.T) {
	dir := t.TempDir()
	process := chdbtest.StartIn(t, dir)
	conn := open(t, process.Address(), "default", nil)
	ctx := context.Background()
	createLedger(t, conn)
	const rows = 50
	next := 0 // the insert whose fate is unknown is repeated under its token, as the loader does
	for round := range 3 {
		process := process
		if round > 0 {
			process = chdbtest.StartIn(t, dir)
			conn = open(t, process.Address(), "default", nil)
		}
		acknowledged := next
		kill, dead := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(dead)
			<-kill
			_ = process.Kill()
		}()
		for {
			if err := insertTokened(ctx, conn, fmt.Sprintf("block-%d", next), next*rows, rows); err != nil {
				break
			}
			next++
			if next == acknowledged+20 {
				close(kill) // it strikes during one of the next inserts
			}
		}
		<-dead
		t.Logf("round %d: killed after %d acknowledged inserts", round, next-acknowledged)
	}
	process = chdbtest.StartIn(t, dir)
	conn = open(t, process.Address(), "default", nil)
	for block := max(0, next-30); block <= next; block++ { // recent tokens, and the block in doubt
		must(t, insertTokened(ctx, conn, fmt.Sprintf("block-%d", block), block*rows, rows))
	}
	want := uint64((next + 1) * rows)
	if got, distinct, rolled := totals(t, conn); got != want || distinct != want || rolled != int64(want)*10 {
		t.Fatalf("%d rows, %d distinct, %d rolled up; want %d, %d, %d", got, distinct, rolled, want, want, want*10)
	}
}

func TestStoppedAndContinuedEngineGoesOn(t *testing.T) {
	process := chdbtest.StartIn(t, t.TempDir())
	conn := open(t, process.Address(), "default", nil)
	ctx := context.Background()
	createLedger(t, conn)
	for i := range 10 {
		must(t, insertTokened(ctx, conn, fmt.Sprintf("block-%d", i), i, 1))
		must(t, syscall.Kill(process.PID(), syscall.SIGSTOP))
		must(t, syscall.Kill(process.PID(), syscall.SIGCONT))
	}
	must(t, insertTokened(ctx, conn, "last", 10, 1))
	select {
	case <-process.Done():
		t.Fatalf("ended: %v", process.Err())
	default:
	}
}

func TestStopLetsARunningQueryEnd(t *testing.T) {
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, t.TempDir()))
	must(t, err)
	answer := make(chan response, 1)
	go func() { answer <- post(t, process.Address(), nil, "SELECT sleep(1) + 41 + 1") }()
	eventually(t, 5*time.Second, "the query's start", func() bool {
		return mustPost(t, process.Address(), nil, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'") == "1"
	})
	must(t, process.Stop())
	if got := <-answer; got.status != http.StatusOK || got.body != "42\n" {
		t.Fatalf("the running query got %d %s", got.status, got.body)
	}
	if process.Err() != nil || process.Stop() != nil {
		t.Fatalf("after Stop: %v", process.Err())
	}
}

func TestCrashIsReported(t *testing.T) {
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, t.TempDir()))
	must(t, err)
	must(t, syscall.Kill(process.PID(), syscall.SIGSEGV))
	select {
	case <-process.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the crashed child is not reported")
	}
	if err := process.Err(); err == nil || !strings.Contains(err.Error(), "segmentation") {
		t.Fatalf("reported as %v", err)
	}
	if err := process.Stop(); err == nil {
		t.Fatal("Stop hides the crash")
	}
}

// The engine takes gigabytes of caches by default; this holds that it read its configuration, and what it costs idle.
func TestIdleMemoryIsSmall(t *testing.T) {
	process := chdbtest.StartIn(t, t.TempDir())
	settings := mustPost(t, process.Address(), nil, "SELECT name, value FROM system.server_settings WHERE changed UNION ALL SELECT name, value FROM system.merge_tree_settings WHERE changed")
	for _, want := range []string{"mark_cache_size\t33554432", "max_server_memory_usage\t2147483648", "background_pool_size\t2", "max_parts_to_merge_at_once\t16"} {
		if !strings.Contains("\n"+settings+"\n", "\n"+want+"\n") {
			t.Errorf("the engine's settings lack %q:\n%s", want, settings)
		}
	}
	all, anonymous := statusBytes(t, process.PID(), "VmRSS"), statusBytes(t, process.PID(), "RssAnon")
	t.Logf("idle: %d MiB, of which %d MiB anonymous", all>>20, anonymous>>20)
	if anonymous > 150<<20 {
		t.Errorf("an idle engine holds %d MiB of anonymous memory", anonymous>>20)
	}
}

func TestContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	process, err := chdb.Start(ctx, chdbtest.Config(t, t.TempDir()))
	must(t, err)
	cancel()
	select {
	case <-process.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the child outlives its context")
	}
}

func TestSecondProcessOnADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := chdbtest.StartIn(t, dir)
	second, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err == nil {
		_ = second.Stop()
		t.Fatal("a second process opened the directory")
	}
	for _, part := range []string{dir, "in use by another process", strconv.Itoa(first.PID())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// What the engine itself cannot read is named in the error of Start, in the engine's words.
func TestBrokenDirectoryIsExplained(t *testing.T) {
	dir := t.TempDir()
	process := chdbtest.StartIn(t, dir)
	mustPost(t, process.Address(), nil, "CREATE TABLE broken (a UInt8) ENGINE = MergeTree ORDER BY a")
	must(t, process.Stop())
	found, err := filepath.Glob(filepath.Join(dir, "engine", "store", "*", "*", "broken.sql"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the table's definition is at %v, %v", found, err)
	}
	must(t, os.WriteFile(found[0], []byte("garbage\n"), 0o644))
	if _, err := chdb.Start(context.Background(), chdbtest.Config(t, dir)); err == nil || !strings.Contains(err.Error(), "broken.sql") {
		t.Fatalf("got %v", err)
	}
}

func TestStartAndStopLeaveNoGoroutine(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	process, err := chdb.Start(ctx, chdbtest.Config(t, t.TempDir()))
	must(t, err)
	must(t, process.Stop())
	goleak.VerifyNone(t, before)
}

func TestTakenPortIsNamed(t *testing.T) {
	first := chdbtest.StartIn(t, t.TempDir())
	cfg := chdbtest.Config(t, t.TempDir())
	cfg.Listen = first.Address()
	if _, err := chdb.Start(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), first.Address()) {
		t.Fatalf("got %v", err)
	}
}

func TestMissingLibrary(t *testing.T) {
	t.Setenv("TRIBUTARY_LIBCHDB", "")
	t.Setenv("TRIBUTARY_CACHE", t.TempDir())
	if _, err := chdb.Start(context.Background(), chdbtest.Config(t, t.TempDir())); !errors.Is(err, chdb.ErrNoLibrary) || !strings.Contains(err.Error(), "make engine") {
		t.Fatalf("got %v", err)
	}
	t.Setenv("TRIBUTARY_LIBCHDB", "/no/such/libchdb.so")
	if _, err := chdb.FindLibrary(); !errors.Is(err, chdb.ErrNoLibrary) || !strings.Contains(err.Error(), "/no/such/libchdb.so") {
		t.Fatalf("got %v", err)
	}
}

// The script that fetches the library and the code that looks for it must mean the same file.
func TestFetchScriptAgrees(t *testing.T) {
	script, err := os.ReadFile("../../../scripts/libchdb/fetch")
	must(t, err)
	for _, line := range []string{"version=" + chdb.LibraryVersion + "\n", "folder=$cache/libchdb/$version-$platform\n", "library=$folder/libchdb.so\n"} {
		if !strings.Contains(string(script), line) {
			t.Errorf("scripts/libchdb/fetch lacks the line %q", line)
		}
	}
}

const parentVariable = "TRIBUTARY_TEST_CLICKHOUSE_PARENT"

// TestChildDiesWithItsParent kills a process that has a child without any chance to clean up.
func TestChildDiesWithItsParent(t *testing.T) {
	if dir := os.Getenv(parentVariable); dir != "" { // this is that process
		process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
		must(t, err)
		fmt.Printf("child %d %s\n", process.PID(), process.Address())
		select {}
	}
	self, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	parent := exec.Command(self, "-test.run=^TestChildDiesWithItsParent$")
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	stdout, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	var pid int
	var address string
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if _, scanned := fmt.Sscanf(line, "child %d %s", &pid, &address); err != nil || scanned != nil {
		t.Fatalf("the parent said %q: %v", line, err)
	}
	mustPost(t, address, url.Values{"query": {"SELECT 1"}}, "")
	must(t, parent.Process.Kill())
	_ = parent.Wait()
	eventually(t, 10*time.Second, "the child's end", func() bool { return syscall.Kill(pid, 0) != nil })
	chdbtest.StartIn(t, dir) // the directory is free again
}

// A durable engine syncs parts and folders; what it was asked is otherwise the same.
func TestDurableEngineSyncs(t *testing.T) {
	config := chdbtest.Config(t, t.TempDir())
	config.Durable = true
	process, err := chdb.Start(t.Context(), config)
	must(t, err)
	defer process.Stop()
	address := process.Address()
	mustPost(t, address, nil, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10")
	for range 2 {
		mustPost(t, address, url.Values{"query": {"INSERT INTO t FORMAT TSV"}, "insert_deduplication_token": {"x"}}, "1\n")
	}
	if got := mustPost(t, address, nil, "SELECT count() FROM t"); got != "1" {
		t.Errorf("%s rows", got)
	}
	if got := mustPost(t, address, nil, "SELECT groupArray(value) FROM (SELECT * FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory', 'min_rows_to_fsync_after_merge') ORDER BY name)"); got != "['1','1','1']" {
		t.Errorf("the tables' settings are %s", got)
	}
}
