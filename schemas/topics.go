package schemas

import (
	"cmp"
	"slices"
)

// Topic names. A deployment may put a prefix before all of them (kafka.topic_prefix).
const (
	// TopicClicks has Click events as the edge accepted them: each at least once.
	TopicClicks = "clicks"
	// TopicPostbacks has Postback events as the edge accepted them: each at least once.
	TopicPostbacks = "postbacks"
	// TopicClaims is internal to the processor: Claim events, exactly once.
	TopicClaims = "claims"
	// TopicCycles is internal to the processor: Cycle events, exactly once; a partition's are about the same partition of the
	// inputs.
	TopicCycles = "cycles"
	// TopicImpressions has Impression events as the edge accepted them: each at least once.
	TopicImpressions = "impressions"
	// TopicLandingClicks has LandingClick events as the edge accepted them: each at least once.
	TopicLandingClicks = "landing-clicks"
	// TopicScoredClicks has Click events, each click ID exactly once.
	TopicScoredClicks = "scored.clicks"
	// TopicConversions has the conversion ledger: Conversion events, exactly once.
	TopicConversions = "scored.conversions"
	// TopicAnomalies has Anomaly events: exactly once from the processor, at least once from the edge.
	TopicAnomalies = "scored.anomalies"
	// TopicDeadLetters has DeadLetter events: exactly once from the processor, at least once from the edge and the sink.
	TopicDeadLetters = "dead-letters"
	// TopicParked has Parked events: each postback that waits for its click, exactly once.
	TopicParked = "parked"
	// TopicControlChanges has ControlChange events: each change of the topic control, exactly once.
	TopicControlChanges = "control.changes"
	// TopicOutboundRequests has what is to be told to destinations: OutboundRequest events, exactly once.
	TopicOutboundRequests = "outbound.requests"
	// TopicOutboundAttempts has OutboundAttempt events: what became of each try to tell a destination of a conversion, each at least once.
	TopicOutboundAttempts = "outbound.attempts"
	// TopicReplays has each dead letter that was sent again, as it was: exactly once where the record it became must not be
	// doubled, else at least once. When the record was written is when it was replayed.
	TopicReplays = "dead-letters.replays"
	// TopicControl has what every role must know within a second: ControlEntry events, the last of each key for ever.
	TopicControl = "control"
	// TopicLeases has what of each cap is granted to which edge: ControlEntry events of LeaseBook values, the last of each key for ever.
	TopicLeases = "leases"
	// TopicLeaseRequests has what edges ask for, give back, and hold: LeaseRequests events, repeated until they are answered.
	TopicLeaseRequests = "lease-requests"
)

// A Topic says how one topic is made and what it carries.
type Topic struct {
	Name string
	// Message is the full protobuf name of its events.
	Message string
	// Key says what a record's key is; the partition is the Murmur2 hash of the key, as in Kafka's Java client.
	Key string
	// RetentionMS is how long a record is kept unless the deployment says otherwise.
	RetentionMS int64
	// CoPartitioned topics have the same key and must have the same partition count: the processor reads partition i of
	// all of them in one place.
	CoPartitioned bool
	// Transactional topics are read with isolation level read_committed.
	Transactional bool
	// State topics have the last record of each key for ever, in one partition; RetentionMS is for how long what was replaced stays to be
	// looked at, where the broker compacts.
	State bool
}

const dayMS = 24 * 60 * 60 * 1000

// Topics lists every topic, with a table (see Tables) or without: first those that the processor reads, and of these and of the others
// first what comes from outside.
//
// What the processor reads is kept for as long as its state remembers it by default (clicks for the lookback window, statuses
// and what was told of them for processor.book_retention, uses of a transaction ID for up to two claim windows), so that a lost state can be rebuilt from
// the topics alone. Shorter times need checkpoints (processor.checkpoint).
var Topics = inFlow([]Topic{
	{TopicClicks, "tributary.v1.Click", "click ID, canonical text", 31 * dayMS, true, false, false},
	{TopicClaims, "tributary.v1.Claim", "network, a zero byte, transaction ID", 61 * dayMS, true, true, false},
	{TopicCycles, "tributary.v1.Cycle", "none; the partition is the one it is about", 121 * dayMS, true, true, false},
}, tableTopics(), []Topic{
	// Kept longer than any letter, so that no letter outlives the note that it was replayed.
	{TopicReplays, "tributary.v1.DeadLetter", "letter ID", 180 * dayMS, false, true, false},
	// Longer than any destination's window (catalog/destination.MaxWindow): what is still due is in it.
	{TopicOutboundRequests, "tributary.v1.OutboundRequest", "name of the destination", 100 * dayMS, false, true, false},
	{TopicControl, "tributary.v1.ControlEntry", "kind/id", 30 * dayMS, false, true, true},
	{TopicLeases, "tributary.v1.ControlEntry", "kind/id", 0, false, true, true},
	{TopicLeaseRequests, "tributary.v1.LeaseRequests", "none; all are in partition 0", dayMS, false, false, false},
})

func tableTopics() (topics []Topic) {
	for _, t := range Tables() {
		topics = append(topics, t.Topic)
	}
	return topics
}

func inFlow(lists ...[]Topic) []Topic {
	topics := slices.Concat(lists...)
	rank := func(t Topic) int {
		rank := 0
		if !t.CoPartitioned {
			rank += 2
		}
		if t.Transactional {
			rank++
		}
		return rank
	}
	slices.SortStableFunc(topics, func(a, b Topic) int { return cmp.Compare(rank(a), rank(b)) })
	return topics
}
