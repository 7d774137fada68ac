// Package blocklist does the work of `tributary block`: it makes blocks of what a person says, and writes, lists, takes back and
// remembers them.
//
// Place in the flow: it writes entries of the topic control; every edge takes them from there. History is read from
// ClickHouse.
//
// Invariants: what is in force is decided anew by each write from all that was written before it, so that of two people who
// block the same thing at the same time one is told that it is blocked. A block that was removed stays in the topic for
// UndoFor, so that this can be undone.
//
// Not responsible for: what a block does (catalog/block, ingest), how a write is made (catalog/control).
package blocklist
