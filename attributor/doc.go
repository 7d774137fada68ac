// Package attributor is the domain: which click a conversion belongs to, what it is worth after each postback, and how
// suspicious it looks.
//
// Place in the flow: between the records that the processor reads and those that it writes; the stages of
// processor/stages call it.
//
// It is pure. There is no Kafka, no ClickHouse, no goroutine, no clock and no random number here: time comes in as an
// argument, state comes in and goes out as a message, and the same arguments give the same answer on every machine. That is
// what lets a simulation run it against a naive model, and a replay reach the same ledger.
//
// Flow: Attribute takes one postback, the click it names (if known) and what is remembered of that click's conversions
// (state.Book) and of its source (state.SourceStats), and returns either one ledger entry or one reject reason. ScoreClick
// scores a click alone. CheckClaim finds a transaction ID used on two clicks.
//
// Invariants:
//   - a network never changes another's conversion, and an ID that was given stays (identity.go);
//   - under an earlier version of the rules (Input.Decisions) the outcome is what it was then;
//   - the sum of a conversion's deltas equals the contribution of its last status and payout (see contribution);
//   - a correction, which is what a payout below 0 makes, has an identity of its own beside the conversion of its transaction ID: it
//     moves money only, counts as nothing, is not scored, and neither finds the other whichever comes first;
//   - a network's bound of a click takes a conversion and its correction both, or neither, whichever comes first;
//   - a rejected postback changes neither book nor statistics;
//   - count and money of a click's entries depend on the order of that click's postbacks only, never on when the click itself
//     came within the grace time. Scores also depend on what else the source did before.
//
// Not responsible for: waiting for a click that has not come (the processor parks postbacks), storing anything, converting
// currencies (the edge has done so).
package attributor
