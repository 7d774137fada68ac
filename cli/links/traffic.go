package links

import "strings"

// Traffic is how a traffic source writes values of a click into the link of an ad.
type Traffic struct {
	// Name on the command line, and of a source of the catalog that it is used for without being asked.
	Name string
	// Macros in the order in which they are written into a link.
	Macros []TrafficMacro
	// Pages are the public pages that they were taken from.
	Pages []string
}

// TrafficMacro is a macro and the field of a click, by its native name, that it fills.
type TrafficMacro struct {
	Field, Text string
	// Means says what it is, where the field does not.
	Means string
}

// Traffics are those that are known.
var Traffics = []*Traffic{
	{Name: "trafficstars", Macros: []TrafficMacro{
		{"external_id", "{click_id}", ""}, {"cost", "{cost}", "what was paid"}, {"keyword", "{keywords}", ""}, {"creative", "{creative_id}", ""},
		{"sub1", "{campaign_id}", "campaign"}, {"sub2", "{site_id}", "site"}, {"sub3", "{adspot_id}", "ad spot"},
	}, Pages: []string{"https://support.trafficstars.com/advertising/tracking/what-are-the-available-dynamic-parameters"}},
	{Name: "mgid", Macros: []TrafficMacro{
		{"external_id", "{click_id}", ""}, {"cost", "{click_price}", "price of the click"}, {"creative", "{teaser_id}", "ad"},
		{"sub1", "{campaign_id}", "campaign"}, {"sub2", "{widget_id}", "site"}, {"sub3", "{source_id}", "source"},
	}, Pages: []string{"https://help.mgid.com/macros.-setting-up-non-standard-markup-for-links-to-track-traffic"}},
	{Name: "ezmob", Macros: []TrafficMacro{
		{"external_id", "{subid}", "click"}, {"cost", "{bid}", "winning bid"}, {"keyword", "{keyword}", ""}, {"creative", "{banner}", "banner"},
		{"sub1", "{campaign}", "campaign"}, {"sub2", "{publisher}", "publisher"},
	}, Pages: []string{"https://helpdesk.ezmob.com/en/article/tracking-tokens-and-parameters-explained-r5m1yu/"}},
	{Name: "google", Macros: []TrafficMacro{
		{"external_id", "{gclid}", ""}, {"keyword", "{keyword}", ""}, {"creative", "{creative}", "ad"},
		{"sub1", "{campaignid}", "campaign"}, {"sub2", "{adgroupid}", "ad group"}, {"sub3", "{placement}", "placement"}, {"sub4", "{device}", "device"},
	}, Pages: []string{"https://developers.google.com/google-ads/api/performance-max/valuetrack", "https://support.google.com/google-ads/answer/6305348"}},
	{Name: "microsoft", Macros: []TrafficMacro{
		{"sub1", "{CampaignID}", "campaign"}, {"sub2", "{AdGroupID}", "ad group"}, {"sub3", "{TargetId}", "target"},
	}, Pages: []string{"https://docs.clar.io/configuration/ad-engine-url-tracking-parameters"}},
	{Name: "meta", Macros: []TrafficMacro{
		{"creative", "{{ad.id}}", "ad"}, {"sub1", "{{campaign.id}}", "campaign"}, {"sub2", "{{adset.id}}", "ad set"},
	}, Pages: []string{"https://docs.clar.io/configuration/ad-engine-url-tracking-parameters"}},
	{Name: "pinterest", Macros: []TrafficMacro{
		{"creative", "{adid}", "ad"}, {"sub1", "{campaignid}", "campaign"}, {"sub2", "{adgroupid}", "ad group"},
	}, Pages: []string{"https://docs.clar.io/configuration/ad-engine-url-tracking-parameters"}},
}

// TrafficByName returns the traffic source of that name, nil when it is none of those known.
func TrafficByName(name string) *Traffic {
	for _, t := range Traffics {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	return nil
}

// TrafficNames lists them.
func TrafficNames() []string {
	var names []string
	for _, t := range Traffics {
		names = append(names, t.Name)
	}
	return names
}
