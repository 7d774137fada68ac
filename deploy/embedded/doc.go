// Package embedded runs Kafka and ClickHouse inside `tributary up`, so that the whole pipeline needs one command and no
// server.
//
// Place in the flow: the two engines stand where a Kafka cluster and a ClickHouse server stand in production. Everything
// reaches them over TCP as it would reach those: nothing but an address tells the two apart.
//
// Kafka is franz-go's kfake: one broker in this process with its log in a folder. Records are on disk; memory holds an
// index entry a batch (see NewKafka). kfake is left as it is; what it does not promise is added around it:
//   - gate, conn: between the broker and its clients. Only requests that can be read come in, and a response goes out only when
//     no write has failed by then and, where the broker is durable, what it says or shows is on disk. Before the broker
//     ends, the gate hands nothing more in and waits: kfake acknowledges while it ends what it no longer writes;
//   - withheld, filled: kfake acknowledges some requests that it does not carry out or keep, and leaves fields null that every
//     broker fills. The first are not offered, the second are filled in, so that other people's tools work or say what is not there;
//   - brokerLog: kfake tells of a failed write in its log only, and acknowledges what the write was for. Told of one, the log
//     ends kfake's goroutine on the spot, and with it the broker;
//   - syncer: one sync of the folder's file system lets all go that waited when it began;
//   - transactions: a commit is journalled, whole, before kfake writes its parts into several files;
//   - journalKeeper: a journal that kfake compacts without syncing it is not lost;
//   - retention: kfake's own deletes what is fresh with what is old, so that which segments go is decided here;
//   - repairer: before kfake reads the folder at a start, it is made whole, see repair.
//
// What it survives:
//   - an orderly stop: everything, group members and producer sequence numbers included; an open transaction is aborted;
//   - a killed process: every acknowledged record, topic, committed offset with its metadata, and transaction, wholly or
//     not at all; a torn last batch is cut off at the next start, an open transaction is aborted;
//   - a write that fails (a full disk): the same; Run returns, and the broker may be made again in the same process;
//   - a cut of the power, if it is durable: the same, on a disk that keeps what it says it has synced;
//   - damage of the disk at one spot: all but what was there. That is kept beside, logged, counted and named in Damage;
//   - a lost disk: nothing.
//
// ClickHouse is the engine as a library in a child process: see the package chdb.
//
// Invariants: one process a data folder, held by a lock; loopback addresses only, because neither engine encrypts. Both ask everybody
// for a password, and take nothing else, nor much of it, from whoever has not shown it. No response after a failed write. What is acknowledged was on disk before, if durable. No offset of a partition is given
// to two records.
//
// Concurrency: the types are process.Runner; their methods may be called from anywhere.
//
// Not responsible for: topics and their settings (deploy/topics), tables (schemas/clickhouse), starting again what
// failed (deploy/process).
package embedded
