// Package destination declares whom conversions are told to: traffic sources, affiliates, advertisers, conversion APIs of ad
// platforms. A destination is a template (shipped, or free) and what one deployment says of it: its identifiers and secrets, which
// conversions it hears of, when, and with how much of the payout.
//
// Place in the flow: package catalog builds destinations with the rest of what is declared; processor/stages/outbound decides by them
// what is told, sink/outbound delivers by them.
//
// Concurrency: a Destination is immutable. Not responsible for: deciding (processor/stages/outbound), HTTP (sink/outbound).
package destination
