// Package topics makes the Kafka topics and holds existing ones against what the pipeline needs.
//
// Place in the flow: `tributary up` and `tributary migrate` call Ensure before a role starts; the roles of a distributed
// deployment call Check, which changes nothing.
//
// Invariants: co-partitioned topics have one partition count (the processor joins partition i with partition i);
// nothing that exists is deleted or re-partitioned: a difference is an error that names the topic, what is there and
// what would be right. Retention is brought to the configured value, for it can be changed without harm.
//
// Concurrency: the functions hold no state.
//
// Not responsible for: what the topics are (schemas), the groups' offsets.
package topics
