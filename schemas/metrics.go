package schemas

import "strconv"

// A Unit is what a figure is measured in.
type Unit string

// Units of figures.
const (
	UnitCount    Unit = "count"
	UnitMoney    Unit = "money"    // the base currency
	UnitFraction Unit = "fraction" // 0.25 is 25 %
	UnitScore    Unit = "score"    // 0 to 100
)

// Types of figures, as ClickHouse writes them.
const (
	FigureCount = "Int64"
	FigureMoney = "Decimal(38, 6)"
	FigureRatio = "Nullable(Float64)"
)

// A NullRule says when a figure is NULL.
type NullRule string

// NullRules.
const (
	NullNever    NullRule = ""
	NullDividing NullRule = "NULL while the denominator is 0."
)

// By has a text by the name of a [Fact].
type By map[string]string

// A Metric is a figure: a sum over rows, or a formula over other figures. It is defined here and nowhere else: views,
// dictionary and reports are generated from it.
type Metric struct {
	Name string
	Unit Unit
	Type string
	// Sum is, of a figure that can be added up, its aggregate over the rows of each fact that has some; {table} is the
	// fact's table. A fact that is not named has 0 of it.
	Sum By
	// Formula is, of any other, what it is of other figures: names, whole numbers, + - * / and parentheses.
	Formula string
	Null    NullRule
	// Aside: no column of the views by dimensions (epc_roi_by_…), where it is only a part of others.
	Aside bool
	// Comment says what it is, to a person who decides by it. The NULL rule is added to it.
	Comment string
	// Counted says how it is added up: what the views of plain sums say of it. Of a formula: empty.
	Counted string
}

// Means is the comment with the NULL rule.
func (m *Metric) Means() string {
	if m.Null == NullNever {
		return m.Comment
	}
	return m.Comment + " " + string(m.Null)
}

const (
	countBots  = "toInt64(countIf(bot != ''))"
	countFirst = "toInt64(countIf(kind = 'created'))"
)

// Clicks that a block kept away are none of `clicks` and of what is counted by click: all of these are of the others.
const (
	ofCounted    = "NOT blocked"
	countClicks  = "toInt64(countIf(" + ofCounted + "))"
	countShadows = "toInt64(countIf(block != '' AND " + ofCounted + "))"
	countBotsOf  = "toInt64(countIf(bot != '' AND " + ofCounted + "))"
)

// ofGoal tells the entries whose conversions count: of the event types that the offer declared, and never a rebill, which
// is a payment again of somebody who has converted.
const ofGoal = "NOT beside_goal AND event != '" + EventRebill + "'"

// EventRebill is the event type of a payment that comes again.
const EventRebill = "rebill"

var flagScore = strconv.Itoa(FlagScore)

// Metrics lists every figure, in the order in which views show them. A new one goes to the end: queries of others may
// count on the place of a column.
var Metrics = []Metric{
	{Name: "clicks", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactClicks: countClicks, FactArchive: "sum({table}.clicks)"},
		Comment: "Clicks that no block kept away.", Counted: "Count of clicks that are not blocked."},
	{Name: "conversions", Unit: UnitCount, Type: FigureCount,
		Sum: By{FactConversions: "sumIf(conversions_delta, " + ofGoal + ")", FactArchive: "sum({table}.conversions)"},
		Comment: "Conversions of the offers' goals that are registered, pending or approved now; of every event type but " +
			"rebill where the offer declares no goal.",
		Counted: "Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills."},
	{Name: "registered", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(registered_delta, " + ofGoal + ")", FactArchive: "sum({table}.registered)"},
		Comment: "Those of conversions in status registered.", Counted: "Sum of registered_delta of entries that count."},
	{Name: "pending", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(pending_delta, " + ofGoal + ")", FactArchive: "sum({table}.pending)"},
		Comment: "Those of conversions in status pending.", Counted: "Sum of pending_delta of entries that count."},
	{Name: "approved", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(approved_delta, " + ofGoal + ")", FactArchive: "sum({table}.approved)"},
		Comment: "Those of conversions in status approved.", Counted: "Sum of approved_delta of entries that count."},
	{Name: "rejected", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(rejected_delta, " + ofGoal + ")", FactArchive: "sum({table}.rejected)"},
		Comment: "Those of conversions in status rejected.", Counted: "Sum of rejected_delta of entries that count."},
	{Name: "chargebacks", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(chargeback_delta, " + ofGoal + ")", FactArchive: "sum({table}.chargebacks)"},
		Comment: "Those of conversions in status chargeback.", Counted: "Sum of chargeback_delta of entries that count."},
	{Name: "revenue_hold", Unit: UnitMoney, Type: FigureMoney,
		Sum:     By{FactConversions: "sum(revenue_hold_delta)", FactArchive: "sum({table}.revenue_hold)"},
		Comment: "Payouts of pending conversions of every event type, base currency.",
		Counted: "Sum of revenue_hold_delta, base currency."},
	{Name: "revenue_confirmed", Unit: UnitMoney, Type: FigureMoney,
		Sum:     By{FactConversions: "sum(revenue_confirmed_delta)", FactArchive: "sum({table}.revenue_confirmed)"},
		Comment: "Payouts of approved conversions of every event type, base currency.",
		Counted: "Sum of revenue_confirmed_delta, base currency."},
	{Name: "revenue", Unit: UnitMoney, Type: FigureMoney, Formula: "revenue_hold_counted + revenue_confirmed",
		Comment: "Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where " +
			"nothing is chosen. Of every event type, base currency."},
	{Name: "cost", Unit: UnitMoney, Type: FigureMoney,
		Sum: By{FactClicks: "sum({table}.cost)", FactImpressions: "sum({table}.cost)",
			FactArchive: "sum({table}.cost)", FactArchiveTraffic: "sum({table}.impression_cost)"},
		Comment: "Cost of the clicks, blocked ones included, and of the impressions, base currency.",
		Counted: "Sum of cost of clicks and impressions, base currency."},
	{Name: "profit", Unit: UnitMoney, Type: FigureMoney, Formula: "revenue - cost",
		Comment: "revenue - cost, base currency."},
	{Name: "epc", Unit: UnitMoney, Type: FigureRatio, Formula: "(revenue - revenue_blocked) / clicks",
		Null:    NullDividing,
		Comment: "Earnings per click: (revenue - revenue_blocked) / clicks, base currency."},
	{Name: "epc_confirmed", Unit: UnitMoney, Type: FigureRatio, Null: NullDividing,
		Formula: "(revenue_confirmed - revenue_confirmed_blocked) / clicks",
		Comment: "(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency."},
	{Name: "cpc", Unit: UnitMoney, Type: FigureRatio, Formula: "cost / clicks", Null: NullDividing,
		Comment: "Cost per click that counts: cost / clicks, base currency."},
	{Name: "cr", Unit: UnitFraction, Type: FigureRatio, Formula: "(conversions - conversions_blocked) / clicks",
		Null:    NullDividing,
		Comment: "Conversion rate: (conversions - conversions_blocked) / clicks, a fraction."},
	{Name: "cr_confirmed", Unit: UnitFraction, Type: FigureRatio, Formula: "(approved - approved_blocked) / clicks",
		Null:    NullDividing,
		Comment: "(approved - approved_blocked) / clicks, a fraction."},
	{Name: "ar", Unit: UnitFraction, Type: FigureRatio, Formula: "approved / (approved + rejected + pending)",
		Null: NullDividing,
		Comment: "Approval rate: approved / (approved + rejected + pending), a fraction; " +
			"registered and chargeback are in neither part."},
	{Name: "roi", Unit: UnitFraction, Type: FigureRatio, Formula: "profit / cost", Null: NullDividing,
		Comment: "Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %."},
	{Name: "roi_confirmed", Unit: UnitFraction, Type: FigureRatio, Formula: "(revenue_confirmed - cost) / cost",
		Null: NullDividing, Comment: "(revenue_confirmed - cost) / cost, a fraction."},
	{Name: "roas", Unit: UnitFraction, Type: FigureRatio, Formula: "revenue / cost", Null: NullDividing,
		Comment: "Return on ad spend: revenue / cost, a fraction."},
	{Name: "rpm", Unit: UnitMoney, Type: FigureRatio, Formula: "(revenue - revenue_blocked) * 1000 / clicks",
		Null:    NullDividing,
		Comment: "Revenue per 1000 clicks, base currency: epc * 1000."},
	{Name: "ap", Unit: UnitMoney, Type: FigureRatio, Formula: "revenue / conversions", Null: NullDividing,
		Comment: "Average payout: revenue / conversions, base currency."},
	{Name: "flagged", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sum(flagged_delta)", FactArchive: "sum({table}.flagged)"},
		Comment: "Conversions whose score is " + flagScore + " or more.", Counted: "Sum of flagged_delta."},
	{Name: "flagged_share", Unit: UnitFraction, Type: FigureRatio, Formula: "flagged / created", Null: NullDividing,
		Comment: "flagged / first ledger entries (conversions ever created), a fraction."},
	{Name: "flagged_clicks", Unit: UnitCount, Type: FigureCount,
		Sum: By{FactClicks: "toInt64(countIf(score >= " + flagScore + " AND " + ofCounted + "))",
			FactArchive: "sum({table}.flagged_clicks)"},
		Comment: "Those of clicks whose score is " + flagScore + " or more.",
		Counted: "Count of clicks that are not blocked with score >= " + flagScore + "."},
	{Name: "flagged_clicks_share", Unit: UnitFraction, Type: FigureRatio, Formula: "flagged_clicks / clicks",
		Null: NullDividing, Comment: "flagged_clicks / clicks, a fraction."},
	{Name: "impressions", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactImpressions: "toInt64(count())", FactArchiveTraffic: "sum({table}.impressions)"},
		Comment: "Impressions.", Counted: "Count of impressions."},
	{Name: "impression_cost", Unit: UnitMoney, Type: FigureMoney,
		Sum:     By{FactImpressions: "sum({table}.cost)", FactArchiveTraffic: "sum({table}.impression_cost)"},
		Comment: "Cost of the impressions, which cost has too, base currency.",
		Counted: "Sum of cost of impressions, base currency."},
	{Name: "ctr", Unit: UnitFraction, Type: FigureRatio, Formula: "clicks / impressions", Null: NullDividing,
		Comment: "Click-through rate: clicks / impressions, a fraction."},
	{Name: "cpm", Unit: UnitMoney, Type: FigureRatio, Formula: "cost * 1000 / impressions", Null: NullDividing,
		Comment: "Cost per 1000 impressions, base currency: cost / impressions * 1000."},
	{Name: "ecpm", Unit: UnitMoney, Type: FigureRatio, Formula: "revenue * 1000 / impressions", Null: NullDividing,
		Comment: "Revenue per 1000 impressions, base currency: revenue / impressions * 1000."},
	{Name: "unique_clicks", Unit: UnitCount, Type: FigureCount,
		Sum: By{FactClicks: "toInt64(countIf(unique AND " + ofCounted + "))", FactArchiveTraffic: "sum({table}.unique_clicks)"},
		Comment: "Those of clicks that were their visitor's first of the campaign within the edge's window; " +
			"see clicks.unique.",
		Counted: "Count of unique clicks that are not blocked."},
	{Name: "uepc", Unit: UnitMoney, Type: FigureRatio, Null: NullDividing,
		Formula: "(revenue - revenue_blocked) / unique_clicks",
		Comment: "Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency."},
	{Name: "landing_views", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactClicks: "toInt64(countIf(landing_id != 0))", FactArchiveTraffic: "sum({table}.landing_views)"},
		Comment: "Clicks that were sent to a landing page.",
		Counted: "Count of clicks that were sent to a landing page."},
	{Name: "landing_clicks", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactLandingClicks: "toInt64(count())", FactArchiveTraffic: "sum({table}.landing_clicks)"},
		Comment: "Presses of landing pages' buttons.", Counted: "Count of presses of landing pages' buttons."},
	{Name: "lp_ctr", Unit: UnitFraction, Type: FigureRatio, Formula: "landing_pressed / landing_views", Null: NullDividing,
		Comment: "Click-through rate of landing pages: landing_pressed / landing_views, a fraction."},
	{Name: "landing_pressed", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactLandingClicks: "toInt64(uniqExact(click_id))", FactArchiveTraffic: "sum({table}.landing_clicks)"},
		Comment: "Clicks of which a landing page's button was pressed, however often; of rows that are gone, every press.",
		Counted: "Count of different clicks of which a button was pressed: those of several rows may be the same."},
	{Name: "events", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sum(conversions_delta)", FactArchive: "sum({table}.conversions)"},
		Comment: "Conversions of every event type, rebills too, that are registered, pending or approved now.",
		Counted: "Sum of conversions_delta of all entries."},
	{Name: "cpa", Unit: UnitMoney, Type: FigureRatio, Formula: "cost / conversions", Null: NullDividing,
		Comment: "Cost per conversion: cost / conversions, base currency."},
	{Name: "revenue_gross", Unit: UnitMoney, Type: FigureMoney, Formula: "revenue_hold + revenue_confirmed",
		Comment: "revenue_hold + revenue_confirmed, base currency: money on hold counts in full."},
	{Name: "epc_gross", Unit: UnitMoney, Type: FigureRatio, Null: NullDividing,
		Formula: "(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks",
		Comment: "(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency."},
	{Name: "roi_gross", Unit: UnitFraction, Type: FigureRatio, Formula: "(revenue_gross - cost) / cost",
		Null: NullDividing, Comment: "(revenue_gross - cost) / cost, a fraction."},

	{Name: "revenue_hold_counted", Unit: UnitMoney, Type: FigureMoney, Aside: true,
		Sum:     By{FactConversions: "sumIf(revenue_hold_delta, NOT confirmed_only)", FactArchive: "sum({table}.revenue_hold)"},
		Comment: "Of revenue_hold what is a part of revenue, base currency.",
		Counted: "Sum of revenue_hold_delta of entries that are not confirmed_only, base currency."},
	{Name: "events_registered", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sum(registered_delta)", FactArchive: "sum({table}.registered)"},
		Comment: "Those of every event type in status registered.", Counted: "Sum of registered_delta of all entries."},
	{Name: "events_pending", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sum(pending_delta)", FactArchive: "sum({table}.pending)"},
		Comment: "Those of every event type in status pending.", Counted: "Sum of pending_delta of all entries."},
	{Name: "events_approved", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sum(approved_delta)", FactArchive: "sum({table}.approved)"},
		Comment: "Those of every event type in status approved.", Counted: "Sum of approved_delta of all entries."},
	{Name: "events_rejected", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sum(rejected_delta)", FactArchive: "sum({table}.rejected)"},
		Comment: "Those of every event type in status rejected.", Counted: "Sum of rejected_delta of all entries."},
	{Name: "events_chargebacks", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sum(chargeback_delta)", FactArchive: "sum({table}.chargebacks)"},
		Comment: "Those of every event type in status chargeback.", Counted: "Sum of chargeback_delta of all entries."},
	{Name: "entries", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "toInt64(count())", FactArchive: "sum({table}.entries)"},
		Comment: "Ledger entries.", Counted: "Count of ledger entries."},
	{Name: "created", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: countFirst, FactArchive: "sum({table}.created)"},
		Comment: "Conversions ever created (first ledger entries).", Counted: "Count of first ledger entries."},
	{Name: "created_score_sum", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum: By{FactConversions: "toInt64(sumIf(score, kind = 'created'))",
			FactArchive: "sum({table}.created_score_sum)"},
		Comment: "Sum of scores in first ledger entries.", Counted: "Sum of scores in first ledger entries."},
	{Name: "mean_conversion_score", Unit: UnitScore, Type: FigureRatio, Aside: true,
		Formula: "created_score_sum / created", Null: NullDividing,
		Comment: "sum of scores of first ledger entries / conversions_created, 0 to 100."},
	{Name: "bot_clicks", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactClicks: countBotsOf, FactArchive: "sum({table}.bot_clicks)"},
		Comment: "Those of clicks that listed bots made.", Counted: "Count of clicks of listed bots that are not blocked."},
	{Name: "click_score_sum", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum: By{FactClicks: "toInt64(sumIf(score, " + ofCounted + "))",
			FactArchive: "sum({table}.click_score_sum)"},
		Comment: "Sum of scores of clicks.", Counted: "Sum of scores of clicks that are not blocked."},
	{Name: "mean_click_score", Unit: UnitScore, Type: FigureRatio, Aside: true,
		Formula: "click_score_sum / clicks", Null: NullDividing,
		Comment: "sum of click scores / clicks, 0 to 100."},
	{Name: "bot_impressions", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactImpressions: countBots, FactArchiveTraffic: "sum({table}.bot_impressions)"},
		Comment: "Impressions by listed bots.", Counted: "Count of impressions by listed bots."},

	{Name: "clicks_blocked", Unit: UnitCount, Type: FigureCount,
		Sum: By{FactClicks: "toInt64(countIf(blocked))"},
		Comment: "Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were " +
			"blocks: 0.",
		Counted: "Count of blocked clicks."},
	{Name: "cost_blocked", Unit: UnitMoney, Type: FigureMoney,
		Sum:     By{FactClicks: "sumIf({table}.cost, blocked)"},
		Comment: "What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.",
		Counted: "Sum of cost of blocked clicks, base currency."},
	{Name: "clicks_shadowed", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactClicks: countShadows},
		Comment: "Those of clicks that a shadow block counted: it would have kept them away.",
		Counted: "Count of clicks that met a block and are not blocked."},
	{Name: "conversions_blocked", Unit: UnitCount, Type: FigureCount,
		Sum:     By{FactConversions: "sumIf(conversions_delta, blocked AND " + ofGoal + ")"},
		Comment: "Those of conversions whose click was blocked: of the fallback offer.",
		Counted: "Sum of conversions_delta of entries that count and whose click was blocked."},
	{Name: "revenue_blocked", Unit: UnitMoney, Type: FigureMoney,
		Formula: "revenue_hold_counted_blocked + revenue_confirmed_blocked",
		Comment: "What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc."},
	{Name: "approved_blocked", Unit: UnitCount, Type: FigureCount, Aside: true,
		Sum:     By{FactConversions: "sumIf(approved_delta, blocked AND " + ofGoal + ")"},
		Comment: "Those of approved whose click was blocked.",
		Counted: "Sum of approved_delta of entries that count and whose click was blocked."},
	{Name: "revenue_hold_blocked", Unit: UnitMoney, Type: FigureMoney, Aside: true,
		Sum:     By{FactConversions: "sumIf(revenue_hold_delta, blocked)"},
		Comment: "What of revenue_hold is of clicks that were blocked, base currency.",
		Counted: "Sum of revenue_hold_delta of entries whose click was blocked, base currency."},
	{Name: "revenue_hold_counted_blocked", Unit: UnitMoney, Type: FigureMoney, Aside: true,
		Sum:     By{FactConversions: "sumIf(revenue_hold_delta, blocked AND NOT confirmed_only)"},
		Comment: "What of revenue_hold_counted is of clicks that were blocked, base currency.",
		Counted: "Sum of revenue_hold_delta of entries that are not confirmed_only and whose click was blocked, base currency."},
	{Name: "revenue_confirmed_blocked", Unit: UnitMoney, Type: FigureMoney, Aside: true,
		Sum:     By{FactConversions: "sumIf(revenue_confirmed_delta, blocked)"},
		Comment: "What of revenue_confirmed is of clicks that were blocked, base currency.",
		Counted: "Sum of revenue_confirmed_delta of entries whose click was blocked, base currency."},
}

// MetricNamed returns the metric of a name, nil where there is none.
func MetricNamed(name string) *Metric {
	for i := range Metrics {
		if Metrics[i].Name == name {
			return &Metrics[i]
		}
	}
	return nil
}
