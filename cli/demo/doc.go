// Package demo feeds a running system with generated traffic and shows, live, what ClickHouse makes of it.
//
// Place in the flow: outside, in front of the edge (cli/loadgen) and behind ClickHouse. `tributary demo` starts the
// system and calls [Run].
//
// Invariants: what it shows is read from ClickHouse's views, never from the generator. When it ends it waits until ClickHouse
// has everything that the edge acknowledged, and says so, or says what is missing. What a visitor sends beside it is welcome:
// more than it sent is no fault.
//
// Concurrency: Run uses goroutines of its own and ends them before it returns.
//
// Not responsible for: starting and stopping the system, signals.
package demo
