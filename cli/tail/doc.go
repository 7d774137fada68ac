// Package tail prints a topic's events as JSON lines, for a person and for jq.
//
// Place in the flow: beside it, read only; `tributary tail` is its user. It reads committed records only.
//
// A line has the members _partition, _offset and _at (the record's time) and then the event's own fields under their names in
// events.proto, in order, zero values left out. Money stays in micros and times in Unix milliseconds, as numbers; an
// enumeration is its name; an IP is its text; raw requests are text. A record that is not the event it should be has _error
// and _value (base64) instead.
//
// Concurrency: Run belongs to one goroutine.
//
// Not responsible for: consumer groups and offsets; it commits nothing.
package tail
