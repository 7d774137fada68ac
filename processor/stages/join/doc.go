// Package join is the stage that makes the conversion ledger: it removes duplicate clicks, finds the click of each postback,
// lets a postback wait for a click that has not come, and writes scored clicks, ledger entries, findings and dead letters.
//
// Place in the flow: a stage of the processor, reading clicks and postbacks; what a conversion is and what it is worth is
// attributor's to say.
//
// Invariants: a click ID is forwarded once; the postbacks of one click are attributed in the order they came, so one that
// comes while another waits, waits too; a postback waits at most the grace time of the stream's watermark; every postback
// becomes one ledger entry or one dead letter; no amount beyond schemas.MaxMoneyMicros is counted, and no network makes
// more of a click than its postback says it may (attributor, bounds.go), wherever the record came from.
//
// State, by first byte of the key (ID is a native click ID without its MAC, 17 bytes, which begin with its time, so that expiry removes
// a range; text is a foreign click ID and a zero byte):
//
//	c ID         snapshot of the click: what a ledger row needs of it
//	b ID         the click's conversions: length of snapshot · snapshot (as of the first conversion) · book
//	C, B text    the same of foreign click IDs, removed by timers
//	p ID offset  a waiting postback: deadline · postback   (P text 0 offset: foreign)
//	s source     statistics of a source
//	f            what earlier settings leave behind (see floors)
//	w epoch no   a word: a part that many snapshots share (see words)
//
// Concurrency: as in package stage. Not responsible for: reading Kafka, committing, clocks.
package join
