// Package clients holds tests that let the usual clients at the embedded ClickHouse: clickhouse-connect (Python),
// @clickhouse/client (Node.js), the JDBC driver, and the statements that Grafana's ClickHouse plugin sends. It has no
// code of its own.
//
// Place in the flow: none; tests only.
//
// A client is fetched once, in the version named here, into a folder of the user's cache. A test is skipped, saying what
// is missing, only where the client's language is not installed.
//
// Not responsible for: what the clients themselves promise.
package clients
