// Package aside lists what an edge's spool could not get to Kafka, and asks for another try.
//
// Place in the flow: beside it; `tributary spool` is its user. The spool's folder aside has a file for each
// acknowledged record that Kafka refused for good, and for each damaged place.
//
// Invariants:
//   - It works beside a running edge and takes no lock: asking is renaming a file, the edge that holds the spool
//     looks at the folder every second, and one that starts later finds it.
//   - A record keeps its event ID, so that one that comes twice counts once. Its file goes only when Kafka has it.
//   - What is no record is listed, and stays.
//
// Concurrency: every function belongs to one goroutine.
//
// Not responsible for: sending (package ingest), the files' form (package spool).
package aside
