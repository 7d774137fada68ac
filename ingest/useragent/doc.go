// Package useragent says what a user agent string tells about the click: device, operating system,
// browser, and the name and class of the bot if it is a listed one.
//
// Place in the flow: the edge calls [Parser.Parse] once a click. Device, OS and browser come from the
// library mileusna/useragent, bots from ingest/useragent/crawlers.
//
// Invariants:
//   - Every field is from a closed list, or a version of at most 16 bytes of digits, dots and letters:
//     whatever a client sends, nothing that is not UTF-8 and no column with a million values follows.
//   - An answer never depends on what was asked before: the cache compares whole strings.
//   - Memory is bounded by the Config, also when every click brings a new string.
//
// Concurrency: a Parser may be used by any number of goroutines. A hit reads one immutable entry
// through an atomic pointer: no lock, no write to shared memory, no allocation.
//
// Not responsible for: client hints, bots that pretend to be browsers (the scoring rules find those).
package useragent
