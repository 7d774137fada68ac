package tail

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"tributary/schemas"
	"tributary/schemas/events"
)

// FuzzRecord: a line of JSON comes of whatever is in a topic.
func FuzzRecord(f *testing.F) {
	value, err := proto.Marshal(&events.Click{ClickId: "c", Ip: make([]byte, 16), Reasons: []*events.Reason{{Code: "x", Llr: math.NaN(), Observed: math.Inf(1)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), []byte("k"), value, int64(0))
	f.Add(uint8(3), []byte(nil), []byte("\xff\x00"), int64(math.MinInt64))
	f.Add(uint8(7), []byte("\xff"), value, int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, which uint8, key, value []byte, ms int64) {
		message, err := messageOf(schemas.Topics[int(which)%len(schemas.Topics)].Name)
		if err != nil {
			t.Fatal(err)
		}
		line := printer{message, nil}.appendRecord(nil, &kgo.Record{Key: key, Value: value, Timestamp: time.UnixMilli(ms)})
		if !json.Valid(line) || bytes.ContainsAny(line, "\n\r") {
			t.Errorf("not one line of JSON: %q", line)
		}
	})
}
