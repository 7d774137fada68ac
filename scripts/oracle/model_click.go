package oracle

import (
	"slices"
	"strconv"
	"strings"

	"tributary/schemas/events"
)

// described are the columns that clicks and conversions share: what is known of a click, as it was when the click came.
// A conversion has them of its click, whatever the catalog says when its postback comes; all are empty without one.
func described(c *events.Click) Row {
	if c == nil {
		c = &events.Click{}
	}
	return Row{
		"offer_id": number(c.OfferId), "offer": c.Offer, "landing_id": number(c.LandingId), "landing": c.Landing,
		"buyer": c.Buyer, "team": c.Team, "tags": strings.Join(c.Tags, "|"),
		"subs": strings.Join(c.Subs, "|"), "external_id": c.ExternalId, "keyword": c.Keyword, "creative": c.Creative,
		"zone": c.Zone, "zone_name": c.ZoneName, "site": c.Site, "placement": c.Placement,
		"ad_campaign": c.AdCampaign, "ad_campaign_name": c.AdCampaignName,
		"adset": c.Adset, "adset_name": c.AdsetName, "ad": c.Ad, "ad_name": c.AdName,
		"country": c.Country, "city": c.City, "region": c.Region, "asn": number(c.Asn), "as_org": c.AsOrg,
		"connection_type": c.ConnectionType, "hosting": strconv.FormatBool(c.Hosting),
		"device": c.Device, "os": c.Os, "os_version": c.OsVersion, "browser": c.Browser, "browser_version": c.BrowserVersion,
		"block": c.Block, "blocked": strconv.FormatBool(c.Blocked),
		"bot": c.Bot, "bot_class": c.BotClass, "language": c.Language, "referrer_domain": c.ReferrerDomain,
	}
}

// beside tells that an event type is none of those that the click's offer declared, where it declared some.
func beside(c *events.Click, event string) bool {
	return c != nil && len(c.Goals) > 0 && !slices.Contains(c.Goals, event)
}

// with are the columns of both rows.
func (r Row) with(more Row) Row {
	for name, value := range more {
		r[name] = value
	}
	return r
}
