// Package report answers questions about counts and money: it turns the definitions of package schemas (facts, metrics,
// dimensions) into SQL, and nobody else does. Today it makes the stored views; questions of people and programs come.
//
// Place in the flow: `tributary migrate` (and `up`) gives [Views] to schemas/clickhouse, which makes those whose text
// changed.
//
// Invariants:
//
//   - A metric and a dimension are defined in package schemas and nowhere else; the structure of a kind of view is here
//     once. docs/metrics.md counts what a new one costs.
//   - The texts are a function of the definitions alone: testdata/views.golden.sql has them, and generation.txt counts
//     their changes (go test ./report -update), so that an older program does not replace the views of a newer one.
//   - Every sum is read from the projection by_quarter where its grain allows (TestViewsReadProjections), and adds what
//     the archive has of rows that are gone. A query asks once which months the archive counts (schemas.Archived).
//   - A view shows the latest name of a number; of number 0, what the rows say.
//
// Concurrency: pure functions of constants.
//
// Not responsible for: tables and their columns (schemas/clickhouse), running queries. cli/verify adds up by itself, to
// be independent of this.
package report
