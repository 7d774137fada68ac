// Package archive sums the rows of old months by month, so that they may be dropped and money stays.
//
// Place in the flow: beside it. `tributary archive` calls [Run] and [List]; the tables are declared in schemas (ArchiveTables),
// and whoever adds up facts begins with schemas.Archived.
//
// A month of a table goes through these steps, and what is there says which of them are done:
//
//  1. its rows are stamped: one ALTER UPDATE sets _archived, a key of the projections, to the number of a new run. Rows that
//     are inserted after it have no stamp;
//  2. the rows of a stamp are summed into archive_sums, and their offsets into archive_offsets, under the number of an attempt;
//  3. sums and offsets are compared with the rows, which are read one by one, not by the projection: to the micro;
//  4. queries that began before that have ended: what they see of archive_sums may be older;
//  5. one row of archive_months names run and attempt. From then on the sums count and the rows of the stamp do not;
//  6. if asked for: queries that began before that have ended, and the rows of the stamp are deleted. Others of the month stay.
//
// Invariants:
//
//   - Sums of views are the same before, amid and after, whatever is killed where (TestKilledAtEveryStatement).
//   - A row counts once: as a row until its run is in archive_months, in the sums from then on. A row that comes late has no
//     stamp: it counts as a row, and the next Run sums it under a run of its own (TestLateRows).
//   - A run is in archive_months once, whoever commits it, and how often (TestTwoAtOnce): the row goes in under a token of the
//     run. Sums of an attempt that did not win count nowhere; a later Run deletes them.
//   - No row is deleted but those whose run is in archive_months.
//
// Concurrency: Run may be called by several processes at once, beside loaders and queries.
//
// Not responsible for: which months are old, a cluster's replicas, Kafka's topics.
package archive
