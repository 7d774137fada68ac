package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

func start(t *testing.T, dir string, options ...KafkaOption) *Kafka {
	t.Helper()
	k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// killed returns a folder as a kill leaves it: a copy from before the orderly end.
func killed(t *testing.T, k *Kafka) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(k.dir)); err != nil {
		t.Fatal(err)
	}
	k.Close()
	return dir
}

func TestParseJournal(t *testing.T) {
	entry := func(n int) []byte { return appendJournalEntry(nil, fmt.Appendf(nil, `{"n":%d}`, n)) }
	one, two, three := entry(1), entry(2), entry(3)
	for name, c := range map[string]struct {
		raw        [][]byte
		entries    int
		cut, spots int
		behind     int
		unfinished bool
	}{
		"empty":                   {nil, 0, 0, 0, 0, false},
		"whole":                   {[][]byte{one, two, three}, 3, 0, 0, 0, false},
		"killed while writing":    {[][]byte{one, two[:11]}, 1, 11, 1, 0, true},
		"killed at the length":    {[][]byte{one, two[:3]}, 1, 3, 1, 0, true},
		"zeros at the end":        {[][]byte{one, make([]byte, 4096)}, 1, 4096, 1, 0, true},
		"torn, then written on":   {[][]byte{one, two[:11], three}, 2, 11, 1, 1, false},
		"torn twice":              {[][]byte{one[:5], two, one[:9], three}, 2, 14, 2, 2, false},
		"a byte that changed":     {[][]byte{one, bytes.Replace(two, []byte("2"), []byte("5"), 1), three}, 2, len(two), 1, 1, false},
		"zeros in the middle":     {[][]byte{one, make([]byte, 100), three}, 2, 100, 1, 1, false},
		"garbage at the end":      {[][]byte{one, []byte("\x08\x00\x00\x00 something else")}, 1, 19, 1, 0, false},
		"a length beyond the end": {[][]byte{one, []byte("\xff\xff\xff\x7fabcd\x01\x00{"), three}, 2, 11, 1, 1, false},
	} {
		j := parseJournal(bytes.Join(c.raw, nil))
		if len(j.entries) != c.entries || len(j.cut) != c.cut || j.spots != c.spots || j.behind != c.behind || j.unfinished != c.unfinished {
			t.Errorf("%s: %d entries, %d bytes cut in %d places, %d behind, unfinished %t", name, len(j.entries), len(j.cut), j.spots, j.behind, j.unfinished)
		}
	}
}

// TestADamagedSegmentIsReadOn damages one spot in the middle, or the end, of a segment. What is behind it must be
// there, what was cut out beside it, and the loss must be seen.
func TestADamagedSegmentIsReadOn(t *testing.T) {
	for name, damage := range map[string]struct {
		do   func(raw []byte) []byte
		left string
		end  int64
	}{
		"a byte in the middle":   {func(raw []byte) []byte { raw[len(raw)/2+batchHeaderBytes] ^= 1; return raw }, "0 1 2 3 4 6 7 8 9", 10},
		"an offset, upwards":     {func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw }, "0 1 2 3 4 5 6 7 8 9", 10},
		"an offset, by little":   {func(raw []byte) []byte { raw[len(raw)/2+7] ^= 8; return raw }, "0 1 2 3 4 5 6 7 8 9", 10},
		"an offset, downwards":   {func(raw []byte) []byte { raw[len(raw)/2+7] ^= 4; return raw }, "0 1 2 3 4 5 6 7 8 9", 10},
		"the last offset":        {func(raw []byte) []byte { raw[9*len(raw)/10] ^= 1; return raw }, "0 1 2 3 4 5 6 7 8", 10},
		"a length in the middle": {func(raw []byte) []byte { raw[5*len(raw)/10+batchLengthAt] ^= 0x40; return raw }, "0 1 2 3 4 6 7 8 9", 10},
		"zeros in the middle":    {func(raw []byte) []byte { clear(raw[len(raw)/2 : len(raw)/2+20]); return raw }, "0 1 2 3 4 6 7 8 9", 10},
		"a byte of the last":     {func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }, "0 1 2 3 4 5 6 7 8", 10},
		"bytes that are missing": {func(raw []byte) []byte { return slices.Delete(raw, len(raw)/2+3, len(raw)/2+9) }, "0 1 2 3 4 6 7 8 9", 10},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, filepath.Join(t.TempDir(), "kafka"))
			c := client(t, k.Address(), kgo.DefaultProduceTopic("clicks"))
			if _, err := kadm.NewClient(c).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
				t.Fatal(err)
			}
			for n := range 10 {
				if err := c.ProduceSync(limited(t), kgo.StringRecord(fmt.Sprint(n))).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			commitPlainOffset(t, c, "clicks", 10)
			c.Close()
			dir := killed(t, k)
			segment := files(t, dir, ".dat")[0]
			raw, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(segment, damage.do(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewRegistry()
			k = start(t, dir, WithMetrics(registry))
			if seen := strings.Join(readAll(t, k.Address(), "clicks"), " "); seen != damage.left {
				t.Errorf("readers see %s, want %s", seen, damage.left)
			}
			if kept, _ := filepath.Glob(segment + ".damaged-*"); len(kept) != 1 && !strings.Contains(damage.left, "5 6 7 8 9") {
				t.Errorf("kept beside it: %v", kept)
			}
			if !strings.Contains(k.Damage(), "0.dat") {
				t.Errorf("damage: %q", k.Damage())
			}
			if damaged := counted(t, registry, "tributary_kafka_damage_total"); damaged != 1 {
				t.Errorf("%v damaged files counted", damaged)
			}
			if end := endOf(t, k.Address(), "clicks"); end != damage.end {
				t.Errorf("the next record takes offset %d, which was given already; want %d", end, damage.end)
			}
			dir = killed(t, k)
			if k = start(t, dir); k.Damage() != "" {
				t.Errorf("found again: %s", k.Damage())
			}
		})
	}
}

// TestAnOffsetThatReachesIntoTheNextSegment damages the first offset of a segment's last, or first, batch: the segments
// behind it say what it was.
func TestAnOffsetThatReachesIntoTheNextSegment(t *testing.T) {
	const records = 100
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	c := client(t, k.Address(), kgo.DefaultProduceTopic("clicks"))
	if _, err := kadm.NewClient(c).CreateTopic(limited(t), 1, 1, map[string]*string{"segment.bytes": kadm.StringPtr("1000")}, "clicks"); err != nil {
		t.Fatal(err)
	}
	for n := range records {
		if err := c.ProduceSync(limited(t), kgo.StringRecord(fmt.Sprint(n))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	dir := killed(t, k)
	segment := filepath.Join(dir, partitionsFolder, "clicks-0", "0.dat")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for at := 0; at < len(whole); {
		b, _ := readBatch(whole[at:], 0)
		last = at
		at += b.size
	}
	for _, flip := range []struct{ at, mask int }{{last + 5, 1}, {last, 1}, {last + 7, 0x40}, {last + 7, 1}, {5, 1}, {7, 0x40}} {
		damaged := t.TempDir()
		if err := os.CopyFS(damaged, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		raw := bytes.Clone(whole)
		raw[flip.at] ^= byte(flip.mask)
		if err := os.WriteFile(filepath.Join(damaged, partitionsFolder, "clicks-0", "0.dat"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		k := start(t, damaged)
		if seen := readAll(t, k.Address(), "clicks"); len(seen) != records {
			t.Errorf("%+v: %d records of %d are left", flip, len(seen), records)
		}
		if k.Damage() == "" {
			t.Errorf("%+v: the damage is not told", flip)
		}
		k.Close()
	}
}

// counted sums a counter over its labels.
func counted(t *testing.T, g prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func commitPlainOffset(t *testing.T, c *kgo.Client, topic string, at int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, at, -1)
	if err := kadm.NewClient(c).CommitAllOffsets(limited(t), "sink", offsets); err != nil {
		t.Fatal(err)
	}
}

func endOf(t *testing.T, address, topic string) int64 {
	t.Helper()
	c := client(t, address)
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(limited(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}

// TestAJournalledCommitIsCompleted leaves a transaction open, as a kill between the journal and the markers does.
func TestAJournalledCommitIsCompleted(t *testing.T) {
	for _, refused := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "kafka")
		commitTwo(t, dir, "life-1") // and leaves life-1-2 open
		l, _, err := readPartition(topicPartition{"clicks", 0}, filepath.Join(dir, partitionsFolder, "clicks-0"), nil, nil)
		if err != nil || len(l.open) != 1 {
			t.Fatalf("%d open transactions, %v", len(l.open), err)
		}
		var framed []byte
		for producer, open := range l.open {
			raw, err := json.Marshal(transactionEntry{
				Number: 1, ID: "life-1", Producer: producer, Epoch: open.epoch, Unique: true, TimeMS: time.Now().UnixMilli(),
				Partitions: []transactionPartition{{Topic: "clicks", First: open.first, Last: open.last}},
				Offsets:    []transactionOffset{{Group: "g", Topic: "clicks", Offset: 42, Epoch: -1}},
			})
			if err != nil {
				t.Fatal(err)
			}
			framed = appendJournalEntry(framed, raw)
		}
		want, at := "life-1-0 life-1-1 life-1-2", 42
		if refused {
			framed = appendJournalEntry(framed, []byte(`{"n":1,"refused":true}`))
			want, at = "life-1-0 life-1-1", 0
		}
		if err := os.WriteFile(filepath.Join(dir, transactionsFile), framed, 0o600); err != nil {
			t.Fatal(err)
		}
		k := start(t, dir)
		if seen := readCommitted(t, limited(t), k.Address()); seen != want {
			t.Errorf("refused=%t: readers see %q, want %q", refused, seen, want)
		}
		if !refused {
			c := client(t, k.Address())
			offsets, err := kadm.NewClient(c).FetchOffsets(limited(t), "g")
			if o, _ := offsets.Lookup("clicks", 0); err != nil || o.At != int64(at) {
				t.Errorf("offset %d, %v", o.At, err)
			}
			c.Close()
		}
		k.Close()
	}
}

// TestAnAbortedTransactionStaysAborted: the same producer commits after the broker was killed with its transaction
// open, and the broker is killed again.
func TestAnAbortedTransactionStaysAborted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	seen := commitTwo(t, dir, "same")
	for range 2 {
		seen += " same-0 same-1"
		if again := commitTwo(t, dir, "same"); again != seen {
			t.Fatalf("readers see %q, want %q", again, seen)
		}
	}
}

// TestOffsetsAreNotGivenTwice empties a partition by retention and starts the broker again, after an orderly stop and
// after a kill.
func TestOffsetsAreNotGivenTwice(t *testing.T) {
	for _, kill := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "kafka")
		k := start(t, dir)
		c := client(t, k.Address(), kgo.DefaultProduceTopic("clicks"))
		if _, err := kadm.NewClient(c).CreateTopic(limited(t), 1, 1, map[string]*string{"retention.ms": kadm.StringPtr("60000")}, "clicks"); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			old := &kgo.Record{Value: []byte("old"), Timestamp: time.Now().Add(-time.Hour)}
			if err := c.ProduceSync(limited(t), old).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		k.applyRetention()
		if left, _ := filepath.Glob(filepath.Join(dir, partitionsFolder, "clicks-0", "*.dat")); len(left) > 0 {
			t.Fatalf("retention left %v", left)
		}
		if kill {
			dir = killed(t, k)
		}
		k.Close()
		for range 2 {
			k = start(t, dir)
			if end := endOf(t, k.Address(), "clicks"); end != 5 {
				t.Errorf("killed=%t: the next record takes offset %d, want 5", kill, end)
			}
			if seen := readAll(t, k.Address(), "clicks"); len(seen) != 0 {
				t.Errorf("readers see %q", seen)
			}
			k.Close()
		}
	}
}

// TestAJournalLostByItsCompaction: the power was cut after the compacted journal had its name and before it had its
// content.
func TestAJournalLostByItsCompaction(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"), Durable(true))
	fill(t, k.Address())
	dir := killed(t, k)
	for _, name := range journalFiles {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+keptSuffix)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 64), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k = start(t, dir, Durable(true))
	holds(t, k.Address())
}

// TestABatchSentAgainIsKnown: a producer that did not get its response sends the batch again, to the broker's next
// life.
func TestABatchSentAgainIsKnown(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	c := client(t, k.Address())
	if _, err := kadm.NewClient(c).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	identity, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(limited(t), c)
	if err != nil {
		t.Fatal(err)
	}
	for sequence := range int32(7) {
		if offset := sendBatch(t, c, identity.ProducerID, sequence); offset != int64(sequence) {
			t.Fatalf("offset %d of batch %d", offset, sequence)
		}
	}
	c.Close()
	k = start(t, killed(t, k))
	c = client(t, k.Address())
	defer c.Close()
	for sequence := int32(5); sequence < 9; sequence++ {
		if offset := sendBatch(t, c, identity.ProducerID, sequence); offset != int64(sequence) {
			t.Errorf("batch %d has offset %d in the next life", sequence, offset)
		}
	}
}

// sendBatch sends one record under a sequence number and returns the offset it has.
func sendBatch(t *testing.T, c *kgo.Client, producer int64, sequence int32) int64 {
	t.Helper()
	raw := marker(0, producer, 0, -1, false)
	raw[batchAttributesAt+1] = 0 // a record of data
	raw[batchSequenceAt+3] = byte(sequence)
	raw[batchSequenceAt], raw[batchSequenceAt+1], raw[batchSequenceAt+2] = 0, 0, 0
	sealBatch(raw)
	topics, err := kadm.NewClient(c).ListTopics(limited(t), "clicks")
	if err != nil {
		t.Fatal(err)
	}
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = -1, 1000
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = raw
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = "clicks", topics["clicks"].ID, append(topic.Partitions, partition)
	r.Topics = append(r.Topics, topic)
	answer, err := r.RequestWith(limited(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("batch %d: error %d", sequence, code)
	}
	return answer.Topics[0].Partitions[0].BaseOffset
}

// TestFilesThatAreNoJSONAreMadeAnew: without topics.json, or meta.json, the broker would empty the folder or not start.
func TestFilesThatAreNoJSONAreMadeAnew(t *testing.T) {
	for _, name := range []string{topicsFile, metaFile, windowsFile, "broker_configs.json"} {
		for _, content := range []string{"", "{\"version\":1,\"to"} {
			k := start(t, filepath.Join(t.TempDir(), "kafka"))
			fill(t, k.Address())
			dir := killed(t, k)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			k = start(t, dir)
			if seen := readAll(t, k.Address(), "clicks"); !slices.Equal(seen, []string{"true", "true"}) {
				t.Errorf("%s: readers see %q", name, seen)
			}
			if !strings.Contains(k.Damage(), name) {
				t.Errorf("damage: %q", k.Damage())
			}
			if err := os.Remove(filepath.Join(dir, metaFile)); err != nil {
				t.Fatal(err)
			}
			k.Close()
		}
	}
}

// TestACommitDoesNotTakeTheNextTransactionWithIt: the marker of a committed transaction is lost, and records of the producer's next, which
// was never ended, survived behind it.
func TestACommitDoesNotTakeTheNextTransactionWithIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	commitTwo(t, dir, "life-1")
	segment := files(t, dir, ".dat")[0]
	raw, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	var second batchHeader // record 0, marker, record 1, marker, record 2
	at := 0
	for range 2 {
		b, _ := readBatch(raw[at:], 0)
		at += b.size
	}
	second, _ = readBatch(raw[at:], 0)
	lost, _ := readBatch(raw[at+second.size:], 0)
	clear(raw[at+second.size : at+second.size+lost.size])
	if err := os.WriteFile(segment, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	entry, err := json.Marshal(transactionEntry{
		Number: 1, ID: "life-1", Producer: second.producer, Epoch: second.producerEpoch, Unique: true, TimeMS: time.Now().UnixMilli(),
		Partitions: []transactionPartition{{Topic: "clicks", First: second.base, Last: second.last}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, transactionsFile), appendJournalEntry(nil, entry), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		k := start(t, dir)
		if seen := readCommitted(t, limited(t), k.Address()); seen != "life-1-0 life-1-1" {
			t.Errorf("readers see %q", seen)
		}
		dir = killed(t, k)
	}
}
