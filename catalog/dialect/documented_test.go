package dialect

import (
	"strconv"
	"strings"
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
		{"https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html", "keyword creative_id external_id source cost currency ad_campaign_id sub_id_1-30", ""},
		{"https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html", "keyword charset se_referrer se", ""},
		{"http://v7.help-legacy.keitaro.io/en/campaigns", "utm_term utm_source tds-key keywords", ""},
		{"https://pastebin.com/j1NRkc8A", "", "from"},
	},
	"voluum": {
		{"https://doc.voluum.com/en/tracking_conversions_postback.html", "", "cid payout txid currency et param1-5"},
		{"https://doc.voluum.com/article/parameters-in-postback-urls", "", "cid payout txid"},
		{"https://doc.voluum.com/en/tracking_offers_custom_conversions.html", "", "cid payout txid et"},
	},
	"binom": {
		{"https://docs.binom.org/postback-url.php", "", "cnv_id payout cnv_status uclick"},
		{"https://docs.binom.org/payout-tracking-v2.php", "", "payout cnv_status cnv_status2 cnv_currency event1-30 add_event1-30"},
		{"https://docs.binom.org/events-v2.php", "key", "event1-30 add_event1-30"},
		{"https://docs.binom.org/update-click-v2.php", "", "cnv_id event1-30"},
		{"https://docs.binom.org/update-costs.php", "key camp_id", ""},
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
	},
	"prosper202": {
		{"https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpb.php", "", "subid sid amount"},
		{"https://github.com/tracking202/prosper202/blob/master/202-config/static-endpoint-helpers.php", "", "txid transaction_id transactionid order_id orderid oid"},
		{"https://github.com/tracking202/prosper202/blob/master/tracking202/redirect/dl.php", "t202id t202kw keyword t202b gclid utm_source utm_content utm_medium utm_campaign utm_term c1-4 C1-4", ""},
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
