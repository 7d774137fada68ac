// Package report answers questions about counts and money: it turns the definitions of package schemas (facts, metrics,
// dimensions) into SQL, and nobody else does. It makes the stored views, and an [Engine] answers each [Question].
//
// Place in the flow: `tributary migrate` (and `up`) gives [Views] to schemas/clickhouse, which makes those whose text
// changed. A question is planned (plan.go: which facts, by which segments of time, from projection or rows), asked once for
// all who ask the same (engine.go, flight.go), and read into a [Table].
//
// Invariants:
//
//   - A metric and a dimension are defined in package schemas and nowhere else; the structure of a kind of view is here
//     once. docs/metrics.md counts what a new one costs.
//   - The texts are a function of the definitions alone: testdata/views.golden.sql has them, and generation.txt counts
//     their changes (go test ./report -update), so that an older program does not replace the views of a newer one.
//   - Every sum is read from the projection by_quarter where its grain allows (TestViewsReadProjections), and adds what
//     the archive has of rows that are gone. A query asks once which months the archive counts (schemas.Archived).
//   - A view and a report show the latest name of a number; of number 0, what the rows say.
//   - An answer is what the rows say, to the micro, whatever it was read from (TestEngine, random questions).
//   - Each part of each statement has the scope of who asks (TestScopeIsInEveryPart), and what is kept of an answer has it
//     in its key.
//
// Concurrency: views and plans are pure functions; an Engine is safe for all.
//
// Not responsible for: tables and their columns (schemas/clickhouse), connections, who may see what (console), printing
// (cli/figures). cli/verify adds up by itself, to be independent of this.
package report
