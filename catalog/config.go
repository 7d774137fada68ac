package catalog

import (
	"tributary/catalog/destination"
	"tributary/catalog/trust"
)

// Config is the section `catalog` of the configuration file.
type Config struct {
	Source        string               `yaml:"source" doc:"where the catalog is declared. file: here, each machine for itself; a changed file and SIGHUP are taken. control: in Kafka's topic control, published by tributary catalog apply; every edge has a change within a second (docs/control.md), and of this section only click_id_keys and base_currency count"`
	BaseCurrency  string               `yaml:"base_currency" doc:"ISO 4217 code of the currency that every amount is converted into once, at the edge. Kept with the data: another one is refused (docs/meaning.md)"`
	ClickIDKeys   KeysConfig           `yaml:"click_id_keys" doc:"secrets that sign click IDs"`
	Campaigns     []CampaignConfig     `yaml:"campaigns" doc:"campaigns: each has a click link /c/{name}"`
	Sources       []SourceConfig       `yaml:"sources" doc:"traffic sources that clicks are bought from"`
	Landings      []LandingConfig      `yaml:"landings" doc:"landing pages that clicks are sent to before the offer"`
	Offers        []OfferConfig        `yaml:"offers" doc:"offers that clicks are sent to"`
	Networks      []NetworkConfig      `yaml:"networks" doc:"affiliate networks or advertisers that send postbacks"`
	ExchangeRates []RateConfig         `yaml:"exchange_rates" doc:"dated exchange rates into the base currency"`
	Destinations  []destination.Config `yaml:"destinations" doc:"whom conversions are told to: traffic sources, ad platforms, affiliates, advertisers (docs/outbound.md)"`
}

// KeysConfig is the secrets of click IDs by key ID. Keep a retired key for as long as postbacks of its clicks may come.
type KeysConfig struct {
	Active int            `yaml:"active" doc:"ID of the key that signs new click IDs, 0 to 255"`
	Keys   map[int]Secret `yaml:"keys" doc:"secrets by key ID: at least 32 hexadecimal digits, or plain text of at least 16 bytes"`
	// GivenUp is read by what holds the keys against those that stored click IDs were signed with (deploy/meaning).
	GivenUp []int `yaml:"given_up" doc:"IDs of keys that are lost for good, or taken away although click IDs that they signed may still convert: their postbacks then become dead letters (forged_click_id). Without this such a key's absence is refused"`
}

// CampaignConfig is one campaign.
type CampaignConfig struct {
	ID                   int            `yaml:"id" doc:"number that click IDs carry, 1 to 1048575; never reuse it for another campaign"`
	Name                 string         `yaml:"name" doc:"name in the click link, at most 64 of a-z A-Z 0-9 . _ -"`
	Offers               []string       `yaml:"offers" doc:"names of the offers, at most 256; a visitor is sent to one of them, always the same"`
	Weights              map[string]int `yaml:"weights" doc:"share of the visitors by offer name, 0 to 1000000; 1 when left out, 0 sends nobody"`
	Rules                []RuleConfig   `yaml:"rules" doc:"offers for some of the visitors: the first rule that matches a visitor decides, the campaign's own offers are for the rest; at most 64"`
	Landings             []string       `yaml:"landings" doc:"names of the landing pages, at most 256: a click is sent to one of them, a visitor always to the same, and the page's button /l/{click_id} to the offer; none when left out"`
	LandingWeights       map[string]int `yaml:"landing_weights" doc:"share of the visitors by landing page, 0 to 1000000; 1 when left out, 0 sends nobody"`
	FallbackOffer        string         `yaml:"fallback_offer" doc:"name of the offer, one without a cap, that takes clicks while all offers that the visitor could get are at their caps; without one the visitor's first offer takes them in spite of its cap"`
	TimeZone             string         `yaml:"time_zone" doc:"IANA name of the time zone of the rules' hours, such as Europe/Berlin; UTC when left out"`
	Redirect             string         `yaml:"redirect" doc:"how clicks are sent on: 302, 307, meta (a page with a meta refresh), double_meta (one that leads to a second one at /r/, so that the offer does not see the first page as referrer), js (a page with a script) or json (the link as JSON, no redirect); 302 when left out"`
	Cost                 string         `yaml:"cost" doc:"what a click costs when the link names no cost, in units of currency, such as 0.02"`
	CostPerMille         string         `yaml:"cost_per_mille" doc:"what 1000 impressions cost when the link /i/{name} names no cost, in units of currency, a multiple of 0.001; comes beside the cost of clicks"`
	Currency             string         `yaml:"currency" doc:"ISO 4217 code of cost; the base currency when left out"`
	Source               string         `yaml:"source" doc:"name of the source of clicks whose link names none"`
	Aliases              []string       `yaml:"aliases" doc:"what other trackers' links call the campaign, at most 64: an alias of Keitaro, a key or camp_id of Binom, a UUID of Voluum or BeMob, an offer_id of TUNE"`
	Buyer                string         `yaml:"buyer" doc:"who buys its traffic, at most 64 bytes; kept with each click, so that another buyer later has later clicks only"`
	Team                 string         `yaml:"team" doc:"team of the buyer, at most 64 bytes; kept with each click"`
	Tags                 []string       `yaml:"tags" doc:"words to find and sum it by, at most 16 of at most 64 bytes; kept with each click"`
	AllowForeignClickIDs bool           `yaml:"allow_foreign_click_ids" doc:"POST /v1/clicks may bring click IDs of another tracker"`
}

// RuleConfig sends visitors who fulfil all of its conditions to offers of its own. A condition that is left out is fulfilled.
type RuleConfig struct {
	Countries       []string       `yaml:"countries" doc:"countries of the visitor's IP, ISO 3166-1 alpha-2 such as DE; unknown for none"`
	Devices         []string       `yaml:"devices" doc:"any of desktop, mobile, tablet, tv, bot and unknown"`
	OSes            []string       `yaml:"oses" doc:"operating systems: any of Windows, Windows Phone, Android, macOS, iOS, Linux, FreeBSD, ChromeOS, BlackBerry, HarmonyOS, Other and unknown"`
	Languages       []string       `yaml:"languages" doc:"first languages of Accept-Language, lower case: pt is any Portuguese, pt-br that of Brazil; unknown for none"`
	Hours           []string       `yaml:"hours" doc:"hours of the day in the campaign's time_zone: 9 (9:00 until 10:00), 9-17 (9:00 until 17:00) or 22-6 (over midnight)"`
	Bot             string         `yaml:"bot" doc:"yes for listed bots only, no for all others"`
	ASNs            []int          `yaml:"asns" doc:"numbers of autonomous systems that announce the visitor's IP, such as 64496; 0 for an unknown one. Needs ingest.geo.asn_file"`
	ConnectionTypes []string       `yaml:"connection_types" doc:"connection types: cable_dsl, cellular, corporate, dialup, satellite or another word of ingest.geo.connection_file in lower case with underscores; unknown for none"`
	Hosting         string         `yaml:"hosting" doc:"yes for IPs of listed hosting providers only, no for all others, unknown ones among them. Needs ingest.geo.asn_file"`
	Offers          []string       `yaml:"offers" doc:"names of the offers, as of a campaign"`
	Weights         map[string]int `yaml:"weights" doc:"share of the visitors by offer name, as of a campaign"`
}

// SourceConfig is one traffic source.
type SourceConfig struct {
	ID         int               `yaml:"id" doc:"number that click IDs carry, 1 to 1048575; never reuse it for another source"`
	Name       string            `yaml:"name" doc:"value of the link's parameter source, at most 64 bytes"`
	Currency   string            `yaml:"currency" doc:"ISO 4217 code of the costs that its links name; the campaign's currency when left out"`
	Decimal    string            `yaml:"decimal" doc:"how its links write costs: point (commas stand between thousands: 1,234.50), comma (1.234,50) or auto (either, 1,234 alone is not taken); when left out a cost with a comma is not taken, and the click costs what the campaign says. POST /v1/clicks and tributary import are not read by it"`
	LinkParams map[string]string `yaml:"link_params" doc:"parameters of its links beside those of the link's dialect, each with what it means: source, external_id, keyword, creative, cost, currency, sub1 to sub20 or ignored; such as {zoneid: sub1, bid: cost}"`
	Names      map[string]string `yaml:"names" doc:"what the source itself calls its subs: zone, zone_name, site, placement, ad_campaign, ad_campaign_name, adset, adset_name, ad or ad_name, such as {sub1: zone, sub2: ad}. Reports have a column of each name, whatever the sub of the source; kept with each click"`
}

// OfferConfig is one offer.
type OfferConfig struct {
	ID           int      `yaml:"id" doc:"number of the offer, 1 to 4294967295; never reuse it for another offer"`
	Name         string   `yaml:"name" doc:"name, at most 64 bytes"`
	URL          string   `yaml:"url" doc:"where clicks are sent, with macros such as {click_id}"`
	Payout       string   `yaml:"payout" doc:"what a conversion pays when its postback names no payout, in units of currency"`
	Currency     string   `yaml:"currency" doc:"ISO 4217 code of payout; the base currency when left out"`
	Goal         []string `yaml:"goal" doc:"event types that count as its conversions, such as [ftd], at most 16; cr, ar and ap are of these, every other event type has a count of its own. All count when left out. Kept with each click, so that another goal later counts for later clicks"`
	ClicksPerDay int      `yaml:"clicks_per_day" doc:"cap on the clicks sent to the offer in a day, over all campaigns; 0 is no cap. How it is kept to by one edge and by several: docs/caps.md"`
	TimeZone     string   `yaml:"time_zone" doc:"IANA name of the time zone whose midnight begins a day of clicks_per_day; UTC when left out"`
}

// NetworkConfig is one sender of postbacks.
type NetworkConfig struct {
	Name                 string            `yaml:"name" doc:"value of the postback's parameter network, at most 64 bytes"`
	Currency             string            `yaml:"currency" doc:"ISO 4217 code of payouts whose postback names none; the base currency when left out"`
	DefaultEvent         string            `yaml:"default_event" doc:"event type of postbacks that name none; conversion when left out"`
	DefaultStatus        string            `yaml:"default_status" doc:"status of postbacks that name none: registered, pending, approved, rejected or chargeback; the dialect's, which is approved, when left out"`
	Statuses             map[string]string `yaml:"statuses" doc:"the network's names of statuses, each with the status it means, beside those of the dialect"`
	AllowForeignClickIDs bool              `yaml:"allow_foreign_click_ids" doc:"its postbacks may name click IDs of another tracker"`
	TxIDScope            string            `yaml:"txid_scope" doc:"how far its transaction IDs are unique: network (one that comes on two clicks is flagged as DUP) or click (such as 1, 2 or SIGNUP, which come on every click); the dialect's when left out: click of keitaro, voluum, funnelflux and prosper202, network of all others"`
	BlankTxIDIsNew       bool              `yaml:"blank_txid_is_new" doc:"each postback without a transaction ID is a conversion of its own instead of one for its click and event type"`
	Dialect              string            `yaml:"dialect" doc:"how its postbacks are written: native, keitaro, voluum, binom, redtrack, bemob, funnelflux, tune, prosper202, everflow or affise; native when left out"`
	Params               map[string]string `yaml:"params" doc:"parameters of its postbacks, and columns of its uploads, beside those of the dialect, each with what it means: click_id, event, status, payout, sale_amount (not booked), currency, txid, ts or ignored; such as {commission: payout}"`
	Events               map[string]string `yaml:"events" doc:"the network's event types or goal IDs, each with the event type it means; such as {\"2\": ftd}"`
	UnknownStatus        string            `yaml:"unknown_status" doc:"status of postbacks whose status neither statuses nor the dialect knows; such a postback is refused as unknown_status when left out"`
	Decimal              string            `yaml:"decimal" doc:"how its amounts are written: point (commas stand between thousands: 1,234.50), comma (1.234,50) or auto (either, 1,234 alone is refused); when left out a comma in an amount is refused as bad_payout"`
	TimeZone             string            `yaml:"time_zone" doc:"IANA name of the time zone of its times that name none, such as Europe/Moscow; such a time is refused as bad_timestamp when left out"`
	Dates                string            `yaml:"dates" doc:"how it means 03/04/2026: dmy (day first) or mdy; a date that can be read both ways is refused as bad_timestamp when left out"`
	NegativePayout       string            `yaml:"negative_payout" doc:"what a payout below 0 is: correct (a correction: it deducts from the revenue and counts as no conversion) or refuse (refused as bad_payout); the dialect's when left out: correct of voluum, refuse of all others"`
	Revenue              string            `yaml:"revenue" doc:"what its part of revenue, epc and roi is: gross (money on hold counts in full) or confirmed (only what is approved counts); gross when left out. revenue_gross and revenue_confirmed have both whatever is chosen. A conversion keeps what was in force at its first postback"`
	MaxPayout            string            `yaml:"max_payout" doc:"what one of its payouts may be at most, in units of currency, such as 150; one that is worth more, or a correction that takes more away, is refused as over_max_payout. A payout in another currency is compared in the base currency, both converted at the postback's date; the offer's own payout, which counts when a postback names none, is not held against it. No bound but 1000000000 when left out"`
	MaxConversions       int               `yaml:"max_conversions_per_click" doc:"how many conversions of one click it may make, whatever their status, 1 to 1000, and a correction of each; one more is refused as too_many_conversions, and its correction too. Held by the processor, as of the moment when the edge took the postback; 1000, over all networks, when left out"`
	Trust                TrustConfig       `yaml:"trust"`
}

// RateConfig is one dated exchange rate.
type RateConfig struct {
	Currency string `yaml:"currency" doc:"ISO 4217 code"`
	Date     string `yaml:"date" doc:"first day, UTC, on which the rate is in force, such as 2026-01-31; it stays until the currency's next one"`
	Rate     string `yaml:"rate" doc:"units of the base currency for one unit, such as 1.0845"`
}

// Where a catalog is declared: Config.Source.
const (
	SourceFile    = "file"
	SourceControl = "control"
)

// Defaults declares nothing.
func Defaults() Config { return Config{Source: SourceFile} }

// source checks where the catalog is declared.
func (b *builder) source(cfg *Config) {
	switch cfg.Source {
	case SourceFile, "":
	case SourceControl:
		for name, n := range map[string]int{
			"campaigns": len(cfg.Campaigns), "sources": len(cfg.Sources), "landings": len(cfg.Landings), "offers": len(cfg.Offers),
			"networks": len(cfg.Networks), "exchange_rates": len(cfg.ExchangeRates), "destinations": len(cfg.Destinations),
		} {
			if n > 0 {
				b.problem(name, "is declared here, but source says %s: it would not be read. Right would be a file of its own for "+
					"`tributary catalog apply`, or source: %s", SourceControl, SourceFile)
			}
		}
	default:
		b.problem("source", "%q is unknown; right would be %s or %s", cfg.Source, SourceFile, SourceControl)
	}
}

// Secret is a text that is never printed.
type Secret = trust.Secret
