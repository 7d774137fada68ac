// Package lease keeps a cap (`clicks_per_day`) exact over several edges: the grantor hands out parts of a day's clicks, leases, and an
// edge sends no click to an offer without one.
//
// Place in the flow: an edge ([Desk]) asks through the topic `lease-requests`; the grantor ([Grantor]), which runs in `tributary
// control` and `up`, answers by entries of the topic `control`, one [Book] for each offer and day; every edge reads them there. What is
// decided where, and what could have been otherwise: docs/decisions/leases.md.
//
// Invariants, for each offer and day:
//   - The book is the truth, and it is committed before anybody may use what it grants. Who grants next begins from it.
//   - What is granted and was not given back counts as used, whoever holds it, dead or alive. It never exceeds the cap of the request
//     that it was granted for.
//   - Numbers of an account only grow, and are sums, not steps: a message that comes twice, late or out of order changes nothing.
//   - A click takes its lease by one compare-and-swap of its own process, waits for nobody and allocates nothing.
//   - A lease is of one day, and void with it.
//
// Concurrency: [Held]'s Take, Has and GiveBack may be called from anywhere; a Desk from anywhere, a Grantor and a Book from one
// goroutine.
//
// Not responsible for: who reads and writes `control` (catalog/control), which offer a click goes to when there is no lease
// (ingest), what a cap is (catalog).
package lease
