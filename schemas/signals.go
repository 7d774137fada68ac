package schemas

// Signal codes of the anomaly score.
const (
	SignalTSOrder  = "TS_ORDER"
	SignalCTITFast = "CTIT_FAST"
	SignalUABot    = "UA_BOT"
	SignalDup      = "DUP"
	SignalPBFake   = "PB_FAKE"
	SignalIPRate   = "IP_RATE"
)

// FlagScore is the score from which a click or conversion counts as flagged.
const FlagScore = 50

// A SignalInfo explains a signal to the person who reads a score.
type SignalInfo struct {
	Code string
	// Family: within one family the strongest signal counts; families add up as independent evidence.
	Family string
	Means  string
}

// Signals lists every signal.
var Signals = []SignalInfo{
	{SignalTSOrder, "timing", "the conversion happened before its click"},
	{SignalCTITFast, "timing", "the source's conversions come faster after the click than a person can act, too often for chance"},
	{SignalUABot, "identity", "the click's user agent is a listed bot"},
	{SignalIPRate, "volume", "the click's IP made more clicks within its minute than a person does"},
	{SignalDup, "integrity", "the network's transaction ID was used on another click before, and its IDs are unique beyond a click (txid_scope)"},
	{SignalPBFake, "integrity", "the click ID is forged, or too many of the source's conversions name clicks that never happened"},
}
