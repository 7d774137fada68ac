// Package clickhouse loads the scored topics and the dead letters into ClickHouse, each row exactly once.
//
// Place in the flow: last. It reads scored.clicks, scored.conversions, scored.anomalies, dead-letters and parked
// (read_committed), and of the edge's topics those that have a table (see Topics), as one consumer group and fills the tables that schemas/clickhouse describes.
// What is summed of their rows is in the same parts (projections).
//
// The code of each table (*_gen.go) is written from its declaration by scripts/tables; tables that stages declare have one for all
// (rows.go).
//
// How: each partition's rows are gathered to a batch by rows, bytes or age (from its first row). Then
//
//  1. plan: the batch's [first,last] is committed to the group as the metadata of offset first, under the member's
//     generation;
//  2. insert: one block a month of received_at, sorted by the table's key, under a token made of group, topic, partition,
//     offsets, month and a hash of the records;
//  3. confirm: the next batch's plan, or after an idle moment the offset last+1 without a plan.
//
// Whoever takes over a partition carries out the plan it finds first.
//
// What it finds when somebody died in between, and what it does then, is in DESIGN.md: an uncertain insert is decided by
// looking at the table: rows that are there are done with, and no token is evidence of rows.
//
// Over HTTP a block is streamed column by column as it is encoded; over the native protocol the same bytes go through the
// driver's columns. Nothing else differs.
//
// At shutdown what is decoded gets DrainTimeout to land and is confirmed; the rest stays in Kafka for the next loader.
//
// Invariants:
//   - No insert without a plan that the group took from this member not longer ago than half a session.
//   - A record of the topic postbacks that is no postback gets no dead letter here: the processor reads it too and makes one.
//   - A token never stands for two different sets of rows. Of the inserts of a partition at most one is uncertain, and the plan
//     names it.
//   - Rows that the table has are never inserted again, whatever the group's offsets say: a new owner looks first.
//   - An offset is confirmed only after the rows before it, and the dead letters about those that were refused, are durable.
//   - Records read and not landed take at most BufferedBytes plus what one fetch brings for each partition; their columns take
//     about as much again.
//   - Of the copies of an impression or a landing click, which the edge marks as resent, all rows but the first have copy set; sums
//     leave them out. It follows from the topic alone, so that a replayed plan decides alike.
//   - ClickHouse being away stops nothing but the inserts: no row is given up, a log line is written when it goes and when
//     it comes back.
//   - A record that is no event, and a row that ClickHouse refuses by itself, become dead letters and the stream goes on. The
//     letters and the confirmation of their batch are one Kafka transaction: each is sent once.
//
// Concurrency: one goroutine owns each partition and everything of its batch; the poll loop only puts records into its
// mail. Callbacks of the consumer group return after the owners they stop have ended, so two owners of one partition never
// run at once in a process.
//
// Zombies: a member that sleeps through its session finds its plan refused, and an insert's body ends with an error when its
// plan is older than half a session. An insert already on its way then has the token of the plan that the next owner
// carries out.
//
// A loader goes where its group's offsets and ClickHouse's tables belong together: Installation tells, and whoever runs a Loader asks it first.
//
// Not responsible for: creating tables or topics, joining or scoring, deleting old rows.
package clickhouse
