// Package wiring makes running things out of the configuration: Kafka and ClickHouse options, the click ID key, the
// catalog, and one process.Unit a role. A role knows nothing of the configuration file or of this package.
//
// Place in the flow: between deploy/config (what is wanted) and deploy/process (what runs), called by cli.
//
// Invariants:
//   - Units are added engines first, then set-up (topics, tables), sink, processor, edge; the supervisor stops them the
//     other way round, so that what has entered is carried as far as it can be.
//   - A click ID key is never built in. Embedded engines get a random one that stays in data_dir; anything else must
//     configure one.
//   - A reload reaches the edge as one immutable catalog; a refused one changes nothing.
//
// Concurrency: a System's methods may be called from anywhere once it runs.
//
// Not responsible for: what roles do, reading files (deploy/config), starting again what failed (deploy/process).
package wiring
