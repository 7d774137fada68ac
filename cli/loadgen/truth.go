package loadgen

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"tributary/schemas"
)

// Totals are sums over clicks and over the conversion ledger. Money is micros of the base currency.
type Totals struct {
	Clicks                 int64 `json:"clicks"`
	CostMicros             int64 `json:"cost_micros"`
	Conversions            int64 `json:"conversions"`
	Registered             int64 `json:"registered"`
	Pending                int64 `json:"pending"`
	Approved               int64 `json:"approved"`
	Rejected               int64 `json:"rejected"`
	Chargeback             int64 `json:"chargeback"`
	RevenueHoldMicros      int64 `json:"revenue_hold_micros"`
	RevenueConfirmedMicros int64 `json:"revenue_confirmed_micros"`
	// RevenueMicros is the revenue that each network's owner chose: with what is on hold, or without.
	RevenueMicros int64 `json:"revenue_micros"`
	// Entries is the number of ledger entries that changed a count or an amount or could have: one an accepted transition.
	Entries int64 `json:"ledger_entries"`
	// Impressions, the clicks that were sent to a landing page, and the presses of its button.
	Impressions   int64 `json:"impressions"`
	LandingViews  int64 `json:"landing_views"`
	LandingClicks int64 `json:"landing_clicks"`
}

func (t *Totals) add(o Totals, sign int64) {
	for i, field := range t.fields() {
		*field += sign * *o.fields()[i]
	}
}

func (t *Totals) fields() []*int64 {
	return []*int64{&t.Clicks, &t.CostMicros, &t.Conversions, &t.Registered, &t.Pending, &t.Approved, &t.Rejected, &t.Chargeback,
		&t.RevenueHoldMicros, &t.RevenueConfirmedMicros, &t.RevenueMicros, &t.Entries, &t.Impressions,
		&t.LandingViews, &t.LandingClicks}
}

var totalNames = []string{"clicks", "cost", "conversions", "registered", "pending", "approved", "rejected",
	"chargeback", "revenue_hold", "revenue_confirmed", "revenue", "ledger_entries",
	"impressions", "landing_views", "landing_clicks"}

// A Group is one campaign's traffic from one source.
type Group struct {
	Campaign string `json:"campaign"`
	Source   string `json:"source"`
}

// A Reject is a kind of dead letter: "click" or "postback", and why.
type Reject struct {
	Kind   string               `json:"kind"`
	Reason schemas.RejectReason `json:"reason"`
}

// Truth is what the tables must add up to, computed from the answers alone. See the package's invariants.
type Truth struct {
	mu       sync.Mutex
	scenario *Scenario
	windowMS int64
	groups   map[Group]*Totals
	rejects  map[Reject]int64
	// doubt is how much more than groups, and than rejects, there may be: requests whose outcome is unknown.
	doubt        map[Group]*Totals
	doubtRejects map[Reject]int64
	// repeats: see Repeats.
	repeats bool

	acceptedClicks, acceptedPostbacks int64
}

// conversion is the naive model's state of one conversion.
type conversion struct {
	network         string
	event, txid     string
	status          string
	payout          int64
	currency        string
	payoutBase      int64
	neverFoundAgain bool
	// correction: its payout is below 0. It is money and nothing else.
	correction bool
	// confirmedOnly: its network's revenue has nothing of what is on hold.
	confirmedOnly bool
}

// NewTruth makes an empty truth. windowMS is the system's lookback window; 0 for none.
func NewTruth(scenario *Scenario, windowMS int64) *Truth {
	return &Truth{scenario: scenario, windowMS: windowMS, groups: map[Group]*Totals{}, rejects: map[Reject]int64{},
		doubt: map[Group]*Totals{}, doubtRejects: map[Reject]int64{}}
}

func group(c *Click) Group { return Group{c.Campaign.Name, c.Source.Name} }

func totals(m map[Group]*Totals, key Group) *Totals {
	t := m[key]
	if t == nil {
		t = &Totals{}
		m[key] = t
	}
	return t
}

// cost is the click's cost in the base currency.
func (t *Truth) cost(c *Click) int64 {
	text, currency := c.Cost, c.Currency
	if text == "" {
		text, currency = c.Campaign.Cost, c.Campaign.Currency
	}
	return t.scenario.base(micros(text), currency, c.EventMS)
}

// click books an accepted click request.
func (t *Truth) click(c *Click) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acceptedClicks++
	if c.counted {
		t.rejects[Reject{"click", schemas.RejectDuplicateClick}]++
		return
	}
	c.counted = true
	sums := totals(t.groups, group(c))
	sums.Clicks++
	sums.CostMicros += t.cost(c)
	if c.seesPage() {
		sums.LandingViews++
	}
}

// impression books an acknowledged showing.
func (t *Truth) impression(i *Impression) {
	t.mu.Lock()
	totals(t.groups, Group{i.Campaign.Name, i.Source.Name}).Impressions++
	t.mu.Unlock()
}

// doubtImpression says that the outcome of one request is unknown: each makes an impression of its own.
func (t *Truth) doubtImpression(i *Impression) {
	t.mu.Lock()
	totals(t.doubt, Group{i.Campaign.Name, i.Source.Name}).Impressions++
	t.mu.Unlock()
}

// press books an acknowledged press of the button of the click's landing page.
func (t *Truth) press(c *Click) {
	t.mu.Lock()
	totals(t.groups, group(c)).LandingClicks++
	t.mu.Unlock()
}

// doubtPress says that the outcome of one request is unknown: each makes a press of its own.
func (t *Truth) doubtPress(c *Click) {
	t.mu.Lock()
	totals(t.doubt, group(c)).LandingClicks++
	t.mu.Unlock()
}

// refused books a request that the edge refused with a reason.
func (t *Truth) refused(kind string, reason schemas.RejectReason) {
	t.mu.Lock()
	t.rejects[Reject{kind, reason}]++
	t.mu.Unlock()
}

// postback books an accepted postback: the naive ledger.
func (t *Truth) postback(p *Postback, eventMS int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acceptedPostbacks++
	if p.Orphan {
		t.rejects[Reject{"postback", schemas.RejectOrphan}]++
		return
	}
	c := p.Click
	known := t.find(p)
	if known == nil {
		if t.windowMS > 0 && eventMS-c.EventMS > t.windowMS {
			t.rejects[Reject{"postback", schemas.RejectOutsideWindow}]++
			return
		}
		known = &conversion{network: p.Network, event: p.Event, txid: p.TxID, correction: p.corrects(),
			neverFoundAgain: p.TxID == "" && t.scenario.network(p.Network).BlankTxIDIsNew,
			confirmedOnly:   t.scenario.network(p.Network).ConfirmedOnly}
		switch {
		case p.Payout != "":
			known.payout, known.currency = micros(p.Payout), p.Currency
			known.payoutBase = t.scenario.base(known.payout, p.Currency, eventMS)
		case c.counted:
			known.payout, known.currency = micros(c.Offer.Payout), c.Offer.Currency
			known.payoutBase = t.scenario.base(known.payout, known.currency, c.EventMS)
		}
		known.status = p.Status
		c.conversions = append(c.conversions, known)
		sums := totals(t.groups, group(c))
		sums.add(known.contribution(), 1)
		sums.Entries++
		return
	}
	repriced := p.Payout != "" && (micros(p.Payout) != known.payout || p.Currency != known.currency)
	switch {
	case p.Status == known.status && !repriced:
		t.rejects[Reject{"postback", schemas.RejectDuplicate}]++
		return
	case known.decided() && (p.Status == "registered" || p.Status == "pending"):
		t.rejects[Reject{"postback", schemas.RejectStaleStatus}]++
		return
	}
	sums := totals(t.groups, group(c))
	sums.add(known.contribution(), -1)
	known.status = p.Status
	if p.Payout != "" {
		known.payout, known.currency = micros(p.Payout), p.Currency
		known.payoutBase = t.scenario.base(known.payout, p.Currency, eventMS)
	}
	sums.add(known.contribution(), 1)
	sums.Entries++
}

func (t *Truth) find(p *Postback) *conversion {
	for _, known := range p.Click.conversions {
		if known.network == p.Network && known.event == p.Event && known.txid == p.TxID && known.correction == p.corrects() && !known.neverFoundAgain {
			return known
		}
	}
	return nil
}

func (c *conversion) decided() bool {
	return c.status == "approved" || c.status == "rejected" || c.status == "chargeback"
}

// corrects tells whether the postback is about a correction, not about the conversion of its transaction ID.
func (p *Postback) corrects() bool { return strings.HasPrefix(p.Payout, "-") }

func (c *conversion) contribution() Totals {
	all := c.counted()
	all.RevenueMicros = all.RevenueConfirmedMicros
	if !c.confirmedOnly {
		all.RevenueMicros += all.RevenueHoldMicros
	}
	if c.correction {
		return Totals{RevenueHoldMicros: all.RevenueHoldMicros, RevenueConfirmedMicros: all.RevenueConfirmedMicros,
			RevenueMicros: all.RevenueMicros}
	}
	return all
}

func (c *conversion) counted() Totals {
	switch c.status {
	case "registered":
		return Totals{Conversions: 1, Registered: 1}
	case "pending":
		return Totals{Conversions: 1, Pending: 1, RevenueHoldMicros: c.payoutBase}
	case "approved":
		return Totals{Conversions: 1, Approved: 1, RevenueConfirmedMicros: c.payoutBase}
	case "rejected":
		return Totals{Rejected: 1}
	}
	return Totals{Chargeback: 1}
}

// doubtClick says that the outcome of one request of this click is unknown. A click with an ID of its own will be repeated:
// one more duplicate may come. One through the link may have been counted under an ID that nobody learned.
func (t *Truth) doubtClick(c *Click) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.Link {
		t.doubtRejects[Reject{"click", schemas.RejectDuplicateClick}]++
		return
	}
	sums := totals(t.doubt, group(c))
	sums.Clicks++
	if c.seesPage() {
		sums.LandingViews++
	}
	if text := c.Cost; text != "" {
		sums.CostMicros += micros(text) * 2 // no rate of a scenario is above 2
	} else {
		sums.CostMicros += micros(c.Campaign.Cost) * 2
	}
}

// doubtRefusal says that a refused request will be repeated: its dead letter may come twice.
func (t *Truth) doubtRefusal(kind string, reason schemas.RejectReason) {
	t.mu.Lock()
	t.doubtRejects[Reject{kind, reason}]++
	t.mu.Unlock()
}

// unsure tells whether a request about the same conversion, but another postback, may still be under way: what it would do
// after this one nobody could know.
func (t *Truth) unsure(p *Postback) bool {
	if p.Click == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range p.Click.doubted {
		if d.Event == p.Event && d.TxID == p.TxID && d.Number != p.Number {
			return true
		}
	}
	return false
}

// doubtPostback says that the outcome of one request is unknown and that it will be repeated.
func (t *Truth) doubtPostback(p *Postback, eventMS int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case p.Refusal != "":
		t.doubtRejects[Reject{"postback", p.Refusal}]++
	case p.Orphan:
		t.doubtRejects[Reject{"postback", schemas.RejectOrphan}]++
	case p.TxID == "" && t.scenario.network(p.Network).BlankTxIDIsNew:
		sums := totals(t.doubt, group(p.Click))
		amount := 2 * micros(p.Payout)
		sums.add(Totals{Conversions: 1, Approved: 1, RevenueConfirmedMicros: amount, RevenueMicros: amount, Entries: 1}, 1)
	default:
		if len(p.Click.doubted) == 0 || p.Click.doubted[len(p.Click.doubted)-1] != p {
			p.Click.doubted = append(p.Click.doubted, p)
		}
		t.doubtRejects[Reject{"postback", t.again(p, eventMS)}]++
	}
}

// again is why a second request with the same postback is refused. The caller holds mu.
func (t *Truth) again(p *Postback, eventMS int64) schemas.RejectReason {
	known := t.find(p)
	switch {
	case known == nil && t.windowMS > 0 && eventMS-p.Click.EventMS > t.windowMS:
		return schemas.RejectOutsideWindow
	case known != nil && known.decided() && known.status != p.Status && (p.Status == "registered" || p.Status == "pending"):
		return schemas.RejectStaleStatus
	}
	return schemas.RejectDuplicate
}

// Repeats says that any accepted request may come again by itself: an edge that was killed sends again what its spool had
// sent just before. Dead letters about repeated requests then have no upper bound; that each belongs to a record which did
// come is the auditor's to check. All else stays exact.
func (t *Truth) Repeats() {
	t.mu.Lock()
	t.repeats = true
	t.mu.Unlock()
}

// repeated are the reasons for which a repeated request is refused.
var repeated = []Reject{
	{"click", schemas.RejectDuplicateClick}, {"postback", schemas.RejectDuplicate}, {"postback", schemas.RejectStaleStatus},
	{"postback", schemas.RejectOutsideWindow}, {"postback", schemas.RejectOrphan},
}

// Total is the sum over all groups.
func (t *Truth) Total() Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum Totals
	for _, g := range t.groups {
		sum.add(*g, 1)
	}
	return sum
}

// Accepted returns how many click and postback requests were acknowledged.
func (t *Truth) Accepted() (clicks, postbacks int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acceptedClicks, t.acceptedPostbacks
}

// Rejects returns the dead letters that must be found, by kind and reason.
func (t *Truth) Rejects() map[Reject]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rejects)
}

// Groups returns the totals of each campaign and source.
func (t *Truth) Groups() map[Group]Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[Group]Totals, len(t.groups))
	for key, sums := range t.groups {
		out[key] = *sums
	}
	return out
}

// MarshalJSON writes the truth for a person or another program: totals, groups sorted by clicks, rejects sorted by name.
func (t *Truth) MarshalJSON() ([]byte, error) {
	type groupRow struct {
		Group
		Totals
	}
	type rejectRow struct {
		Reject
		Count int64 `json:"count"`
		Doubt int64 `json:"at_most_more,omitempty"`
	}
	out := struct {
		AcceptedClicks    int64       `json:"accepted_click_requests"`
		AcceptedPostbacks int64       `json:"accepted_postback_requests"`
		BaseCurrency      string      `json:"base_currency"`
		Total             Totals      `json:"total"`
		Rejects           []rejectRow `json:"rejects"`
		Groups            []groupRow  `json:"groups"`
	}{BaseCurrency: t.scenario.BaseCurrency, Total: t.Total()}
	out.AcceptedClicks, out.AcceptedPostbacks = t.Accepted()
	for key, sums := range t.Groups() {
		out.Groups = append(out.Groups, groupRow{key, sums})
	}
	slices.SortFunc(out.Groups, func(a, b groupRow) int {
		return cmp.Or(cmp.Compare(b.Clicks, a.Clicks), cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Source, b.Source))
	})
	t.mu.Lock()
	for key, n := range t.rejects {
		out.Rejects = append(out.Rejects, rejectRow{key, n, t.doubtRejects[key]})
	}
	t.mu.Unlock()
	slices.SortFunc(out.Rejects, func(a, b rejectRow) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
	})
	return json.Marshal(out)
}
