package clickhouse

import (
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"
)

// partitionsAge is after how long the client looks at its topics' partitions by itself; at every look at progress the
// loader does. Added ones are read from their beginning, by whichever member of the group they go to.
const partitionsAge = 15 * time.Second

// noticePartitions says which topics have more partitions than at the look before, and lets the client know at once: its
// own look comes later, and the group's leader shares new partitions out only then. The caller holds l.mu.
func (l *Loader) noticePartitions(ends kadm.ListedOffsets) {
	added := false
	for topic, partitions := range ends {
		n, before := len(partitions), l.partitions[topic]
		if n > before && before > 0 {
			added = true
			l.log.Warn("a topic has more partitions than before; the new ones are read from their beginning",
				zap.String("topic", topic), zap.Int("partitions", n), zap.Int("before", before))
		}
		l.partitions[topic] = max(n, before)
	}
	if added {
		l.client.ForceMetadataRefresh()
	}
}
