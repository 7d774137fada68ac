// Package pipeline holds the whole system against the truth: every role, started through its own constructor, on a real
// broker and the real ClickHouse engine, fed through HTTP.
//
// Place in the flow: none; it is a test, and the harness ([Start]) that benchmarks and fault drivers use too.
//
// Invariants: roles are wired as deploy wires them and nothing is replaced by a stand-in; a test waits for conditions with a
// deadline, never for a time. The broker is the embedded one, or Apache Kafka when TRIBUTARY_TEST_BROKER is kafka.
//
// TestOutage takes Kafka away from an edge in a process of its own and kills it meanwhile; TRIBUTARY_TEST_OUTAGE sets for how
// long, 4 s by default.
//
// Size: 200,000 clicks, 10,000 postbacks, and the impressions and landing clicks around them; a tenth of it with -short; TRIBUTARY_TEST_CLICKS sets another number.
//
// Concurrency: one System a test; its methods may be called from any goroutine.
//
// Not responsible for: faults of processes and machines (scripts/chaos), interleavings (scripts/oracle).
package pipeline
