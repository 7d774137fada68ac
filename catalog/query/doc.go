// Package query reads the parameters of a link or a form as they come over the wire: a scanner over the raw query, percent
// decoding, and the recognition of text that is broken (not UTF-8, control characters) or was never filled in (a macro).
//
// Place in the flow: the first step of every request at the edge; catalog/dialect and cli/links read URLs with it.
//
// The edge calls it for every request, so it works on the request's own bytes and does not allocate beyond the buffer that
// the caller hands in. Functions are pure.
//
// Not responsible for: what a parameter means, and whether a bad one refuses the request (the caller).
package query
