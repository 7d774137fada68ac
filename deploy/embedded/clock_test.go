package embedded

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestAClockThatWasSetBackMovesNoOffsetBack: of two commits the broker wrote the second under an earlier time.
func TestAClockThatWasSetBackMovesNoOffsetBack(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	a := client(t, k.Address())
	if _, err := kadm.NewClient(a).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	a.Close()
	whole := killed(t, k)
	now := time.Now().UnixMilli()
	for name, c := range map[string]struct {
		written []int64 // offsets in groups.log
		done    bool    // the first
	}{
		"both are complete":      {[]int64{10, 20}, false},
		"the second is missing":  {[]int64{10}, false},
		"none is complete":       {nil, false},
		"the first is done with": {[]int64{10, 20, 30}, true},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		var groups, journal []byte
		for i, offset := range c.written {
			at := now - 10_000 - int64(i)*1000
			raw, err := json.Marshal(groupEntry{Type: "commit", Group: "g", Topic: "clicks", Offset: offset, LastCommit: &at})
			if err != nil {
				t.Fatal(err)
			}
			groups = appendJournalEntry(groups, raw)
		}
		want := int64(20)
		for i, offset := range []int64{10, 20} {
			if c.done && i > 0 {
				journal = appendJournalEntry(journal, []byte(`{"n":10,"done":true}`))
				want = 30 // by a commit of another kind
				break
			}
			raw, err := json.Marshal(transactionEntry{
				Number: uint64(offset), ID: "p", Producer: 1, TimeMS: now - 10_000,
				Offsets: []transactionOffset{{Group: "g", Topic: "clicks", Offset: offset}},
			})
			if err != nil {
				t.Fatal(err)
			}
			journal = appendJournalEntry(journal, raw)
		}
		for file, content := range map[string][]byte{"groups.log": groups, transactionsFile: journal} {
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k := start(t, dir)
		client := client(t, k.Address())
		offsets, err := kadm.NewClient(client).FetchOffsets(limited(t), "g")
		if o, _ := offsets.Lookup("clicks", 0); err != nil || o.At != want {
			t.Errorf("%s: the offset is %d, %v; want %d", name, o.At, err, want)
		}
		client.Close()
		k.Close()
	}
}

// TestACompleteCommitIsMarked: it must not be compared with what came after it.
func TestACompleteCommitIsMarked(t *testing.T) {
	tx := newTransactions(t.TempDir(), func(err error) { t.Error(err) })
	defer tx.close()
	for number := uint64(1); number <= 2; number++ {
		framed, err := tx.write(transactionEntry{Number: number, ID: fmt.Sprint(number)})
		if err != nil {
			t.Fatal(err)
		}
		tx.live[number] = &liveCommit{framed: framed, ended: number == 1}
	}
	tx.forget(func(*liveCommit) bool { return true })
	left, err := (&repairer{dir: filepath.Dir(tx.path)}).readTransactions()
	if err != nil || len(left) != 1 || left[0].Number != 2 {
		t.Errorf("left: %+v, %v; want the second", left, err)
	}
}
