// Package processor is the stream runtime: it reads clicks, postbacks and claims, runs the stages on them, and writes what
// comes out, exactly once.
//
// Place in the flow: after the edge's topics, before the sink's (scored.clicks, scored.conversions, scored.anomalies,
// dead-letters, parked). What the domain means by a conversion is in attributor; the stages join and claims call it.
//
// One cycle: poll → run the stages of each partition → produce the outputs into a Kafka transaction, meanwhile write state, input
// positions and outputs (the outbox) of each partition to Pebble and sync it → end the transaction, which commits the
// input positions with the number of the cycle as their metadata.
//
// Invariants:
//   - a partition's state, input positions and outbox are written in one atomic batch, before the transaction can commit;
//   - the committed metadata names the cycle, so the state knows whether its last cycle committed (go on), aborted (send the
//     outbox again, word for word: reading the inputs again could decide otherwise), or whether somebody else moved on (rebuild);
//   - no position is ever committed below what was committed before;
//   - a deadline is decided once, and what was decided is in the outbox.
//
// Concurrency: one goroutine (loop) polls, produces, and begins and ends transactions; within a cycle each partition is
// run by one worker. Kafka's callbacks only leave events for the loop. A partition being rebuilt belongs to its own goroutine
// until it hands it over as an event.
//
// Not responsible for: retrying after a failed commit whose outcome is unknown (Run returns the error; a new Processor finds out
// from the committed metadata), creating topics, HTTP.
package processor
