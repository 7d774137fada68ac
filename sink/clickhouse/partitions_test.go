package clickhouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/schemas"
	"tributary/schemas/events"
)

// TestAddedPartitionsAreLoaded adds partitions to a topic while loaders of every kind of membership are at work, and before they start:
// what is written to the new ones lands, and the log says that there are more.
func TestAddedPartitionsAreLoaded(t *testing.T) {
	for _, instance := range []string{"", "loader-0"} {
		t.Run("instance "+instance, func(t *testing.T) {
			p := newPipeline(t, 2)
			p.config.InstanceID = instance
			p.stallAfter = time.Second // three looks a second
			core, logs := observer.New(zap.WarnLevel)
			p.log = zap.New(core)
			to := func(partition int32, number int) {
				t.Helper()
				value, err := (&events.Conversion{ConversionId: fmt.Sprintf("%032d", number), Seq: 1, ClickId: "c", ReceivedMs: time.Now().UnixMilli()}).MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				client, err := kgo.NewClient(append(p.kafka, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: p.prefix + schemas.TopicConversions, Partition: partition, Value: value}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			grow := func(n int) {
				t.Helper()
				if made, err := kadm.NewClient(p.producer).UpdatePartitions(t.Context(), n, p.prefix+schemas.TopicConversions); err != nil || made.Error() != nil {
					t.Fatal(err, made.Error())
				}
			}
			landed := func(n uint64) {
				t.Helper()
				deadline := time.Now().Add(time.Minute)
				for {
					got := p.count("SELECT count() FROM %s.conversions")
					if got == n {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%d of %d rows landed", got, n)
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
			r := p.start()
			to(0, 1)
			to(1, 2)
			landed(2)
			grow(3)
			to(2, 3)
			landed(3)
			if n := logs.FilterMessageSnippet("more partitions than before").FilterField(zap.Int("partitions", 3)).Len(); n != 1 {
				t.Errorf("it was said %d times", n)
			}
			r.end(t)
			grow(5)
			to(4, 4)
			r = p.start()
			landed(4)
			if err := r.loader.Ready(); err != nil && !strings.Contains(err.Error(), "not reached") {
				t.Error(err)
			}
			r.end(t)
		})
	}
}
