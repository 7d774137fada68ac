// Package published is the catalog as entries of the topic `control` (catalog/control): an entry for each campaign, source, landing
// page, offer, network and rate, and one for each change that was applied.
//
// Place in the flow: beside it. `tributary catalog apply` publishes what a Source declares; where catalog.source is control, deploy/wiring
// makes the edge's catalog of what is in force. Click ID keys and the base currency stay in each machine's configuration.
//
// Invariants: a catalog is published whole, in one write, and only what catalog.Build takes; applying what Export gave changes
// nothing; the order of entries has no meaning, lists are sorted by name.
//
// Functions hold no state. Not responsible for: how entries travel (catalog/control), what a catalog means (catalog).
package published
