// Package importer brings the clicks of another tracker in from its CSV export, through the edge's POST /v1/clicks.
//
// Place in the flow: before the edge; `tributary import clicks` is its user. A click keeps its ID, its time and its cost, so
// that history lies where it belongs and a postback that still names the other tracker's ID finds its click.
//
// A Tracker is data: the column names of one tracker's export, each with what it means, and the public pages they were taken
// from. A file is read line by line: what cannot be imported is said with line, column, value and what would be right, and is
// kept in a file that can be mended and imported by itself.
//
// Invariants:
//   - Without Options.Send nothing is written or sent.
//   - Money, times and identity are taken as written or refused, never guessed: an amount such as 1,234, a date such as
//     03/04/2026 and letters in a file that does not say its character set need a word of the caller. Other texts are cleaned and cut as the edge does it with a link's; IDs are
//     never cut.
//   - A line is either acknowledged by the edge, or in the rejected file, before the checkpoint passes it. A run that was broken
//     off goes on behind its checkpoint; what it had sent beyond is sent again and counts once, for a click's identity is its ID.
//   - Memory does not grow with the file: a record is bounded by maxRecordBytes, what is under way by a few batches, lists of
//     names in the report by maxNames.
//
// Concurrency: Run belongs to one goroutine; it sends from Options.Parallel others and ends them before it returns.
//
// Not responsible for: postbacks and conversions of the other tracker, offers (the campaign's own are used), and whether a
// click ID was seen before: the processor knows that.
package importer
