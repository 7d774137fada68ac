// Package block tells which clicks are not to go where they would, and says so in tens of nanoseconds.
//
// A block is an entry of the control topic, of kind Kind: its value is an events.Block, its ID, author, reason and time to
// live are the entry's. Check is the one check of a value, for who writes an entry and for everybody who reads it. Compile
// makes an immutable Index of the blocks that are in force at a time; Index.Match says which of them a click meets.
//
// Place in the flow: `tributary block` writes entries, the edge compiles them when they change and asks for each click before
// it chooses an offer.
//
// Invariants: of several blocks that a click meets, one that is applied goes before one that only counts (shadow), and of
// those of a sort the one that was written first. What Match says depends on the blocks and the click alone, in whatever order
// the blocks were given.
//
// Concurrency: an Index never changes; any number of goroutines may ask it. Match allocates nothing.
//
// Not responsible for: how entries travel (catalog/control), what a blocked visitor is sent (ingest), what blocked clicks count
// as (schemas/metrics.go).
package block
