// Package oracle plays the whole system in virtual time and holds the ledger against a naive model, seed by seed.
//
// Place in the flow: none in production; `make oracle` and `make mutants` run it.
//
// A scenario is drawn from its seed alone: how many partitions, brokers, processors and sinks there are, which clicks
// and postbacks come when (repeated, out of order, without a click, foreign, garbage), and what goes wrong when. It is
// played by the production code: processor.New, sink.New and ingest.New, on Pebble over an in-memory file system that crashes,
// kfake's brokers, a network of our own (network.go) and, in ClickHouse's place, the only stand-in there is
// (standin.go), which decodes what clickhouse-go sends. At the end the model (model.go) computes from the records that
// Kafka acknowledged what the tables must have, and compare (check.go) reports every difference: of money, counts,
// status, kind and number of each ledger entry and of what it has of its click (owners, the source's own names, place,
// machine …), of the offer's goal and the network's kind of revenue, of clicks, dead letters and findings. In the
// middle of most runs campaigns go to other buyers, an offer declares another goal, and names change beside their IDs. A
// processor that comes back has other settings than before, of those that change nothing which is compared.
//
// A third of the scenarios have a plane beside it (plane.go): edges with the topic control and leases of caps, which visitors come to over
// HTTP; grantors; people who publish catalogs, block sources and undo it, from machines that die amid a write and whose clocks are
// wrong; entries that break a rule. check_plane.go holds what came of it against the topics: each state that an edge showed is that after
// some write, as a whole; what an edge says that it has seen is in force in the clicks that it takes; a blocked click is kept, marked,
// and has its cost; all edges refuse the same and end up with the same; no day has more clicks than the cap, and it is used up; the
// history has each change once. Package sums has the rows of scenarios in a real engine, with the archive amid them.
//
// Faults: a process dies at any moment (its network is cut, what it had written is still delivered, its disk is as a
// crash leaves it) and comes back under its name; its disk is lost; it stops in order; it hangs longer than its session
// and then goes on, a zombie; links are slow; a broker is away, breaks connections, moves leaders and coordinators,
// answers errors or loses answers; ClickHouse loses answers, applies late, refuses, dies between a token and its rows,
// answers twice, is away, forgets tokens; clocks are skewed; everything dies at once.
//
// Left out, because two outcomes would be right: a click comes within a fraction of its grace or never, and no edge is
// held up so long that this is not so; clocks are skewed by a tenth of the grace at most. Not compared: what depends on
// the order in which partitions are read (scores, findings, which of two uses of a transaction ID is the later one).
//
// Each scenario runs in a process of its own, built by package toolchain: the same seed is the same run, byte for byte,
// as the hash of its trace shows. Two builds of different sources may differ in their runs of one seed.
//
// Concurrency: a World lives in one bubble of testing/synctest; a Driver starts as many processes as there are CPUs.
//
// A seeded bug (mutants/*.json) that no scenario could meet names a test of its own instead of seeds (catcher.go).
//
// Not responsible for: real processes, disks and brokers (scripts/chaos), the edge's spool, throughput.
package oracle
