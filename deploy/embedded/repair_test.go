package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// TestAKillBetweenLogAndIndex takes away the last index entries of a log whose last transaction is open, as a kill between the
// two writes leaves them. Readers must see the committed records only, at this start and after more was written.
func TestAKillBetweenLogAndIndex(t *testing.T) {
	for _, missing := range []int{1, 7, indexEntryBytes, 2 * indexEntryBytes, 3*indexEntryBytes + 4} {
		t.Run(fmt.Sprint(missing), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "kafka")
			seen := commitTwo(t, dir, "life-1")
			if seen != "life-1-0 life-1-1" {
				t.Fatalf("before the kill readers see %q", seen)
			}
			for _, index := range files(t, dir, ".idx") {
				truncate(t, index, missing)
			}
			if seen := commitTwo(t, dir, "life-2"); seen != "life-1-0 life-1-1 life-2-0 life-2-1" {
				t.Errorf("at the next start readers see %q", seen)
			}
			if seen := commitTwo(t, dir, "life-3"); seen != "life-1-0 life-1-1 life-2-0 life-2-1 life-3-0 life-3-1" {
				t.Errorf("at the start after it readers see %q", seen)
			}
		})
	}
}

// commitTwo starts a broker, commits two transactions, leaves a third open, and answers what readers see. It leaves the
// folder as a kill does, without what an orderly stop writes.
func commitTwo(t *testing.T, dir, life string) string {
	t.Helper()
	k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx := limited(t)
	producer := client(t, k.Address(), kgo.TransactionalID(life), kgo.DefaultProduceTopic("clicks"))
	defer producer.Close()
	if _, err := kadm.NewClient(producer).CreateTopic(ctx, 1, 1, nil, "clicks"); err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(life, "-", n))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			if err := producer.EndTransaction(ctx, kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := readCommitted(t, ctx, k.Address())
	keep := t.TempDir()
	if err := os.CopyFS(keep, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(keep)); err != nil {
		t.Fatal(err)
	}
	return seen
}

// readCommitted answers what is visible below the end, which an open transaction does not hold back here: it is aborted or
// the last.
func readCommitted(t *testing.T, ctx context.Context, address string) string {
	t.Helper()
	c := client(t, address, kgo.ConsumeTopics("clicks"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	defer c.Close()
	ends, err := kadm.NewClient(c).ListCommittedOffsets(ctx, "clicks")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("clicks", 0)
	var values []string
	for next := int64(0); next < end.Offset; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q of %d: %v", values, end.Offset, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
		})
	}
	return strings.Join(values, " ")
}

func files(t *testing.T, dir, extension string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == extension {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s files: %v", extension, err)
	}
	return found
}

func truncate(t *testing.T, path string, missing int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-int64(missing)); err != nil {
		t.Fatal(err)
	}
}
