package dialect

import (
	"strconv"
	"strings"
	"testing"

	"tributary/schemas"
)

// documentedAt says which of a dialect's parameters a public page names, so that DIALECTS.md can say of each where it was read. A
// name with a range, sub_id_1-15, stands for several. What no page names is customary.
type documentedAt struct{ page, link, postback string }

var documented = map[string][]documentedAt{
	"native": {{"docs/links.md", "source external_id keyword creative cost currency sub1-20", "network click_id event status payout currency txid ts"}},
	"keitaro": {
		{"https://docs.keitaro.io/en/conversions/postback.html", "",
			"subid tid payout revenue cost status currency sub_id_1-15 return sale_status lead_status rejected_status rejected ignore_status ignore"},
		{"http://v7.help-legacy.keitaro.io/en/postbacks", "",
			"subid sub_id tid revenue cost status sale_status lead_status rejected_status currency extra_param_1-7 return"},
		{"https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html",
			"keyword creative_id external_id source cost currency ad_campaign_id sub_id_1-30 charset " +
				"se_referrer se", ""},
		{"https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html", "keyword charset se_referrer se", ""},
		{"http://v7.help-legacy.keitaro.io/en/campaigns", "utm_term utm_source tds-key keywords", ""},
		{"https://pastebin.com/j1NRkc8A", "", "from"},
	},
	"voluum": {
		{"https://doc.voluum.com/en/tracking_conversions_postback.html", "", "cid payout txid currency et param1-5"},
		{"https://doc.voluum.com/article/parameters-in-postback-urls", "", "cid payout txid"},
		{"https://doc.voluum.com/en/tracking_offers_custom_conversions.html", "", "cid payout txid et"},
		{"https://doc.voluum.com/en/passing_information_from_traffic_source.html", "creative_id", ""},
	},
	"binom": {
		{"https://docs.binom.org/postback-url.php", "", "cnv_id payout cnv_status uclick"},
		{"https://docs.binom.org/payout-tracking-v2.php", "", "payout cnv_status cnv_status2 cnv_currency event1-30 add_event1-30"},
		{"https://docs.binom.org/events-v2.php", "key", "event1-30 add_event1-30"},
		{"https://docs.binom.org/update-click-v2.php", "", "cnv_id event1-30"},
		{"https://docs.binom.org/update-costs.php", "key camp_id bid", ""},
	},
	"redtrack": {
		{"https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters/%d1%81lick-id-parameter/", "", "clickid"},
		{"https://docs.redtrack.io/knowledgebase/tracking-event-types/", "", "clickid status type"},
		{"https://help.redtrack.io/knowledgebase/kb/conversion-tracking/tracking-event-types/", "", "clickid type rdtk_event_id"},
		{"https://redtrack.zendesk.com/hc/en-us/articles/207082019-Step-2-Adding-Affiliate-Networks", "", "clickid sum"},
		{"https://help.redtrack.io/knowledgebase/kb/conversion-tracking/supported-dynamic-parameters", "sub1-20", ""},
		{"https://pastebin.com/Rs3QxTNy", "utm_source utm_term", ""},
	},
	"bemob": {
		{"https://help.bemob.com/docs/using-postback-statuses", "", "cid payout status"},
		{"https://docs.bemob.com/en/monetizer-settings", "", "cid payout txid status"},
		{"https://docs.bemob.com/en/custom-conversions", "", "cet cid payout"},
		{"https://docs.bemob.com/en/postback-settings-of-traffic-source", "visitor_id", ""},
		{"https://docs.bemob.com/en/cost-models", "cost", ""},
	},
	"funnelflux": {
		{"https://help.funnelflux.pro/en/article/tracking-conversions-1vtfnp5/", "", "hit tx rev"},
		{"https://help.funnelflux.pro/en/article/how-tracking-and-tokens-work-17kwwy1/", "external campaign c1-20", ""},
		{"https://help.funnelflux.pro/en/article/tracking-incoming-cpm-costs-1lm26yx/", "c", ""},
		{"https://help.funnelflux.pro/en/article/4-introduction-to-traffic-sources", "external campaign", ""},
		{"http://docs.funnelflux.com/funnelflux-features-explained/general-tracking-and-reporting-features/how-to-set-incoming-traffic-costs", "flux_cost", ""},
	},
	"tune": {
		{"https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL", "", "offer_id transaction_id"},
		{"https://support.tune.com/hc/en-us/articles/1500005236742-Customizing-a-Conversion-URL", "", "adv_sub adv_sub2-5 adv_unique1-5 amount goal_id security_token"},
		{"https://docs.tealium.com/server-side-connectors/tune-postback-tracking-connector", "", "transaction_id adv_sub adv_sub1-5 adv_unique1-5 aff_id promo_code amount " +
			"conversion_unique_id goal_id goal_ref offer_id payout revenue security_token status google_aid google_aid_sha1 ios_ifa ios_ifa_sha1 ios_ifv unid user_id windows_aid " +
			"windows_aid_sha1"},
		{"https://www.rudderstack.com/docs/destinations/streaming-destinations/tune/cloud-mode/index.md", "", "adv_sub adv_sub2-5 adv_unique1-5 aff_id amount conversion_unique_id " +
			"goal_id goal_ref offer_id payout promo_code revenue security_token"},
		{"https://support.tune.com/hc/en-us/articles/1500005236422-Generating-Tracking-Links", "offer_id aff_id", ""},
		{"https://support.tune.com/hc/en-us/articles/1500005236722-Customizing-a-Partner-Tracking-Link", "source aff_sub aff_sub2-5 aff_click_id google_aid ios_ifa", ""},
		{"https://support.tune.com/hc/en-us/articles/1500005137081-Basics-of-Parameters-and-Macros", "offer_id aff_id",
			"offer_id transaction_id amount"},
		{"https://support.tune.com/hc/en-us/articles/1500008230302-Partner-Sub-IDs-and-Macros",
			"offer_id aff_id aff_sub aff_sub2-5", ""},
		{"https://support.tune.com/hc/en-us/articles/1500008231142-Advertiser-Sub-Ids", "",
			"adv_sub adv_sub2-5 adv_unique1-5"},
		{"https://support.tune.com/hc/en-us/articles/1500005236762-Passing-Information-via-Offer-URL",
			"offer_id aff_id google_aid", ""},
		{"https://support.tune.com/hc/en-us/articles/1500008248741-Passing-Values-to-a-Partner-Conversion-URL",
			"offer_id aff_id aff_click_id", ""},
	},
	"prosper202": {
		{"https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpb.php", "", "subid sid amount"},
		{"https://github.com/tracking202/prosper202/blob/master/202-config/static-endpoint-helpers.php", "",
			"txid transaction_id transactionid order_id orderid oid " +
				"status reversal_id cust customer_ref cust_type customer_ref_type sku product_id product_name qty unit_price"},
		{"https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpx.php", "", "cid subid sid amount"},
		{"https://github.com/tracking202/prosper202/blob/master/tracking202/redirect/dl.php",
			"t202id t202kw keyword t202b gclid utm_source utm_content utm_medium utm_campaign utm_term c1-4 C1-4 " +
				"OVKEY OVRAW target_passthrough search_word query encquery terms rdata qs wd text szukaj qt k words t202ref ua", ""},
	},
	"everflow": {
		{"https://helpdesk.everflow.io/customer/accessing-editing-s2s-postback-urls", "", "nid transaction_id amount adv1-10"},
		{"https://developers.everflow.io/sdk/conversion-tracking", "",
			"offer_id aid transaction_id amount event_id adv_event_id coupon_code order_id user_id verification_token email adv1-5 tracking_domain"},
		{"https://www.rudderstack.com/docs/destinations/streaming-destinations/everflow/cloud-mode/", "",
			"transaction_id coupon_code event_id adv_event_id event_name order_id currency"},
		{"https://docs.29next.com/apps/everflow", "", "nid transaction_id amount currency order_id"},
		{"https://activeprospect.com/leadconduit/integrations/everflow", "", "fraud"},
	},
	"affise": {
		{"https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters", "", "clickid click_id action_id goal sum ip status referrer comment secure fbclid " +
			"device_type aimp_id promo_code user_id custom_field1-15"},
		{"https://help-center.affise.com/en/articles/6483711-affise-tracking-link-parameters", "offer_id pid ref_id os_id ext1-3 imp_id fbclid redirect escape sub1-30", ""},
		{"https://affise.zendesk.com/hc/en-us/articles/115002634845-Affise-Affise",
			"offer_id pid ref_id os_id ext1-3 imp_id unid user_id sub1-8", "clickid action_id"},
		{"https://help-center.affise.com/en/articles/6838705-affise-affise", "offer_id pid sub1", "clickid"},
		{"https://help-center.affise.com/en/articles/6553802-probabilistic-attribution-parameters-and-macros", "",
			"offer_id pid action_id goal country timestamp " +
				"action_timestamp sub1-30 platform status sum comment device_type custom_field1-7"},
	},
}

// spread is the names in a list, ranges spread out.
func spread(list string) (names []string) {
	for _, one := range strings.Fields(list) {
		stem, last, ranged := strings.Cut(one, "-")
		to, err := strconv.Atoi(last)
		if !ranged || err != nil {
			names = append(names, one)
			continue
		}
		first := strings.TrimRight(stem, "0123456789")
		from, err := strconv.Atoi(stem[len(first):])
		if err != nil {
			names = append(names, one)
			continue
		}
		for n := from; n <= to; n++ {
			names = append(names, first+strconv.Itoa(n))
		}
	}
	return names
}

// TestDocumentedParametersAreNoAlarm: whatever a sender's page names may come beside a postback that pays, filled in
// as it documents it, and none of it is taken for something that the postback lacks.
func TestDocumentedParametersAreNoAlarm(t *testing.T) {
	for _, d := range All {
		for _, page := range documented[d.Name] {
			for _, name := range spread(page.postback) {
				for _, value := range []string{"17", "EUR", "1.08", "x"} {
					amount := d.Postback.nameOf(Payout)
					if amount == "" {
						amount = d.Postback.nameOf(SaleAmount)
					}
					query := d.Postback.nameOf(ClickID) + "=c1&" + amount + "=10"
					if name == d.Postback.nameOf(ClickID) || name == amount {
						continue
					}
					_, _, _, problem := readPostback(t, d, Custom{Currency: "USD"}, query+"&"+name+"="+value)
					if problem != nil && problem.Reason == schemas.RejectUnread {
						t.Errorf("%s: %s of %s is %v", d.Name, name, page.page, problem)
					}
				}
			}
		}
	}
}

// TestSendersPrograms: postbacks as programs of senders make them, which no page of the sender's shows.
func TestSendersPrograms(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		query   string
		want    said
	}{
		{&TUNE, "a=lsr&goal_name=Registration&adv_id=5679&transaction_id=t1", said{clickID: "t1", event: "registration",
			status: approved}},
		{&TUNE, "a=lsr&goal_name=reject&adv_id=973&transaction_id=t1&adv_sub=77&format=json", said{clickID: "t1",
			event: "reject", status: approved}},
		{&TUNE, "a=lsr&goal_id=2&goal_name=x&transaction_id=t1&amount=9.5", said{clickID: "t1", event: "2", sale: "9.5",
			status: approved}},
		{&Binom, "cnv_id=c&payout=0.30000000000000004&cnv_status=approve", said{clickID: "c", payout: "0.30000000000000004",
			status: approved}},
		{&RedTrack, "clickid=6888c6c36a77d44662342c40&type=CTC", said{clickID: "6888c6c36a77d44662342c40", event: "ctc",
			status: approved}},
		{&Prosper202, "subid=9&txid=T1&status=reversed&reversal_id=R7&amount=3", said{clickID: "9", payout: "3", txid: "T1",
			status: chargeback}},
		{&Prosper202, "subid=9&oid=T1&cust=c&sku=s&qty=2&unit_price=5", said{clickID: "9", txid: "T1", status: approved}},
		{&Affise, "clickid=c&sum=4&action_id=A&timestamp=1772359200&action_timestamp=2026-03-01%2012:15&country=FR&platform=iOS&sub1=x&pid=3", said{clickID: "c", payout: "4", txid: "A", status: approved}},
	} {
		if _, r, v, problem := readPostback(t, c.dialect, Custom{}, c.query); problem != nil || of(v) != c.want {
			t.Errorf("%s %s reads as %+v, %v", c.dialect.Name, c.query, of(v), problem)
		} else {
			for _, d := range r.Dropped {
				if d.Why == DropUnknown {
					t.Errorf("%s: %s is not known", c.dialect.Name, d.Name)
				}
			}
		}
	}
}
