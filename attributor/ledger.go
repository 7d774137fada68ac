package attributor

import (
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
	"tributary/schemas/state"
)

// Rules are the parameters of attribution and scoring.
type Rules struct {
	// WindowMS is the lookback window: a conversion is accepted up to this long after its click.
	WindowMS int64
	Scoring  Scoring
}

// Input is one postback with all that is known about it.
type Input struct {
	Postback *events.Postback
	// Click is nil when no click with this ID came within the grace time.
	Click *events.Click
	// Book holds the conversions of this click ID; Attribute changes it when the postback is accepted.
	Book *state.Book
	// Source holds the statistics of the click's source; Attribute changes it when a conversion is created.
	Source *state.SourceStats
	// Decisions is the version of the rules to judge by: schemas.Decisions, or an earlier one for what was judged then.
	Decisions uint32
}

// Outcome is what became of one postback: exactly one of Entry and Reject is set.
type Outcome struct {
	Entry  *events.Conversion
	Reject schemas.RejectReason
	// Detail says in words why it was rejected.
	Detail string
}

// Attribute turns one postback into a ledger entry or a reject reason. The entry and the book's items refer to strings and
// slices of the input: marshal them before that memory is reused. It allocates the entry, its ID and reasons, and a book item for a new conversion.
func Attribute(in Input, rules *Rules) Outcome {
	pb := in.Postback
	if detail := amountProblem(pb); detail != "" {
		return Outcome{Reject: schemas.RejectAmountRange, Detail: detail}
	}
	item := find(in.Book, pb, in.Decisions)
	if item == nil {
		return create(in, rules)
	}
	if slices.Contains(item.Receipts, receiptHash(pb)) {
		return Outcome{Reject: schemas.RejectDuplicate, Detail: fmt.Sprintf(
			"this postback was counted before (event %q, txid %q): it came twice from the edge", pb.Event, pb.Txid)}
	}
	before := contributionOf(item)
	next := events.Status(item.Status)
	if pb.Status != events.Status_STATUS_UNSPECIFIED {
		next = pb.Status
	}
	repriced := pb.HasPayout && (pb.PayoutMicros != item.PayoutMicros || pb.Currency != item.Currency)
	previous := events.Status(item.Status)
	switch {
	case next == previous && !repriced:
		return Outcome{Reject: schemas.RejectDuplicate, Detail: fmt.Sprintf(
			"%s (event %q, txid %q) of this click is %s with this payout already", noun(item), pb.Event, pb.Txid, statusWord(previous))}
	case next != previous && isOpen(next) && (!isOpen(previous) || next == events.Status_STATUS_REGISTERED):
		return Outcome{Reject: schemas.RejectStaleStatus, Detail: fmt.Sprintf(
			"%s (event %q, txid %q) of this click is %s; it cannot go back to %s", noun(item), pb.Event, pb.Txid, statusWord(previous), statusWord(next))}
	}
	kind := events.Conversion_KIND_STATUS
	if next == previous {
		kind = events.Conversion_KIND_PAYOUT
	}
	item.Seq++
	remember(item, pb)
	if in.Decisions >= schemas.DecisionsByNetwork {
		item.Network = pb.Network // of an item that was nobody's; the others have it
	}
	item.Status = int32(next)
	if pb.HasPayout {
		item.PayoutMicros, item.Currency, item.PayoutBaseMicros = pb.PayoutMicros, pb.Currency, pb.PayoutBaseMicros
		item.PayoutSource = int32(events.Conversion_PAYOUT_SOURCE_POSTBACK)
	}
	e := entry(in, item, kind)
	e.PreviousStatus = previous
	e.Score = item.Score
	setDeltas(e, before, contributionOf(item))
	return Outcome{Entry: e}
}

func create(in Input, rules *Rules) Outcome {
	pb := in.Postback
	match := events.Conversion_MATCH_CLICK
	if in.Click == nil {
		if pb.Foreign {
			return Outcome{Reject: schemas.RejectOrphan, Detail: "no click with this foreign ID came within the grace time"}
		}
		match = events.Conversion_MATCH_CLICK_ID
	}
	if len(in.Book.Items) >= schemas.MaxConversionsPerClick {
		return Outcome{Reject: schemas.RejectTooMany, Detail: fmt.Sprintf("this click has %d conversions already", len(in.Book.Items))}
	}
	if detail := tooMany(in.Book, pb); detail != "" {
		return Outcome{Reject: schemas.RejectTooMany, Detail: detail}
	}
	clickMS, err := clickTimeMS(in)
	if err != nil {
		return Outcome{Reject: schemas.RejectMalformedClickID, Detail: err.Error()}
	}
	if age := pb.EventMs - clickMS; age > rules.WindowMS {
		return Outcome{Reject: schemas.RejectOutsideWindow, Detail: fmt.Sprintf("the conversion happened %s after its click; the window is %s",
			time.Duration(age)*time.Millisecond, time.Duration(rules.WindowMS)*time.Millisecond)}
	}
	item := &state.Item{Event: pb.Event, Txid: pb.Txid, Status: int32(pb.Status), Seq: 1, EventMs: pb.EventMs, Match: int32(match), Decisions: in.Decisions}
	item.ConfirmedOnly = pb.ConfirmedOnly
	if pb.Txid == "" && pb.BlankTxidIsNew {
		item.ReceiptId = pb.ReceiptId
	}
	if pb.MaxConversions > 0 || in.Decisions >= schemas.DecisionsByNetwork {
		item.Network = pb.Network
	}
	if pb.Status == events.Status_STATUS_UNSPECIFIED {
		item.Status = int32(events.Status_STATUS_APPROVED)
	}
	switch {
	case pb.HasPayout:
		item.PayoutMicros, item.Currency, item.PayoutBaseMicros = pb.PayoutMicros, pb.Currency, pb.PayoutBaseMicros
		item.PayoutSource = int32(events.Conversion_PAYOUT_SOURCE_POSTBACK)
	case in.Click != nil:
		item.PayoutMicros, item.Currency, item.PayoutBaseMicros = in.Click.OfferPayoutMicros, in.Click.OfferCurrency, in.Click.OfferPayoutBaseMicros
		item.PayoutSource = int32(events.Conversion_PAYOUT_SOURCE_OFFER)
	default:
		item.PayoutSource = int32(events.Conversion_PAYOUT_SOURCE_NONE)
	}
	kind := events.Conversion_KIND_CREATED
	if isCorrection(item) {
		kind = events.Conversion_KIND_CORRECTION
	}
	e := entry(in, item, kind)
	setDeltas(e, contribution{}, contributionOf(item))
	if kind == events.Conversion_KIND_CREATED {
		// What a network deducts says nothing about the visitor.
		e.Score, e.Reasons = scoreConversion(e, in.Click, in.Source, &rules.Scoring)
	}
	if e.Score >= schemas.FlagScore {
		e.FlaggedDelta = 1
	}
	item.Score = e.Score
	remember(item, pb)
	in.Book.Items = append(in.Book.Items, item)
	return Outcome{Entry: e}
}

// receiptsKept bounds what one conversion remembers of the postbacks that changed it. A repeated postback follows its first copy within
// the time that a broker was away; a network does not change one conversion so often meanwhile.
const receiptsKept = 16

func receiptHash(pb *events.Postback) uint64 { return xxhash.Sum64String(pb.ReceiptId) }

func remember(item *state.Item, pb *events.Postback) {
	if len(item.Receipts) >= receiptsKept {
		item.Receipts = slices.Delete(item.Receipts, 0, len(item.Receipts)-receiptsKept+1)
	}
	item.Receipts = append(item.Receipts, receiptHash(pb))
}

func clickTimeMS(in Input) (int64, error) {
	if in.Click != nil {
		return in.Click.EventMs, nil
	}
	if in.Postback.Foreign {
		return in.Postback.EventMs, nil
	}
	c, err := id.ParseClick(in.Postback.ClickId)
	if err != nil {
		return 0, err
	}
	return c.TimeMS(), nil
}

// entry fills in everything but deltas and score.
func entry(in Input, item *state.Item, kind events.Conversion_Kind) *events.Conversion {
	pb := in.Postback
	e := &events.Conversion{
		ConversionId: conversionID(pb.ClickId, item), Seq: item.Seq, Kind: kind,
		ReceiptId: pb.ReceiptId, ClickId: pb.ClickId, Network: pb.Network, Event: pb.Event, Txid: pb.Txid,
		Status: events.Status(item.Status), OriginalStatus: pb.OriginalStatus,
		PayoutMicros: item.PayoutMicros, Currency: item.Currency, PayoutBaseMicros: item.PayoutBaseMicros,
		PayoutSource: events.Conversion_PayoutSource(item.PayoutSource),
		EventMs:      pb.EventMs, ReceivedMs: pb.ReceivedMs,
		Match: events.Conversion_Match(item.Match), Foreign: pb.Foreign, ConfirmedOnly: item.ConfirmedOnly,
	}
	e.ClickMs, _ = clickTimeMS(in)
	if c := in.Click; c != nil && item.Match == int32(events.Conversion_MATCH_CLICK) {
		e.CampaignId, e.Campaign = c.CampaignId, c.Campaign
		e.SourceId, e.Source = c.SourceId, c.Source
		e.OfferId, e.Offer = c.OfferId, c.Offer
		e.Country, e.Device, e.Os, e.Browser = c.Country, c.Device, c.Os, c.Browser
		e.Subs, e.ExternalId = c.Subs, c.ExternalId
		e.BesideGoal = len(c.Goals) > 0 && !slices.Contains(c.Goals, pb.Event)
		e.Block, e.Blocked = c.Block, c.Blocked
		e.LandingId, e.Landing, e.Keyword, e.Creative = c.LandingId, c.Landing, c.Keyword, c.Creative
		e.City, e.Region, e.Asn, e.AsOrg, e.ConnectionType, e.Hosting = c.City, c.Region, c.Asn, c.AsOrg, c.ConnectionType, c.Hosting
		e.OsVersion, e.BrowserVersion, e.Bot, e.BotClass = c.OsVersion, c.BrowserVersion, c.Bot, c.BotClass
		e.Language, e.ReferrerDomain = c.Language, c.ReferrerDomain
		e.Buyer, e.Team, e.Tags = c.Buyer, c.Team, c.Tags
		e.Zone, e.ZoneName, e.Site, e.Placement = c.Zone, c.ZoneName, c.Site, c.Placement
		e.AdCampaign, e.AdCampaignName, e.Adset, e.AdsetName, e.Ad, e.AdName = c.AdCampaign, c.AdCampaignName, c.Adset, c.AdsetName, c.Ad, c.AdName
		return e
	}
	e.CampaignId, e.Campaign = pb.CampaignId, pb.Campaign
	e.SourceId, e.Source = pb.SourceId, pb.Source
	return e
}
