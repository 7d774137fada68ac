package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

// journalOne journals a commit of a producer's.
func journalOne(t *testing.T, tx *transactions, producer int64) (*kmsg.EndTxnRequest, uint64) {
	t.Helper()
	offset := kmsg.NewPtrTxnOffsetCommitRequest()
	offset.ProducerID, offset.Group = producer, "g"
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = "clicks", append(topic.Partitions, kmsg.NewTxnOffsetCommitRequestTopicPartition())
	offset.Topics = append(offset.Topics, topic)
	tx.staged(offset, kmsg.NewPtrTxnOffsetCommitResponse())
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.Commit = fmt.Sprint(producer), producer, true
	number, err := tx.commit(end)
	if err != nil || number == 0 {
		t.Fatalf("entry %d, %v", number, err)
	}
	return end, number
}

// TestARefusedCommitStaysRefused writes the journal anew between a refusal and its sync.
func TestARefusedCommitStaysRefused(t *testing.T) {
	tx := newTransactions(t.TempDir(), func(err error) { t.Error(err) })
	defer tx.close()
	tx.syncer = newSyncer(func() error { return nil }, nil, newMetrics(nil), newFailure())
	defer tx.syncer.close()
	end, number := journalOne(t, tx, 1)
	tx.ended(end, number, &kmsg.EndTxnResponse{ErrorCode: 1})
	if err := tx.rewrite(); err != nil {
		t.Fatal(err)
	}
	left, err := (&repairer{dir: filepath.Dir(tx.path)}).readTransactions()
	if err != nil || len(left) != 0 {
		t.Errorf("left: %+v, %v; want none", left, err)
	}
}

// TestACommitWhoseConnectionEndedIsNotKeptForEver: its response was never written.
func TestACommitWhoseConnectionEndedIsNotKeptForEver(t *testing.T) {
	for name, next := range map[string]func(*transactions){
		"begun": func(tx *transactions) { tx.begun(1) },
		"ended": func(tx *transactions) {
			end, number := journalOne(t, tx, 1)
			tx.ended(end, number, kmsg.NewPtrEndTxnResponse())
		},
	} {
		tx := newTransactions(t.TempDir(), func(err error) { t.Error(err) })
		journalOne(t, tx, 1)
		next(tx)
		if len(tx.live) != 0 || tx.bytes != 0 {
			t.Errorf("its next is %s: %d commits, %d bytes are in the journal", name, len(tx.live), tx.bytes)
		}
		if err := tx.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAGroupsOffsetDoesNotMoveALog: one that was never given, and one that was deleted.
func TestAGroupsOffsetDoesNotMoveALog(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	c := client(t, k.Address(), kgo.DefaultProduceTopic("clicks"))
	defer c.Close()
	if _, err := kadm.NewClient(c).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(limited(t), kgo.StringRecord("one")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	commitPlainOffset(t, c, "clicks", 1<<36)
	k = start(t, killed(t, k))
	if end := endOf(t, k.Address(), "clicks"); end != 1 {
		t.Errorf("the next record takes offset %d, want 1", end)
	}
	journal := [][]byte{[]byte(`{"type":"commit","g":"g","t":"clicks","o":900}`), []byte(`{"type":"delete","g":"g","t":"clicks"}`)}
	r := &repairer{journals: map[string][][]byte{"groups.log": journal}}
	if highest := r.lastOffsets(); len(highest) != 0 {
		t.Errorf("of an offset that was deleted: %v", highest)
	}
}

// TestADamagedJournalOfCommitsIsTold: what can be read of it is completed all the same.
func TestADamagedJournalOfCommitsIsTold(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	fill(t, k.Address())
	dir := killed(t, k)
	entry := appendJournalEntry(nil, []byte(`{"n":2,"id":"survivor","pid":1,"ms":1,"offsets":[{"g":"late","t":"clicks","p":0,"o":5,"e":-1}]}`))
	damaged := bytes.Clone(entry)
	damaged[len(damaged)-3] ^= 1
	unread := appendJournalEntry(nil, []byte(`{"n":"no number"}`))
	if err := os.WriteFile(filepath.Join(dir, transactionsFile), bytes.Join([][]byte{damaged, unread, entry}, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	k = start(t, dir)
	if !strings.Contains(k.Damage(), transactionsFile) {
		t.Errorf("damage: %q", k.Damage())
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, transactionsFile+".damaged-*")); len(kept) != 1 {
		t.Errorf("kept beside it: %v", kept)
	}
	c := client(t, k.Address())
	defer c.Close()
	offsets, err := kadm.NewClient(c).FetchOffsets(limited(t), "late")
	if o, _ := offsets.Lookup("clicks", 0); err != nil || o.At != 5 {
		t.Errorf("the offset behind the damage: %d, %v", o.At, err)
	}
}

// TestAFullDiskIsNotFilledByCopiesOfDamage: the file that is mended cannot be written.
func TestAFullDiskIsNotFilledByCopiesOfDamage(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	fill(t, k.Address())
	dir := killed(t, k)
	segment := files(t, dir, ".dat")[0]
	for _, path := range []string{segment, filepath.Join(dir, "groups.log")} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(append(bytes.Clone(raw), "no entry, and no batch"...), raw...), 0o600); err != nil {
			t.Fatal(err)
		}
		// As a full disk: nothing can be written under this name.
		if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop()); err == nil {
			k.Close()
			t.Fatalf("%s: it starts", path)
		}
		if kept, _ := filepath.Glob(path + ".damaged-*"); len(kept) != 0 {
			t.Errorf("kept: %v", kept)
		}
		if err := os.RemoveAll(path + ".tmp"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALinkThatCannotBeMadeIsAFailedWrite: it says nothing of what the disk has synced, and the broker may start again.
func TestALinkThatCannotBeMadeIsAFailedWrite(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"), Durable(true))
	if k.keeper == nil {
		t.Skip("this file system knows no hard links")
	}
	if err := os.MkdirAll(filepath.Join(k.dir, "groups.log"+keptSuffix+".tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	// As the broker compacts it.
	path := filepath.Join(k.dir, "groups.log")
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	_ = k.syncer.wait(k.syncer.ticket())
	if err := k.failure.get(); !errors.Is(err, ErrWriteFailed) || errors.Is(err, ErrSyncFailed) {
		t.Errorf("%v, want a failed write", err)
	}
}
