// Package verify is the auditor: it reads what was acknowledged, what the processor made of it, and what ClickHouse holds,
// and names every difference.
//
// Place in the flow: beside it. `tributary verify` and the fault tests call [Run]. It shares no client code with what it
// audits: Kafka is read through kafka-go, while the pipeline writes through franz-go.
//
// What it holds against each other:
//   - every click in the topic clicks has exactly one outcome: a row of scored.clicks, or a dead letter of the processor;
//     the cost that came in is the cost that came out;
//   - every postback in the topic postbacks has exactly one outcome: a ledger entry, a dead letter of the processor, or it
//     still waits for its click;
//   - every record of a scored topic, of the accepted and the waiting postbacks, and of impressions and landing clicks, is in its table once, with the same
//     identity and amounts, and nothing else is there;
//   - of the copies of an impression or a landing click one row counts;
//   - a click ID is counted once; a conversion's entries are numbered without a gap and add up to one conversion or none;
//   - the sums that the projections have are those of the rows, by campaign, source and hour, and the views show them and the archive together;
//   - every shipped view of sums adds up to the rows and the archive, and the latest names are those of the newest rows;
//   - the archive of minutes and that of hours have the same sums: a note where not, for nobody can tell which is right.
//
// Invariants:
//   - kafka-go hands out the records of aborted transactions even at read_committed; this package leaves them out itself, by
//     the broker's list of aborted transactions, as the protocol asks of a consumer.
//   - Memory does not grow with the data: sets are compared as sums of hashes in a fixed number of buckets. Only buckets
//     that differ are read again, to name the offending IDs; that second reading is bounded too.
//   - It only reads.
//
// Concurrency: Run uses goroutines of its own and ends them before it returns.
//
// Not responsible for: repairing, scores being right, traffic refused at the edge before it was durable.
package verify
