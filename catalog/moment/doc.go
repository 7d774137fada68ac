// Package moment reads times as people, trackers and spreadsheets write them: Unix numbers, RFC 3339, and dates of
// several orders with or without a time of day and a zone. The edge reads a postback's time with it, the importer that
// of a click.
//
// Place in the flow: inside the edge and the importer, where text becomes an event.
//
// Invariant: what can be read two ways is never guessed. A time without a zone needs Rules.Zone, a date such as
// 03/04/2026 needs Rules.Order; an abbreviation such as EST, which means several zones, is refused. One thing no rule
// can settle is settled here: of an hour that a zone's clock repeats, the first one counts; a time that its clock left
// out is as long after the change as it says.
//
// Functions are pure and safe for concurrent use. Not responsible for: whether a time is plausible, such as too old or
// in the future (the edge).
package moment
