// Package schemas is everything that travels between the roles, and nothing that runs: topics and their keys, limits,
// reason codes, one declaration a table (Tables), and in its folders the events (protobuf), the identifiers, and the ClickHouse migrations and views.
//
// It imports nothing of Tributary's, so that a program of your own can import it alone.
package schemas
