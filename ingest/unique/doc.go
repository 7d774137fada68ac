// Package unique remembers for a while whom it has seen, in memory of a fixed size.
//
// Place in the flow: the edge asks it once a click, before an offer is chosen.
//
// It is asked of every click whether the visitor is new to the campaign. It is a table of fingerprints with times,
// eight to a bucket of one cache line. Nothing is removed: an entry whose window has passed is as good as free, and when a
// bucket is full of entries that have not, the oldest gives way. That visitor is called new once more, and the caller is told.
//
// Two visitors are taken for one with a probability of at most 8/2^40, 7 in 10^12, a look-up.
//
// Any number of goroutines may use a Window without waiting for each other. Of two clicks of one visitor at the same moment,
// one is called new; only while other new visitors push entries out of the same bucket at that moment, both can be.
//
// It is empty when a process starts and knows nothing of other processes.
//
// Not responsible for: who counts as one visitor (the caller makes the key).
package unique
