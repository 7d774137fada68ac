package embedded

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func startOf(t *testing.T, address, topic string) int64 {
	t.Helper()
	c := client(t, address)
	defer c.Close()
	starts, err := kadm.NewClient(c).ListStartOffsets(limited(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := starts.Lookup(topic, 0)
	return at.Offset
}

// TestRetentionDeletesWholeSegmentsFromTheOldestOn writes records of given ages into segments of four.
func TestRetentionDeletesWholeSegmentsFromTheOldestOn(t *testing.T) {
	const old, fresh = 2 * time.Hour, time.Duration(0)
	for name, c := range map[string]struct {
		ages     []time.Duration
		settings map[string]string
		from     int64
	}{
		"one old record at the end":     {[]time.Duration{fresh, fresh, fresh, fresh, fresh, old}, map[string]string{"retention.ms": "3600000"}, 0},
		"a segment that is old":         {[]time.Duration{old, old, old, old, old, fresh}, map[string]string{"retention.ms": "3600000"}, 4},
		"an old segment behind a fresh": {[]time.Duration{old, old, fresh, old, old, old, old, old, fresh}, map[string]string{"retention.ms": "3600000"}, 0},
		"all old":                       {[]time.Duration{old, old, old, old, old}, map[string]string{"retention.ms": "3600000"}, 5},
		"no bound":                      {[]time.Duration{old, old, old, old, old}, map[string]string{"retention.ms": "-1"}, 0},
		"more bytes than two segments":  {make([]time.Duration, 16), map[string]string{"retention.bytes": "2200", "retention.ms": "-1"}, 4},
		"less bytes than one segment":   {make([]time.Duration, 10), map[string]string{"retention.bytes": "1", "retention.ms": "-1"}, 8},
		"as many bytes as there may be": {make([]time.Duration, 8), map[string]string{"retention.bytes": "100000", "retention.ms": "-1"}, 0},
		"bytes, and one old record":     {[]time.Duration{fresh, fresh, fresh, fresh, old}, map[string]string{"retention.bytes": "100000", "retention.ms": "3600000"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, filepath.Join(t.TempDir(), "kafka"))
			p := client(t, k.Address(), kgo.DefaultProduceTopic("clicks"), kgo.ProducerBatchCompression(kgo.NoCompression()))
			defer p.Close()
			settings := map[string]*string{"segment.bytes": kadm.StringPtr("1000")}
			for key, value := range c.settings {
				settings[key] = kadm.StringPtr(value)
			}
			if _, err := kadm.NewClient(p).CreateTopic(limited(t), 1, 1, settings, "clicks"); err != nil {
				t.Fatal(err)
			}
			for n, age := range c.ages {
				r := &kgo.Record{Value: fmt.Appendf(nil, "%0190d", n), Timestamp: time.Now().Add(-age)}
				if err := p.ProduceSync(limited(t), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			k.applyRetention()
			if at := startOf(t, k.Address(), "clicks"); at != c.from {
				segments, err := segmentsOf(filepath.Join(k.dir, partitionsFolder, "clicks-0"))
				t.Errorf("the log starts at %d, want %d; segments %+v, %v", at, c.from, segments, err)
			}
		})
	}
}
