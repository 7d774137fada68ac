// Package trial sends one test postback and follows it to its row in ClickHouse, with the time that each step took.
//
// Place in the flow: beside it, from the edge's HTTP to a view; `tributary postback test` is its user. It writes nothing but
// what the edge makes of its requests.
//
// A trial makes a click of its own (source "tributary-test", cost 0), sends the network's postback for it as the network would
// (dialect, token, signature), and looks for what becomes of both: the records in Kafka, the rows in ClickHouse, the view, and
// what the edge answers to the network's question about its receipt, where it does.
// At the end it sends the same conversion as rejected, so that no money and no conversion stays in the figures: what stays is
// one click without cost and one rejected conversion, both under a source of their own.
//
// Invariants: it ends within its timeouts, whatever does not come; a step that did not come is named together with what is to
// be looked at; after a failure the money is taken back too, as far as the edge still answers.
//
// Concurrency: Run belongs to one goroutine; it watches Kafka and ClickHouse from others and ends them before it returns.
//
// Not responsible for: why a role stands still; it shows what /readyz says.
package trial
