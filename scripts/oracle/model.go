package oracle

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tributary/schemas/events"
)

// An Accepted is one record of an input topic, as Kafka has it at the end.
type Accepted struct {
	Topic     string
	Partition int32
	Offset    int64
	Value     []byte
}

// Expected is what the ledger must be: the naive model's answer.
type Expected struct {
	// clicks by click ID; conversions by ID and number of the entry, such as 0123…/2.
	clicks, conversions map[string]Row
	// postbacks by partition and offset, such as 3/17; orphans counts those without a click by receipt.
	postbacks map[string]Row
	orphans   map[string]int
	// letters counts the dead letters of the processor by their text; see letterText.
	letters map[string]int
	// refused are the rows that ClickHouse refuses for good: click/<click ID> or conversion/<ID>/<number>.
	refused map[string]bool
	// claims counts, by network and transaction ID used on several clicks, the conversions of each click.
	claims map[string]map[string]string
}

// A book is what the model remembers of one conversion.
type book struct {
	id, event, txid, receipt string
	seq                      int
	status                   events.Status
	payout, base             int64
	currency, source, match  string
	// correction: a postback with a payout below 0 made it. It moves money, counts as nothing, and claims no transaction.
	correction bool
	// network made it, and no other changes it.
	network string
	// confirmedOnly: what the network's owner had chosen when its first postback came; another choice later is of later
	// ones.
	confirmedOnly bool
	// receipts are of the postbacks that made its entries.
	receipts []string
}

// model computes the ledger from the accepted inputs, in one thread, with no window of time: every click is known from the
// start, because the scenario has a click come within its grace or never.
//
// It shares no code with attributor or processor on purpose: what a conversion is, is written down here a second time.
func model(log []Accepted, windowMS int64) *Expected {
	x := &Expected{clicks: map[string]Row{}, conversions: map[string]Row{}, postbacks: map[string]Row{}, orphans: map[string]int{}, letters: map[string]int{}, refused: map[string]bool{}, claims: map[string]map[string]string{}}
	log = slices.Clone(log)
	slices.SortFunc(log, func(a, b Accepted) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	clicks := map[string]*events.Click{}
	books := map[string][]*book{}
	for _, r := range log { // clicks sort before postbacks
		if r.Topic == "clicks" {
			x.click(clicks, r)
		}
	}
	for _, r := range log {
		if r.Topic == "postbacks" {
			x.postback(clicks, books, r, windowMS)
		}
	}
	return x
}

func (x *Expected) click(clicks map[string]*events.Click, r Accepted) {
	c := &events.Click{}
	if err := c.UnmarshalVT(r.Value); err != nil || c.ClickId == "" {
		x.letters[letterText(fmt.Sprintf("%s-%d-%d-join", r.Topic, r.Partition, r.Offset), "record", "undecodable_record", "", "", "", "")]++
		return
	}
	if beyond(c.CostMicros, c.CostBaseMicros, c.OfferPayoutMicros, c.OfferPayoutBaseMicros) {
		x.letters[letterText(fmt.Sprintf("%s-%d-%d", r.Topic, r.Partition, r.Offset), "click", "amount_out_of_range", "", c.ClickId, "", "")]++
		return
	}
	if clicks[c.ClickId] != nil {
		x.letters[letterText(fmt.Sprintf("%s-%d-%d", r.Topic, r.Partition, r.Offset), "click", "duplicate_click", "", c.ClickId, "", "")]++
		return
	}
	clicks[c.ClickId] = c
	if c.Keyword == poison {
		x.refused["click/"+c.ClickId] = true
		return
	}
	x.clicks[c.ClickId] = Row{
		"click_id": c.ClickId, "event_at": number(c.EventMs), "received_at": number(c.ReceivedMs),
		"campaign_id": number(c.CampaignId), "campaign": c.Campaign, "source_id": number(c.SourceId), "source": c.Source,
		"cost": number(c.CostBaseMicros), "cost_original": number(c.CostMicros), "currency": c.Currency,
		"offer_payout": number(c.OfferPayoutBaseMicros), "goals": strings.Join(c.Goals, "|"),
		"foreign": strconv.FormatBool(c.Foreign),
	}.with(described(c))
}

func (x *Expected) postback(clicks map[string]*events.Click, books map[string][]*book, r Accepted, windowMS int64) {
	pb := &events.Postback{}
	if err := pb.UnmarshalVT(r.Value); err != nil || pb.ClickId == "" {
		x.letters[letterText(fmt.Sprintf("%s-%d-%d-join", r.Topic, r.Partition, r.Offset), "record", "undecodable_record", "", "", "", "")]++
		return
	}
	x.postbacks[fmt.Sprintf("%d/%d", r.Partition, r.Offset)] = Row{
		"receipt_id": pb.ReceiptId, "click_id": pb.ClickId, "network": pb.Network, "event": pb.Event, "txid": pb.Txid, "status": statusWord(pb.Status), "original_status": pb.OriginalStatus,
		"has_payout": strconv.FormatBool(pb.HasPayout), "payout": number(pb.PayoutBaseMicros), "payout_original": number(pb.PayoutMicros), "currency": pb.Currency,
		"foreign": strconv.FormatBool(pb.Foreign), "campaign_id": number(pb.CampaignId), "event_at": number(pb.EventMs), "received_at": number(pb.ReceivedMs),
		"confirmed_only": strconv.FormatBool(pb.ConfirmedOnly),
	}
	reject := func(reason string) {
		x.letters[letterText(pb.ReceiptId, "postback", reason, pb.Network, pb.ClickId, pb.Event, pb.Txid)]++
	}
	if pb.HasPayout && (beyond(pb.PayoutMicros, pb.PayoutBaseMicros) || pb.MaxPayoutBaseMicros != 0 && max(pb.PayoutBaseMicros, -pb.PayoutBaseMicros) > pb.MaxPayoutBaseMicros) {
		reject("amount_out_of_range")
		return
	}
	click := clicks[pb.ClickId]
	receipt := ""
	if pb.Txid == "" && pb.BlankTxidIsNew {
		receipt = pb.ReceiptId
	}
	correction := pb.HasPayout && pb.PayoutMicros < 0
	var b *book
	for _, have := range books[pb.ClickId] {
		if have.event == pb.Event && have.txid == pb.Txid && have.receipt == receipt && have.correction == correction && have.network == pb.Network {
			b = have
		}
	}
	if b != nil {
		x.change(b, pb, click, reject)
		return
	}
	// A new conversion, or a new correction.
	if click == nil && pb.Foreign {
		x.orphans[pb.ReceiptId]++
		reject("orphan")
		return
	}
	if pb.MaxConversions > 0 && overBound(books[pb.ClickId], pb, correction) {
		reject("too_many_conversions")
		return
	}
	if pb.EventMs-clickMS(click, pb) > windowMS {
		reject("outside_window")
		return
	}
	b = &book{network: pb.Network, event: pb.Event, txid: pb.Txid, receipt: receipt, correction: correction,
		status: pb.Status, source: "none", match: "click",
		confirmedOnly: pb.ConfirmedOnly}
	b.id = identity(pb.ClickId, pb.Event, pb.Txid, receipt, "", pb.Network)
	kind := "created"
	if correction {
		kind = "correction"
		b.id = identity(pb.ClickId, pb.Event, pb.Txid, receipt, kind, pb.Network)
	}
	if b.status == events.Status_STATUS_UNSPECIFIED {
		b.status = events.Status_STATUS_APPROVED
	}
	if click == nil {
		b.match = "click_id"
	}
	if pb.HasPayout {
		b.payout, b.base, b.currency, b.source = pb.PayoutMicros, pb.PayoutBaseMicros, pb.Currency, "postback"
	} else if click != nil {
		b.payout, b.base, b.currency, b.source = click.OfferPayoutMicros, click.OfferPayoutBaseMicros, click.OfferCurrency, "offer"
	}
	books[pb.ClickId] = append(books[pb.ClickId], b)
	x.enter(b, pb, click, kind, events.Status_STATUS_UNSPECIFIED, worth{})
	if pb.Txid != "" && !correction && pb.TxidScope != events.TxidScope_TXID_SCOPE_CLICK {
		key := pb.Network + "/" + pb.Txid
		if x.claims[key] == nil {
			x.claims[key] = map[string]string{}
		}
		x.claims[key][pb.ClickId] = b.id
	}
}

// overBound tells whether a network may not make this too of the click. It may make so many conversions, and as many
// corrections, of so many transactions together; what completes a transaction needs no place of its own.
func overBound(books []*book, pb *events.Postback, correction bool) bool {
	type transaction struct{ event, txid string }
	type made struct{ conversions, corrections int }
	of := map[transaction]*made{{pb.Event, pb.Txid}: {}}
	for _, have := range books {
		if have.network != pb.Network {
			continue
		}
		key := transaction{have.event, have.txid}
		if of[key] == nil {
			of[key] = &made{}
		}
		if have.correction {
			of[key].corrections++
		} else {
			of[key].conversions++
		}
	}
	var total made
	transactions := 0
	for _, m := range of {
		total.conversions, total.corrections = total.conversions+m.conversions, total.corrections+m.corrections
		if m.conversions > 0 {
			transactions += m.conversions
		} else {
			transactions += m.corrections
		}
	}
	most, own := int(pb.MaxConversions), of[transaction{pb.Event, pb.Txid}]
	if correction {
		return total.corrections >= most || own.conversions == 0 && transactions >= most
	}
	return total.conversions >= most || own.corrections == 0 && transactions >= most
}

// beyond tells whether one of the amounts is more than a billion units.
func beyond(micros ...int64) bool {
	const most = 1_000_000_000 * 1_000_000
	return slices.ContainsFunc(micros, func(m int64) bool { return m > most || m < -most })
}

// change books a postback about a conversion that there is already.
func (x *Expected) change(b *book, pb *events.Postback, click *events.Click, reject func(string)) {
	if slices.Contains(b.receipts, pb.ReceiptId) { // the edge sent it twice
		reject("duplicate_postback")
		return
	}
	before, previous := b.worth(), b.status
	status := pb.Status
	if status == events.Status_STATUS_UNSPECIFIED {
		status = b.status
	}
	samePayout := !pb.HasPayout || pb.PayoutMicros == b.payout && pb.Currency == b.currency
	if status == b.status && samePayout {
		reject("duplicate_postback")
		return
	}
	// Once decided, a conversion does not go back to waiting; nor from pending to registered.
	switch {
	case status == b.status:
	case status == events.Status_STATUS_REGISTERED,
		status == events.Status_STATUS_PENDING && b.status != events.Status_STATUS_REGISTERED:
		reject("stale_status")
		return
	}
	kind := "status"
	if status == b.status {
		kind = "payout"
	}
	b.status = status
	if pb.HasPayout {
		b.payout, b.base, b.currency, b.source = pb.PayoutMicros, pb.PayoutBaseMicros, pb.Currency, "postback"
	}
	x.enter(b, pb, click, kind, previous, before)
}

// worth is what a conversion adds to the sums.
type worth struct{ registered, pending, approved, rejected, chargeback, hold, confirmed int64 }

func (b *book) worth() (w worth) {
	switch b.status {
	case events.Status_STATUS_REGISTERED:
		w.registered = 1
	case events.Status_STATUS_PENDING:
		w.pending, w.hold = 1, b.base
	case events.Status_STATUS_APPROVED:
		w.approved, w.confirmed = 1, b.base
	case events.Status_STATUS_REJECTED:
		w.rejected = 1
	case events.Status_STATUS_CHARGEBACK:
		w.chargeback = 1
	}
	if b.correction {
		return worth{hold: w.hold, confirmed: w.confirmed}
	}
	return w
}

func (w worth) conversions() int64 { return w.registered + w.pending + w.approved }

// enter writes the next ledger entry of a conversion.
func (x *Expected) enter(b *book, pb *events.Postback, click *events.Click, kind string, previous events.Status, before worth) {
	b.seq++
	b.receipts = append(b.receipts, pb.ReceiptId)
	after := b.worth()
	row := Row{
		"conversion_id": b.id, "seq": number(b.seq), "kind": kind, "receipt_id": pb.ReceiptId, "click_id": pb.ClickId, "network": pb.Network, "event": pb.Event, "txid": pb.Txid,
		"status": statusWord(b.status), "previous_status": statusWord(previous), "original_status": pb.OriginalStatus,
		"payout": number(b.base), "payout_original": number(b.payout), "currency": b.currency, "payout_source": b.source,
		"conversions_delta": number(after.conversions() - before.conversions()), "registered_delta": number(after.registered - before.registered),
		"pending_delta": number(after.pending - before.pending), "approved_delta": number(after.approved - before.approved),
		"rejected_delta": number(after.rejected - before.rejected), "chargeback_delta": number(after.chargeback - before.chargeback),
		"revenue_hold_delta": number(after.hold - before.hold), "revenue_confirmed_delta": number(after.confirmed - before.confirmed),
		"event_at": number(pb.EventMs), "received_at": number(pb.ReceivedMs), "click_at": number(clickMS(click, pb)), "match": b.match, "foreign": strconv.FormatBool(pb.Foreign),
		"beside_goal": strconv.FormatBool(beside(click, pb.Event)), "confirmed_only": strconv.FormatBool(b.confirmedOnly),
	}.with(described(click))
	if click != nil {
		row["campaign_id"], row["campaign"], row["source_id"], row["source"] = number(click.CampaignId), click.Campaign, number(click.SourceId), click.Source
	} else {
		row["campaign_id"], row["campaign"], row["source_id"], row["source"] = number(pb.CampaignId), pb.Campaign, number(pb.SourceId), pb.Source
	}
	key := b.id + "/" + number(b.seq)
	if strings.HasPrefix(b.txid, poison) {
		x.refused["conversion/"+key] = true
		return
	}
	x.conversions[key] = row
}

// clickMS is when the click happened: the click says it, or its ID does.
func clickMS(click *events.Click, pb *events.Postback) int64 {
	if click != nil {
		return click.EventMs
	}
	return nativeTimeMS(pb.ClickId)
}

// identity is the conversion ID: SHA-256 over the parts with their lengths, 16 bytes of it in hex.
func identity(parts ...string) string {
	var b []byte
	for _, p := range parts {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

func letterText(id, kind, reason, network, click, event, txid string) string {
	return strings.Join([]string{id, kind, reason, network, click, event, txid}, " ")
}

func statusWord(s events.Status) string {
	return [...]string{"unspecified", "registered", "pending", "approved", "rejected", "chargeback"}[s]
}

func number[N int | int64 | uint32](n N) string { return strconv.FormatInt(int64(n), 10) }
