package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/schemas"
	"tributary/schemas/broker"
)

// Settings say how the topics shall be.
type Settings struct {
	// Prefix stands before every name.
	Prefix string
	// Partitions of each topic that is made, and of those that go together (schemas.Topic.CoPartitioned).
	Partitions int
	// ReplicationFactor of new topics; 0: the broker's default.
	ReplicationFactor int
	// Retention by topic name without prefix, in place of schemas.Topic.RetentionMS.
	Retention map[string]time.Duration
	// RetentionBytes a partition; 0: no limit.
	RetentionBytes int64
	// Broker is what the broker can do.
	Broker broker.Abilities
	// Overwrote is told of each setting that somebody else gave a topic and Ensure replaced; nil for nobody.
	Overwrote func(topic, setting, was, is string)
}

var (
	// ErrMismatch is wrapped when a topic exists with a partition count that the pipeline cannot work with.
	ErrMismatch = errors.New("the topic has another partition count")
	// ErrMissing is wrapped when a topic is not there.
	ErrMissing = errors.New("topics are missing")
)

// Ensure makes the topics that are missing, sets retention on all, and answers the names it made. Of topics that do not go
// together with others any partition count is right: whoever reads them finds the added ones. All differences are
// reported at once (ErrMismatch).
func Ensure(ctx context.Context, admin *kadm.Client, s Settings) (made []string, err error) {
	existing, err := list(ctx, admin, s)
	if err != nil {
		return nil, err
	}
	if err := compare(existing, s); err != nil {
		return nil, err
	}
	replication := int16(-1) // Kafka's "the broker's default"
	if s.ReplicationFactor > 0 {
		replication = int16(s.ReplicationFactor)
	}
	var errs []error
	for _, topic := range All() {
		name, configs := s.Prefix+topic.Name, s.configs(topic)
		if _, exists := existing[name]; exists {
			errs = append(errs, s.alter(ctx, admin, name, configs))
			continue
		}
		answer, err := admin.CreateTopic(ctx, int32(s.partitions(topic)), replication, configs, name)
		if err == nil {
			err = answer.Err
		}
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists): // another process was faster; Check at its start compares
		case err != nil:
			errs = append(errs, fmt.Errorf("making the topic %s: %w", name, err))
		default:
			made = append(made, name)
		}
	}
	return made, errors.Join(errs...)
}

// Check returns nil when every topic exists, those that go together with the right partition count.
func Check(ctx context.Context, admin *kadm.Client, s Settings) error {
	existing, err := list(ctx, admin, s)
	if err != nil {
		return err
	}
	var missing []string
	for _, topic := range All() {
		name := s.Prefix + topic.Name
		if _, exists := existing[name]; !exists {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		err = fmt.Errorf("%w: %s; run `tributary migrate` once to make them", ErrMissing, strings.Join(missing, ", "))
	}
	return errors.Join(err, compare(existing, s))
}

// list answers the partition count of each topic that exists, by full name.
func list(ctx context.Context, admin *kadm.Client, s Settings) (map[string]int, error) {
	var names []string
	for _, topic := range All() {
		names = append(names, s.Prefix+topic.Name)
	}
	// A listing may come from the client's cache and miss a topic just made; one with authorized operations never does.
	details, err := admin.ListTopics(kadm.WithAuthorizedOps(ctx), names...)
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for its topics: %w", err)
	}
	existing := map[string]int{}
	for name, detail := range details {
		switch {
		case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
		case detail.Err != nil:
			return nil, fmt.Errorf("asking Kafka for the topic %s: %w", name, detail.Err)
		default:
			existing[name] = len(detail.Partitions)
		}
	}
	return existing, nil
}

func compare(existing map[string]int, s Settings) error {
	var errs []error
	for _, topic := range All() {
		name := s.Prefix + topic.Name
		partitions, ok := existing[name]
		if !ok || partitions == s.Partitions || !topic.CoPartitioned {
			continue // of a state topic the first partition counts, whatever was added
		}
		errs = append(errs, fmt.Errorf("%w: %s has %d, the configuration says %d; %s", ErrMismatch, name, partitions, s.Partitions, advice(existing, s)))
	}
	return errors.Join(errs...)
}

// advice says what to do about topics that go together and have another partition count than the configuration.
func advice(existing map[string]int, s Settings) string {
	counts := map[int]bool{}
	var names []string
	for _, topic := range schemas.Topics {
		if n, ok := existing[s.Prefix+topic.Name]; ok && topic.CoPartitioned {
			counts[n] = true
			names = append(names, s.Prefix+topic.Name)
		}
	}
	together := strings.Join(names, ", ")
	if len(counts) == 1 {
		return fmt.Sprintf("set kafka.partitions to %d, which %s have, unless partitions were added to them: "+
			"keys have changed theirs then, and the processor refuses the state from before (docs/meaning.md)", slices.Collect(maps.Keys(counts))[0], together)
	}
	return fmt.Sprintf("%s must have equal numbers, and Kafka cannot take added ones back: go on with another installation beside this, "+
		"kafka.topic_prefix, data_dir and clickhouse.database of its own (docs/meaning.md)", together)
}

// partitions of a topic that is made.
func (s Settings) partitions(topic schemas.Topic) int {
	if topic.State {
		return 1
	}
	return s.Partitions
}

// stateConfigs are those of a topic that is kept for ever: compacted, or kept short by who writes it.
func (s Settings) stateConfigs() map[string]*string {
	configs := map[string]*string{
		"cleanup.policy":                 kadm.StringPtr("delete"),
		"retention.ms":                   kadm.StringPtr("-1"),
		"retention.bytes":                kadm.StringPtr("-1"),
		"max.message.bytes":              kadm.StringPtr(strconv.Itoa(maxBatchBytes)),
		"message.timestamp.after.max.ms": kadm.StringPtr(strconv.FormatInt(math.MaxInt64, 10)),
	}
	if s.Broker.Can(broker.Compact) {
		configs["cleanup.policy"] = kadm.StringPtr("compact")
		configs["min.compaction.lag.ms"] = kadm.StringPtr(strconv.FormatInt(stateHistory.Milliseconds(), 10))
	}
	return configs
}

// stateHistory is for how long what was replaced stays to be looked at, where the broker compacts.
const stateHistory = 30 * 24 * time.Hour

func (s Settings) configs(topic schemas.Topic) map[string]*string {
	if topic.State {
		return s.stateConfigs()
	}
	retention := topic.RetentionMS
	if d, ok := s.Retention[topic.Name]; ok {
		retention = d.Milliseconds()
	}
	configs := map[string]*string{
		"cleanup.policy":    kadm.StringPtr("delete"),
		"retention.ms":      kadm.StringPtr(strconv.FormatInt(retention, 10)),
		"max.message.bytes": kadm.StringPtr(strconv.Itoa(maxBatchBytes)),
		// A record from a clock that is ahead is wrong, but refusing it (Kafka: beyond an hour) would keep what is behind it waiting for
		// as long as the clock is ahead.
		"message.timestamp.after.max.ms": kadm.StringPtr(strconv.FormatInt(math.MaxInt64, 10)),
	}
	if s.RetentionBytes > 0 {
		configs["retention.bytes"] = kadm.StringPtr(strconv.FormatInt(s.RetentionBytes, 10))
	}
	return configs
}

// maxBatchBytes is Kafka's own default for a batch of records, said so that a broker with a smaller one takes our batches;
// a record is at most schemas.MaxRecordBytes.
const maxBatchBytes = 1 << 20

// alter gives a topic its settings, and tells which of the topic's own it replaces.
func (s *Settings) alter(ctx context.Context, admin *kadm.Client, name string, configs map[string]*string) error {
	own := ownSettings(ctx, admin, name)
	changes := make([]kadm.AlterConfig, 0, len(configs))
	for key, value := range configs {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: value})
	}
	answers, err := admin.AlterTopicConfigs(ctx, changes, name)
	if err != nil {
		return fmt.Errorf("setting the retention of the topic %s: %w", name, err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return fmt.Errorf("setting the retention of the topic %s: %w", name, answer.Err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(configs)) {
		if was, is := own[key], *configs[key]; s.Overwrote != nil && was != "" && was != is {
			s.Overwrote(name, key, was, is)
		}
	}
	return nil
}

// ownSettings are those that were given to the topic itself; none where they may not be read, for that is no reason not
// to alter them.
func ownSettings(ctx context.Context, admin *kadm.Client, name string) map[string]string {
	own := map[string]string{}
	answers, err := admin.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return own
	}
	for _, answer := range answers {
		for _, setting := range answer.Configs {
			if setting.Source == kmsg.ConfigSourceDynamicTopicConfig {
				own[setting.Key] = setting.MaybeValue()
			}
		}
	}
	return own
}
