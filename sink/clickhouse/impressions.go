package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas/events"
)

// impressions is the table impressions, from the edge's topic of the same name.
type impressions struct {
	position
	copies
	event events.Impression

	eventAt                                                   int64Column
	campaignID, sourceID                                      plainColumn[uint32]
	campaign, source                                          wordColumn
	subs                                                      textsColumn
	externalID, keyword, creative, referrer                   textColumn
	cost, costOriginal                                        int64Column
	currency, country, device, os, browser, bot, languageWord wordColumn
	ip                                                        ipColumn
	all                                                       []namedColumn
}

func newImpressions() *impressions {
	t := &impressions{position: newPosition(), copies: newCopies(), ip: newIPColumn(), campaignID: uint32Column(), sourceID: uint32Column()}
	t.all = append([]namedColumn{
		{"impression_id", kindText, &t.copies}, {"event_at", kindTime, &t.eventAt},
		{"campaign_id", kindUint32, &t.campaignID}, {"campaign", kindWord, &t.campaign}, {"source_id", kindUint32, &t.sourceID}, {"source", kindWord, &t.source},
		{"subs", kindTexts, &t.subs}, {"external_id", kindText, &t.externalID}, {"keyword", kindText, &t.keyword}, {"creative", kindText, &t.creative},
		{"cost", kindMoney, &t.cost}, {"cost_original", kindMoney, &t.costOriginal}, {"currency", kindWord, &t.currency},
		{"ip", kindIP, &t.ip}, {"country", kindWord, &t.country}, {"device", kindWord, &t.device}, {"os", kindWord, &t.os}, {"browser", kindWord, &t.browser},
		{"bot", kindWord, &t.bot}, {"referrer", kindText, &t.referrer}, {"language", kindWord, &t.languageWord}, {"copy", kindBool, &t.copy},
	}, t.position.columns()...)
	return t
}

func (t *impressions) name() string           { return "impressions" }
func (t *impressions) idColumn() string       { return "impression_id" }
func (t *impressions) columns() []namedColumn { return t.all }

func (t *impressions) add(value []byte, partition int32, offset int64) error {
	e := &t.event
	*e = events.Impression{Subs: e.Subs[:0]}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding an Impression: %w", err)
	}
	if err := checkTimes([3]string{"event_ms", "received_ms"}, [3]int64{e.EventMs, e.ReceivedMs}); err != nil {
		return fmt.Errorf("decoding an Impression: %w", err)
	}
	t.position.add(partition, offset, e.ReceivedMs)
	t.copies.add(e.ImpressionId, e.Resent)
	t.eventAt.add(e.EventMs)
	t.campaignID.add(e.CampaignId)
	t.campaign.add(e.Campaign)
	t.sourceID.add(e.SourceId)
	t.source.add(e.Source)
	t.subs.add(e.Subs)
	t.externalID.add(e.ExternalId)
	t.keyword.add(e.Keyword)
	t.creative.add(e.Creative)
	t.cost.add(e.CostBaseMicros)
	t.costOriginal.add(e.CostMicros)
	t.currency.add(e.Currency)
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

func (t *impressions) sortKey(row uint32) (uint64, int64) {
	return uint64(t.campaignID.values[row])<<32 | uint64(t.sourceID.values[row]), t.received.values[row]
}

func (t *impressions) tie(a, b uint32) int { return cmp.Compare(t.copies.at(a), t.copies.at(b)) }
