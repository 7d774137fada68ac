package embedded

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// endsFile holds how far each partition has come. A log from which retention has deleted everything says no more what
// its next offset is, and the broker would give the first ones again: readers that remember theirs would pass over what
// is new.
const endsFile = "ends.json"

// topicEnds are the next offsets of a topic's partitions, by their numbers.
type topicEnds struct {
	ID   []byte           `json:"id"` // a topic made anew under the name begins anew
	Ends map[string]int64 `json:"ends"`
}

// readEnds asks the broker how far each partition has come.
func readEnds(cluster *kfake.Cluster, topics []string) map[string]topicEnds {
	ends := map[string]topicEnds{}
	for _, topic := range topics {
		info := cluster.TopicInfo(topic)
		if info == nil {
			continue
		}
		e := topicEnds{ID: info.TopicID[:], Ends: map[string]int64{}}
		for _, p := range cluster.PartitionInfos(topic) {
			e.Ends[strconv.Itoa(int(p.Partition))] = p.HighWatermark
		}
		ends[topic] = e
	}
	return ends
}

// topicNames reads which topics there are.
func topicNames(dir string) ([]string, error) {
	raw, err := readIfThere(filepath.Join(dir, topicsFile))
	if raw == nil || err != nil {
		return nil, err
	}
	var topics brokerTopics
	if err := json.Unmarshal(raw, &topics); err != nil {
		return nil, err
	}
	names := make([]string, len(topics.Topics))
	for i, t := range topics.Topics {
		names[i] = t.Name
	}
	return names, nil
}

func writeEnds(dir string, ends map[string]topicEnds) error {
	raw, err := json.Marshal(ends)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, endsFile), raw)
}

// raiseEnds appends a batch without records of anyone's to each log that ends before an offset that was given already:
// as ends.json, a committed transaction or a group's committed offset know. So no offset names two records.
func (r *repairer) raiseEnds(commits []transactionEntry) error {
	floors := map[topicPartition]int64{}
	raise := func(topic string, part int32, to int64) {
		p := topicPartition{topic, part}
		floors[p] = max(floors[p], to)
	}
	raw, err := readIfThere(filepath.Join(r.dir, endsFile))
	if err != nil {
		return err
	}
	var ends map[string]topicEnds
	if err := json.Unmarshal(raw, &ends); raw != nil && err != nil {
		r.logger.Warn("the embedded Kafka's "+endsFile+" cannot be read", zap.Error(err))
	}
	for topic, e := range ends {
		if id := r.topicIDs[topic]; string(e.ID) != string(id[:]) {
			continue
		}
		for text, end := range e.Ends {
			if part, err := strconv.ParseInt(text, 10, 32); err == nil {
				raise(topic, int32(part), end)
			}
		}
	}
	for _, c := range commits {
		for _, p := range c.Partitions {
			raise(r.topicName(p.Topic, p.TopicID), p.Part, p.Last+1)
		}
	}
	for p, offset := range r.lastOffsets() {
		known := floors[p]
		if l := r.logs[p]; l != nil {
			known = max(known, l.end)
		}
		if offset-known > maxCommittedGap {
			r.logger.Warn("a group has committed an offset far behind the end of a partition's log; it is not taken for one that was given",
				zap.Stringer("partition", p), zap.Int64("offset", offset), zap.Int64("log_end", known))
			continue
		}
		raise(p.topic, p.part, offset)
	}
	return r.fill(floors)
}

// maxCommittedGap is how many records a cut of the power may have taken at most, of a broker that does not sync: a
// client may commit any number.
const maxCommittedGap = 1 << 26

// lastOffsets are the highest offsets that any group has committed, as the journal's end says.
func (r *repairer) lastOffsets() map[topicPartition]int64 {
	committed := map[any]groupEntry{}
	for _, raw := range r.journals["groups.log"] {
		var e groupEntry
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		switch key := journalKey("groups.log", raw); e.Type {
		case "commit":
			committed[key] = e
		case "delete":
			delete(committed, key)
		}
	}
	highest := map[topicPartition]int64{}
	for _, e := range committed {
		p := topicPartition{e.Topic, e.Part}
		highest[p] = max(highest[p], e.Offset)
	}
	return highest
}

func (r *repairer) fill(floors map[topicPartition]int64) error {
	var errs []error
	for p, floor := range floors {
		if int(p.part) >= r.counts[p.topic] {
			continue
		}
		l := r.logs[p]
		if l == nil {
			var err error
			if l, _, err = readPartition(p, filepath.Join(r.dir, p.folder()), nil, r.cutSegment); err != nil {
				errs = append(errs, err)
				continue
			}
			r.logs[p] = l
		}
		if l.end >= floor || floor-l.end > maxOffsetGap {
			continue
		}
		if l.batches > 0 {
			r.logger.Warn("a partition's log ends before offsets that were given already; the next record takes the one behind them",
				zap.Stringer("partition", p), zap.Int64("log_end", l.end), zap.Int64("next_offset", floor))
		}
		l.append(marker(floor-1, -1, -1, l.epoch, false))
	}
	return errors.Join(errs...)
}
