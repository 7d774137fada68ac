package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// landingClicks is the table landing_clicks, from the edge's topic landing-clicks.
type landingClicks struct {
	position
	copies
	event events.LandingClick

	clickID, referrer                                textColumn
	eventAt, clickAt                                 int64Column
	campaignID, sourceID, offerID, landingID, button plainColumn[uint32]
	campaign, source, offer, landing                 wordColumn
	ip                                               ipColumn
	country, device, os, browser, bot, languageWord  wordColumn
	all                                              []namedColumn
}

func newLandingClicks() *landingClicks {
	t := &landingClicks{position: newPosition(), copies: newCopies(), ip: newIPColumn(),
		campaignID: uint32Column(), sourceID: uint32Column(), offerID: uint32Column(), landingID: uint32Column(), button: uint32Column()}
	t.all = append([]namedColumn{
		{"landing_click_id", kindText, &t.copies}, {"click_id", kindText, &t.clickID}, {"event_at", kindTime, &t.eventAt}, {"click_at", kindTime, &t.clickAt},
		{"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign}, {"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.source},
		{"offer_id", kindUint32, &t.offerID}, {"offer", kindWord, &t.offer}, {"landing_id", kindUint32, &t.landingID}, {"landing", kindWord, &t.landing},
		{"button", kindUint32, &t.button}, {"ip", kindIP, &t.ip}, {"country", kindWord, &t.country}, {"device", kindWord, &t.device}, {"os", kindWord, &t.os},
		{"browser", kindWord, &t.browser}, {"bot", kindWord, &t.bot}, {"referrer", kindText, &t.referrer}, {"language", kindWord, &t.languageWord}, {"copy", kindBool, &t.copy},
	}, t.position.columns()...)
	return t
}

func (t *landingClicks) name() string           { return "landing_clicks" }
func (t *landingClicks) idColumn() string       { return "landing_click_id" }
func (t *landingClicks) columns() []namedColumn { return t.all }

func (t *landingClicks) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.LandingClick{}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a LandingClick: %w", err)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms", "click_ms"}, [3]int64{e.EventMs, e.ReceivedMs, e.ClickMs}); err != nil {
		return fmt.Errorf("decoding a LandingClick: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.copies.add(e.LandingClickId, e.Resent)
	t.clickID.add(e.ClickId)
	t.eventAt.add(e.EventMs)
	t.clickAt.add(e.ClickMs)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.source.add(e.Source)
	t.offerID.add(e.OfferId)
	t.offer.add(e.Offer)
	t.landingID.add(e.LandingId)
	t.landing.add(e.Landing)
	t.button.add(e.Button)
	t.ip.add(e.Ip)
	t.country.add(e.Country)
	t.device.add(e.Device)
	t.os.add(e.Os)
	t.browser.add(e.Browser)
	t.bot.add(e.Bot)
	t.referrer.add(e.Referrer)
	t.languageWord.add(e.Language)
	return nil
}

func (t *landingClicks) sortKey(row uint32) (uint64, int64) {
	return uint64(t.campaignID.values[row])<<32 | uint64(t.sourceID.values[row]), t.received.values[row]
}

func (t *landingClicks) tie(a, b uint32) int { return cmp.Compare(t.copies.at(a), t.copies.at(b)) }
