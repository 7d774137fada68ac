package embedded

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
)

const (
	clusterID = "tributary-embedded"

	metaFile    = "meta.json"
	topicsFile  = "topics.json"
	windowsFile = "seq_windows.json"
	// sessionFile is what the broker leaves at an orderly stop and removes at its start.
	sessionFile = "session_state.json"
	// cleanFile is what Close leaves, once everything is written.
	cleanFile = "stopped-in-order"
)

// brokerTopics is topics.json, as far as it is needed here.
type brokerTopics struct {
	Version int           `json:"version"`
	Topics  []brokerTopic `json:"topics"`
}

type brokerTopic struct {
	Name       string `json:"name"`
	ID         string `json:"id"`
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replicas"`
}

// stoppedInOrder tells whether the broker was closed, and wrote everything then. A session alone does not say so.
func (r *repairer) stoppedInOrder() (bool, error) {
	_, err := os.Stat(filepath.Join(r.dir, cleanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// mendSnapshots sets aside what is no JSON, with which the broker would not start, and makes anew what it cannot do
// without: without meta.json it would take the folder for a new one and empty it.
func (r *repairer) mendSnapshots() error {
	for _, name := range []string{metaFile, topicsFile, "acls.json", "sasl.json", "broker_configs.json", "quotas.json", windowsFile, sessionFile} {
		path := filepath.Join(r.dir, name)
		raw, err := readIfThere(path)
		if err != nil {
			return err
		}
		if raw == nil || json.Valid(raw) {
			continue
		}
		to := path + ".damaged-" + r.stamp()
		if err := os.Rename(path, to); err != nil {
			return err
		}
		r.damage(damageSnapshot, name, len(raw))
		r.logger.Error("a file of the embedded Kafka is no JSON any more; it is set aside and made again, as far as that can be",
			zap.String("file", name), zap.String("kept", filepath.Base(to)), zap.Int("bytes", len(raw)))
	}
	folders, err := os.ReadDir(filepath.Join(r.dir, partitionsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	topics, err := r.readTopics()
	if err != nil {
		return err
	}
	if topics == nil && len(folders) > 0 {
		if topics, err = r.makeTopics(folders); err != nil {
			return err
		}
	}
	if topics == nil {
		return nil
	}
	r.ids, r.topicIDs, r.counts = map[[16]byte]string{}, map[string][16]byte{}, map[string]int{}
	for _, t := range topics.Topics {
		var id [16]byte
		raw, _ := base64.StdEncoding.DecodeString(t.ID)
		copy(id[:], raw)
		r.ids[id], r.topicIDs[t.Name], r.counts[t.Name] = t.Name, id, t.Partitions
	}
	if _, err := os.Stat(filepath.Join(r.dir, metaFile)); errors.Is(err, fs.ErrNotExist) {
		meta, _ := json.Marshal(map[string]any{"version": 1, "cluster_id": clusterID})
		return replaceFile(filepath.Join(r.dir, metaFile), meta)
	}
	return nil
}

func (r *repairer) readTopics() (*brokerTopics, error) {
	raw, err := readIfThere(filepath.Join(r.dir, topicsFile))
	if raw == nil || err != nil {
		return nil, err
	}
	topics := new(brokerTopics)
	return topics, json.Unmarshal(raw, topics)
}

// makeTopics makes topics.json from the partitions' folders. Settings are lost; whoever sets topics up sets them again.
func (r *repairer) makeTopics(folders []fs.DirEntry) (*brokerTopics, error) {
	counts := map[string]int{}
	for _, folder := range folders {
		if p, ok := partitionOf(folder.Name()); ok {
			counts[p.topic] = max(counts[p.topic], int(p.part)+1)
		}
	}
	topics := &brokerTopics{Version: 1}
	for name, count := range counts {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		topics.Topics = append(topics.Topics, brokerTopic{Name: name, ID: base64.StdEncoding.EncodeToString(id[:]), Partitions: count, Replicas: 1})
	}
	slices.SortFunc(topics.Topics, func(a, b brokerTopic) int { return cmp.Compare(a.Name, b.Name) })
	raw, err := json.Marshal(topics)
	if err != nil {
		return nil, err
	}
	r.logger.Error("the embedded Kafka's list of topics was lost; it is made again from the folders of their partitions", zap.Int("topics", len(counts)))
	return topics, replaceFile(filepath.Join(r.dir, topicsFile), raw)
}

// The broker's file of sequence numbers.
type (
	brokerWindows struct {
		Version int            `json:"version"`
		Windows []brokerWindow `json:"windows"`
	}
	brokerWindow struct {
		Producer int64                             `json:"pid"`
		Topic    string                            `json:"topic"`
		Part     int32                             `json:"partition"`
		Entries  [windowBatches]brokerWindowsEntry `json:"entries"`
		Count    int                               `json:"count"`
		At       int                               `json:"at"`
		Epoch    int16                             `json:"epoch"`
		Seen     bool                              `json:"seen"`
		Next     int32                             `json:"next_seq"`
	}
	brokerWindowsEntry struct {
		First  int32 `json:"first_seq"`
		Next   int32 `json:"next_seq"`
		Offset int64 `json:"offset"`
	}
)

// writeWindows writes what the broker would have written at an orderly stop: a producer that lived on, or its
// successor, may send again what the log has.
func (r *repairer) writeWindows() error {
	file := brokerWindows{Version: 1, Windows: []brokerWindow{}}
	for p, l := range r.logs {
		for producer, w := range l.windows {
			b := brokerWindow{
				Producer: producer, Topic: p.topic, Part: p.part,
				Count: len(w.batches), At: len(w.batches) % windowBatches, Epoch: w.epoch, Seen: true, Next: w.next,
			}
			for i, batch := range w.batches {
				b.Entries[i] = brokerWindowsEntry{batch.first, batch.next, batch.offset}
			}
			file.Windows = append(file.Windows, b)
		}
	}
	raw, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(r.dir, windowsFile), raw)
}
