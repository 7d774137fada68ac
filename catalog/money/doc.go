// Package money reads and writes amounts as the edge meets them: decimal text to int64 micros and back, and the exact
// conversion into the base currency.
//
// Place in the flow: where amounts enter (the edge, the catalog, the importer) and where a person is shown them.
//
// It is the only place where money is text. Nothing here uses floating point: an amount that a network wrote is the
// amount that is booked, to the micro; what lies below a micro is rounded half to even, so that sums do not drift.
//
// Functions are pure, do not allocate, and are safe for concurrent use.
//
// Not responsible for: which rate is in force for a currency at a date (catalog).
package money
