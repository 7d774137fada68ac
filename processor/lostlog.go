package processor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"

	"tributary/processor/state"
)

// A state is about certain topics. Where Kafka has others under their names (its folder is lost, or the cluster was replaced), the state's
// positions mean nothing there, and to build it again from topics that are empty would forget every click and conversion: their
// copies would count again. So the state remembers the topics' IDs, and over others the processor waits until somebody decides.

// logsNote is the state's note of the topics that it was built from.
const logsNote = "logs"

// What the processor and whoever decides write for each other lies in files below state.RecoveryDir of the state's directory.
const (
	refusedFile  = "refused.json"
	acceptedFile = "accepted.json"
)

// lostLogPoll is how often the processor looks for a decision, lostLogLook how often at Kafka.
const (
	lostLogPoll = 250 * time.Millisecond
	lostLogLook = 5 * time.Second
)

// Logs are the topics of a Kafka.
type Logs struct {
	Cluster string `json:"cluster"`
	// Topics are the IDs by name, without prefix.
	Topics map[string]string `json:"topics"`
	// Partitions is how many each of them has; 0 where an older program wrote it.
	Partitions int32 `json:"partitions,omitempty"`
}

// A LostLog says that the state was built from topics that Kafka has no more.
type LostLog struct {
	At       time.Time `json:"at"`
	StateDir string    `json:"state_dir"`
	// Was are the topics that the state remembers, Is those that Kafka has. Was has no topics where an older program wrote the state.
	Was Logs `json:"was"`
	Is  Logs `json:"is"`
	// Partitions are those of the state.
	Partitions []LostPartition `json:"partitions"`
}

// A LostPartition is what the state has of one partition.
type LostPartition struct {
	Partition int32 `json:"partition"`
	// Positions are how far it had read, Ends where the topics end now.
	Positions map[string]int64 `json:"positions"`
	Ends      map[string]int64 `json:"ends"`
	// Unsent are outputs that were not known to be committed: in the lost topics, or nowhere.
	Unsent      int   `json:"unsent"`
	WatermarkMS int64 `json:"watermark_ms"`
}

// Unsent is the number of outputs that are given up with the lost topics.
func (l *LostLog) Unsent() (n int) {
	for i := range l.Partitions {
		n += l.Partitions[i].Unsent
	}
	return n
}

func (l *LostLog) Error() string {
	var others []string
	for _, t := range slices.Sorted(maps.Keys(l.Is.Topics)) {
		if was := l.Was.Topics[t]; was != "" && was != l.Is.Topics[t] {
			others = append(others, fmt.Sprintf("%s is %s and was %s", t, l.Is.Topics[t], was))
		}
	}
	if len(others) == 0 {
		others = append(others, "they end before what the state has read of them")
	}
	return fmt.Sprintf("the topics in Kafka are not those that the state in %s was built from (%s): the broker's data was lost, or this is another Kafka. "+
		"Nothing is processed, and the state is untouched. Bring the broker's data back, or run `tributary recover broker` to go on with this state on the new topics", l.StateDir, strings.Join(others, "; "))
}

// ReadLostLog returns what the processor of a state's directory waits with, nil if it waits with nothing.
func ReadLostLog(stateDir string) (*LostLog, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, state.RecoveryDir, refusedFile))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what the processor waits with: %w", err)
	}
	l := &LostLog{}
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("reading %s: %w", refusedFile, err)
	}
	return l, nil
}

// Accept tells the processor of the state's directory, which may be running or not, to go on with its state on the topics l.Is.
func (l *LostLog) Accept(stateDir string) error {
	return writeJSON(vfs.Default, filepath.Join(stateDir, state.RecoveryDir), acceptedFile, l.Is)
}

func writeJSON(fs vfs.FS, dir, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	part := fs.PathJoin(dir, name+".part")
	f, err := fs.Create(part, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = fs.Rename(part, fs.PathJoin(dir, name))
	}
	if err != nil {
		return fmt.Errorf("writing %s in %s: %w", name, dir, err)
	}
	return nil
}

// awaitLogs returns when the state is about the topics that Kafka has. Before, it waits for the topics to come back, or for a decision.
func (p *Processor) awaitLogs(ctx context.Context) error {
	dir := p.store.FS().PathJoin(p.cfg.StateDir, state.RecoveryDir)
	said := ""
	var looked time.Time
	var lost *LostLog
	for {
		if time.Since(looked) > lostLogLook {
			looked = time.Now()
			var err error
			if lost, err = p.lostLog(ctx); err != nil {
				return err
			}
			if lost == nil {
				return p.dropRecovery(dir)
			}
			if err := writeJSON(p.store.FS(), dir, refusedFile, lost); err != nil {
				p.log.Warn("what the processor waits with cannot be written down for `tributary recover`", zap.Error(err))
			}
			if text := lost.Error(); text != said {
				said = text
				p.metrics.otherLogs.Set(1)
				p.setReadiness(text)
				p.log.Error(text, zap.String("cluster", lost.Is.Cluster), zap.String("cluster_before", lost.Was.Cluster), zap.Int("outputs_not_known_to_be_committed", lost.Unsent()))
			}
		}
		if accepted := p.accepted(dir); accepted != nil && maps.Equal(accepted.Topics, lost.Is.Topics) {
			if err := p.moveTo(lost); err != nil {
				return err
			}
			looked = time.Time{}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lostLogPoll):
		}
	}
}

func (p *Processor) accepted(dir string) *Logs {
	f, err := p.store.FS().Open(p.store.FS().PathJoin(dir, acceptedFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	l := &Logs{}
	if err != nil || json.Unmarshal(b, l) != nil {
		return nil
	}
	return l
}

func (p *Processor) dropRecovery(dir string) error {
	p.metrics.otherLogs.Set(0)
	if err := p.store.FS().RemoveAll(dir); err != nil {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return nil
}

// lostLog holds the state's topics against Kafka's, and returns nil when they are the same; the state remembers them from then on.
func (p *Processor) lostLog(ctx context.Context) (*LostLog, error) {
	is, l, err := p.askLogs(ctx)
	if err != nil {
		return nil, err
	}
	was := Logs{Topics: map[string]string{}}
	raw, err := p.store.Note(logsNote)
	if err != nil {
		return nil, err
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &was); err != nil {
			return nil, fmt.Errorf("reading the note of the state's topics: %w", err)
		}
	}
	if err := p.repartitioned(was.Partitions); err != nil {
		return nil, err
	}
	lost := &LostLog{At: p.now().UTC(), StateDir: p.cfg.StateDir, Was: was, Is: is}
	other := false
	for t, id := range is.Topics {
		other = other || was.Topics[t] != "" && was.Topics[t] != id
	}
	for id := range p.partitions {
		part := p.newPartition(id)
		if err := part.load(); err != nil {
			return nil, err
		}
		if len(part.meta.positions) == 0 {
			continue
		}
		pending, err := p.unsent(part)
		if err != nil {
			return nil, err
		}
		ends := map[string]int64{}
		for t, at := range part.meta.positions {
			ends[t] = l.end[t][id]
			other = other || raw == nil && at > ends[t]
		}
		lost.Partitions = append(lost.Partitions, LostPartition{id, part.meta.positions, ends, pending, part.meta.watermarkMS})
	}
	if other && len(lost.Partitions) > 0 {
		return lost, nil
	}
	return nil, p.rememberLogs(is)
}

func (p *Processor) rememberLogs(l Logs) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return p.store.SetNote(logsNote, b)
}

func (p *Processor) unsent(part *partition) (int, error) {
	if part.meta.settled {
		return 0, nil
	}
	raw, ok, err := part.own.Get(outboxKey)
	if err != nil || !ok {
		return 0, err
	}
	pending, err := readOutbox(slices.Clone(raw))
	if err != nil {
		return 0, fmt.Errorf("reading the outbox of partition %d: %w", part.id, err)
	}
	return len(pending), nil
}

// askLogs asks for the inputs' IDs, and for where they begin and end.
func (p *Processor) askLogs(ctx context.Context) (Logs, logs, error) {
	if err := p.checkTopics(ctx); err != nil {
		return Logs{}, logs{}, err
	}
	client, err := p.newReader(nil)
	if err != nil {
		return Logs{}, logs{}, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	brokers, err := admin.BrokerMetadata(ctx)
	if err != nil {
		return Logs{}, logs{}, fmt.Errorf("asking for the cluster's ID: %w", err)
	}
	l, err := p.listLogs(ctx, admin)
	if err != nil {
		return Logs{}, logs{}, err
	}
	is := Logs{Cluster: brokers.Cluster, Topics: map[string]string{}, Partitions: p.partitions}
	for _, t := range p.inputs {
		if id := p.topicIDs[t]; id != (kadm.TopicID{}).String() { // Kafka before 3.0 has none
			is.Topics[t] = id
		}
	}
	return is, l, nil
}

// moveTo makes the state one about the new topics, of which nothing was read: what it knows stays, its positions and cycles, which were of
// the lost ones, go. Outputs that were not known to be committed go too: readers of the lost topics may have seen them.
func (p *Processor) moveTo(lost *LostLog) error {
	for i := range lost.Partitions {
		part := p.newPartition(lost.Partitions[i].Partition)
		if err := part.load(); err != nil {
			return err
		}
		part.meta = meta{settled: true, watermarkMS: part.meta.watermarkMS, sentMS: part.meta.sentMS, positions: map[string]int64{},
			decisions: part.meta.decisions}
		part.own.Put(metaKey, part.meta.append(nil))
		part.own.Put(outboxKey, appendOutbox(nil, nil))
		if err := part.state.Flush(); err != nil {
			return err
		}
	}
	if err := p.store.Sync(); err != nil {
		return err
	}
	p.log.Warn("the state goes on with the new topics, as was decided; copies of what it knows do not count again",
		zap.Int("partitions", len(lost.Partitions)), zap.Int("outputs_given_up", lost.Unsent()))
	return p.rememberLogs(lost.Is)
}
