// Package spool keeps records on the local disk until Kafka takes them.
//
// Place in the flow: beside the edge's Kafka producer. What Kafka does not confirm within the edge's bound is appended here,
// and read back in order, from oldest to newest, when Kafka answers again.
//
// On disk, in one folder that one process holds (a lock file says so):
//
//	NNNNNNNNNNNNNNNNNNNN.segment  header, then frames; numbered upwards, removed once every frame is confirmed
//	position                      how far the reader has come, in two slots that are written in turn
//	aside/                        bytes of segments that are no frames, and records that Kafka refused for good
//
// A frame is a marker, the payload's length, a CRC-32C, and the payload (time, topic, event ID, key, value). The checksum
// covers the segment's number and the frame's place too: a frame is valid only where it was written.
//
// Invariants:
//   - A Batch that ends without an error is on disk: its bytes were written and one fsync came back after that.
//   - Appends wait for each other's fsync together (group commit): while one is under way, the next batch gathers.
//   - A failed write is cut off again, and a segment whose write or fsync failed is never appended to again: after a failed
//     fsync the kernel may have dropped the bytes and call the next one a success. Its records before stay readable.
//   - The space of a segment is reserved when it is made, so that a full disk refuses a batch before a byte is written.
//   - A torn tail is cut off the last segment, the only one that a crash can tear. Bytes amid a segment that are no frame are
//     kept in aside/, counted and logged; the frames around them are read.
//   - At least once: what was confirmed since the position was last written is read again after a crash. The position is
//     written after every Done, which a killed process survives; a power cut may set it back to an older one.
//   - Bounded: max_bytes on disk, the folder aside included, max_age of the oldest record, one batch in memory. Beyond,
//     Submit refuses; nothing acknowledged is ever dropped to make room. The folder aside has MaxAside files at most;
//     beyond, SetAside refuses.
//   - A record in aside/ goes back to Kafka when its file is renamed (Requeue), by whoever holds the spool, and is removed
//     only when Kafka has it.
//
// Concurrency: Submit may be called from any goroutine; one goroutine of the Spool writes; Next, Done, SetAside and Depth's
// reader side, Requeued, ReadRequeued and EndRequeued belong to one goroutine of the caller. ReadAside, Requeue and
// AsideState need no Spool and may run in another process.
//
// Not responsible for: HTTP, Kafka, what is in a record, deciding when to spool.
package spool
