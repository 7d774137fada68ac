// Package state keeps what the processor remembers: one Pebble database of one process, with a disjoint range of keys for
// each Kafka partition, so that a partition can be wiped or rebuilt alone.
//
// Place in the flow: during a cycle the stages of a partition read and write through a Namespace; writes stay in memory (seen by
// the same partition's reads) until Flush hands them to Pebble as one atomic batch, together with the input offsets that
// produced them. Sync makes all flushed batches durable.
//
// Invariants: a batch is all or nothing, also after a crash; a Rollback takes back every write since the last Mark; one directory
// has one process (Pebble's lock).
//
// Memory: the write buffers and the block cache, as Options say, and one cycle's writes. It does not grow with what is remembered:
// filters, indexes and blocks of tables are read through the cache; per table some hundred bytes stay. Disk: what is remembered, and
// for a while what was removed; see reclaimer.
//
// Concurrency: a Partition and its Namespaces belong to one goroutine at a time; different Partitions may work at once.
//
// A database that is damaged on disk is set aside as a whole (see SetAside): its tables hold keys of several partitions. Damage is whatever
// opening or reading it meets that the operating system did not refuse (inspect.go), and batches missing in between (counts.go). A state
// of a newer program is none.
//
// A partition can be frozen as files (Checkpoint) and put into another database from them (RestorePartition), in one step.
//
// Not responsible for: deciding what to remember, and whether a flushed batch ever reached Kafka.
package state
