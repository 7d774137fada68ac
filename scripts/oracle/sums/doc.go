// Package sums holds what people see against a naive sum, with the rows of the oracle's scenarios in a real engine, while months are
// archived amid them.
//
// Place in the flow: none in production; its test is the oracle's second half. The stand-in of the simulation keeps rows and answers no
// SQL, so that views, projections and the archive by month are not in it. Here the blocks that the loader sent in a scenario are
// inserted in the same order; between them the archive runs, is killed after any of its statements, and goes on, and rows come after
// their month. Whenever it is asked, each figure of each campaign is what the rows so far come to.
//
// Not responsible for: how rows come into the tables (package oracle, sink/clickhouse).
package sums
