package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// clickLayout is the version of what is written of a click: see the column _layout.
const clickLayout = 1

// clicks is the table clicks, from the topic scored.clicks.
type clicks struct {
	position
	event   events.Click
	reasons *reasonColumns

	id                                                                     textColumn
	eventAt                                                                int64Column
	campaignID, sourceID, offerID, landingID, ipClicks, score              plainColumn[uint32]
	campaign, source, offer, landing                                       wordColumn
	subs                                                                   textsColumn
	externalID, keyword, creative                                          textColumn
	cost, costOriginal                                                     int64Column
	currency                                                               wordColumn
	offerPayout, offerPayoutOriginal                                       int64Column
	offerCurrency                                                          wordColumn
	ip                                                                     ipColumn
	country, device, os, osVersion, browser, browserVersion, bot, language wordColumn
	userAgent, referrer                                                    textColumn
	layout                                                                 plainColumn[uint8]
	foreign, unique, hosting                                               plainColumn[bool]
	asn                                                                    plainColumn[uint32]
	city, region, asOrg, connectionType, botClass                          wordColumn
	all                                                                    []namedColumn
}

func newClicks() *clicks {
	t := &clicks{position: newPosition(), reasons: newReasonColumns(), ip: newIPColumn(), layout: uint8Column(), foreign: boolColumn(), unique: boolColumn(), hosting: boolColumn(), asn: uint32Column(),
		campaignID: uint32Column(), sourceID: uint32Column(), offerID: uint32Column(), landingID: uint32Column(), ipClicks: uint32Column(), score: uint32Column()}
	t.all = append([]namedColumn{
		{"click_id", kindText, &t.id}, {"event_at", kindTime, &t.eventAt},
		{"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign},
		{"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.source},
		{"offer_id", kindUint32, &t.offerID}, {"offer", kindWord, &t.offer},
		{"landing_id", kindUint32, &t.landingID}, {"landing", kindWord, &t.landing}, {"_layout", kindUint8, &t.layout},
		{"subs", kindTexts, &t.subs}, {"external_id", kindText, &t.externalID}, {"keyword", kindText, &t.keyword}, {"creative", kindText, &t.creative},
		{"cost", kindMoney, &t.cost}, {"cost_original", kindMoney, &t.costOriginal}, {"currency", kindWord, &t.currency},
		{"offer_payout", kindMoney, &t.offerPayout}, {"offer_payout_original", kindMoney, &t.offerPayoutOriginal}, {"offer_currency", kindWord, &t.offerCurrency},
		{"ip", kindIP, &t.ip}, {"country", kindWord, &t.country},
		{"city", kindWord, &t.city}, {"region", kindWord, &t.region}, {"asn", kindUint32, &t.asn}, {"as_org", kindWord, &t.asOrg},
		{"connection_type", kindWord, &t.connectionType}, {"hosting", kindBool, &t.hosting}, {"device", kindWord, &t.device},
		{"os", kindWord, &t.os}, {"os_version", kindWord, &t.osVersion}, {"browser", kindWord, &t.browser}, {"browser_version", kindWord, &t.browserVersion},
		{"bot", kindWord, &t.bot}, {"bot_class", kindWord, &t.botClass}, {"user_agent", kindText, &t.userAgent}, {"referrer", kindText, &t.referrer}, {"language", kindWord, &t.language},
		{"ip_clicks_per_minute", kindUint32, &t.ipClicks}, {"foreign", kindBool, &t.foreign}, {"unique", kindBool, &t.unique}, {"score", kindUint32, &t.score},
	}, append(t.reasons.columns(), t.position.columns()...)...)
	return t
}

func (t *clicks) name() string           { return "clicks" }
func (t *clicks) columns() []namedColumn { return t.all }

func (t *clicks) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Click{Subs: e.Subs[:0], Reasons: e.Reasons[:0]}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Click: %w", err)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms"}, [3]int64{e.EventMs, e.ReceivedMs}); err != nil {
		return fmt.Errorf("decoding a Click: %w", err)
	}
	if err := checkReasons(len(e.Reasons)); err != nil {
		return fmt.Errorf("decoding a Click: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.id.add(e.ClickId)
	t.eventAt.add(e.EventMs)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.source.add(e.Source)
	t.offerID.add(e.OfferId)
	t.offer.add(e.Offer)
	t.landingID.add(e.LandingId)
	t.landing.add(e.Landing)
	t.layout.add(clickLayout)
	t.subs.add(e.Subs)
	t.externalID.add(e.ExternalId)
	t.keyword.add(e.Keyword)
	t.creative.add(e.Creative)
	t.cost.add(e.CostBaseMicros)
	t.costOriginal.add(e.CostMicros)
	t.currency.add(e.Currency)
	t.offerPayout.add(e.OfferPayoutBaseMicros)
	t.offerPayoutOriginal.add(e.OfferPayoutMicros)
	t.offerCurrency.add(e.OfferCurrency)
	t.ip.add(e.Ip)
	t.country.add(e.Country)
	t.city.add(e.City)
	t.region.add(e.Region)
	t.asn.add(e.Asn)
	t.asOrg.add(e.AsOrg)
	t.connectionType.add(e.ConnectionType)
	t.hosting.add(e.Hosting)
	t.device.add(e.Device)
	t.os.add(e.Os)
	t.osVersion.add(e.OsVersion)
	t.browser.add(e.Browser)
	t.browserVersion.add(e.BrowserVersion)
	t.bot.add(e.Bot)
	t.botClass.add(e.BotClass)
	t.userAgent.add(e.UserAgent)
	t.referrer.add(e.Referrer)
	t.language.add(e.Language)
	t.ipClicks.add(e.IpClicksPerMinute)
	t.foreign.add(e.Foreign)
	t.unique.add(e.Unique)
	t.score.add(e.Score)
	t.reasons.add(e.Reasons)
	return nil
}

func (t *clicks) sortKey(row uint32) (uint64, int64) {
	return uint64(t.campaignID.values[row])<<32 | uint64(t.sourceID.values[row]), t.received.values[row]
}

func (t *clicks) tie(a, b uint32) int { return cmp.Compare(t.id.at(a), t.id.at(b)) }
