package join

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"tributary/attributor"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

func (t *task) processPostback(ctx *stage.Context, rec *stage.Record) error {
	pb := &t.postback
	pb.Reset()
	if err := pb.UnmarshalVTUnsafe(rec.Value); err != nil {
		return fmt.Errorf("reading a postback: %w", err)
	}
	if pb.ClickId == "" {
		return errors.New("reading a postback: it has no click_id")
	}
	t.id.identify(pb.ClickId, pb.Foreign)
	if t.waiting[t.hash()] > 0 {
		return t.park(ctx, rec, pb) // behind the ones that wait, to keep the order
	}
	f, err := t.file(ctx)
	if err != nil {
		return err
	}
	if f.click == nil && !t.needsNoClick(ctx, f, pb) {
		return t.park(ctx, rec, pb)
	}
	return t.attribute(ctx, f, pb)
}

// needsNoClick tells of a postback whose click is unknown that waiting would not help: its conversion is booked already, or the
// click is so old that it would not be remembered.
func (t *task) needsNoClick(ctx *stage.Context, f *file, pb *events.Postback) bool {
	if !t.id.foreign && t.id.timeMS < t.clickHorizonMS(ctx) {
		return true
	}
	if pb.Txid == "" && pb.BlankTxidIsNew {
		return false
	}
	return attributor.Booked(&f.book, pb, decisions(ctx, pb))
}

// decisions answers the version of the rules to judge a postback by. Where neither a cycle nor the ledger tells, the
// postback does: the edges that say how far a transaction ID is unique came with the rules by network.
func decisions(ctx *stage.Context, pb *events.Postback) uint32 {
	version, known := ctx.DecisionsOf(pb.ReceiptId)
	if !known && pb.TxidScope == events.TxidScope_TXID_SCOPE_UNSPECIFIED {
		return schemas.DecisionsByTransaction
	}
	return version
}

// file is what is remembered of one click ID.
type file struct {
	click *events.Click
	// snapshot is click as it is stored; empty when the click is unknown.
	snapshot []byte
	book     state.Book
	// late: the conversions lie in the place of what came late.
	late bool
}

// file reads the conversions and the click of the ID in t.id. The conversions carry the click, for they outlive it.
func (t *task) file(ctx *stage.Context) (*file, error) {
	f := &file{}
	inTime, late := t.remembered(t.bookHorizonMS(ctx))
	var raw []byte
	var ok bool
	var err error
	if inTime {
		t.key = t.id.key(t.key, kindBook)
		if raw, ok, err = ctx.State.Get(t.key); err != nil {
			return nil, err
		}
	}
	if late && !ok {
		f.late = true
		t.key = t.id.lateKey(t.key, kindBook)
		if raw, ok, err = ctx.State.Get(t.key); err != nil {
			return nil, err
		}
	}
	if ok {
		n, used := binary.Uvarint(raw)
		if used <= 0 || n > uint64(len(raw)-used) {
			return nil, errors.New("reading the conversions of a click: the state is damaged")
		}
		f.snapshot = raw[used : used+int(n)]
		if err := f.book.UnmarshalVTUnsafe(raw[used+int(n):]); err != nil {
			return nil, fmt.Errorf("reading the conversions of a click: %w", err)
		}
	}
	inTime, late = t.remembered(t.clickHorizonMS(ctx))
	if len(f.snapshot) == 0 && inTime {
		t.key = t.id.key(t.key, kindClick)
		if f.snapshot, _, err = ctx.State.Find(t.key); err != nil {
			return nil, err
		}
	}
	if len(f.snapshot) == 0 && late {
		t.key = t.id.lateKey(t.key, kindClick)
		if f.snapshot, _, err = ctx.State.Get(t.key); err != nil {
			return nil, err
		}
	}
	if len(f.snapshot) > 0 {
		if f.click, err = t.readSnapshot(ctx, f.snapshot); err != nil {
			return nil, fmt.Errorf("reading the click of a postback: %w", err)
		}
	}
	return f, nil
}

// attribute makes a ledger entry or a dead letter of one postback of the ID in t.id.
func (t *task) attribute(ctx *stage.Context, f *file, pb *events.Postback) error {
	if f.click != nil {
		f.click.ClickId = pb.ClickId
	}
	sourceID, source := pb.SourceId, pb.Source
	if f.click != nil {
		sourceID, source = f.click.SourceId, f.click.Source
	}
	sourceKey := binary.BigEndian.AppendUint32([]byte{kindSource}, sourceID)
	if sourceID == 0 {
		sourceKey = append(sourceKey, source...)
	}
	stats := &state.SourceStats{}
	raw, ok, err := ctx.State.Find(sourceKey)
	if err != nil {
		return err
	}
	if ok {
		if err := stats.UnmarshalVT(raw); err != nil {
			return fmt.Errorf("reading the statistics of a source: %w", err)
		}
	}
	out := attributor.Attribute(attributor.Input{
		Postback: pb, Click: f.click, Book: &f.book, Source: stats, Decisions: decisions(ctx, pb),
	}, &t.opts.Rules)
	if out.Entry == nil {
		return t.deadLetter(ctx, pb, out.Reject, out.Detail)
	}
	if err := t.storeBook(ctx, f); err != nil {
		return err
	}
	if _, err := stats.MarshalToSizedBufferVT(ctx.State.PutSized(sourceKey, stats.SizeVT())); err != nil {
		return fmt.Errorf("writing the statistics of a source: %w", err)
	}
	t.mixed.see(f.click, out.Entry)
	return t.emitEntry(ctx, out.Entry, pb.TxidScope)
}

func (t *task) emitEntry(ctx *stage.Context, e *events.Conversion, scope events.TxidScope) error {
	e.DecidedMs = ctx.NowMS()
	key := []byte(e.ClickId)
	if err := ctx.EmitMessage(schemas.TopicConversions, key, e); err != nil {
		return err
	}
	for _, a := range attributor.Anomalies(e) {
		if err := ctx.EmitMessage(schemas.TopicAnomalies, key, a); err != nil {
			return err
		}
	}
	// A correction has the transaction ID of what it corrects: it claims none.
	if e.Kind != events.Conversion_KIND_CREATED || e.Txid == "" {
		return nil
	}
	// Other clicks have conversions of that ID too, each its own.
	if scope == events.TxidScope_TXID_SCOPE_CLICK {
		return nil
	}
	claimKey := append(append([]byte(e.Network), 0), e.Txid...)
	return ctx.EmitMessage(schemas.TopicClaims, claimKey, &events.Claim{Conversion: e})
}

func (t *task) storeBook(ctx *stage.Context, f *file) error {
	if f.late {
		t.key = t.id.lateKey(t.key, kindBook)
	} else {
		t.key = t.id.key(t.key, kindBook)
	}
	n := f.book.SizeVT()
	var head [binary.MaxVarintLen64]byte
	h := binary.PutUvarint(head[:], uint64(len(f.snapshot)))
	v := ctx.State.PutSized(t.key, h+len(f.snapshot)+n)
	copy(v[copy(v, head[:h]):], f.snapshot)
	if _, err := f.book.MarshalToSizedBufferVT(v[h+len(f.snapshot):]); err != nil {
		return fmt.Errorf("writing the conversions of a click: %w", err)
	}
	if t.id.foreign || f.late {
		ctx.SetTimer(ctx.ArrivalMS()+t.opts.BookRetentionMS, t.key)
	}
	return nil
}

func (t *task) deadLetter(ctx *stage.Context, pb *events.Postback, reason schemas.RejectReason, detail string) error {
	t.reject(reason)
	return ctx.EmitMessage(schemas.TopicDeadLetters, []byte(pb.ClickId), &events.DeadLetter{
		LetterId: text(pb.ReceiptId), Kind: events.DeadLetter_KIND_POSTBACK, Reason: string(reason), Detail: text(detail), Place: "processor",
		ReceivedMs: readable(pb.ReceivedMs), DecidedMs: ctx.NowMS(), Raw: pb.Raw, Network: text(pb.Network), ClickId: text(pb.ClickId), Event: text(pb.Event), Txid: text(pb.Txid),
		OriginalStatus: text(pb.OriginalStatus), PayoutMicros: pb.PayoutMicros, Currency: text(pb.Currency),
		PayoutBaseMicros: pb.PayoutBaseMicros, Ip: pb.Ip,
	})
}

// text is a string that every reader of a letter can decode. The edge writes none but those; what others write to its topics may be anything.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// readable is a time that a letter's row can have.
func readable(ms int64) int64 { return min(max(ms, 0), schemas.MaxTimeMS-1) }
