package attributor

import (
	"strings"

	"tributary/schemas/events"
	"tributary/schemas/state"
)

// contribution is what one conversion adds to the sums while it has a given status and payout. A ledger entry's deltas are
// the contribution after it minus the contribution before it, so that sums over the ledger are right at every moment.
type contribution struct {
	conversions, registered, pending, approved, rejected, chargeback int32
	holdMicros, confirmedMicros                                      int64
}

// contributionOf: a conversion counts while registered, pending or approved; its payout is revenue on hold while pending
// and confirmed revenue while approved. A correction has the money and counts as nothing.
func contributionOf(item *state.Item) contribution {
	one := int32(1)
	if isCorrection(item) {
		one = 0
	}
	switch events.Status(item.Status) {
	case events.Status_STATUS_REGISTERED:
		return contribution{conversions: one, registered: one}
	case events.Status_STATUS_PENDING:
		return contribution{conversions: one, pending: one, holdMicros: item.PayoutBaseMicros}
	case events.Status_STATUS_APPROVED:
		return contribution{conversions: one, approved: one, confirmedMicros: item.PayoutBaseMicros}
	case events.Status_STATUS_REJECTED:
		return contribution{rejected: one}
	case events.Status_STATUS_CHARGEBACK:
		return contribution{chargeback: one}
	}
	return contribution{}
}

func setDeltas(e *events.Conversion, before, after contribution) {
	e.ConversionsDelta = after.conversions - before.conversions
	e.RegisteredDelta = after.registered - before.registered
	e.PendingDelta = after.pending - before.pending
	e.ApprovedDelta = after.approved - before.approved
	e.RejectedDelta = after.rejected - before.rejected
	e.ChargebackDelta = after.chargeback - before.chargeback
	e.RevenueHoldDeltaMicros = after.holdMicros - before.holdMicros
	e.RevenueConfirmedDeltaMicros = after.confirmedMicros - before.confirmedMicros
}

// isOpen tells whether a conversion of this status still waits for the network's decision.
func isOpen(s events.Status) bool {
	return s == events.Status_STATUS_REGISTERED || s == events.Status_STATUS_PENDING
}

func statusWord(s events.Status) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "STATUS_"))
}
