package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestWhatIsAcknowledgedWhileItClosesIsWritten commits offsets from many clients while the broker ends.
func TestWhatIsAcknowledgedWhileItClosesIsWritten(t *testing.T) {
	var missing, acknowledged atomic.Int64
	for round := range 6 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("kafka", round))
		k := start(t, dir)
		a := client(t, k.Address())
		if _, err := kadm.NewClient(a).CreateTopic(limited(t), 60, 1, nil, "clicks"); err != nil {
			t.Fatal(err)
		}
		a.Close()
		ctx, cancel := context.WithCancel(limited(t))
		var writers, running sync.WaitGroup
		for n := range 12 {
			writers.Add(1)
			running.Add(1)
			go func() {
				defer writers.Done()
				c := client(t, k.Address(), kgo.RequestRetries(0), kgo.MaxVersions(kversion.V3_0_0()))
				defer c.Close()
				group := fmt.Sprint("g", n)
				for offset := int64(1); ; offset++ {
					ok := commitAt(ctx, c, group, offset)
					if offset == 1 {
						running.Done()
					}
					if !ok {
						return
					}
					if !k.closing.Load() {
						continue
					}
					acknowledged.Add(1)
					if !wasWritten(dir, group, offset) { // what a kill now would leave
						missing.Add(1)
					}
				}
			}()
		}
		running.Wait()
		k.Close()
		cancel()
		writers.Wait()
	}
	if missing.Load() > 0 {
		t.Errorf("%d commits were acknowledged while the broker closed, of which %d were not written", acknowledged.Load(), missing.Load())
	}
}

func commitAt(ctx context.Context, c *kgo.Client, group string, offset int64) bool {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = group, -1
	topic, part := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	part.Offset = offset
	topic.Topic, topic.Partitions = "clicks", append(topic.Partitions, part)
	r.Topics = append(r.Topics, topic)
	answer, err := r.RequestWith(ctx, c)
	return err == nil && answer.Topics[0].Partitions[0].ErrorCode == 0
}

// wasWritten tells whether groups.log has the commit, or a later one.
func wasWritten(dir, group string, offset int64) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "groups.log"))
	if err != nil {
		return false
	}
	for _, data := range parseJournal(raw).entries {
		var e groupEntry
		if json.Unmarshal(data, &e) == nil && e.Group == group && e.Offset >= offset {
			return true
		}
	}
	return false
}
