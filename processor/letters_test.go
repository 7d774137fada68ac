package processor

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// outcome runs one record through a partition and returns what it puts out.
func outcome(t testing.TB, p *partition, r *kgo.Record) []stage.Output {
	t.Helper()
	for i := range p.inputs {
		if in := &p.inputs[i]; in.topic == r.Topic {
			r.Offset = in.position
			in.records, in.end = []*kgo.Record{r}, r.Offset+1
		}
	}
	if err := p.run(time.Now().UnixMilli(), false, false); err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(p.pending)
	p.committed()
	return out
}

// checkOutputs holds each output against the broker's limit, and each letter against what its readers take.
func checkOutputs(t testing.TB, outputs []stage.Output) (letters []*events.DeadLetter) {
	t.Helper()
	for _, o := range outputs {
		if n := len(o.Key) + len(o.Value); n > stage.MaxOutputBytes {
			t.Errorf("an output of %d bytes to %s; the limit is %d", n, o.Topic, stage.MaxOutputBytes)
		}
		if o.Topic != schemas.TopicDeadLetters {
			continue
		}
		letter := &events.DeadLetter{}
		if err := proto.Unmarshal(o.Value, letter); err != nil { // strict about text, unlike our own reading
			t.Errorf("a letter that readers cannot decode: %v", err)
		}
		if letter.ReceivedMs < 0 || letter.ReceivedMs >= schemas.MaxTimeMS || letter.LetterId == "" && letter.Kind == events.DeadLetter_KIND_RECORD {
			t.Errorf("a letter that has no row: received_ms %d, letter_id %q", letter.ReceivedMs, letter.LetterId)
		}
		letters = append(letters, letter)
	}
	return letters
}

// TestARecordOfAnySizeGetsALetter: key and value are each of nothing to as much as a broker takes.
func TestARecordOfAnySizeGetsALetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p, _ := partitionOver(t, w, 0)
	sizes := []int{0, 1, 512, 513, 4 << 10, 4<<10 + 1, 64 << 10, maxLetterRaw, maxLetterRaw + 1, 900 << 10, 901 << 10, 1000 << 10}
	for _, topic := range p.inputs {
		for _, key := range sizes {
			for _, value := range sizes {
				k, v := bytes.Repeat([]byte{0xff}, key), bytes.Repeat([]byte{0xfe}, value)
				letters := checkOutputs(t, outcome(t, p, &kgo.Record{Topic: topic.topic, Key: k, Value: v, Timestamp: time.Now()}))
				if len(letters) != 1 {
					t.Fatalf("a key of %d and a value of %d bytes in %s: %d letters", key, value, topic.topic, len(letters))
				}
				l := letters[0]
				if value <= maxLetterRaw && !bytes.Equal(l.Raw, v) || value > maxLetterRaw && (!bytes.Equal(l.Raw, v[:schemas.MaxRawBytes]) || !strings.Contains(l.Detail, leftOut("value", v, schemas.MaxRawBytes))) {
					t.Errorf("a key of %d and a value of %d bytes: %d bytes are kept, and the letter says %q", key, value, len(l.Raw), l.Detail)
				}
				if key > maxLetterKey && !strings.Contains(l.Detail, leftOut("key", k, 0)) {
					t.Errorf("a key of %d bytes: the letter says %q", key, l.Detail)
				}
			}
		}
	}
}

// FuzzRecord: whatever is in a topic, it is processed or becomes a letter, and the next record is processed as if it had not been there.
func FuzzRecord(f *testing.F) {
	w := newWorld(f, 1)
	click := w.newClick()
	good := []proto.Message{click, w.newPostback(click.ClickId, "t1", events.Status_STATUS_APPROVED),
		&events.Claim{Conversion: &events.Conversion{ClickId: click.ClickId, Network: "acme", Txid: "t1", ReceivedMs: 1}}}
	for i, m := range good {
		value, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		for _, ms := range []int64{time.Now().UnixMilli(), 0, -1, math.MinInt64, math.MaxInt64, schemas.MaxTimeMS} {
			f.Add(uint8(i), []byte(click.ClickId), value, ms, uint32(0), uint32(0))
		}
		f.Add(uint8(i), []byte(nil), []byte(nil), int64(0), uint32(0), uint32(0))
		f.Add(uint8(i), []byte("\xff\x00"), value[:len(value)-1], int64(-1), uint32(950<<10), uint32(0))
		f.Add(uint8(i), []byte("k"), value, int64(1), uint32(0), uint32(950<<10))
	}
	p, _ := partitionOver(f, w, 0)
	f.Fuzz(func(t *testing.T, which uint8, key, value []byte, ms int64, longKey, longValue uint32) {
		topic := p.inputs[int(which)%len(p.inputs)].topic
		// Long ones as a number, for a fuzzer makes none.
		key = append(bytes.Clone(key), make([]byte, longKey%(1<<20))...)
		value = append(bytes.Clone(value), make([]byte, longValue%(1<<20))...)
		checkOutputs(t, outcome(t, p, &kgo.Record{Topic: topic, Key: key, Value: value, Timestamp: time.UnixMilli(ms)}))

		c := w.newClick()
		v, err := c.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		out := outcome(t, p, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(c.ClickId), Value: v, Timestamp: time.Now()})
		// A timer of a postback that waited may have put something out before it.
		if !slices.ContainsFunc(out, func(o stage.Output) bool { return o.Topic == schemas.TopicScoredClicks && string(o.Key) == c.ClickId }) {
			t.Errorf("the next click: %s", fmt.Sprint(out))
		}
	})
}
