package attributor

import (
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// CheckClaim judges one use of a network's transaction ID. holder is the first known use, nil when there is none.
//
// It returns the holder to remember, and, when another click holds the transaction ID, a RESCORED ledger entry of the later
// conversion with the finding DUP among its reasons; that entry's deltas of count and money are zero.
func CheckClaim(holder *state.ClaimHolder, claim *events.Claim) (*state.ClaimHolder, *events.Conversion) {
	c := claim.Conversion
	if holder == nil {
		return &state.ClaimHolder{ClickId: c.ClickId, ConversionId: c.ConversionId, ReceivedMs: c.ReceivedMs}, nil
	}
	if holder.ClickId == c.ClickId {
		// Another event type of the same click, or this very conversion again.
		return holder, nil
	}
	e := rescored(c)
	e.Reasons = append(e.Reasons, &events.Reason{Code: schemas.SignalDup, Observed: 2, Expected: 1, N: 1, Points: pointsHard, Baseline: baselineFixed})
	e.Score = Score(e.Reasons)
	if c.Score < schemas.FlagScore && e.Score >= schemas.FlagScore {
		e.FlaggedDelta = 1
	}
	return holder, e
}

// Anomalies returns one row for each reason of a ledger entry that brought new findings: its first one, or a rescored one.
func Anomalies(e *events.Conversion) []*events.Anomaly {
	var out []*events.Anomaly
	for _, r := range e.Reasons {
		if e.Kind == events.Conversion_KIND_RESCORED && r.Code != schemas.SignalDup {
			continue // reported with the first entry
		}
		out = append(out, &events.Anomaly{
			AnomalyId: e.ConversionId + "-" + r.Code, Reason: r, Subject: "conversion",
			ClickId: e.ClickId, ConversionId: e.ConversionId, ReceiptId: e.ReceiptId, Network: e.Network,
			CampaignId: e.CampaignId, Campaign: e.Campaign, SourceId: e.SourceId, Source: e.Source,
			EventMs: e.EventMs, ReceivedMs: e.ReceivedMs, Score: e.Score,
		})
	}
	return out
}

// ClickAnomalies returns one row for each reason of a scored click.
func ClickAnomalies(c *events.Click, score uint32, reasons []*events.Reason) []*events.Anomaly {
	var out []*events.Anomaly
	for _, r := range reasons {
		out = append(out, &events.Anomaly{
			AnomalyId: c.ClickId + "-" + r.Code, Reason: r, Subject: "click", ClickId: c.ClickId,
			CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source,
			EventMs: c.EventMs, ReceivedMs: c.ReceivedMs, Score: score,
		})
	}
	return out
}

func rescored(c *events.Conversion) *events.Conversion {
	return &events.Conversion{
		ConversionId: c.ConversionId, Kind: events.Conversion_KIND_RESCORED, ReceiptId: c.ReceiptId, ClickId: c.ClickId,
		Network: c.Network, Event: c.Event, Txid: c.Txid, Status: c.Status, PreviousStatus: c.Status, OriginalStatus: c.OriginalStatus,
		PayoutMicros: c.PayoutMicros, Currency: c.Currency, PayoutBaseMicros: c.PayoutBaseMicros, PayoutSource: c.PayoutSource,
		EventMs: c.EventMs, ReceivedMs: c.ReceivedMs, ClickMs: c.ClickMs, Match: c.Match, Foreign: c.Foreign,
		CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source, OfferId: c.OfferId, Offer: c.Offer,
		Country: c.Country, Device: c.Device, Os: c.Os, Browser: c.Browser, Subs: c.Subs, ExternalId: c.ExternalId,
		LandingId: c.LandingId, Landing: c.Landing, Keyword: c.Keyword, Creative: c.Creative,
		City: c.City, Region: c.Region, Asn: c.Asn, AsOrg: c.AsOrg, ConnectionType: c.ConnectionType, Hosting: c.Hosting,
		OsVersion: c.OsVersion, BrowserVersion: c.BrowserVersion, Bot: c.Bot, BotClass: c.BotClass,
		Language: c.Language, ReferrerDomain: c.ReferrerDomain, Buyer: c.Buyer, Team: c.Team, Tags: c.Tags,
		Block: c.Block, Blocked: c.Blocked,
		BesideGoal: c.BesideGoal, ConfirmedOnly: c.ConfirmedOnly, Zone: c.Zone, ZoneName: c.ZoneName, Site: c.Site, Placement: c.Placement,
		AdCampaign: c.AdCampaign, AdCampaignName: c.AdCampaignName, Adset: c.Adset, AdsetName: c.AdsetName, Ad: c.Ad, AdName: c.AdName,
		Reasons: append([]*events.Reason(nil), c.Reasons...),
	}
}
