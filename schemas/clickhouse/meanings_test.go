package clickhouse

import (
	"strings"
	"testing"

	"tributary/report"
)

// TestMeanings holds what figures mean against rows of which each says what it must count for: goals, rebills, networks
// of confirmed money, and campaigns that went to another buyer between a click and its postback.
func TestMeanings(t *testing.T) {
	conn := open(t)
	if _, err := Migrate(t.Context(), conn, Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	values := func(rows ...string) string { return strings.Join(rows, ", ") }
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.clicks (event_at, received_at, _layout, click_id, campaign_id, "+
		"campaign, buyer, offer_id, offer, goals, cost) "+
		"SELECT '2026-03-10 12:00:00', toDateTime('2026-03-10 12:00:00', 'UTC') + second, 1, * EXCEPT second FROM "+
		"values('second UInt8, click_id String, campaign_id UInt32, campaign String, buyer String, offer_id UInt32, "+
		"offer String, goals Array(String), cost Decimal(18, 6)', "+values(
		"(1, 'a', 1, 'summer', 'ann', 1, 'casino', ['ftd'], 1)",
		"(2, 'b', 1, 'summer', 'ben', 1, 'casino', ['ftd'], 1)", // the campaign went to another buyer
		"(3, 'c', 1, 'summer', 'ben', 2, 'mixed', [], 1)",
		"(4, 'd', 2, 'winter', '', 3, 'two goals', ['ftd', 'reg'], 1)",
		"(5, 'e', 2, 'winter', '', 4, 'subscription', [], 1)",
		"(6, 'f', 2, 'winter', '', 5, 'declared since', [], 1)",
		"(7, 'g', 2, 'winter', '', 5, 'declared since', ['ftd'], 1)",
		"(8, 'h', 2, 'winter', '', 6, 'no more', ['ftd'], 1)",
		"(9, 'i', 2, 'winter', '', 6, 'no more', [], 1)",
	)+")")
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.conversions (click_at, received_at, conversion_id, click_id, "+
		"kind, seq, conversions_delta, pending_delta, approved_delta, revenue_hold_delta, revenue_confirmed_delta, "+
		"event, beside_goal, confirmed_only, campaign_id, campaign, buyer, offer_id, offer) "+
		"SELECT '2026-03-10 12:00:00', '2026-03-10 13:00:00', click_id || event, click_id, 'created', 1, 1, hold != 0, "+
		"hold = 0, hold, if(hold = 0, confirmed, 0), * EXCEPT (click_id, hold, confirmed) "+
		"FROM values('click_id String, hold Decimal(18, 6), confirmed Decimal(18, 6), event String, beside_goal Bool, "+
		"confirmed_only Bool, campaign_id UInt32, campaign String, buyer String, offer_id UInt32, offer String', "+values(
		"('a', 0, 0, 'reg', true, false, 1, 'summer', 'ann', 1, 'casino')",
		"('a', 0, 50, 'ftd', false, false, 1, 'summer', 'ann', 1, 'casino')",
		"('a', 0, 20, 'redep', true, false, 1, 'summer', 'ann', 1, 'casino')",
		"('b', 40, 0, 'ftd', false, true, 1, 'summer', 'ben', 1, 'casino')", // on hold of a network of confirmed money
		"('c', 7, 0, 'lead', false, false, 1, 'summer', 'ben', 2, 'mixed')",
		"('c', 0, 9, 'sale', false, false, 1, 'summer', 'ben', 2, 'mixed')",
		"('d', 0, 1, 'ftd', false, false, 2, 'winter', '', 3, 'two goals')",
		"('d', 0, 1, 'reg', false, false, 2, 'winter', '', 3, 'two goals')",
		"('e', 0, 5, 'sale', false, false, 2, 'winter', '', 4, 'subscription')",
		"('e', 0, 5, 'rebill', false, false, 2, 'winter', '', 4, 'subscription')", // money, and no conversion
		"('f', 0, 1, 'ftd', false, false, 2, 'winter', '', 5, 'declared since')",
		"('f', 0, 1, 'reg', false, false, 2, 'winter', '', 5, 'declared since')",
		"('h', 0, 1, 'ftd', false, false, 2, 'winter', '', 6, 'no more')",
		"('i', 0, 1, 'reg', false, false, 2, 'winter', '', 6, 'no more')",
	)+")")
	for _, c := range []struct{ query, want string }{
		{"SELECT buyer, clicks, conversions, events, revenue, revenue_gross, revenue_confirmed FROM " +
			"tributary.epc_roi_by_buyer ORDER BY buyer",
			" 6 7 8 16 16 16\nann 1 1 3 70 70 70\nben 2 3 3 16 56 9\n"},
		{"SELECT offer, conversions, events, pending, approved, cr, revenue FROM tributary.epc_roi_by_offer WHERE " +
			"offer_id IN (1, 4) ORDER BY offer_id",
			"casino 2 4 1 1 1 70\nsubscription 1 2 0 1 1 10\n"},
		{"SELECT event, conversions, clicks, cr, cpa, revenue FROM tributary.events_by_offer WHERE offer_id = 1 ORDER BY " +
			"event",
			"ftd 2 2 1 1 50\nredep 1 2 0.5 2 20\nreg 1 2 0.5 2 0\n"},
		{"SELECT * FROM tributary.offers_without_goal ORDER BY offer_id",
			"2 mixed [lead sale] [1 1]\n6 no more [ftd reg] [1 1]\n"},
	} {
		if got := asText(t, conn, c.query); got != c.want {
			t.Errorf("%s:\n%s\nwould be right:\n%s", c.query, got, c.want)
		}
	}
}
