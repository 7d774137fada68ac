// Package outbound tells destinations what was decided: it reads the topic outbound.requests, makes the HTTP calls of it, and writes what
// became of each try to outbound.attempts. Each request is told at least once, under the same ID with every try, not after its window, and
// what is told of one conversion in its order; a destination that is dead, slow or refuses holds up no other.
//
// Place in the flow: last, beside sink/clickhouse, which loads outbound.attempts. package protocol is how a destination is spoken to.
//
// Concurrency: one goroutine for each partition, one for each call. Not responsible for: deciding what is told (processor/stages/outbound),
// what a destination is (catalog/destination).
package outbound
