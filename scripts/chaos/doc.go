// Command chaos runs the real binaries on a real Apache Kafka broker and the embedded ClickHouse, breaks them at random
// moments under load, and holds every total against what the load generator knows.
//
// Place in the flow: around it. `make chaos MINUTES=n` runs it. What it starts: one broker, one ClickHouse, two edges, two
// processors, two loaders, each a process of its own, and a proxy of ours on every way between them. In the other modes it
// is `tributary up`, everything in one process: MODE=up kills it and fills its disk, MODE=power cuts its power (see
// scripts/powerfs), and mode upgrade, which scripts/upgrade/run starts, replaces an older version of it under load.
// docs/chaos.md says what each mode does and proves.
//
// What it does, in order:
//   - draws a plan of faults from one printed seed: what, whom, when, how long;
//   - sends the generator's traffic over both edges at a steady rate; a request without an answer is repeated until it has
//     one, so that the truth is exact; an impression is not, so that one without an answer may count or not;
//   - carries the plan out, several faults at a time, never two on one target (one after the other where there is one
//     process);
//   - heals everything, waits until every total equals the truth, runs `tributary verify`, and looks every acknowledged
//     click up by its ID.
//
// Invariants:
//   - The exit code is 0 only when nothing was lost and nothing was counted twice. After a failure the run's folder stays,
//     with the logs, the data and the first IDs that differ.
//   - A process that ends by itself is started again, as an orchestrator would, and its end is reported.
//   - Nothing outlives this process: children die with it, and mounts are in a namespace of its own.
//   - `tributary up` is killed once more at the end, so that nothing is right only because it was still in memory.
//   - The moments and targets follow the seed; what a fault meets depends on the machine, so a seed repeats the plan and not
//     the run.
//
// The binary under test is built with the tag chaos, so that a clock can be stepped for one process: see deploy/wiring.
// Such a step is also how the end of the run outruns the grace of postbacks whose click never comes.
//
// Concurrency: each fault is a goroutine of its own that holds its target; a member's methods may be called from any
// goroutine.
//
// Not responsible for: finding the crash points between two lines of code (the tests of processor and sink), virtual time.
package main
