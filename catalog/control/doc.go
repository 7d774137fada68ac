// Package control keeps what every role must know within a second: entries of some kinds (the catalog, blocks and the like),
// ordered, with an author and a reason, in the compacted topic `control`.
//
// Place in the flow: beside it. Who changes something asks a Writer; who must know runs a Reader and takes its State.
// deploy/wiring makes both; the kinds, and what their values mean, are their owners'.
//
// How it is written (record.go): a record's key is kind/id, its value a ControlEntry, none ends the entry. All records of one
// write are one transaction. An entry's revision is its record's offset and 1; a base record (a snapshot, or a topic
// filled again) says which revisions those behind it have.
//
// Invariants:
//   - order is total: one partition, and each write takes the transactional ID over, reads to the end, and only then decides.
//     Whoever was overtaken is fenced, and decides again;
//   - a reader shows what stands where the committed records end: all of a write or nothing of it;
//   - what a reader refuses (record.go, Kind.Check) changes nothing of what is in force;
//   - a reader that starts again reads from the beginning and replaces all it had, for what was ended leaves no trace;
//   - where the engine does not compact (schemas/broker, Compact) the writer writes a snapshot, in one transaction, before
//     it has anything deleted: at every moment the log has all that is in force.
//
// Concurrency: a State never changes and may be used from anywhere; Reader and Writer are safe for concurrent use.
//
// Not responsible for: who may write (the broker's logins), the topic's settings (deploy/topics), what values mean.
package control
