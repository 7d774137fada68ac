package embedded

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// commitOffset commits one offset and returns whether that was acknowledged.
func commitOffset(t *testing.T, address string, offset int64, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := client(t, address)
	defer c.Close()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "clicks", Partition: 1, At: offset, LeaderEpoch: -1, Metadata: "plan " + strings.Repeat("x", 100)})
	return kadm.NewClient(c).CommitAllOffsets(ctx, "sink", offsets)
}

func committedOffset(t *testing.T, address string) int64 {
	t.Helper()
	c := client(t, address)
	defer c.Close()
	offsets, err := kadm.NewClient(c).FetchOffsets(limited(t), "sink")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := offsets.Lookup("clicks", 1)
	return o.At
}

// TestOffsetsDoNotGoBackAfterAFullDisk fills the disk in the middle of an entry of groups.log, frees it, and kills the
// broker. What was acknowledged before and after must be there.
func TestOffsetsDoNotGoBackAfterAFullDisk(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable=%t", durable), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "kafka")
			c := startChild(t, dir, durable)
			fill(t, c.address)
			acknowledged := int64(7)
			for range 200 { // the journal becomes the largest file
				acknowledged++
				if err := commitOffset(t, c.address, acknowledged, 30*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			info, err := os.Stat(filepath.Join(dir, "groups.log"))
			if err != nil {
				t.Fatal(err)
			}
			c.limitFiles(t, uint64(info.Size())+30)
			if err := commitOffset(t, c.address, acknowledged+1, 2*time.Second); err == nil {
				t.Error("an offset that was written in part was acknowledged")
			}
			if line := c.line(t); !strings.Contains(line, "writing to the embedded Kafka's folder failed") {
				t.Errorf("the broker says %q", line)
			}
			torn, err := os.Stat(filepath.Join(dir, "groups.log"))
			if err != nil || torn.Size() != info.Size()+30 {
				t.Fatalf("the entry was not torn: %d bytes, were %d (%v)", torn.Size(), info.Size(), err)
			}
			c.limitFiles(t, ^uint64(0))
			// The same process starts the broker again, as up does.
			c.tell(t, "again")
			if address := c.line(t); address != c.address {
				t.Fatalf("started again: %s", address)
			}
			if at := committedOffset(t, c.address); at < acknowledged {
				t.Errorf("the offset went back to %d, %d was acknowledged", at, acknowledged)
			}
			for range 3 {
				acknowledged += 10
				if err := commitOffset(t, c.address, acknowledged, 30*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			c.kill(t)
			c = startChild(t, dir, durable)
			if at := committedOffset(t, c.address); at != acknowledged {
				t.Errorf("the offset is %d, %d was acknowledged last", at, acknowledged)
			}
			if seen := readAll(t, c.address, "clicks"); !slices.Equal(seen, []string{"true", "true"}) {
				t.Errorf("readers see %q", seen)
			}
		})
	}
}

// readAll returns the values that readers of committed records see in the topic, sorted.
func readAll(t *testing.T, address, topic string) (values []string) {
	t.Helper()
	ctx := limited(t)
	c := client(t, address, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	defer c.Close()
	ends, err := kadm.NewClient(c).ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q, with %v left: %v", values, left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	slices.Sort(values)
	return values
}

// TestNothingIsAcknowledgedAfterAFailedWrite fails a write to each kind of file that the broker appends to or replaces.
func TestNothingIsAcknowledgedAfterAFailedWrite(t *testing.T) {
	write := func(ctx context.Context, c *kgo.Client, transaction string) error {
		if transaction == "" {
			return c.ProduceSync(ctx, kgo.KeyStringRecord("k", "not kept")).FirstErr()
		}
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		if err := c.ProduceSync(ctx, kgo.KeyStringRecord("k", "not kept")).FirstErr(); err != nil {
			return err
		}
		return c.EndTransaction(ctx, kgo.TryCommit)
	}
	offset := func(ctx context.Context, c *kgo.Client, _ string) error {
		offsets := kadm.Offsets{}
		offsets.AddOffset("clicks", 1, 8, -1)
		return kadm.NewClient(c).CommitAllOffsets(ctx, "sink", offsets)
	}
	create := func(ctx context.Context, c *kgo.Client, _ string) error {
		_, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "not-kept")
		return err
	}
	for _, tc := range []struct {
		file        string
		transaction string
		do          func(context.Context, *kgo.Client, string) error
	}{
		{"groups.log", "", offset},
		{"pids.log", "survivor", write},
		{".dat", "", write},
		{".idx", "", write},
		{".dat", "survivor", write},
		{transactionsFile, "survivor", write},
		{"any", "", create},
	} {
		t.Run(tc.file+tc.transaction, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "kafka")
			child := startChild(t, dir, false)
			fill(t, child.address)
			opts := []kgo.Opt{kgo.DefaultProduceTopic("clicks"), kgo.MetadataMinAge(10 * time.Millisecond)}
			if tc.transaction != "" {
				opts = append(opts, kgo.TransactionalID("other"))
			}
			c := client(t, child.address, opts...)
			defer c.Close()
			if tc.transaction != "" { // its number is given before the disk is full
				if _, _, err := c.ProducerID(limited(t)); err != nil {
					t.Fatal(err)
				}
			}
			if tc.file == "any" {
				child.limitFiles(t, 0)
			} else {
				child.tell(t, "full "+tc.file)
				if line := child.line(t); line == "full 0" {
					t.Fatalf("the broker has no %s open", tc.file)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- tc.do(ctx, c, tc.transaction) }()
			if line := child.line(t); !strings.Contains(line, "writing to the embedded Kafka's folder failed") || !strings.Contains(line, "disk is full") && tc.file != "any" {
				t.Errorf("the broker says %q", line)
			}
			child.kill(t)
			c.Close() // what it still tries has come to nothing
			if err := <-done; err == nil {
				t.Error("acknowledged although nothing was written")
			}
			child = startChild(t, dir, false)
			// What was not acknowledged may be there all the same, where its own write came before the one that failed.
			seen := slices.DeleteFunc(readAll(t, child.address, "clicks"), func(value string) bool {
				return value == "not kept" && (tc.file == ".idx" || tc.file == "pids.log")
			})
			if !slices.Equal(seen, []string{"true", "true"}) {
				t.Errorf("readers see %q", seen)
			}
			if at := committedOffset(t, child.address); at != 7 {
				t.Errorf("the committed offset is %d", at)
			}
		})
	}
}

// TestEveryWarningIsClassified reads kfake's source: each warning and error that it logs while it runs either says that
// a write failed, or is in the list of those that do not. Whoever upgrades kfake decides about the new ones.
func TestEveryWarningIsClassified(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/twmb/franz-go/pkg/kfake").Output()
	if err != nil {
		t.Skip("without the go command and kfake's source nothing can be compared:", err)
	}
	failures := []string{
		"delete topic %s partition %d dir:",
		"persist to disk:", "save session state:",
		"rebuildSegments %s-%d: create %s:", "rebuildSegments %s-%d: write:", "rebuildSegments %s-%d: write index:",
		"persist batch mkdir %s:", "persist batch open %s-%d:", "persist batch %s-%d:",
		"persist group entry open:", "persist group entry write:", "persist pid entry open:", "persist pid entry write:", "persist %s:",
		"compact pids.log:", "compact groups.log: read:", "compact groups.log: create:", "compact groups.log: write:",
		"compact groups.log: sync:", "compact groups.log: rename:",
		"endTx: failed to persist control batch",
	}
	loading := []string{
		"load session state:", "partition %s-%d: malformed control batch", "partition %s-%d: empty control batch",
		"partition %s-%d: stat active segment", "partition %s-%d segment %d: truncating", "partition %s-%d segment %d: open for truncate:",
		"partition %s-%d segment %d: truncate:", "pids.log: discarding", "pids.log: skipping", "groups.log: discarding", "session_state.json: corrupt",
	}
	known := slices.Concat(failures, loading, harmless)
	seen := map[string]bool{}
	for _, format := range warnings(t, strings.TrimSpace(string(out))) {
		at := slices.IndexFunc(known, func(start string) bool { return strings.HasPrefix(format, start) })
		if at < 0 {
			t.Errorf("kfake logs %q: is it a failed write? It would end the broker; list it here or in harmless", format)
			continue
		}
		seen[known[at]] = true
		if at < len(failures) && isHarmless(format) {
			t.Errorf("%q is a failed write and passes as harmless", format)
		}
	}
	for _, start := range known {
		if !seen[start] {
			t.Errorf("kfake no longer logs %q", start)
		}
	}
}

// warnings are the formats that the package in dir logs as warnings and errors.
func warnings(t *testing.T, dir string) (formats []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			level, isName := call.Args[0].(*ast.Ident)
			if !ok || function.Sel.Name != "Logf" || !isName || level.Name != "LogLevelWarn" && level.Name != "LogLevelError" {
				return true
			}
			format, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: a format that is no literal", source)
				return true
			}
			text, err := strconv.Unquote(format.Value)
			if err != nil {
				t.Fatal(err)
			}
			formats = append(formats, text)
			return true
		})
	}
	return formats
}

// TestAFailedSyncEndsTheBroker: what the disk did not keep is not acknowledged, and no later sync makes it so.
func TestAFailedSyncEndsTheBroker(t *testing.T) {
	var fails atomic.Bool
	lost := errors.New("input/output error")
	k, err := NewKafka("127.0.0.1:0", filepath.Join(t.TempDir(), "kafka"), zap.NewNop(), Durable(true), withSync(func(*os.File) error {
		if fails.Load() {
			return lost
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer k.cluster.Close() // the process would have ended
	fill(t, k.Address())
	fails.Store(true)
	if err := commitOffset(t, k.Address(), 9, 2*time.Second); err == nil {
		t.Error("acknowledged although the disk did not keep it")
	}
	fails.Store(false)
	err = k.Run(t.Context())
	if !errors.Is(err, ErrSyncFailed) || !errors.Is(err, lost) || !strings.Contains(err.Error(), "look at the disk") {
		t.Errorf("the broker ended with %v", err)
	}
	if k.Ready() == nil {
		t.Error("ready after a failed sync")
	}
}
