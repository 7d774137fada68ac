package dialect

import "tributary/schemas/events"

const (
	pending    = events.Status_STATUS_PENDING
	approved   = events.Status_STATUS_APPROVED
	rejected   = events.Status_STATUS_REJECTED
	chargeback = events.Status_STATUS_CHARGEBACK
)

// Keitaro. Its ad_campaign_id shares sub20 with sub_id_20, which hardly anyone uses; sub_id_21 and up have no place. A rebill is
// approved money under the event type of the sale, so that the rejection of its tid finds it. In a postback, "rejected=" is
// written for "rejected_status=" in the documentation's own example.
var Keitaro = Dialect{
	Name: "keitaro",
	Link: LinkTable{
		// https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html
		Paths: []Path{{Pattern: "/{campaign}"}},
		// https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html; the aliases utm_term, utm_source, tds-key and
		// keywords: http://v7.help-legacy.keitaro.io/en/campaigns
		Names: join([]FieldName{
			{"keyword", Keyword, Plain}, {"creative_id", Creative, Plain}, {"external_id", ExternalID, Plain}, {"source", Source, Plain},
			{"cost", Cost, Plain}, {"currency", Currency, Plain}, {"ad_campaign_id", Sub(20), Plain},
			{"keywords", Keyword, Plain}, {"tds-key", Keyword, Plain}, {"utm_term", Keyword, Plain}, {"utm_source", Source, Plain},
			{"charset", Ignored, Plain}, {"se_referrer", Ignored, Plain}, {"se", Ignored, Plain},
		}, subs("sub_id_", 30)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://docs.keitaro.io/en/conversions-and-postback/postback.html
		Paths: []Path{{Pattern: "/{key}/postback"}},
		// https://docs.keitaro.io/en/conversions/postback.html; sub_id: http://v7.help-legacy.keitaro.io/en/postbacks
		Names: join([]ParamName{
			{"subid", ClickID, Plain}, {"sub_id", ClickID, Plain}, {"tid", TxID, Plain}, {"payout", Payout, Plain}, {"revenue", Payout, Plain},
			{"currency", PayoutCurrency, Plain}, {"status", Status, Plain}, {"return", Return, Plain},
			{"lead_status", PendingWords, Plain}, {"sale_status", ApprovedWords, Plain}, {"rejected_status", RejectedWords, Plain},
			{"rejected", RejectedWords, Plain}, {"ignore_status", IgnoredWords, Plain}, {"ignore", IgnoredWords, Plain},
			{"cost", ParamIgnored, Plain}, {"from", ParamIgnored, Plain},
		}, ignored("sub_id_", 30), ignored("extra_param_", 10)),
		Words:   []Word{{"lead", pending}, {"sale", approved}, {"rejected", rejected}, {"rebill", approved}},
		Default: approved,
		// https://v9.help.keitaro.io/en/conversions-and-postback/postback.html: tid numbers the conversions of one click.
		TxIDPerClick: true,
		// The text of an answer without return= is not documented.
		Accepted: Reply{200, "text/plain; charset=utf-8", "{return}"},
	},
	Sends: []Macro{{ClickID, "{external_id}"}, {Payout, "{payout}"}, {Status, "{status}"}, {TxID, "{tid}"}, {PayoutCurrency, "{currency}"}},
	Pages: []string{
		"https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html", "https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html",
		"https://docs.keitaro.io/en/conversions/postback.html", "https://docs.keitaro.io/en/conversions-and-postback/postback.html",
		"http://v7.help-legacy.keitaro.io/en/postbacks", "http://v7.help-legacy.keitaro.io/en/campaigns",
	},
	Customary: []string{
		"the answer to a postback without return=",
		"the macros {tid} and {currency} of its own postbacks",
	},
}

var _ = add(10, &Keitaro)

// Voluum. The names of a link's parameters are the traffic source's; Voluum maps them to var1 to var10, cost and external ID
// inside. A negative payout corrects the revenue; the event type of its own that the documentation advises for it, so that it
// counts as no conversion, is not needed here.
var Voluum = Dialect{
	Name: "voluum",
	Link: LinkTable{
		Paths: []Path{{Pattern: "/{campaign}", Shape: UUID}, {Pattern: "/voluum/{campaign}", Shape: UUID}},
		// https://doc.voluum.com/en/passing_information_from_traffic_source.html
		Names: join([]FieldName{
			{"cost", Cost, Plain}, {"externalid", ExternalID, Plain}, {"external_id", ExternalID, Plain}, {"clickid", ExternalID, Plain},
			{"creative_id", Creative, Plain}, {"keyword", Keyword, Plain},
		}, subs("var", 10)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://doc.voluum.com/en/tracking_conversions_postback.html
		Paths: []Path{{Pattern: "/postback", Has: []string{"cid"}}},
		Names: join([]ParamName{
			{"cid", ClickID, Plain}, {"payout", Payout, Plain}, {"txid", TxID, Plain}, {"currency", PayoutCurrency, Plain}, {"et", Event, Plain},
		}, ignored("param", 5)),
		Spaced:  true,
		Default: approved,
		// https://doc.voluum.com/en/upselling.html: txid has to be unique within a click only, such as SIGNUP and PURCHASE.
		TxIDPerClick: true,
		// https://doc.voluum.com/en/conversion_upload.html
		Corrects: true,
	},
	// The template of the page above leaves {} where a value goes; postbacks set up from the panel say REPLACE and OPTIONAL.
	Placeholders: []string{"{}", "REPLACE", "OPTIONAL"},
	// https://doc.voluum.com/en/traffic_source_postback_url.html
	Sends: []Macro{{ClickID, "{externalid}"}, {Payout, "{payout}"}},
	Pages: []string{
		"https://doc.voluum.com/en/tracking_conversions_postback.html", "https://doc.voluum.com/article/parameters-in-postback-urls",
		"https://doc.voluum.com/en/conversion_upload.html", "https://doc.voluum.com/en/upselling.html", "https://doc.voluum.com/en/tracking_offers_custom_conversions.html",
		"https://doc.voluum.com/en/passing_information_from_traffic_source.html",
	},
	Customary: []string{
		"the path of a link: a UUID, earlier /voluum/ and a UUID",
		"the names cost, externalid, external_id, clickid, keyword and var1 to var10 in a link",
		"the placeholders REPLACE and OPTIONAL",
		"the answer to a postback",
	},
}

var _ = add(20, &Voluum)

// Binom, versions 1 (click.php) and 2 (click). Status words are free text there; those below are the documentation's
// examples. An unknown one is refused unless the network's configuration names its meaning.
var Binom = Dialect{
	Name: "binom",
	Link: LinkTable{
		// https://docs.binom.org/update-costs.php
		Paths: []Path{
			{Pattern: "/click.php", Has: []string{"key"}, Campaign: []string{"key"}},
			{Pattern: "/click.php", Has: []string{"camp_id"}, Campaign: []string{"camp_id"}},
			{Pattern: "/click", Has: []string{"key"}, Campaign: []string{"key"}},
		},
		Names: join([]FieldName{
			{"key", Campaign, Plain}, {"camp_id", Campaign, Plain}, {"bid", Cost, Plain}, {"cost", Cost, Plain},
			{"externalid", ExternalID, Plain}, {"external_id", ExternalID, Plain},
		}, subs("t", 30)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://docs.binom.org/postback-url.php (version 1), https://docs.binom.org/update-click-v2.php (version 2)
		Paths: []Path{{Pattern: "/click.php", Has: []string{"cnv_id"}}, {Pattern: "/click", Has: []string{"cnv_id"}}},
		// https://docs.binom.org/payout-tracking-v2.php
		Names: join([]ParamName{
			{"cnv_id", ClickID, Plain}, {"payout", Payout, Plain}, {"cnv_status", Status, Plain}, {"cnv_currency", PayoutCurrency, Plain},
			{"currency", PayoutCurrency, Second},
			{"cnv_status2", ParamIgnored, Plain}, {"to_offer", ParamIgnored, Plain}, {"disable_postback", ParamIgnored, Plain},
			{"uclick", ParamIgnored, Plain},
		}, ignored("event", 30), ignored("add_event", 30)),
		Words: []Word{{"hold", pending}, {"signup", events.Status_STATUS_REGISTERED}, {"checkout", pending}, {"approve", approved}, {"reject", rejected}},
		// A postback without a status makes a conversion that pays.
		Default: approved,
	},
	// https://docs.binom.org/postback-url.php, the conversion pixel
	Placeholders: []string{"OPTIONAL"},
	// https://docs.binom.org/conv-to-source.php
	Sends: []Macro{{ClickID, "{externalid}"}, {Payout, "{payout}"}, {Status, "{cnv_status}"}, {PayoutCurrency, "{cnv_currency}"}},
	Pages: []string{
		"https://docs.binom.org/update-costs.php", "https://docs.binom.org/postback-url.php", "https://docs.binom.org/payout-tracking-v2.php",
		"https://docs.binom.org/update-click-v2.php", "https://docs.binom.org/conv-to-source.php", "https://docs.binom.org/create-source-v2.php",
	},
	Customary: []string{
		"the link of version 2, /click?key=",
		"the names cost, externalid, external_id and t1 to t30 in a link",
		"the meaning of its example words hold, signup, checkout, approve and reject",
		"the names currency, to_offer and disable_postback of a postback",
		"the answer to a postback",
	},
}

var _ = add(30, &Binom)

// RedTrack. Its status "other", which a postback without a status gets, counts as revenue there, so it is approved here; a word
// that RedTrack would file under "other" is refused.
var RedTrack = Dialect{
	Name: "redtrack",
	Link: LinkTable{
		// https://pastebin.com/Rs3QxTNy has a link as the panel makes it
		Paths: []Path{{Pattern: "/{campaign}", Shape: Hex24}},
		// https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters
		Names: join([]FieldName{
			{"cost", Cost, Plain}, {"ref_id", ExternalID, Plain}, {"refid", ExternalID, Plain}, {"clickid", ExternalID, Plain},
			{"utm_source", Source, Plain}, {"utm_term", Keyword, Plain},
		}, subs("sub", 20)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters/%d1%81lick-id-parameter/
		Paths: []Path{{Pattern: "/postback", Has: []string{"clickid"}}},
		// https://docs.redtrack.io/knowledgebase/tracking-event-types/
		Names: []ParamName{
			{"clickid", ClickID, Plain}, {"sum", Payout, Plain}, {"status", Status, Plain}, {"type", Event, Plain}, {"rdtk_event_id", TxID, Plain},
			{"currency", PayoutCurrency, Plain},
		},
		// https://help.redtrack.io/knowledgebase/kb/tracker-setup-for-affiliates/advanced-tracking-tracker-setup-for-advertisers/conditional-postback/
		Words:   []Word{{"approved", approved}, {"pending", pending}, {"declined", rejected}, {"other", approved}},
		Spaced:  true,
		Default: approved,
	},
	// https://redtrack.zendesk.com/hc/en-us/articles/207082019-Step-2-Adding-Affiliate-Networks
	Placeholders: []string{"{replace_me}", "{replace_or_remove}"},
	Sends:        []Macro{{ClickID, "{ref_id}"}, {Payout, "{payout}"}, {Status, "{status}"}, {Event, "{type}"}},
	Pages: []string{
		"https://docs.redtrack.io/knowledgebase/tracking-event-types/",
		"https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters/%d1%81lick-id-parameter/",
		"https://help.redtrack.io/knowledgebase/kb/conversion-tracking/tracking-event-types/",
		"https://redtrack.zendesk.com/hc/en-us/articles/207082019-Step-2-Adding-Affiliate-Networks", "https://pastebin.com/Rs3QxTNy",
	},
	Customary: []string{
		"the names cost, ref_id, refid and clickid in a link; the script that it gives for pages knows cost, ref_id and sub1 to sub20",
		"the name currency of a postback: there the currency is a setting of the offer source (docs.redtrack.io/knowledgebase/multi-currency-support/)",
		"the macros of its own postbacks",
		"the answer to a postback",
	},
}

var _ = add(40, &RedTrack)

// BeMob. Which words mean new, approved, declined and chargeback is set for each network there; the words below are the four
// names and those of the documentation's example. Its "new" is a conversion that is not paid yet.
var BeMob = Dialect{
	Name: "bemob",
	Link: LinkTable{
		Paths: []Path{{Pattern: "/go/{campaign}", Shape: UUID}},
		// https://docs.bemob.com/en/create-custom-traffic-source
		Names: join([]FieldName{
			{"cost", Cost, Plain}, {"external_id", ExternalID, Plain}, {"externalId", ExternalID, Plain}, {"visitor_id", ExternalID, Plain},
			{"keyword", Keyword, Plain},
		}, subs("c", 10), subs("sub", 10)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://help.bemob.com/docs/using-postback-statuses
		Paths: []Path{{Pattern: "/postback", Has: []string{"cid"}}},
		// cet: https://docs.bemob.com/en/custom-conversions
		Names: []ParamName{
			{"cid", ClickID, Plain}, {"payout", Payout, Plain}, {"txid", TxID, Plain}, {"status", Status, Plain}, {"cet", Event, Plain},
			{"currency", PayoutCurrency, Plain},
		},
		// https://docs.bemob.com/en/postbacks-for-selected-statuses
		Words: []Word{
			{"new", pending}, {"approved", approved}, {"confirm", approved}, {"declined", rejected}, {"decline", rejected},
			{"chargeback", chargeback}, {"charge", chargeback},
		},
		Default: approved,
	},
	// https://docs.bemob.com/en/monetizer-settings
	Placeholders: []string{"REPLACE", "OPTIONAL"},
	// https://docs.bemob.com/en/postback-settings-of-traffic-source
	Sends: []Macro{{ClickID, "{externalId}"}, {Payout, "{payout}"}, {Status, "{status}"}},
	Pages: []string{
		"https://help.bemob.com/docs/using-postback-statuses", "https://docs.bemob.com/en/postbacks-for-selected-statuses",
		"https://docs.bemob.com/en/monetizer-settings", "https://docs.bemob.com/en/postback-settings-of-traffic-source",
		"https://docs.bemob.com/en/cost-models", "https://docs.bemob.com/en/custom-conversions",
	},
	Customary: []string{
		"the path of a link, /go/ and a UUID",
		"the names cost, external_id, visitor_id, c1 to c10 and sub1 to sub10 in a link",
		"the name currency of a postback",
		"the answer to a postback",
	},
}

var _ = add(50, &BeMob)

// FunnelFlux (Pro). The path's segment joins the numbers of funnel and traffic source. The ad platform's own campaign shares
// sub20 with c20.
var FunnelFlux = Dialect{
	Name: "funnelflux",
	Link: LinkTable{
		// https://help.funnelflux.pro/en/article/how-tracking-and-tokens-work-17kwwy1/
		Paths: []Path{{Pattern: "/fts/{campaign}"}},
		// cost: https://help.funnelflux.pro/en/article/tracking-incoming-cpm-costs-1lm26yx/; flux_cost:
		// http://docs.funnelflux.com/funnelflux-features-explained/general-tracking-and-reporting-features/how-to-set-incoming-traffic-costs
		Names: join([]FieldName{
			{"external", ExternalID, Plain}, {"campaign", Sub(20), Plain}, {"c", Cost, Mille}, {"flux_cost", Cost, Mille},
		}, subs("c", 20)),
		Free: true,
	},
	Postback: PostbackTable{
		// https://help.funnelflux.pro/en/article/tracking-conversions-1vtfnp5/
		Paths: []Path{{Pattern: "/pb", Has: []string{"hit"}}},
		Names: []ParamName{{"hit", ClickID, Plain}, {"tx", TxID, Plain}, {"rev", Payout, Plain}, {"currency", PayoutCurrency, Plain}},
		// https://help.funnelflux.pro/en/article/28-updating-conversion-data
		Deletes: []string{"-1"},
		Default: approved,
		// https://help.funnelflux.pro/en/article/28-updating-conversion-data: tx is of a hit, such as main and special.
		TxIDPerClick: true,
	},
	Placeholders: []string{"REPLACE", "OPTIONAL"},
	Marks:        []Mark{{"[", "]"}},
	Pages: []string{
		"https://help.funnelflux.pro/en/article/how-tracking-and-tokens-work-17kwwy1/", "https://help.funnelflux.pro/en/article/tracking-conversions-1vtfnp5/",
		"https://help.funnelflux.pro/en/article/tracking-incoming-cpm-costs-1lm26yx/", "https://help.funnelflux.pro/en/article/28-updating-conversion-data",
		"https://help.funnelflux.pro/article/90-hit-and-visitor-id-technical-details",
	},
	Customary: []string{
		"that a payout of -1 takes a conversion back in a postback as it does in an upload",
		"the placeholder OPTIONAL",
		"the name currency of a postback",
		"the answer to a postback",
	},
}

var _ = add(60, &FunnelFlux)

// Prosper202. Its source is public; what the documentation leaves open was read there.
var Prosper202 = Dialect{
	Name: "prosper202",
	Link: LinkTable{
		// http://www.letsgettracking.com/this/understanding-tracking-links/ and tracking202/redirect/dl.php
		Paths: []Path{{Pattern: "/tracking202/redirect/dl.php", Has: []string{"t202id"}, Campaign: []string{"t202id"}}},
		Names: join(subs("c", 4), []FieldName{
			{"t202id", Campaign, Plain}, {"t202kw", Keyword, Plain}, {"keyword", Keyword, Plain}, {"t202b", Cost, Dollar}, {"gclid", ExternalID, Plain},
			{"utm_source", Source, Plain}, {"utm_content", Creative, Plain}, {"utm_medium", Sub(5), Plain}, {"utm_campaign", Sub(6), Plain},
			{"utm_term", Sub(7), Plain},
			{"C1", Sub(1), Plain}, {"C2", Sub(2), Plain}, {"C3", Sub(3), Plain}, {"C4", Sub(4), Plain},
			// What search engines of their time wrote; a keyword of its own counts before them.
			{"OVKEY", Keyword, Plain}, {"OVRAW", Keyword, Plain}, {"target_passthrough", Keyword, Plain}, {"search_word",
				Ignored, Plain}, {"query", Ignored, Plain},
			{"encquery", Ignored, Plain}, {"terms", Ignored, Plain}, {"rdata", Ignored, Plain}, {"qs", Ignored, Plain}, {"wd",
				Ignored, Plain}, {"text", Ignored, Plain},
			{"szukaj", Ignored, Plain}, {"qt", Ignored, Plain}, {"k", Ignored, Plain}, {"words", Ignored, Plain}, {"t202ref",
				Ignored, Plain}, {"ua", Ignored, Plain},
		}),
		Free: true,
	},
	Postback: PostbackTable{
		// tracking202/static/gpb.php; gpx.php and upx.php are the pixels with the same parameters
		Paths: []Path{
			{Pattern: "/tracking202/static/gpb.php"}, {Pattern: "/tracking202/static/gpx.php", Has: []string{"subid"}},
			{Pattern: "/tracking202/static/upx.php", Has: []string{"subid"}},
		},
		Names: []ParamName{
			{"subid", ClickID, Plain}, {"sid", ClickID, Second}, {"amount", Payout, Plain}, {"txid", TxID, Plain}, {"transaction_id", TxID, Second},
			{"transactionid", TxID, Second}, {"order_id", TxID, Second}, {"orderid", TxID, Second}, {"oid", TxID, Second}, {"cid", ParamIgnored, Plain},
			{"currency", PayoutCurrency, Plain}, {"status", Status, Plain}, {"reversal_id", ParamIgnored, Plain}, {"cust",
				ParamIgnored, Plain},
			{"customer_ref", ParamIgnored, Plain}, {"cust_type", ParamIgnored, Plain}, {"customer_ref_type", ParamIgnored,
				Plain}, {"sku", ParamIgnored, Plain},
			{"product_id", ParamIgnored, Plain}, {"product_name", ParamIgnored, Plain}, {"qty", ParamIgnored, Plain},
			{"unit_price", ParamIgnored, Plain},
		},
		// A reversal names the transaction that it takes back.
		Words:    []Word{{"reversed", chargeback}},
		Default:  approved,
		Accepted: Reply{202, "application/json", `{"error":false,"code":202,"msg":"Postback successful"}`},
		Refused:  Reply{404, "application/json", `{"error":true,"code":404,"msg":"{detail}"}`},
		// Its pixel (tracking202/static) looks for a repeat by click and transaction.
		TxIDPerClick: true,
	},
	Marks: []Mark{{"[[", "]]"}},
	Sends: []Macro{{ClickID, "[[c1]]"}, {Payout, "[[payout]]"}},
	Pages: []string{
		"https://prosper202.readme.io/docs/subids", "http://www.letsgettracking.com/this/understanding-tracking-links/",
		"https://github.com/tracking202/prosper202/blob/master/tracking202/redirect/dl.php",
		"https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpb.php",
	},
	Customary: []string{
		"that [[c1]] is where a network that runs it has our click ID",
		"the name currency of a postback",
	},
}

var _ = add(80, &Prosper202)
