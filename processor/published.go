package processor

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/attributor"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Where the topic cycles lacks a stretch, nothing in it says by which version of the rules the stretch was decided. Its
// cycle behind it bounds the version from above and the one before it from below, for versions only go up. What is left
// open the ledger tells: a conversion's ID is made otherwise by each version, and a partition's entries are in the
// ledger in the order in which they were decided.

// A published is what the ledger tells of one partition's postbacks.
type published struct {
	// byNetwork are the receipts, hashed, of the entries from the first on that was made by schemas.DecisionsByNetwork.
	byNetwork map[uint64]struct{}
	// sure: what is not byNetwork was decided by the rules of before, or has made no entry.
	sure bool
	// guessed counts the postbacks of which nothing told; last is the one of them that was asked for last.
	guessed int64
	last    string
}

const (
	// maxPublished bounds the receipts that are remembered, some 100 MB of a partition.
	maxPublished = 4 << 20
	// publishedAfterMS is how far an entry may be behind those that follow it, by the clock of who decided: clocks are
	// set back.
	publishedAfterMS = 60 * 60 * 1000
)

// decisions answers by which version a postback was decided, and whether that is known.
func (l *published) decisions(receiptID string) (version uint32, known bool) {
	if _, ok := l.byNetwork[xxhash.Sum64String(receiptID)]; ok {
		return schemas.DecisionsByNetwork, true
	}
	if l.sure {
		return schemas.DecisionsByTransaction, true
	}
	if receiptID != l.last {
		l.last = receiptID
		l.guessed++
	}
	return 0, false
}

// readPublished reads what the ledger has of a partition's postbacks that were decided up to a time, Unix ms.
func (p *Processor) readPublished(ctx context.Context, id int32, untilMS int64) (*published, error) {
	l := &published{byNetwork: map[uint64]struct{}{}, sure: true}
	topic := p.kafkaName(schemas.TopicConversions)
	starts, err := p.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the start of %s: %w", topic, err)
	}
	ends, err := p.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the end of %s: %w", topic, err)
	}
	inputOf := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	together := len(ends[topic]) == int(p.partitions)
	reaches := false // back to before the rules changed; a topic that was made anew begins at 0 too
	for from, end := range ends[topic] {
		if together && from != id {
			continue // the same key, and the same number of partitions
		}
		start := starts[topic][from].Offset
		version, told, e := uint32(0), false, &events.Conversion{}
		if err := p.eachVisible(ctx, topic, from, start, end.Offset, func(r *kgo.Record) (bool, error) {
			if !together && inputOf.Partition(&kgo.Record{Key: r.Key}, int(p.partitions)) != int(id) {
				return true, nil
			}
			e.Reset()
			if e.UnmarshalVTUnsafe(r.Value) != nil {
				return true, nil // not ours: whoever reads the ledger reports it
			}
			if e.DecidedMs > untilMS+publishedAfterMS {
				return false, nil
			}
			if e.Kind == events.Conversion_KIND_RESCORED {
				return true, nil
			}
			if of, ok := attributor.DecisionsOf(e); ok {
				// The entries before the first one that tells are gone, or there are none.
				l.sure = l.sure && (told || start == 0 || of == schemas.DecisionsByTransaction)
				reaches = reaches || of == schemas.DecisionsByTransaction
				version, told = max(version, of), true
			}
			if version >= schemas.DecisionsByNetwork {
				l.byNetwork[xxhash.Sum64String(e.ReceiptId)] = struct{}{}
			}
			l.sure = l.sure && len(l.byNetwork) <= maxPublished
			return len(l.byNetwork) <= maxPublished, nil
		}); err != nil {
			return nil, err
		}
		l.sure = l.sure && (told || start == 0)
	}
	l.sure = l.sure && reaches
	return l, nil
}
