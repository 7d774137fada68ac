package embedded

import (
	"cmp"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
)

// groupEntry is an entry of groups.log, as far as it is needed here.
type groupEntry struct {
	Type       string  `json:"type"` // commit, delete, meta, meta848, static
	Group      string  `json:"g"`
	Topic      string  `json:"t,omitempty"`
	Part       int32   `json:"p,omitempty"`
	Offset     int64   `json:"o,omitempty"`
	Epoch      int32   `json:"e,omitempty"`
	Metadata   *string `json:"m,omitempty"`
	LastCommit *int64  `json:"lc,omitempty"` // Unix milliseconds

	Instance string `json:"instance,omitempty"`
	Member   string `json:"member,omitempty"`
}

// producerEntry is an entry of pids.log.
type producerEntry struct {
	Type     string `json:"type"` // init, endtx, timeout
	Producer int64  `json:"pid"`
	Epoch    int16  `json:"epoch"`
	ID       string `json:"txid,omitempty"`
	Timeout  int32  `json:"timeout,omitempty"`
	Commit   *bool  `json:"commit,omitempty"`
}

// lastEpoch is the highest epoch a producer is given before it gets a new number.
const lastEpoch = math.MaxInt16 - 1

// fencedBy is how many epochs a producer with a transactional ID is moved on at the start after a broker that did not
// stop in order. One would do to fence it; but the broker takes an end of a transaction under the epoch before its own
// for one whose response was lost, and acknowledges it.
const fencedBy = 2

// endTransactions completes the transactions whose commit was journalled, aborts every other one that is open, and
// fences the producers: after an orderly stop those that had one open, else all.
func (r *repairer) endTransactions(commits []transactionEntry, clean bool) error {
	if err := r.completeTransactions(commits); err != nil {
		return err
	}
	epochs, transactional := r.producers()
	aborted := map[int64]bool{}
	if clean {
		open, err := r.leftOpen()
		if err != nil {
			return err
		}
		for _, producer := range open {
			aborted[producer] = true
		}
	}
	for _, l := range r.logs {
		for producer, open := range l.open {
			l.append(marker(l.end, producer, open.epoch, l.epoch, false))
			aborted[producer] = true
		}
	}
	if len(aborted) > 0 {
		r.metrics.aborted.Add(float64(len(aborted)))
		r.logger.Info("ended transactions that were open when the embedded Kafka ended", zap.Int("transactions", len(aborted)))
	}
	var fences []byte
	for _, producer := range transactional {
		if clean && !aborted[producer] {
			continue
		}
		raw, err := json.Marshal(producerEntry{Type: "timeout", Producer: producer, Epoch: min(epochs[producer], lastEpoch-fencedBy) + fencedBy})
		if err != nil {
			return err
		}
		fences = appendJournalEntry(fences, raw)
	}
	return r.appendToJournal("pids.log", fences)
}

// openKey is where the broker's session has the transactions that were open at an orderly stop.
const openKey = "inProgressTxns"

// leftOpen returns the producers of the transactions that were open at an orderly stop. The broker would go on with
// them; what the gate knew of them, with which it makes their commit whole, is gone.
func (r *repairer) leftOpen() (producers []int64, err error) {
	session, err := r.session()
	if err != nil || session[openKey] == nil {
		return nil, err
	}
	var open []struct {
		Producer int64 `json:"pid"`
	}
	if err := json.Unmarshal(session[openKey], &open); err != nil {
		return nil, err
	}
	for _, o := range open {
		producers = append(producers, o.Producer)
	}
	return producers, nil
}

// forgetOpen takes the transactions that were open out of the broker's session.
func (r *repairer) forgetOpen() error {
	session, err := r.session()
	if err != nil || session[openKey] == nil {
		return err
	}
	delete(session, openKey)
	raw, err := json.Marshal(session)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(r.dir, sessionFile), raw)
}

// session reads what the broker left at an orderly stop; nil for nothing.
func (r *repairer) session() (session map[string]json.RawMessage, err error) {
	raw, err := readIfThere(filepath.Join(r.dir, sessionFile))
	if raw == nil || err != nil {
		return nil, err
	}
	return session, json.Unmarshal(raw, &session)
}

// producers returns each producer's epoch, from the journal or from the logs where those know a higher one, and the
// producers with a transactional ID.
func (r *repairer) producers() (epochs map[int64]int16, transactional []int64) {
	epochs = map[int64]int16{}
	byID := map[string]int64{}
	for _, raw := range r.journals["pids.log"] {
		var e producerEntry
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		// The journal's order is the order of what happened, but a part of it may be lost: an epoch never goes back.
		epochs[e.Producer] = max(epochs[e.Producer], e.Epoch)
		if e.ID != "" {
			byID[e.ID] = e.Producer
		}
	}
	for _, l := range r.logs {
		for producer, epoch := range l.epochs {
			epochs[producer] = max(epochs[producer], epoch)
		}
	}
	for _, producer := range byID {
		transactional = append(transactional, producer)
	}
	slices.Sort(transactional)
	return epochs, transactional
}

// completeTransactions appends what is missing of them. Of several that committed an offset of one partition for one
// group, the last counts.
func (r *repairer) completeTransactions(commits []transactionEntry) error {
	markers := make([]int, len(commits))
	last := map[groupKey]int{}
	for i, c := range commits {
		count, committed, err := r.completeMarkers(c)
		if err != nil {
			return err
		}
		if markers[i] = count; !committed {
			commits[i].Offsets = nil
		}
		for _, o := range commits[i].Offsets {
			last[r.offsetKey(o)] = i
		}
	}
	var framed []byte
	for i, c := range commits {
		count := 0
		for _, o := range c.Offsets {
			if last[r.offsetKey(o)] != i || r.hasOffset(c, o) {
				continue
			}
			now := r.now.UnixMilli()
			raw, err := json.Marshal(groupEntry{
				Type: "commit", Group: o.Group, Topic: r.topicName(o.Topic, o.TopicID), Part: o.Part,
				Offset: o.Offset, Epoch: o.Epoch, Metadata: o.Metadata, LastCommit: &now,
			})
			if err != nil {
				return err
			}
			framed = appendJournalEntry(framed, raw)
			r.journals["groups.log"] = append(r.journals["groups.log"], raw)
			count++
		}
		if markers[i]+count > 0 {
			r.metrics.completed.Inc()
			r.logger.Info("completed a committed transaction that the embedded Kafka had not finished writing",
				zap.String("transaction", c.ID), zap.Int("markers", markers[i]), zap.Int("offsets", count))
		}
	}
	return r.appendToJournal("groups.log", framed)
}

func (r *repairer) offsetKey(o transactionOffset) groupKey {
	return groupKey{what: "offset", group: o.Group, topic: r.topicName(o.Topic, o.TopicID), part: o.Part}
}

// completeMarkers appends the commit markers that are missing and returns how many; committed is false where the
// transaction was aborted before its commit came through, by its time-out.
func (r *repairer) completeMarkers(c transactionEntry) (count int, committed bool, err error) {
	var missing []*partitionLog
	for _, p := range c.Partitions {
		l := r.logs[topicPartition{r.topicName(p.Topic, p.TopicID), p.Part}]
		if l == nil {
			continue // the topic was deleted since
		}
		if l.end <= p.Last {
			r.damage(damageTransaction, c.ID, 0)
			r.logger.Error("records that were acknowledged are lost: a transaction was committed, and the log of one of its partitions ends before its last record",
				zap.String("transaction", c.ID), zap.Stringer("partition", l.topicPartition), zap.Int64("last_offset", p.Last), zap.Int64("log_end", l.end))
		}
		at := slices.IndexFunc(l.ends[c.Producer], func(e ending) bool { return e.offset > p.Last })
		switch open, isOpen := l.open[c.Producer]; {
		case at >= 0 && !l.ends[c.Producer][at].commit:
			return 0, false, nil
		case at < 0 && isOpen && open.first <= p.Last:
			missing = append(missing, l)
		}
	}
	for _, l := range r.logs {
		// A record whose response its producer did not wait for. The epoch names the transaction where each has its
		// own.
		if open, isOpen := l.open[c.Producer]; isOpen && c.Unique && open.epoch == c.Epoch && !slices.Contains(missing, l) {
			missing = append(missing, l)
		}
	}
	slices.SortFunc(missing, func(a, b *partitionLog) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.part, b.part))
	})
	for _, l := range missing {
		if err := l.disown(c.Producer); err != nil {
			return 0, false, err
		}
		l.append(marker(l.end, c.Producer, c.Epoch, l.epoch, true))
	}
	return len(missing), true, nil
}

// hasOffset tells whether the journal has what the transaction committed, or what was committed after it.
func (r *repairer) hasOffset(c transactionEntry, o transactionOffset) bool {
	topic := r.topicName(o.Topic, o.TopicID)
	for _, raw := range slices.Backward(r.journals["groups.log"]) {
		var e groupEntry
		if json.Unmarshal(raw, &e) != nil || e.Group != o.Group || e.Topic != topic || e.Part != o.Part {
			continue
		}
		if e.Type == "delete" {
			return true // whoever deletes offsets does so after they were committed
		}
		if e.Type != "commit" {
			continue
		}
		same := e.Offset == o.Offset && (e.Metadata == nil) == (o.Metadata == nil) && (e.Metadata == nil || *e.Metadata == *o.Metadata)
		if same || e.LastCommit != nil && (*e.LastCommit > c.TimeMS || *e.LastCommit == c.TimeMS && e.Offset >= o.Offset) {
			return true
		}
		if e.LastCommit == nil || *e.LastCommit < c.TimeMS {
			return false
		}
	}
	return false
}

func (r *repairer) topicName(name string, id []byte) string {
	if name == "" && len(id) == 16 {
		return r.ids[[16]byte(id)]
	}
	return name
}

// appendToJournal appends framed entries and puts them on disk.
func (r *repairer) appendToJournal(name string, framed []byte) error {
	if len(framed) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(framed)
	return cmp.Or(err, f.Sync(), f.Close())
}

// maxJournalBytes is the length from which a journal is compacted.
const maxJournalBytes = 10 << 20

// compactJournal writes the journal with only the last entry of each thing.
func (r *repairer) compactJournal(path, name string) error {
	last := map[any]int{}
	keys := make([]any, len(r.journals[name]))
	for i, raw := range r.journals[name] {
		if keys[i] = journalKey(name, raw); keys[i] != nil {
			last[keys[i]] = i
		}
	}
	var entries [][]byte
	var framed []byte
	for i, raw := range r.journals[name] {
		if keys[i] == nil || last[keys[i]] == i {
			entries = append(entries, raw)
			framed = appendJournalEntry(framed, raw)
		}
	}
	r.journals[name] = entries
	return replaceFile(path, framed)
}

type groupKey struct {
	what, group, topic string
	part               int32
	instance           string
}

type producerKey struct {
	producer int64
	init     bool
}

// journalKey is what an entry is about; nil for one that must stay.
func journalKey(name string, raw []byte) any {
	if name != "groups.log" {
		var e producerEntry
		if json.Unmarshal(raw, &e) != nil {
			return nil
		}
		return producerKey{e.Producer, e.Type == "init"}
	}
	var e groupEntry
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	switch e.Type {
	case "commit", "delete":
		return groupKey{what: "offset", group: e.Group, topic: e.Topic, part: e.Part}
	case "meta", "meta848":
		return groupKey{what: "meta", group: e.Group}
	case "static":
		return groupKey{what: "static", group: e.Group, instance: e.Instance}
	}
	return nil
}
