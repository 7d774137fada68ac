// Package outbound is the stage that decides what is told to others: of each ledger entry it makes the requests of the destinations
// that it concerns, once, and writes them to the topic outbound.requests. No HTTP here.
//
// Place in the flow: a stage of the processor behind join and claims, whose outputs it reads from scored.conversions; it looks at clicks
// only while a destination needs what the visitor's browser said. sink/outbound delivers.
//
// Invariants: a request's identity is (conversion, destination, event, what it tells), whatever is repeated or rebuilt; a destination
// hears of a conversion as new once, until that is taken back; what is told later of it has the share and the rate of then; nothing is
// told of a conversion that came before the destination was declared; what concerns a destination and is not told has a request that
// says why (schemas.OutboundSkips).
//
// State, by first byte of the key:
//
//	d name          since when a destination is declared (stream's time, number of the declaration); of no name: the last number
//	c conversion    what the destinations were told of it: state.Outbound
//	a hour click    address and user agent of a click (hours of its event time, 4 bytes; click ID), for at most agentKeptMS
//
// Timers: x conversion (it is forgotten), w conversion destination (what waits is looked at again).
//
// Concurrency: as in package stage. Not responsible for: how a destination is spoken to, caps, rates, tries (sink/outbound).
package outbound
