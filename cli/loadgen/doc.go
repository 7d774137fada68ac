// Package loadgen makes realistic clicks and postbacks, sends them through the edge's HTTP interface, and knows the truth:
// what every table must add up to once the pipeline has drained.
//
// Place in the flow: it stands where the traffic sources, the visitors' browsers and the networks stand. The demo, the
// pipeline test, the benchmarks and the fault drivers are its users; scripts/loadgen/cmd is its command line.
//
// Three parts, in order:
//   - a [Scenario] is who takes part: campaigns, sources, offers, networks, rates. It prints itself as the `catalog:`
//     section of the configuration, so that the system under test and the generator agree without sharing code;
//   - a [Generator] is a seeded sequence of steps: clicks in event-time order, each followed by its network's postbacks
//     after log-normal delays, with duplicates, early, malformed, orphan and late ones and one fraudulent source mixed in; on demand
//     showings of ads before the clicks, and landing pages' buttons pressed after them;
//   - a [Driver] sends the steps over many connections and tells a [Truth] each answer.
//
// Invariants:
//   - The same seed and options make the same traffic. Only what must differ between two runs on one data directory does:
//     the instance bits of the click IDs, and the salt of the transaction IDs (see [Options].Salt).
//   - Everything about one click goes through one worker, one request at a time, each answered before the next. So the
//     order in which the pipeline must book it is known.
//   - Event times are explicit (event_ms, ts): hours of traffic pass in seconds while every time between a click and its
//     conversion stays what a person would cause. No event time lies after the generator's end. What has no explicit time is now:
//     clicks through the link, impressions and presses.
//   - [Truth] is naive on purpose: one lock, plain maps, arithmetic by math/big. It shares nothing with the attributor, the
//     processor or the sink, so that it cannot share their mistakes. What it computes does not depend on timing: a
//     postback that may overtake its click always names its payout.
//   - Only an answer counts. A request whose outcome is unknown (a time-out) is repeated under the same click ID and
//     widens the range that [Truth.Compare] accepts for exactly the totals that it can touch.
//
// Concurrency: a Generator belongs to one goroutine; a Driver starts its own and ends them before Run returns; a Truth may
// be read at any time from any goroutine.
//
// Not responsible for: starting the system, waiting until it has drained, judging scores.
package loadgen
