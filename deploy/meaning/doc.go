// Package meaning keeps, beside stored data, what they mean nothing without: the base currency that their amounts are
// in, the prefix of the topics that they came through, and the fingerprints of the keys that signed their click IDs. A
// configuration that says otherwise is refused before it adds to them.
//
// Place in the flow: deploy/wiring asks at the start of every role and at every reload. What is kept lies in a file of data_dir
// or of the edge's spool, in a note of the processor's state, and in ClickHouse's table installation: each knows what
// its own data mean, whichever of the others is lost.
//
// Invariants: what is not known (a role without a catalog has no base currency) is compared with nothing; data from
// before anything was kept take what the first start has; keys may always be added; a key that signed goes only when
// none of its click IDs can convert any more, or when its number is given up in so many words.
//
// Concurrency: values, to be used by one goroutine at a time.
//
// Not responsible for: what the roles do with these settings; asking, and ending a role that is refused
// (deploy/wiring).
package meaning
