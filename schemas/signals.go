package schemas

// Signals lists every signal of the anomaly score, in the order of the declarations below.
var Signals []SignalInfo

// A SignalInfo explains a signal to the person who reads a score.
type SignalInfo struct {
	Code string
	// Family: within one family the strongest signal counts; families add up as independent evidence.
	Family string
	Means  string
}

// FlagScore is the score from which a click or conversion counts as flagged.
const FlagScore = 50

// The signals' codes, each declared once: code, family, meaning. Besides, a signal has the rule that finds it
// (attributor).
var (
	SignalTSOrder  = signal("TS_ORDER", "timing", "the conversion happened before its click")
	SignalCTITFast = signal("CTIT_FAST", "timing",
		"the source's conversions come faster after the click than a person can act, too often for chance")
	SignalUABot  = signal("UA_BOT", "identity", "the click's user agent is a listed bot")
	SignalIPRate = signal("IP_RATE", "volume", "the click's IP made more clicks within its minute than a person does")
	SignalDup    = signal("DUP", "integrity", "the network's transaction ID was used on another click before, and its "+
		"IDs "+
		"are unique beyond a click (txid_scope)")
	SignalPBFake = signal("PB_FAKE", "integrity",
		"the click ID is forged, or too many of the source's conversions name clicks that never happened")
)

// signal adds a signal to the list and returns its code.
func signal(code, family, means string) string {
	Signals = append(Signals, SignalInfo{code, family, means})
	return code
}
