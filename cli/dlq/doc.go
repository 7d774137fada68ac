// Package dlq lists, explains and replays dead letters.
//
// Place in the flow: beside it; `tributary dlq` is its user. It reads the topic dead-letters, which has the raw bytes and is
// there when ClickHouse is away, and writes only when a person says so: to the topic where a letter's input belongs, and to
// dead-letters.replays the note that it did.
//
// What replaying means, by kind:
//   - postback: the request is judged again by today's catalog, through the edge's own code, under its first receipt ID and
//     time, and goes to the topic postbacks. Who sends it twice books it once: the ledger knows the conversion by (click ID,
//     event type, transaction ID), or by the receipt where each postback is new.
//   - record: the same bytes go to the same partition of the topic they were read from, if this program can read them.
//   - row: the same bytes go to the same partition of the scored topic, once the row is known not to be in its table.
//   - click: never. Its visitor is gone, or its sender was told and can send it again.
//
// Invariants:
//   - A letter is replayed once: its note is written in the transaction of the record it became, where that record's topic is
//     read by transactions; elsewhere (clicks, postbacks) after the record, whose identity makes a second one harmless. Notes
//     are read after the transactional ID was taken, so that two replays at the same time do not both send.
//   - A postback does not overtake: where the ledger has a newer entry of its conversion it is held back.
//   - Letters go out in the order in which their input came.
//   - Memory is bounded: letters at hand by MaxLetters and maxHeldBytes, the identities of those seen by maxIdentities.
//
// Concurrency: every function belongs to one goroutine.
//
// Not responsible for: deciding what becomes a letter (ingest, processor, sink), and removing letters: Kafka's retention does.
package dlq
