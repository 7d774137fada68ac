package schemas

// OutboundSkip says why a conversion that a destination could hear of is not told. The list is closed: each has a counter by
// destination, and a row of outbound_attempts.
type OutboundSkip string

// Decided by the processor.
const (
	SkipNoValue    OutboundSkip = "no_value"
	SkipNotSampled OutboundSkip = "not_sampled"
	SkipSuspicion  OutboundSkip = "under_suspicion"
	SkipNeverTold  OutboundSkip = "suspicion_ended_untold"
	SkipTooLate    OutboundSkip = "too_late"
	SkipNoUpdate   OutboundSkip = "no_update"
	SkipNoUndo     OutboundSkip = "no_undo"
	SkipNoAmount   OutboundSkip = "no_exchange_rate"
)

// OutboundSkips lists the reasons with what they mean, for people and generated documentation.
var OutboundSkips = []struct {
	Skip OutboundSkip
	Doc  string
}{
	{SkipNoValue, "a value that the destination cannot do without is empty, such as the source's ID of the click"},
	{SkipNotSampled, "it is not in the part of the conversions that is told (sample)"},
	{SkipSuspicion, "it is under suspicion and waits (suspicion: wait), or is never told (never)"},
	{SkipNeverTold, "it was rejected while it waited under suspicion: the destination never hears of it"},
	{SkipTooLate, "the destination's window was over when it was decided"},
	{SkipNoUpdate, "its status or payout changed, and the destination cannot be told of a change"},
	{SkipNoUndo, "it does not count any more, and the destination takes nothing back"},
	{SkipNoAmount, "its payout cannot be told in the destination's currency: no rate is declared for its date, or it is too large"},
}
