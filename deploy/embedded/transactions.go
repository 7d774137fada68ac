package embedded

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

// transactionsFile is the journal of commits.
const transactionsFile = "transactions.journal"

// A transactionEntry says that a transaction is committed.
type transactionEntry struct {
	Number uint64 `json:"n"`
	// Refused takes the entry of that number back: the broker did not commit.
	Refused bool `json:"refused,omitempty"`
	// Done says that the transaction of that number is complete on disk.
	Done bool `json:"done,omitempty"`

	ID       string `json:"id,omitempty"`
	Producer int64  `json:"pid,omitempty"`
	Epoch    int16  `json:"epoch,omitempty"`
	// Unique says that no other transaction of the producer has its epoch.
	Unique     bool                   `json:"unique,omitempty"`
	TimeMS     int64                  `json:"ms,omitempty"`
	Partitions []transactionPartition `json:"partitions,omitempty"`
	Offsets    []transactionOffset    `json:"offsets,omitempty"`
}

// transactionPartition is where the transaction's records are; a topic has its name or its ID.
type transactionPartition struct {
	Topic   string `json:"t,omitempty"`
	TopicID []byte `json:"tid,omitempty"`
	Part    int32  `json:"p"`
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
}

type transactionOffset struct {
	Group    string  `json:"g"`
	Topic    string  `json:"t,omitempty"`
	TopicID  []byte  `json:"tid,omitempty"`
	Part     int32   `json:"p"`
	Offset   int64   `json:"o"`
	Epoch    int32   `json:"e"`
	Metadata *string `json:"m,omitempty"`
}

// transactions makes the end of a transaction atomic on disk. The broker ends one by a marker in each partition and an
// entry for each offset, in several files: a kill, or a cut of the power, can keep some and lose others. So a commit is
// written to a journal of its own first, whole, with what the requests before it have told; once that is on disk the
// transaction is committed, and the next start completes what the broker could not (see repairer.completeTransactions).
type transactions struct {
	path   string
	syncer *syncer // nil: nothing is synced
	fail   func(error)

	mu     sync.Mutex
	open   map[int64]*openCommit // by producer
	file   *os.File              // nil: none yet
	number uint64
	lastMS int64 // the latest time at which an offset was committed; it does not go back with the clock
	bytes  int64
	live   map[uint64]*liveCommit // journalled, and perhaps not complete on disk
}

// openCommit is what is known of a transaction under way.
type openCommit struct {
	epoch      int16
	partitions map[transactionPlace]*transactionPartition
	offsets    map[transactionPlace]transactionOffset
}

type transactionPlace struct {
	group, topic string
	id           [16]byte
	part         int32
}

type liveCommit struct {
	producer int64
	framed   []byte // with its refusal, if there is one
	ended    bool   // the broker has handled it
	ticket   uint64 // of the sync after which it is complete
}

// maxTransactionBytes is the length from which the journal is written anew with what is live only.
const maxTransactionBytes = 1 << 20

func newTransactions(dir string, fail func(error)) *transactions {
	return &transactions{
		path: filepath.Join(dir, transactionsFile), fail: fail,
		open: map[int64]*openCommit{}, live: map[uint64]*liveCommit{},
	}
}

// of returns what is known of a producer's transaction; one of an epoch before is over. It returns nil where a later one
// is under way: the producer is fenced.
func (t *transactions) of(producer int64, epoch int16) *openCommit {
	o := t.open[producer]
	if o != nil && o.epoch > epoch {
		return nil
	}
	if o == nil || o.epoch != epoch {
		o = &openCommit{epoch: epoch, partitions: map[transactionPlace]*transactionPartition{}, offsets: map[transactionPlace]transactionOffset{}}
		t.open[producer] = o
	}
	return o
}

// produced notes the records that the broker has taken.
func (t *transactions) produced(batches []producedBatch, answer *kmsg.ProduceResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range answer.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				continue
			}
			for _, b := range batches {
				if b.topic != topic.Topic || b.id != topic.TopicID || b.part != p.Partition {
					continue
				}
				o, at := t.of(b.producer, b.epoch), transactionPlace{topic: b.topic, id: b.id, part: b.part}
				if o == nil {
					continue
				}
				last := p.BaseOffset + int64(b.count) - 1
				if have := o.partitions[at]; have != nil {
					have.First, have.Last = min(have.First, p.BaseOffset), max(have.Last, last)
					continue
				}
				o.partitions[at] = &transactionPartition{Topic: b.topic, TopicID: topicID(b.id), Part: b.part, First: p.BaseOffset, Last: last}
			}
		}
	}
}

// staged notes the offsets that the broker has taken.
func (t *transactions) staged(request *kmsg.TxnOffsetCommitRequest, answer *kmsg.TxnOffsetCommitResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	refused := map[transactionPlace]bool{}
	for _, topic := range answer.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				refused[transactionPlace{topic: topic.Topic, id: topic.TopicID, part: p.Partition}] = true
			}
		}
	}
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			at := transactionPlace{topic: topic.Topic, id: topic.TopicID, part: p.Partition}
			if refused[at] {
				continue // of all, where the producer is fenced
			}
			o := t.of(request.ProducerID, request.ProducerEpoch)
			if o == nil {
				return
			}
			at.group = request.Group
			o.offsets[at] = transactionOffset{
				Group: request.Group, Topic: topic.Topic, TopicID: topicID(topic.TopicID), Part: p.Partition,
				Offset: p.Offset, Epoch: p.LeaderEpoch, Metadata: p.Metadata,
			}
		}
	}
}

func topicID(id [16]byte) []byte {
	if id == ([16]byte{}) {
		return nil
	}
	return id[:]
}

// uniqueEpochVersion is the version of EndTxn from which the broker moves the producer's epoch at each.
const uniqueEpochVersion = 5

// commit journals what the request commits and returns the entry's number once that is on disk; 0: there is nothing to
// keep.
func (t *transactions) commit(request *kmsg.EndTxnRequest) (number uint64, err error) {
	t.mu.Lock()
	o := t.open[request.ProducerID]
	if o == nil || o.epoch != request.ProducerEpoch || len(o.partitions) == 0 && len(o.offsets) == 0 {
		t.mu.Unlock()
		return 0, nil
	}
	t.number++
	t.tick()
	entry := transactionEntry{
		Number: t.number, ID: request.TransactionalID, Producer: request.ProducerID, Epoch: request.ProducerEpoch,
		Unique: request.Version >= uniqueEpochVersion, TimeMS: t.lastMS,
	}
	for _, p := range o.partitions {
		entry.Partitions = append(entry.Partitions, *p)
	}
	for _, offset := range o.offsets {
		entry.Offsets = append(entry.Offsets, offset)
	}
	t.endLive(entry.Producer)
	framed, err := t.write(entry)
	if err != nil {
		t.mu.Unlock()
		t.fail(err)
		return 0, err
	}
	t.live[entry.Number] = &liveCommit{producer: entry.Producer, framed: framed}
	t.mu.Unlock()
	if t.syncer == nil {
		return entry.Number, nil
	}
	return entry.Number, t.syncer.wait(t.syncer.ticket())
}

// write appends an entry. Called with the lock.
func (t *transactions) write(entry transactionEntry) (framed []byte, err error) {
	raw, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	framed = appendJournalEntry(nil, raw)
	if t.bytes > maxTransactionBytes {
		if err := t.rewrite(); err != nil {
			return nil, err
		}
	}
	if t.file == nil {
		if t.file, err = os.OpenFile(t.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, err
		}
	}
	n, err := t.file.Write(framed)
	t.bytes += int64(n)
	return framed, err
}

// rewrite writes the journal anew with what is live. Called with the lock.
func (t *transactions) rewrite() error {
	var live []byte
	for _, c := range t.live {
		live = append(live, c.framed...)
	}
	if t.file != nil {
		if err := t.file.Close(); err != nil {
			return err
		}
		t.file = nil
	}
	t.bytes = int64(len(live))
	return replaceFile(t.path, live)
}

// ended notes how the broker has handled an end of a transaction; number is commit's. ticket is the sync to wait for
// before the response may go, 0: none.
func (t *transactions) ended(request *kmsg.EndTxnRequest, number uint64, answer *kmsg.EndTxnResponse) (ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tick()
	if answer.ErrorCode == 0 {
		if o := t.open[request.ProducerID]; o != nil && o.epoch == request.ProducerEpoch {
			delete(t.open, request.ProducerID)
		}
	}
	c := t.live[number]
	if c == nil {
		if request.Commit && answer.ErrorCode == 0 && t.syncer != nil {
			return t.syncer.ticket() // of a commit that is not in the journal: sent again, or of nothing
		}
		return 0
	}
	if answer.ErrorCode != 0 {
		// The producer must not learn of the refusal before the next start would know of it.
		framed, err := t.write(transactionEntry{Number: number, Refused: true})
		if err != nil {
			t.fail(err)
			return 0
		}
		c.framed = append(c.framed, framed...)
	}
	c.ended = true
	if t.syncer == nil {
		t.forget(func(*liveCommit) bool { return true })
		return 0
	}
	c.ticket = t.syncer.ticket()
	if answer.ErrorCode != 0 {
		return c.ticket
	}
	return 0
}

// synced forgets what the sync of that number has completed, and empties the journal when nothing is left in it.
func (t *transactions) synced(number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(func(c *liveCommit) bool { return c.ticket <= number })
}

// offsetCommitted notes when the broker took an offset outside a transaction.
func (t *transactions) offsetCommitted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tick()
}

// tick moves the time of commits on: one that is made later has no earlier time. Called with the lock.
func (t *transactions) tick() { t.lastMS = max(t.lastMS, time.Now().UnixMilli()) }

// begun forgets the producer's transaction before: whoever begins anew has ended it.
func (t *transactions) begun(producer int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, producer)
	t.endLive(producer)
}

// endLive ends the producer's commits whose response was never written, its connection gone: by the time its next
// transaction begins, or ends, the broker has handled them. Called with the lock.
func (t *transactions) endLive(producer int64) {
	ended := false
	for _, c := range t.live {
		if c.producer != producer || c.ended {
			continue
		}
		c.ended, ended = true, true
		if t.syncer != nil {
			c.ticket = t.syncer.ticket()
		}
	}
	if ended && t.syncer == nil {
		t.forget(func(*liveCommit) bool { return true })
	}
}

// forget drops the live entries that have ended and are complete. Called with the lock.
func (t *transactions) forget(complete func(*liveCommit) bool) {
	var done []uint64
	for number, c := range t.live {
		if c.ended && complete(c) {
			delete(t.live, number)
			done = append(done, number)
		}
	}
	if len(t.live) == 0 {
		if t.bytes == 0 {
			return
		}
		t.bytes = 0
		if err := os.Truncate(t.path, 0); err != nil {
			t.fail(err)
		}
		return
	}
	for _, number := range done {
		// The next start need not compare it with what came after it, by clocks that may have been set back.
		if _, err := t.write(transactionEntry{Number: number, Done: true}); err != nil {
			t.fail(err)
			return
		}
	}
}

func (t *transactions) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// readTransactions returns the journalled commits in order, without those that were taken back or are complete.
func (r *repairer) readTransactions() ([]transactionEntry, error) {
	path := filepath.Join(r.dir, transactionsFile)
	raw, err := readIfThere(path)
	if err != nil {
		return nil, err
	}
	j := parseJournal(raw)
	if j.spots > 0 && !j.unfinished {
		kept, err := r.keepDamage(path, j.cut)
		if err != nil {
			return nil, err
		}
		r.damage(damageJournal, transactionsFile, len(j.cut))
		r.logger.Error("the embedded Kafka's journal of commits was damaged: a transaction that it had can be half there; the bytes that cannot be read are beside it",
			zap.String("file", transactionsFile), zap.String("kept", kept), zap.Int("bytes", len(j.cut)), zap.Int("places", j.spots))
	}
	over := map[uint64]bool{}
	var all, commits []transactionEntry
	for _, data := range j.entries {
		var e transactionEntry
		if err := json.Unmarshal(data, &e); err != nil {
			r.damage(damageJournal, transactionsFile, len(data))
			r.logger.Error("an entry of the embedded Kafka's journal of commits cannot be read; it is passed over", zap.ByteString("entry", data), zap.Error(err))
			continue
		}
		if e.Refused || e.Done {
			over[e.Number] = true
			continue
		}
		all = append(all, e)
	}
	for _, e := range all {
		if !over[e.Number] {
			commits = append(commits, e)
		}
	}
	return commits, nil
}
