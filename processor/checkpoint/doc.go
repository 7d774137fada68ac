// Package checkpoint ships frozen partitions of the processor's state to a directory or an S3-compatible object store, and
// brings them to a machine that has no state, so that only the tail of the topics is left to read.
//
// Place in the flow: between two cycles the processor's loop hands a committed and settled partition to the Shipper, which
// freezes it (state.Store.Checkpoint) and sends it in the background. A processor that gets a partition without its state
// calls Store.Restore before it replays.
//
// Layout, below group=G/partition=N/ of the destination:
//
//	manifests/SEQ-RANDOM-SUM.json   one for each checkpoint: positions, files, their sizes and SHA-256; SUM is its own
//	files/DATABASE/SHA256           content of the database's files, sent once; empty ones are not stored
//
// Invariants:
//   - a manifest is written last and in one step, after all its files, so that a torn upload is never restored;
//   - nothing is overwritten by other bytes: names hold checksums, and a manifest's the cycle's random part besides, so a zombie
//     (a processor that lost the partition and does not know) can only add a true, older prefix;
//   - every byte is checked against the manifest before it reaches the state, and the manifest against its name;
//   - a file goes only when no manifest names it, and one of another database only a day after it was sent; what a race of two
//     sweepers may still tear is found when it is read, and an older checkpoint taken instead.
//
// Durability: what is shipped is a copy to save time, never the only one. The truth is Kafka's topics: without any checkpoint
// a partition is rebuilt from them, as far back as they go. When Ship's upload has ended without an error the checkpoint is on
// the destination as durably as the destination itself is: in a directory files and directories are synced, in an object
// store the service has acknowledged them. It is up to an interval, and one transfer, behind the committed positions; the
// metric age_seconds tells. No checkpoint holds anything that was not committed. It holds what the state holds,
// personal data too: protect the destination alike.
//
// Concurrency: a Store and a Shipper are safe for concurrent use; a Shipper sends one partition at a time, in a goroutine of its
// own that ends with Close.
//
// Not responsible for: deciding whether a partition is committed, or which verdict a restored state deserves (the processor judges
// it like any state it finds).
package checkpoint
