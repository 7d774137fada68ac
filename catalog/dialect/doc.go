// Package dialect knows how other trackers and networks write click links and postbacks, so that a link or a postback made for
// one of them keeps working when only its domain changes.
//
// Place in the flow: catalog compiles dialects; the edge reads requests with them, cli/links and cli/trial write them.
//
// A Dialect is data: path patterns, parameter names, status words, defaults, replies, placeholders, each with the public page
// it was taken from. Nothing in here is written for one tracker. The edge compiles what its configuration uses: a Router that
// tells whose link or postback a request is, a Link that reads a click's parameters into the fields of a click, a Postback
// that reads a postback's into what it says. Build goes the other way, for the person who sets a link or a postback up.
//
// Invariants:
//   - the first of several parameters of one meaning counts; an empty one is as good as none;
//   - a parameter that still is a macro or a placeholder is never a value: in a link it is left out and reported, in a
//     postback it is a Problem with schemas.RejectUnexpandedMacro when it stands for money, identity, status or event;
//   - an unknown status word is a Problem, never a guess, unless the configuration names the status it stands for;
//   - what a dialect calls the sale amount is not what the conversion pays, and is not booked as such unless configured.
//
// Reading a link and routing allocate nothing as long as the caller's buffer has room for the decoded text. Compiled values
// are immutable and safe for concurrent use; a Click and a Reading belong to one request and point into it.
//
// Not responsible for: HTTP, limits and text rules of values, amounts, times, exchange rates, campaigns and networks of the
// catalog, secrets (it hands out the token that a postback carries, the caller judges it).
package dialect
