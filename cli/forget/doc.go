// Package forget blanks a visitor's personal data in ClickHouse, given the IDs of his clicks, as a person may ask for by law.
//
// Place in the flow: beside it. `tributary forget` calls [Run].
//
// What is blanked: in every table that has click_id, the columns of [Personal], in rows of those clicks; and dead letters whose
// raw request names a signed ID, though it was refused before the ID was read. Tables and columns are found in the database
// itself, so that a table of a later version is not forgotten.
//
// What is kept: the click ID (a key of the tables, and a pseudonym that leads to nothing any more but campaign, source and time),
// the network's transaction ID (with it the network is asked about money), country, device, operating system and browser
// (sums are made by them), and all money.
//
// Invariants:
//   - No column that a sum, the ledger or the auditor looks at is changed: afterwards sums are what they were, and
//     `tributary verify` finds what it found before.
//   - A dry run writes nothing.
//   - What cannot be reached is named in the report, not passed over.
//
// Concurrency: Run may be called at the same time as anything else; ClickHouse orders its mutations.
//
// Not responsible for: Kafka's topics, the processor's state and checkpoints, spools, backups. See [Remains].
package forget
