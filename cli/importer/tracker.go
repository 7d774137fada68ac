package importer

import (
	"strconv"
	"strings"
)

// A Tracker is how one tracker writes its click export.
type Tracker struct {
	// Name on the command line.
	Name string
	// Columns are tried in this order: the first that the file has is the field's. Case, spaces, "_", "-" and "." in names do not
	// matter, so that the names of a panel and of an API are the same.
	Columns []Column
	// Zone is the time zone of the export where the tracker fixes one; empty: that of the account.
	Zone string
	// Pages are the public pages that names were taken from.
	Pages []string
	// Customary is what its users' programs show and its own public pages do not say.
	Customary string
}

// Column is one column of an export.
type Column struct {
	Name  string
	Field Field
	// Cents: the amount is in hundredths.
	Cents bool
}

// Trackers are those that are known, the native one first.
var Trackers = []*Tracker{&native, &keitaro, &voluum, &binom, &redtrack, &bemob, &funnelflux, &tune, &prosper202}

// TrackerByName returns the tracker of that name, nil when there is none.
func TrackerByName(name string) *Tracker {
	for _, t := range Trackers {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// TrackerNames lists them for error texts.
func TrackerNames() string {
	var names []string
	for _, t := range Trackers {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// numbered are the columns prefix1 to prefix<last>, for sub1 and up.
func numbered(prefix string, last int) []Column {
	list := make([]Column, 0, last)
	for n := 1; n <= min(last, maxSubs); n++ {
		list = append(list, Column{Name: prefix + strconv.Itoa(n), Field: Sub(n)})
	}
	return list
}

func columns(lists ...[]Column) []Column {
	var all []Column
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// visitor are columns that most exports name alike.
var visitorColumns = []Column{
	{Name: "ip", Field: IP}, {Name: "ip_address", Field: IP}, {Name: "user_agent", Field: UserAgent}, {Name: "useragent", Field: UserAgent}, {Name: "ua", Field: UserAgent},
	{Name: "referrer", Field: Referrer}, {Name: "referer", Field: Referrer}, {Name: "language", Field: Language}, {Name: "currency", Field: Currency},
}

// native is a file whose columns have the names of POST /v1/clicks; "time" and the names of the table clicks are understood too.
var native = Tracker{
	Name: "native",
	Columns: columns([]Column{
		{Name: "click_id", Field: ClickID}, {Name: "time", Field: Time}, {Name: "event_ms", Field: Time}, {Name: "event_at", Field: Time}, {Name: "campaign", Field: Campaign}, {Name: "source", Field: Source},
		{Name: "cost", Field: Cost}, {Name: "external_id", Field: ExternalID}, {Name: "keyword", Field: Keyword}, {Name: "creative", Field: Creative}, {Name: "visitor", Field: Visitor},
	}, visitorColumns, numbered("sub", 20)),
}

// keitaro. sub_id is the click's own ID there; sub_id_1 and up are what the link passed.
var keitaro = Tracker{
	Name: "keitaro",
	Columns: columns([]Column{
		{Name: "sub_id", Field: ClickID}, {Name: "datetime", Field: Time}, {Name: "campaign", Field: Campaign}, {Name: "campaign_id", Field: Campaign}, {Name: "ts", Field: Source},
		{Name: "source", Field: Source}, {Name: "cost", Field: Cost}, {Name: "external_id", Field: ExternalID}, {Name: "keyword", Field: Keyword},
		{Name: "creative_id", Field: Creative},
	}, visitorColumns, numbered("sub_id_", 20)),
	Pages:     []string{"https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html", "https://docs.keitaro.io/en/development/click-api.html"},
	Customary: "datetime, campaign, campaign_id, ts and ip of the click log, as programs request them from its Admin API",
}

// voluum. The times are those of the zone of the report.
var voluum = Tracker{
	Name: "voluum",
	Columns: columns([]Column{
		{Name: "clickId", Field: ClickID}, {Name: "visitTimestamp", Field: Time}, {Name: "timestamp", Field: Time}, {Name: "clickTimestamp", Field: Time}, {Name: "campaignName", Field: Campaign},
		{Name: "campaign", Field: Campaign}, {Name: "campaignId", Field: Campaign}, {Name: "trafficSourceName", Field: Source}, {Name: "trafficSource", Field: Source},
		{Name: "cost", Field: Cost}, {Name: "externalId", Field: ExternalID},
	}, visitorColumns, numbered("customVariable", 10)),
	Pages:     []string{"https://doc.voluum.com/article/general-settings"},
	Customary: "all names, as programs read them from its live report of visits",
}

var binom = Tracker{
	Name: "binom",
	Columns: columns([]Column{
		{Name: "clickid", Field: ClickID}, {Name: "click_time", Field: Time}, {Name: "datetime", Field: Time}, {Name: "time", Field: Time}, {Name: "date", Field: Time}, {Name: "campaign", Field: Campaign},
		{Name: "camp_name", Field: Campaign}, {Name: "campaign_name", Field: Campaign}, {Name: "camp_id", Field: Campaign}, {Name: "ts_name", Field: Source}, {Name: "traffic_source", Field: Source},
		{Name: "cost", Field: Cost}, {Name: "bid", Field: Cost}, {Name: "cpc", Field: Cost}, {Name: "externalid", Field: ExternalID},
	}, visitorColumns, numbered("t", 20), numbered("token_", 10)),
	Pages:     []string{"https://docs.binom.org/update-click-v2.php", "https://docs.binom.org/api_change.php"},
	Customary: "the names of time and campaign columns",
}

var redtrack = Tracker{
	Name: "redtrack",
	Columns: columns([]Column{
		{Name: "clickid", Field: ClickID}, {Name: "track_time", Field: Time}, {Name: "click_time", Field: Time}, {Name: "created_at", Field: Time}, {Name: "datetime", Field: Time}, {Name: "campaign", Field: Campaign},
		{Name: "campaign_id", Field: Campaign}, {Name: "source", Field: Source}, {Name: "traffic_channel", Field: Source}, {Name: "cost", Field: Cost}, {Name: "ref_id", Field: ExternalID},
	}, visitorColumns, numbered("sub", 20)),
	Pages: []string{
		"https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters/%d1%81lick-id-parameter/",
		"https://help.redtrack.io/knowledgebase/kb/conversion-tracking/supported-dynamic-parameters", "https://dev.redtrack.io/",
	},
	Customary: "the names of time, campaign and source columns",
}

// bemob. Its {clickId} is what an offer is given.
var bemob = Tracker{
	Name: "bemob",
	Columns: columns([]Column{
		{Name: "clickId", Field: ClickID}, {Name: "visit_time", Field: Time}, {Name: "timestamp", Field: Time}, {Name: "date", Field: Time}, {Name: "time", Field: Time}, {Name: "campaign", Field: Campaign},
		{Name: "campaign_name", Field: Campaign}, {Name: "campaign_id", Field: Campaign}, {Name: "traffic_source", Field: Source}, {Name: "cost", Field: Cost}, {Name: "externalId", Field: ExternalID},
		{Name: "keyword", Field: Keyword},
	}, visitorColumns, numbered("c", 10), numbered("custom", 10)),
	Pages:     []string{"https://docs.bemob.com/en/append-bemob-click-id", "https://docs.bemob.com/en/general"},
	Customary: "the names of time, campaign and source columns",
}

// funnelflux. Import the hits of offers: theirs are the IDs that postbacks name.
var funnelflux = Tracker{
	Name: "funnelflux",
	Columns: columns([]Column{
		{Name: "Hit ID", Field: ClickID}, {Name: "timestamp", Field: Time}, {Name: "time", Field: Time}, {Name: "date", Field: Time}, {Name: "funnel", Field: Campaign}, {Name: "campaign", Field: Campaign},
		{Name: "traffic_source", Field: Source}, {Name: "cost", Field: Cost}, {Name: "external", Field: ExternalID}, {Name: "external_id", Field: ExternalID}, {Name: "visitor_id", Field: Visitor},
	}, visitorColumns, numbered("c", 20)),
	Pages:     []string{"https://help.funnelflux.pro/article/90-hit-and-visitor-id-technical-details", "https://api-docs.funnelflux.pro/api/reporting/explorer"},
	Customary: "all names but Hit ID and Visitor ID",
}

// tune. A click costs its buyer what the partner is paid for it.
var tune = Tracker{
	Name: "tune",
	Columns: columns([]Column{
		{Name: "transaction_id", Field: ClickID}, {Name: "datetime", Field: Time}, {Name: "offer_id", Field: Campaign}, {Name: "affiliate_id", Field: Source}, {Name: "payout_cents", Field: Cost, Cents: true},
		{Name: "creative_url_id", Field: Creative}, {Name: "affiliate_source", Field: Sub(6)}, {Name: "refer", Field: Referrer},
	}, visitorColumns, numbered("affiliate_sub", 5)),
	Zone:      "UTC",
	Pages:     []string{"https://help.stage.tune.com/hasoffers/click-logs/"},
	Customary: "ip and user_agent",
}

var prosper202 = Tracker{
	Name: "prosper202",
	Columns: columns([]Column{
		{Name: "subid", Field: ClickID}, {Name: "click_id", Field: ClickID}, {Name: "click_time", Field: Time}, {Name: "time", Field: Time}, {Name: "campaign", Field: Campaign},
		{Name: "aff_campaign_name", Field: Campaign}, {Name: "ppc_account_name", Field: Source}, {Name: "click_cpc", Field: Cost}, {Name: "cpc", Field: Cost}, {Name: "keyword", Field: Keyword},
	}, visitorColumns, numbered("c", 4)),
	Pages:     []string{"https://prosper202.readme.io/docs/subids"},
	Customary: "all names but subid and c1 to c4, as its tables have them",
}
