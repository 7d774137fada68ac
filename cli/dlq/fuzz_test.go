package dlq

import (
	"encoding/json"
	"io"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

// FuzzLetter: whatever is in the topic of dead letters is no letter, or one that can be listed, explained and planned.
func FuzzLetter(f *testing.F) {
	for kind := range events.DeadLetter_Kind_name {
		value, err := (&events.DeadLetter{LetterId: "l", Kind: events.DeadLetter_Kind(kind), Reason: string(schemas.RejectUndecodable), Place: "ingest", Raw: []byte("POST /postback?a=%zz&b\n\n{"),
			ReceivedMs: math.MinInt64, PayoutMicros: math.MinInt64, Ip: []byte{1}, SourceTopic: schemas.TopicClicks}).MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte("k"), value, int64(math.MaxInt64))
	}
	f.Add([]byte(nil), []byte(nil), int64(0))
	f.Fuzz(func(t *testing.T, key, value []byte, ms int64) {
		l, err := readLetter(&kgo.Record{Key: key, Value: value, Timestamp: time.UnixMilli(ms)})
		if err != nil {
			return
		}
		o := ReplayOptions{}
		o.Now = time.Now
		plan := o.planner().plan(l)
		if plan == nil || plan.Verdict == "" {
			t.Fatal("no verdict")
		}
		explain(io.Discard, l, plan, time.Now())
		if _, err := json.Marshal(l.line()); err != nil {
			t.Errorf("a letter that cannot be listed: %v", err)
		}
	})
}
