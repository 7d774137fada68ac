// Package clients holds tests that let the usual clients at the embedded ClickHouse: clickhouse-connect (Python),
// @clickhouse/client (Node.js), the JDBC driver, and the statements that Grafana's ClickHouse plugin sends. It has no
// code of its own.
//
// A client is fetched once, in the version named here, into a folder of the user's cache. A test is skipped, saying what
// is missing, only where the client's language is not installed.
package clients
