// Package outbound has stand-ins of the conversion APIs that conversions are told to: each is an HTTP handler that answers as the platform's
// documentation says, with its limits and the shapes of its errors, and keeps what it took in a ledger of its own. What it says was read where the
// destination's template says (catalog/destination/templates, read). They are no more than that: a stand-in that takes a payload does not prove
// that the platform does.
//
// Place in the flow: contract tests of sink/outbound/protocol, the demo, the simulation.
//
// Concurrency: a StandIn is safe for use by several goroutines. Not responsible for: matching persons, attribution.
package outbound
