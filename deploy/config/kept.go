package config

import (
	"maps"
	"time"

	"tributary/deploy/topics"
	"tributary/schemas"
	"tributary/schemas/broker"
)

// clickSizedTopics have up to a record a click, or more.
var clickSizedTopics = []string{
	schemas.TopicClicks, schemas.TopicScoredClicks, schemas.TopicCycles, schemas.TopicImpressions, schemas.TopicLandingClicks,
}

// A broker without broker.IndexOnDisk keeps less of the topics with a record a click, and bounds every partition: the
// embedded one's index takes 80 bytes of memory a record batch (measured), and slow traffic makes a batch a record; its
// disk is the user's own. Postbacks and the ledger keep their built-in times.
const (
	boundedClickRetention = 6 * time.Hour
	boundedRetentionBytes = 1 << 30
)

// Kept returns how long records are kept where that is not the built-in time, by topic name without prefix, and the bytes
// that a partition keeps at most, 0 without a limit: the configuration's, and what its broker needs where nothing is said.
func (k *Kafka) Kept() (times map[string]time.Duration, bytes int64) {
	times, bytes = map[string]time.Duration{}, k.RetentionBytes
	if abilities := k.Abilities(); !abilities.Can(broker.IndexOnDisk) {
		if bytes == 0 {
			bytes = boundedRetentionBytes
		}
		for _, name := range clickSizedTopics {
			times[name] = boundedClickRetention
		}
	}
	maps.Copy(times, k.Retention)
	return times, bytes
}

// validateKept checks that what the processor reads is kept until nothing needs it: a lost state is the newest checkpoint
// and what the topics have after it; without a checkpoint, what the topics have.
func (c *Config) validateKept(wrong wrongFunc) {
	times, _ := c.Kafka.Kept()
	interval := c.Processor.Checkpoint.Interval
	for _, topic := range topics.All() {
		if !topic.CoPartitioned {
			continue
		}
		kept, said := time.Duration(topic.RetentionMS)*time.Millisecond, false
		if t, ok := times[topic.Name]; ok {
			kept = t
			_, said = c.Kafka.Retention[topic.Name]
		}
		path := "kafka.retention." + topic.Name
		if grace := c.Processor.Grace; topic.Name == schemas.TopicPostbacks && kept <= grace {
			wrong(path, "%s is not more than processor.grace (%s), for which a postback waits for its click: "+
				"one that waits would be gone with a lost state; at least %s would be right",
				durationText(kept), durationText(grace), durationText(2*grace))
		}
		switch {
		case c.Processor.Checkpoint.URL == "" || kept > interval:
		case said:
			wrong(path, "%s is not more than processor.checkpoint.interval (%s): what came after a checkpoint would be "+
				"gone before the next one, and with a lost state for ever; at least %s would be right",
				durationText(kept), durationText(interval), durationText(2*interval))
		default:
			wrong("processor.checkpoint.interval", "%s is not less than %s, for which records of %s are kept: what came "+
				"after a checkpoint would be gone before the next one; right would be %s, or %s for %s",
				durationText(interval), durationText(kept), topic.Name, durationText(kept/2), durationText(2*interval), path)
		}
	}
}
