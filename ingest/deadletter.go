package ingest

import (
	"net/netip"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/events"
)

// letter starts the dead letter of a request. raw is the caller's copy, which is written over.
func (e *Edge) letter(kind events.DeadLetter_Kind, refused *refusal, receipt string, now time.Time, addr netip.Addr, raw []byte) *events.DeadLetter {
	ip := addr.As16()
	e.redact(raw)
	return &events.DeadLetter{
		LetterId: receipt, Kind: kind, Reason: string(refused.Reason), Detail: e.redacted(e.hideText(addr, refused.Detail)), Place: place,
		ReceivedMs: now.UnixMilli(), Raw: clip(e.privacy.Hide(raw, addr), schemas.MaxRawBytes), Ip: ip[:],
	}
}

// redact overwrites the declared secrets in what is kept of a request, whoever sent them and wherever they stand: one network's token in
// another one's postback is as good as ever.
func (e *Edge) redact(raw []byte) {
	e.secrets.Redact(raw)
	if cat := e.catalog.Load(); cat != nil {
		cat.Secrets().Redact(raw)
	}
}

// redacted is redact of a text.
func (e *Edge) redacted(text string) string {
	copied := []byte(text)
	e.redact(copied)
	return strings.ToValidUTF8(string(copied), "")
}

// file makes the dead letter durable, and an anomaly beside it when there is one.
func (e *Edge) file(letter *events.DeadLetter, anomaly *events.Anomaly) error {
	e.metrics.rejects[schemas.RejectReason(letter.Reason)].Inc()
	first, err := e.producer.prepare(topicDeadLetters, []byte(letter.ClickId), letter.LetterId, letter)
	if err != nil {
		return err
	}
	if anomaly == nil {
		e.producer.send(first)
		return e.producer.wait(first)
	}
	second, err := e.producer.prepare(topicAnomalies, []byte(anomaly.ClickId), anomaly.AnomalyId, anomaly)
	if err != nil {
		return err
	}
	e.producer.send(first)
	e.producer.send(second)
	e.producer.offer(first)
	e.producer.offer(second)
	// Both must be waited for, or the second would be forgotten on its way.
	firstErr, secondErr := e.producer.wait(first), e.producer.wait(second)
	if firstErr != nil {
		return firstErr
	}
	return secondErr
}

// received makes what a sender wrote for a name into text that an event may carry, with a mark in the place of what
// is hidden: it must not look like the name that it is not.
func received(value []byte, limit int) string { return string(query.Marked(value, limit)) }

func (e *Edge) receipt(now time.Time) string {
	r := e.minter.Receipt(now.UnixMilli())
	return r.String()
}

// forged is the finding PB_FAKE of a postback whose click ID does not prove itself. Whom the forged ID claims to be is the
// forger's choice, yet it is the only hint at who was meant to profit.
func forged(p *postback, letter *events.DeadLetter, cat *catalog.Catalog) *events.Anomaly {
	a := &events.Anomaly{
		AnomalyId: letter.LetterId, Reason: &events.Reason{Code: schemas.SignalPBFake, Observed: 1, N: 1, Points: 100},
		Subject: "postback", ClickId: letter.ClickId, ReceiptId: letter.LetterId, Network: p.event.Network,
		CampaignId: p.claimed.Campaign(), SourceId: p.claimed.Source(),
		EventMs: letter.ReceivedMs, ReceivedMs: letter.ReceivedMs, Score: 100,
	}
	a.Campaign, a.Source = namesOf(cat, &p.claimed)
	return a
}
