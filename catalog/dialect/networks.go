package dialect

// TUNE (HasOffers). A link's partner is the source of the click, its "source" parameter a sub-ID. The amount of a postback is
// what the customer paid; the offer says what it pays, unless the postback does, or the configuration maps amount to payout. What the
// advertiser pays, revenue, is ours; payout, which is what a partner of that network gets, counts where no revenue is named.
var TUNE = Dialect{
	Name: "tune",
	Link: LinkTable{
		// https://support.tune.com/hc/en-us/articles/1500005236422-Generating-Tracking-Links
		Paths: []Path{{Pattern: "/aff_c", Has: []string{"offer_id"}, Campaign: []string{"offer_id"}}},
		// https://support.tune.com/hc/en-us/articles/1500005236722-Customizing-a-Partner-Tracking-Link
		Names: []FieldName{
			{"offer_id", Campaign, Plain}, {"aff_id", Source, Plain}, {"source", Sub(6), Plain}, {"aff_click_id", ExternalID, Plain},
			{"aff_sub", Sub(1), Plain}, {"aff_sub1", Sub(1), Plain}, {"aff_sub2", Sub(2), Plain}, {"aff_sub3", Sub(3), Plain},
			{"aff_sub4", Sub(4), Plain}, {"aff_sub5", Sub(5), Plain}, {"aff_unique1", Sub(7), Plain}, {"aff_unique2", Sub(8), Plain},
			{"aff_unique3", Sub(9), Plain}, {"aff_unique4", Sub(10), Plain}, {"aff_unique5", Sub(11), Plain}, {"file_id", Creative, Plain},
			{"google_aid", Ignored, Plain}, {"ios_ifa", Ignored, Plain}, {"url_id", Ignored, Plain}, {"url", Ignored, Plain},
			{"unid", Ignored, Plain},
			{"user_id", Ignored, Plain},
		},
	},
	Postback: PostbackTable{
		// https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL
		Paths: []Path{
			{Pattern: "/aff_lsr", Has: []string{"transaction_id"}}, {Pattern: "/aff_goal", Has: []string{"transaction_id"}},
		},
		// https://support.tune.com/hc/en-us/articles/1500005236742-Customizing-a-Conversion-URL; what else it takes:
		// https://docs.tealium.com/server-side-connectors/tune-postback-tracking-connector
		Names: join([]ParamName{
			{"transaction_id", ClickID, Plain}, {"revenue", Payout, Plain}, {"payout", Payout, Second}, {"amount", SaleAmount, Plain},
			{"currency", PayoutCurrency, Plain}, {"status", Status, Plain}, {"goal_id", Event, Plain}, {"goal_ref", Event, Second},
			{"goal_name", Event, Second}, {"conversion_unique_id", TxID, Plain}, {"security_token", Token, Plain}, {"offer_id",
				ParamIgnored, Plain},
			{"aff_id", ParamIgnored, Plain}, {"a", ParamIgnored, Plain}, {"adv_sub", ParamIgnored, Plain}, {"promo_code", ParamIgnored, Plain},
			{"google_aid", ParamIgnored, Plain}, {"google_aid_sha1", ParamIgnored, Plain}, {"ios_ifa", ParamIgnored, Plain},
			{"ios_ifa_sha1", ParamIgnored, Plain}, {"ios_ifv", ParamIgnored, Plain}, {"unid", ParamIgnored, Plain}, {"user_id", ParamIgnored, Plain},
			{"windows_aid", ParamIgnored, Plain}, {"windows_aid_sha1", ParamIgnored, Plain}, {"adv_id", ParamIgnored, Plain},
			{"format", ParamIgnored, Plain},
			{"conv_ip", ParamIgnored, Plain}, {"mobile_carrier", ParamIgnored, Plain}, {"device_os_version", ParamIgnored,
				Plain},
			{"device_brand", ParamIgnored, Plain}, {"device_model", ParamIgnored, Plain}, {"conversion_event_datetime",
				ParamIgnored, Plain},
		}, ignored("adv_sub", 5), ignored("adv_unique", 5)),
		// The words of its conversion reports.
		Words:    []Word{{"approved", approved}, {"pending", pending}, {"rejected", rejected}},
		Default:  approved,
		Accepted: Reply{200, "text/plain; charset=utf-8", "success=true;"},
		Refused:  Reply{200, "text/plain; charset=utf-8", "success=false; err_msg={detail};"},
	},
	// Pages 4413247665431, 1500008248741 and 1500005236762 of its documentation.
	Placeholders: []string{"TRANSACTION_ID", "AFFSESSIONID", "GOOGLEAID"},
	// https://docs.tracklysms.com/guides/offers/tune-integration, developers.tune.com/network-models/offerurl
	Sends: []Macro{{ClickID, "{aff_sub}"}, {Payout, "{payout}"}, {TxID, "{transaction_id}"}},
	Pages: []string{
		"https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL",
		"https://support.tune.com/hc/en-us/articles/1500005236722-Customizing-a-Partner-Tracking-Link",
		"https://support.tune.com/hc/en-us/articles/1500005236422-Generating-Tracking-Links",
		"https://support.tune.com/hc/en-us/articles/1500005236742-Customizing-a-Conversion-URL",
		"https://docs.tealium.com/server-side-connectors/tune-postback-tracking-connector",
		"https://www.rudderstack.com/docs/destinations/streaming-destinations/tune/cloud-mode/index.md",
	},
	Customary: []string{
		"the names aff_sub1, aff_unique1 to aff_unique5, file_id, url_id, url, unid and user_id in a link",
		"the names currency, goal_name, a, adv_id, format, conv_ip, mobile_carrier, device_os_version, device_brand, device_model and conversion_event_datetime and the path " +
			"/aff_goal of a postback, as senders' programs and guides have them",
	},
}

var _ = add(70, &TUNE)

// Everflow. The amount is the sale's; see TUNE. Event 0 is the base conversion.
var Everflow = Dialect{
	Name: "everflow",
	Postback: PostbackTable{
		// https://helpdesk.everflow.io/customer/accessing-editing-s2s-postback-urls
		Paths: []Path{{Pattern: "/", Has: []string{"nid", "transaction_id"}}, {Pattern: "/sdk/conversion", Has: []string{"transaction_id"}}},
		// https://developers.everflow.io/sdk/conversion-tracking; fraud: https://activeprospect.com/leadconduit/integrations/everflow
		Names: join([]ParamName{
			{"transaction_id", ClickID, Plain}, {"amount", SaleAmount, Comma}, {"event_id", Event, Plain}, {"adv_event_id", Event, Second},
			{"currency", PayoutCurrency, Plain}, {"event_name", Event, Second}, {"tracking_domain", ParamIgnored, Plain},
			{"order_id", TxID, Plain}, {"verification_token", Token, Plain}, {"fraud", Fraud, Plain},
			{"nid", ParamIgnored, Plain}, {"oid", ParamIgnored, Plain}, {"aid", ParamIgnored, Plain}, {"offer_id", ParamIgnored, Plain},
			{"coupon_code", ParamIgnored, Plain}, {"email", ParamIgnored, Plain}, {"user_id", ParamIgnored, Plain}, {"affid",
				ParamIgnored, Plain},
			{"source_id", ParamIgnored, Plain}, {"google_aid", ParamIgnored, Plain}, {"fraud_code", ParamIgnored, Plain},
			{"fraud_reason", ParamIgnored, Plain},
		}, ignored("adv", 10), ignored("sub", 5)),
		Spaced:  true,
		Words:   []Word{{"approved", approved}, {"pending", pending}, {"rejected", rejected}, {"on hold", pending}, {"on_hold", pending}},
		Default: approved,
		Events:  []Rename{{"0", ""}},
	},
	// https://developers.everflow.io/api-reference/post-affiliatespixels
	Sends: []Macro{{ClickID, "{sub1}"}, {Payout, "{revenue}"}, {TxID, "{transaction_id}"}},
	Pages: []string{
		"https://helpdesk.everflow.io/customer/accessing-editing-s2s-postback-urls", "https://developers.everflow.io/sdk/conversion-tracking",
		"https://activeprospect.com/leadconduit/integrations/everflow", "https://developers.everflow.io/api-reference/post-affiliatespixels",
		"https://www.rudderstack.com/docs/destinations/streaming-destinations/everflow/cloud-mode/", "https://docs.29next.com/apps/everflow",
	},
	Customary: []string{
		"the path of a postback, and /sdk/conversion",
		"the names oid, affid, source_id, google_aid, fraud_code, fraud_reason and sub1 to sub5 of a postback",
		"that its links are not read: their path is two codes, of a partner and of an offer (help.everflow.io/support/solutions/articles/22000218430)",
		"status words: its postbacks carry none",
		"the answer to a postback",
	},
}

var _ = add(90, &Everflow)

// Affise. It takes a postback before it looks at it, so it answers 200 whatever comes of it. Goals are the same in any case.
var Affise = Dialect{
	Name: "affise",
	Link: LinkTable{
		// https://help-center.affise.com/en/articles/6838705-affise-affise
		Paths: []Path{{Pattern: "/click", Has: []string{"offer_id", "pid"}, Campaign: []string{"offer_id"}}},
		// https://help-center.affise.com/en/articles/6483711-affise-tracking-link-parameters
		Names: join([]FieldName{
			{"offer_id", Campaign, Plain}, {"pid", Source, Plain}, {"ref_id", ExternalID, Plain}, {"os_id", Ignored, Plain}, {"ext1", Ignored, Plain},
			{"ext2", Ignored, Plain}, {"ext3", Ignored, Plain}, {"imp_id", Ignored, Plain}, {"fbclid", Ignored, Plain}, {"redirect", Ignored, Plain},
			{"escape", Ignored, Plain}, {"unid", Ignored, Plain}, {"user_id", Ignored, Plain}, {"path", Ignored, Plain},
		}, subs("sub", 30)),
	},
	Postback: PostbackTable{
		// https://help-center.affise.com/en/articles/6838705-affise-affise
		Paths: []Path{{Pattern: "/postback", Has: []string{"clickid"}}, {Pattern: "/postback", Has: []string{"click_id"}}},
		// https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters
		Names: join([]ParamName{
			{"clickid", ClickID, Plain}, {"click_id", ClickID, Plain}, {"action_id", TxID, Plain}, {"goal", Event, Plain}, {"sum", Payout, Plain},
			{"currency", PayoutCurrency, Plain}, {"status", Status, Plain}, {"secure", Token, Plain}, {"ip", ParamIgnored, Plain}, {"referrer", ParamIgnored, Plain},
			{"comment", ParamIgnored, Plain}, {"fbclid", ParamIgnored, Plain}, {"device_type", ParamIgnored, Plain}, {"aimp_id", ParamIgnored, Plain},
			{"promo_code", ParamIgnored, Plain}, {"user_id", ParamIgnored, Plain}, {"offer_id", ParamIgnored, Plain}, {"pid",
				ParamIgnored, Plain},
			{"country", ParamIgnored, Plain}, {"platform", ParamIgnored, Plain}, {"timestamp", ParamIgnored, Plain},
			{"action_timestamp", ParamIgnored, Plain},
		}, ignored("custom_field", 15), ignored("sub", 30)),
		Spaced:  true,
		Words:   []Word{{"1", approved}, {"2", pending}, {"3", rejected}, {"5", pending}},
		Default: approved,
		// https://help-center.affise.com/en/articles/7241212-postback-and-conversion-processing-on-affise
		Accepted: Reply{Status: 200},
		Refused:  Reply{Status: 200},
	},
	// https://help-center.affise.com/en/articles/6564528-cross-postback-link-macros
	Sends: []Macro{
		{ClickID, "{sub1}"}, {Payout, "{sum}"}, {PayoutCurrency, "{currency}"}, {Status, "{status}"}, {TxID, "{transactionid}"}, {Event, "{goal}"},
		{Timestamp, "{timestamp}"},
	},
	Pages: []string{
		"https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters", "https://help-center.affise.com/en/articles/6838705-affise-affise",
		"https://help-center.affise.com/en/articles/6483711-affise-tracking-link-parameters",
		"https://help-center.affise.com/en/articles/6564528-cross-postback-link-macros",
		"https://affise.zendesk.com/hc/en-us/articles/360017251600-Postbacks-Case-Insensitiveness",
	},
	Customary: []string{
		"the status of a postback that names none: it is a setting there",
		"the name currency of a postback, which its own postbacks have as a macro",
		"the name path of a link, its way to another page of the offer, as published links have it",
		"the body of the answer",
	},
}

var _ = add(100, &Affise)
