// Package schemas is everything that travels between the roles and what is counted of it, and nothing that runs: topics
// and their keys, limits, reason codes, one declaration a table (Tables), the facts, metrics and dimensions of every
// report (docs/metrics.md), and in its folders the events (protobuf), the identifiers, and what happened to the
// ClickHouse tables.
//
// Place in the flow: below everything: each role reads and writes what is defined here.
//
// It imports nothing of Tributary's, so that a program of your own can import it alone.
//
// Not responsible for: deciding anything: what a record is worth is attributor's, where it goes the roles'.
package schemas
