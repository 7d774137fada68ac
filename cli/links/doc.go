// Package links builds click links and postback templates from the catalog, and says what the edge would make of a URL.
//
// Place in the flow: before it; `tributary link` is its user. It reads nothing but the catalog and reaches nothing: what it
// says comes from the tables, the router and the judgement that the edge itself uses (catalog/dialect, catalog,
// ingest.JudgePostback).
//
// A Traffic is data: the macros of one traffic source's ads, with the public page they were taken from.
//
// Invariants: a parameter of a URL is named once in a Reading, in the URL's order; secrets are left out of what is built
// unless the caller asks for them, and out of what is said of a URL always.
//
// Concurrency: every function belongs to one goroutine and keeps nothing.
//
// Not responsible for: what only a running edge knows: rates, caps, nonces, addresses, whether a click is known.
package links
