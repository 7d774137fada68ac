// Package embedded runs Kafka and ClickHouse inside `tributary up`, so that the whole pipeline needs one command and no
// server.
//
// Place in the flow: the two engines stand where a Kafka cluster and a ClickHouse server stand in production. Everything
// reaches them over TCP as it would reach those: nothing but an address tells the two apart.
//
// Kafka is franz-go's kfake: one broker in this process with its log in a folder. Records are on disk; memory holds an
// index entry a batch (see NewKafka). What it survives:
//   - an orderly stop: everything, group members and producer sequence numbers included;
//   - a killed process: every acknowledged record, topic, committed offset with its metadata, and transaction outcome; a
//     torn last batch is cut off at the next start, an open transaction is aborted after its time-out;
//   - a lost machine: not the last seconds, for the log is not fsynced at every batch (Apache Kafka's default, but there
//     other brokers have a copy; here none has);
//   - a lost disk: nothing.
//
// ClickHouse is the engine as a library in a child process: see the package chdb.
//
// Invariants: one process a data folder, held by a lock; loopback addresses only, because neither engine encrypts.
// ClickHouse asks everybody for a password.
//
// Concurrency: the types are process.Runner; their methods may be called from anywhere.
//
// Not responsible for: topics and their settings (deploy/topics), tables (schemas/clickhouse), starting again what
// failed (deploy/process).
package embedded
