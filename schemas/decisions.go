package schemas

// Versions of what the processor's built-in stages decide by. Each Cycle carries the one that decided it, and a
// state that is rebuilt from the topics runs it again under that one: what was published stays what it was,
// whatever program reads it.
//
// Raise Decisions with every change after which the same records on the same state lead to another state or another
// ledger, keep the rules of before beside it, and hold them by a golden file
// (processor/stages/join/testdata/decisions-*.golden).
const (
	// DecisionsByTransaction: a conversion is (click ID, event type, transaction ID, correction or not), whichever
	// network tells of it.
	DecisionsByTransaction uint32 = 0
	// DecisionsByNetwork: a conversion is its network's too, and no other network changes it.
	DecisionsByNetwork uint32 = 1

	// Decisions is that of this program.
	Decisions = DecisionsByNetwork
)
