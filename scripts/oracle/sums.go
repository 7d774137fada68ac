package oracle

// deltaSums are what a row of conversions changes of what is shown. An entry that was only scored anew changes none but flagged.
var deltaSums = [...]string{"conversions_delta", "registered_delta", "pending_delta", "approved_delta", "rejected_delta", "chargeback_delta",
	"revenue_hold_delta", "revenue_confirmed_delta"}
