// Package kafka runs one real Apache Kafka broker (KRaft, controller and broker in one process) for
// the suites that must hold on more than the embedded broker, and for chaos drivers.
//
// Place in the flow: none in production. Tests and scripts start a [Broker], point the roles at its
// address, and stop it. The work of fetching, formatting and starting is done by the bash script of
// the same folder, which people use too (`scripts/kafka/kafka help`); this package embeds it, so a
// test binary runs it from wherever it was built.
//
// Invariants:
//   - [Start] returns only once the broker has answered a metadata request as a live cluster.
//   - The Java process never outlives this one, not even after SIGKILL: a guard process holds the
//     other end of a pipe and, when the pipe closes, kills the broker and deletes its directory.
//   - [Broker.Restart] keeps port, cluster and data, so clients reconnect by themselves.
//   - A temporary directory is deleted with its broker; a directory the caller named is kept.
//   - Without Java 17 or newer, or without Maven on the first use, errors match [ErrMissing] and
//     say what to install; [StartForTest] skips the test with that sentence.
//
// Concurrency: a Broker's methods may be called from any goroutine; they take turns. The package
// leaves no goroutine running, so a caller's leak check stays clean.
//
// Not responsible for: topics, clusters of several nodes, security, and Kafka in production.
package kafka
