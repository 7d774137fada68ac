// Package fuzzbound holds a decoder to its bounds of time and memory, for the fuzzers of every package.
//
// Place in the flow: none; fuzzers only.
//
// What an attacker sends may be refused, but it may not keep a core busy or fill the memory. A fuzzer that only looks for panics
// misses both.
//
// Invariants:
//   - Time is the processor time of the one thread that decodes, and memory what the heap was asked for: a busy machine fails
//     nobody. What is over is tried again, and only what stays over fails.
//
// Concurrency: Hold may be called by several tests at once; allocations of the others count then, which the repeats forgive.
//
// Not responsible for: what the decoder answers. It is imported by tests only.
package fuzzbound
