package loadgen

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tributary/schemas/id"
)

// A Scenario is who takes part in the traffic. Numbers and names must be unique within each list.
type Scenario struct {
	BaseCurrency string
	// KeyID and Secret sign the click IDs; the edge must hold the same key. Secret is as the configuration has it: at least 32
	// hexadecimal digits, or plain text. Empty, the catalog is printed without keys; set it before generating.
	KeyID     uint8
	Secret    string
	Campaigns []Campaign
	Sources   []Source
	// Landings may be none.
	Landings []Landing
	Offers   []Offer
	Networks []Network
	// From are the addresses or CIDRs that the edge believes postbacks from, so that of the driver; empty for any.
	From  []string
	Rates []Rate
}

// A Campaign buys traffic for one offer. The first of the list gets the most traffic (Zipf).
type Campaign struct {
	ID   uint32
	Name string
	// Offer names the offer.
	Offer string
	// Cost is what a click costs when the link does not say; a decimal text.
	Cost      string
	Currency  string
	Countries []Share
	// AllowForeign lets clicks of this campaign carry another tracker's click IDs.
	AllowForeign bool
	// CTR is clicks a showing of its ad; 0 counts no showings. Landing names the page before the offer, empty for none; PressRate is
	// presses of the page's button a visit.
	CTR       float64
	Landing   string
	PressRate float64
	// Buyer, Team and Tags say whose traffic it is; they may be empty.
	Buyer, Team string
	Tags        []string
}

// A Source sells the traffic. The first of the list sends the most (Zipf).
type Source struct {
	ID       uint32
	Name     string
	Currency string
	// Fraud marks the source that invents its conversions.
	Fraud bool
	// Names are its own names for the subs of its links, of zone, ad and ad_name; a click has each where its source
	// says. Without any a click has a zone in sub1 and an ad in sub3, and nobody is told what they are.
	Names map[string]string
}

// A Share is one country's part of a campaign's visitors.
type Share struct {
	Country string
	Weight  float64
}

// A Funnel says which postbacks a conversion of an offer makes.
type Funnel int

const (
	// FunnelSale: event sale, with a transaction ID, approved at once or after a hold; sometimes charged back, or corrected where
	// the network may.
	FunnelSale Funnel = iota
	// FunnelLead: event lead without a transaction ID, pending, then decided.
	FunnelLead
	// FunnelGaming: reg, then ftd pending until qualified, then rdep with transaction IDs of their own.
	FunnelGaming
	// FunnelRebill: event rebill, several without a transaction ID, each a conversion of its own.
	FunnelRebill
)

// An Offer is what a conversion pays, and how its people behave.
type Offer struct {
	ID       uint32
	Name     string
	URL      string
	Network  string
	Payout   string
	Currency string
	Funnel   Funnel
	// Delay is the median from click to first conversion; Sigma the standard deviation of its logarithm.
	Delay time.Duration
	Sigma float64
	// Rate is conversions a click.
	Rate float64
	// Goal has the event types that count as conversions; empty for all.
	Goal []string
}

// A Network sends the postbacks, in its own words.
type Network struct {
	Name          string
	Currency      string
	DefaultEvent  string
	DefaultStatus string
	// Words are the network's status words by ours: "pending" → "hold".
	Words          map[string]string
	AllowForeign   bool
	BlankTxIDIsNew bool
	// Corrects: a payout below 0 is a correction; else the edge refuses it.
	Corrects bool
	// ConfirmedOnly: money on hold is no part of its revenue.
	ConfirmedOnly bool
}

// A Rate is how many base units one unit of the currency is worth from a UTC date on.
type Rate struct{ Currency, Date, Rate string }

// DefaultSecret signs the click IDs of the demo and of the tests. A deployment has its own.
const DefaultSecret = "demo-only-key-demo-only-key-0001"

// FraudSource is the fraudulent source of the default scenario.
const FraudSource = "turbo-pops"

// DefaultScenario returns 12 campaigns, 24 sources (one of them fraudulent), 8 offers, 5 networks and 4 currencies. The
// exchange rates change at the UTC midnight before now, so that a run of some hours meets both.
func DefaultScenario(now time.Time) *Scenario {
	western := []Share{{"US", 5}, {"GB", 2}, {"CA", 1.5}, {"AU", 1}}
	dach := []Share{{"DE", 6}, {"AT", 1.5}, {"CH", 1}}
	latam := []Share{{"BR", 6}, {"MX", 2}, {"AR", 1}}
	europe := []Share{{"FR", 3}, {"IT", 3}, {"ES", 2.5}, {"PL", 2}, {"NL", 1}}
	asia := []Share{{"IN", 6}, {"JP", 2}, {"TH", 1}}
	s := &Scenario{
		BaseCurrency: "USD", KeyID: 1, Secret: DefaultSecret,
		Offers: []Offer{
			{1, "lucky-reels", "", "gamblers-gate", "120.00", "EUR", FunnelGaming, 8 * time.Minute, 1.1, .022, []string{"ftd"}},
			{2, "slim-tea", "", "shopline", "18.40", "USD", FunnelSale, 12 * time.Minute, 1.0, .015, nil},
			{3, "solar-quote", "", "leadbay", "32.50", "GBP", FunnelLead, 6 * time.Minute, .9, .025, nil},
			// Several event types and no goal: what offers_without_goal shows.
			{4, "aposta-certa", "", "gamblers-gate", "210.00", "BRL", FunnelGaming, 10 * time.Minute, 1.2, .025, nil},
			{5, "vpn-shield", "", "subscribers", "7.99", "USD", FunnelRebill, 25 * time.Minute, .8, .01, nil},
			{6, "credit-check", "", "leadbay", "9.75", "GBP", FunnelLead, 4 * time.Minute, .8, .03, []string{"lead"}},
			{7, "sneaker-drop", "", "shopline", "11.255", "EUR", FunnelSale, 35 * time.Minute, 1.2, .012, nil},
			{8, "old-tracker-offer", "", "legacy", "14.00", "USD", FunnelSale, 15 * time.Minute, 1.0, .015, nil},
		},
		Networks: []Network{
			{Name: "shopline", Currency: "USD", DefaultEvent: "sale", DefaultStatus: "approved", Corrects: true, Words: map[string]string{"pending": "hold", "approved": "ok", "rejected": "void", "chargeback": "refund"}},
			{Name: "leadbay", Currency: "GBP", DefaultEvent: "lead", DefaultStatus: "pending", ConfirmedOnly: true,
				Words: map[string]string{"pending": "open", "approved": "confirmed", "rejected": "trash"}},
			{Name: "gamblers-gate", Currency: "EUR", DefaultEvent: "reg", DefaultStatus: "registered", Words: map[string]string{"registered": "new", "pending": "waiting", "approved": "qualified", "rejected": "declined", "chargeback": "reversed"}},
			{Name: "subscribers", Currency: "USD", DefaultEvent: "rebill", DefaultStatus: "approved", BlankTxIDIsNew: true, Words: map[string]string{"approved": "paid"}},
			{Name: "legacy", Currency: "USD", DefaultEvent: "sale", DefaultStatus: "approved", AllowForeign: true, Words: map[string]string{"pending": "2", "approved": "1", "rejected": "3", "chargeback": "4"}},
		},
	}
	for i, c := range []struct {
		name, offer, cost, currency string
		countries                   []Share
	}{
		{"de-reels-push", "lucky-reels", "0.85", "EUR", dach},
		{"us-tea-native", "slim-tea", "0.30", "USD", western},
		{"uk-solar-search", "solar-quote", "0.80", "GBP", []Share{{"GB", 9}, {"IE", 1}}},
		{"br-aposta-pop", "aposta-certa", "3.2", "BRL", latam},
		{"eu-sneakers-social", "sneaker-drop", "0.12", "EUR", europe},
		{"us-vpn-push", "vpn-shield", "0.06", "USD", western},
		{"uk-credit-native", "credit-check", "0.22", "GBP", []Share{{"GB", 1}}},
		{"in-reels-pop", "lucky-reels", "0.9", "USD", asia},
		{"moved-from-old-tracker", "old-tracker-offer", "0.2", "USD", western},
		{"fr-tea-social", "slim-tea", "0.24", "EUR", europe},
		{"latam-vpn-pop", "vpn-shield", "0.0975", "USD", latam},
		{"es-credit-push", "credit-check", "0.35", "EUR", europe},
	} {
		s.Campaigns = append(s.Campaigns, Campaign{ID: uint32(i + 1), Name: c.name, Offer: c.offer, Cost: c.cost, Currency: c.currency, Countries: c.countries, AllowForeign: c.offer == "old-tracker-offer"})
		own(&s.Campaigns[i])
	}
	currencies := []string{"USD", "EUR", "USD", "GBP", "BRL"}
	for i, name := range []string{"push-harbor", "native-river", "popwave", FraudSource, "search-plus", "clickmill", "adgarden", "socialine", "zenpush", "mobifeed",
		"banner-bay", "dsp-north", "inpage-hub", "newsflow", "video-lane", "app-alley", "mailroom", "trafika", "teaser-town", "sub-market",
		"widget-works", "domain-drift", "coupon-corner", "long-tail"} {
		s.Sources = append(s.Sources, Source{ID: uint32(i + 1), Name: name, Currency: currencies[i%len(currencies)],
			Fraud: name == FraudSource, Names: sourceNames[name]})
	}
	for i := range s.Offers {
		o := &s.Offers[i]
		o.URL = fmt.Sprintf("https://%s.example/land?sub={click_id}&src={source}&s1={sub1}&c={country}", o.Name)
	}
	today := now.UTC().Format(time.DateOnly)
	for _, r := range []Rate{{"EUR", "", "1.0853"}, {"GBP", "", "1.27215"}, {"BRL", "", "0.17843"}} {
		s.Rates = append(s.Rates, Rate{r.Currency, "2020-01-01", r.Rate})
	}
	for _, r := range []Rate{{"EUR", "", "1.0911"}, {"GBP", "", "1.268"}, {"BRL", "", "0.181197"}} {
		s.Rates = append(s.Rates, Rate{r.Currency, today, r.Rate})
	}
	return s
}

// own says whose a campaign is: that of the old tracker is nobody's.
func own(c *Campaign) {
	if c.AllowForeign {
		return
	}
	owner := [...]struct{ buyer, team string }{{"anna", "core"}, {"ben", "core"}, {"chloe", "growth"}}[c.ID%3]
	c.Buyer, c.Team = owner.buyer, owner.team
	market, rest, _ := strings.Cut(c.Name, "-")
	c.Tags = []string{market, rest[strings.LastIndex(rest, "-")+1:]}
}

// Plain takes out of a scenario what a catalog of before owners, goals, names and kinds of revenue did not have, so
// that such a version reads it too.
func (s *Scenario) Plain() {
	for i := range s.Campaigns {
		s.Campaigns[i].Buyer, s.Campaigns[i].Team, s.Campaigns[i].Tags = "", "", nil
	}
	for i := range s.Sources {
		s.Sources[i].Names = nil
	}
	for i := range s.Offers {
		s.Offers[i].Goal = nil
	}
	for i := range s.Networks {
		s.Networks[i].ConfirmedOnly = false
	}
}

// sourceNames are what some sources call their subs: a zone is in sub1 of one and in sub4 of another.
var sourceNames = map[string]map[string]string{
	"push-harbor":  {"sub1": "zone", "sub3": "ad", "sub4": "ad_name"},
	"native-river": {"sub4": "zone", "sub1": "ad"},
	"popwave":      {"sub2": "zone"},
	FraudSource:    {"sub1": "zone"},
}

// key reads Secret.
func (s *Scenario) key() []byte {
	if raw, err := hex.DecodeString(s.Secret); err == nil && len(raw) >= id.MinKeyBytes {
		return raw
	}
	return []byte(s.Secret)
}

func (s *Scenario) offer(name string) *Offer {
	for i := range s.Offers {
		if s.Offers[i].Name == name {
			return &s.Offers[i]
		}
	}
	panic("the scenario has no offer " + name)
}

// roughly is an amount in another currency, near enough to draw a cost from.
func (s *Scenario) roughly(amount int64, from, to string) int64 {
	worth := func(currency string) float64 {
		for _, r := range s.Rates {
			if r.Currency == currency {
				rate, err := strconv.ParseFloat(r.Rate, 64)
				if err != nil {
					panic(err)
				}
				return rate
			}
		}
		return 1
	}
	return int64(float64(amount) * worth(from) / worth(to))
}

func (s *Scenario) network(name string) *Network {
	for i := range s.Networks {
		if s.Networks[i].Name == name {
			return &s.Networks[i]
		}
	}
	panic("the scenario has no network " + name)
}
