package processor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"tributary/schemas"
)

// A click and its postbacks meet because their key leads to the same partition, and what is known of a key lies in that
// partition's state. Partitions that are added to the inputs lead keys elsewhere: copies would count again, and
// chargebacks find nothing. So the processor goes on with the number that its state was built from, or not at all.

// partitionsAge is after how long the client looks at its topics' partitions.
const partitionsAge = 15 * time.Second

const whenAdded = ". Kafka cannot take added partitions back: go on with another installation beside this, " +
	"kafka.topic_prefix, data_dir and clickhouse.database of its own (docs/meaning.md)"

// repartitioned returns an error where the state was built from another number of partitions than was.
func (p *Processor) repartitioned(was int32) error {
	if was == 0 || was == p.partitions {
		return nil // 0: an older program did not remember it
	}
	known := false
	for id := range max(was, p.partitions) {
		part := p.newPartition(id)
		if err := part.load(); err != nil {
			return err
		}
		known = known || len(part.meta.positions) > 0
	}
	if !known {
		return nil // a state of nothing
	}
	return fmt.Errorf("%w: the state in %s was built from %d partitions of %s, which has %d now: keys have changed theirs. Nothing is processed, and the state is untouched%s",
		ErrRepartitioned, p.cfg.StateDir, was, p.kafkaName(p.inputs[0]), p.partitions, whenAdded)
}

// watchPartitions returns an error once the inputs have another number of partitions than at the start.
func (p *Processor) watchPartitions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var names []string
	for _, t := range append(slices.Clone(p.inputs), schemas.TopicCycles) {
		names = append(names, p.kafkaName(t))
	}
	// With authorized operations the answer is the broker's, never the client's own memory.
	details, err := p.admin.ListTopics(kadm.WithAuthorizedOps(ctx), names...)
	if err != nil {
		return nil // Kafka is away, which others say
	}
	for _, name := range names {
		if d, ok := details[name]; ok && d.Err == nil && len(d.Partitions) != int(p.partitions) {
			return fmt.Errorf("%w: %s had %d partitions at the start and has %d now: keys have changed theirs. Nothing more is processed%s",
				ErrRepartitioned, name, p.partitions, len(d.Partitions), whenAdded)
		}
	}
	return nil
}
