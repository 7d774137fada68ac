package outbound

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"

	"tributary/catalog/destination"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// decide makes what one destination is told of one entry.
func (t *task) decide(ctx *stage.Context, d *target, book *state.Outbound, e *events.Conversion) error {
	was := find(book, d.Name)
	if was == nil {
		if book.FirstMs < d.ms || book.Generation < d.generation || e.Kind == events.Conversion_KIND_RESCORED || !d.begins(e) {
			return nil
		}
		was = &state.OutboundTold{Destination: d.Name}
		book.Told = append(book.Told, was)
		return t.begin(ctx, d, was, e, e.DecidedMs)
	}
	switch was.Stage {
	case state.OutboundTold_STAGE_UNSPECIFIED, state.OutboundTold_STAGE_RETRACTED:
		if e.Kind != events.Conversion_KIND_RESCORED && d.begins(e) {
			return t.begin(ctx, d, was, e, e.DecidedMs)
		}
	case state.OutboundTold_STAGE_WAITING:
		return t.waiting(ctx, d, was, e)
	case state.OutboundTold_STAGE_TOLD:
		if e.Kind != events.Conversion_KIND_RESCORED {
			return t.change(ctx, d, was, e)
		}
	}
	return nil
}

func find(book *state.Outbound, name string) *state.OutboundTold {
	for _, one := range book.Told {
		if one.Destination == name {
			return one
		}
	}
	return nil
}

// begins tells of an entry of which the destination hears as of a new conversion.
func (d *target) begins(e *events.Conversion) bool {
	if !d.Tells(e.Status) || !d.Concerns(e.Campaign, e.Source, e.Offer, e.Network, e.Country) {
		return false
	}
	if _, ok := d.EventWord(e); !ok {
		return false
	}
	if e.PayoutMicros < 0 {
		return d.Corrections
	}
	return e.PayoutBaseMicros >= d.MinMicros && (d.MaxMicros == 0 || e.PayoutBaseMicros <= d.MaxMicros)
}

func (d *target) suspects(e *events.Conversion) bool {
	return d.Suspicion != destination.SuspicionTell && e.Score >= d.SuspicionScore
}

// begin tells a new conversion, or has it wait, or says why it is not told.
func (t *task) begin(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, atMS int64) error {
	switch {
	case !sampled(e.ConversionId, d.SamplePPM):
		return t.skip(ctx, d, was, e, atMS, schemas.SkipNotSampled)
	case d.lacks(e):
		return t.skip(ctx, d, was, e, atMS, schemas.SkipNoValue)
	case d.suspects(e) && d.Suspicion == destination.SuspicionNever:
		return t.skip(ctx, d, was, e, atMS, schemas.SkipSuspicion)
	case d.suspects(e) || d.DelayMS > 0:
		was.Stage, was.WaitsFromMs, was.Noted = state.OutboundTold_STAGE_WAITING, atMS, false
		return t.wait(ctx, d, was, e, atMS)
	}
	return t.tell(ctx, d, was, e, atMS)
}

// sampled tells of a conversion that is in a part of all, in millionths: always the same ones.
func sampled(conversion string, ppm uint32) bool {
	if ppm >= allPPM {
		return true
	}
	sum := sha256.Sum256([]byte("sample\x00" + conversion))
	return binary.BigEndian.Uint64(sum[:])%allPPM < uint64(ppm)
}

const allPPM = 1_000_000

// lacks tells of an entry without a value that the destination cannot do without; what the browser said is looked at when it is told.
func (d *target) lacks(e *events.Conversion) bool {
	if len(d.Needs) == 0 {
		return false
	}
	facts := destination.Facts{Entry: e, Told: events.OutboundRequest_TOLD_CREATED, RequestID: "-", Event: "-", Status: "-",
		HasAmount: hasAmount(e), Currency: e.Currency}
	for _, name := range d.Needs {
		if !destination.OfAgent(name) && destination.ValueOf(name, &facts) == "" {
			return true
		}
	}
	return false
}

// wait keeps an entry until its time has come, and says so where that is for suspicion.
func (t *task) wait(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, atMS int64) error {
	raw, err := e.MarshalVT()
	if err != nil {
		return fmt.Errorf("writing an entry that waits: %w", err)
	}
	was.Entry = raw
	if d.suspects(e) && !was.Noted {
		was.Noted = true
		if err := t.emit(ctx, d, was, e, &told{what: events.OutboundRequest_TOLD_CREATED, atMS: atMS, skip: schemas.SkipSuspicion}); err != nil {
			return err
		}
	}
	if due, ok := d.waitsUntil(was, e); ok {
		ctx.SetTimer(max(due, ctx.WatermarkMS()), timerKey(timerWait, e.ConversionId, d.Name))
	}
	return nil
}

// waitsUntil is when what waits is looked at again; ok is false where nothing but another entry ends it.
func (d *target) waitsUntil(was *state.OutboundTold, e *events.Conversion) (ms int64, ok bool) {
	ms = was.WaitsFromMs + d.DelayMS
	if !d.suspects(e) {
		return ms, true
	}
	if d.WaitMS > 0 {
		return max(ms, was.WaitsFromMs+d.WaitMS), true
	}
	return 0, false
}

// waiting is a further entry of a conversion that waits.
func (t *task) waiting(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion) error {
	if e.Kind == events.Conversion_KIND_RESCORED {
		kept := &events.Conversion{}
		if err := kept.UnmarshalVT(was.Entry); err != nil {
			return fmt.Errorf("reading an entry that waits: %w", err)
		}
		kept.Score, kept.Reasons, kept.DecidedMs = e.Score, e.Reasons, e.DecidedMs
		return t.look(ctx, d, was, kept, e.DecidedMs)
	}
	e = scored(e, was)
	switch {
	case !d.Tells(e.Status):
		noted := was.Noted
		was.Stage, was.Entry, was.Noted = state.OutboundTold_STAGE_UNSPECIFIED, nil, false
		if noted { // of a delay there is no row to end
			return t.emit(ctx, d, was, e, &told{what: events.OutboundRequest_TOLD_CREATED, atMS: e.DecidedMs, skip: schemas.SkipNeverTold})
		}
		return nil
	case d.suspects(e) && e.Kind == events.Conversion_KIND_STATUS && e.Status == events.Status_STATUS_APPROVED:
		return t.tell(ctx, d, was, e, max(e.DecidedMs, was.WaitsFromMs+d.DelayMS)) // who pays has looked at it
	}
	return t.look(ctx, d, was, e, e.DecidedMs)
}

// scored gives an entry the score that a finding gave the conversion meanwhile: the ledger's later entries have that of the first.
func scored(e *events.Conversion, was *state.OutboundTold) *events.Conversion {
	kept := &events.Conversion{}
	if kept.UnmarshalVT(was.Entry) == nil && kept.Score > e.Score {
		e.Score = kept.Score
	}
	return e
}

// look tells what has waited long enough, and has the rest wait on.
func (t *task) look(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, atMS int64) error {
	if due, ok := d.waitsUntil(was, e); ok && due <= atMS {
		return t.tell(ctx, d, was, e, atMS)
	}
	return t.wait(ctx, d, was, e, atMS)
}

// waited looks at what a timer was set for.
func (t *task) waited(ctx *stage.Context, d *target, book *state.Outbound, atMS int64) error {
	was := find(book, d.Name)
	if was == nil || was.Stage != state.OutboundTold_STAGE_WAITING {
		return nil
	}
	e := &events.Conversion{}
	if err := e.UnmarshalVT(was.Entry); err != nil {
		return fmt.Errorf("reading an entry that waits: %w", err)
	}
	return t.look(ctx, d, was, e, atMS)
}

// tell tells a conversion as a new one.
func (t *task) tell(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, atMS int64) error {
	was.Entry = nil
	from := e.EventMs
	if d.FromClick {
		from = e.ClickMs
	}
	expires := from + d.WindowMS
	due := max(atMS, e.ClickMs+d.AfterClickMS, e.EventMs+d.AfterEventMS)
	if due >= expires {
		return t.skip(ctx, d, was, e, atMS, schemas.SkipTooLate)
	}
	amount, ok := t.price(price{sharePPM: d.SharePPM, currency: d.Currency}, e)
	if !ok {
		return t.skip(ctx, d, was, e, atMS, schemas.SkipNoAmount)
	}
	lacks, err := t.lacksAgent(ctx, d, e)
	if err != nil {
		return err
	}
	if lacks {
		return t.skip(ctx, d, was, e, atMS, schemas.SkipNoValue)
	}
	amount.set(was)
	was.Event, _ = d.EventWord(e)
	was.Status, was.Stage, was.Noted = int32(e.Status), state.OutboundTold_STAGE_TOLD, false
	was.FirstRequestId = ""
	what := &told{what: events.OutboundRequest_TOLD_CREATED, atMS: atMS, dueMS: due, expiresMS: expires}
	if err := t.emit(ctx, d, was, e, what); err != nil {
		return err
	}
	was.FirstRequestId = what.id
	return nil
}

// skip says why a conversion is not told, and never will be.
func (t *task) skip(
	ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, atMS int64, why schemas.OutboundSkip,
) error {
	was.Stage, was.Entry = state.OutboundTold_STAGE_SKIPPED, nil
	return t.emit(ctx, d, was, e, &told{what: events.OutboundRequest_TOLD_CREATED, atMS: atMS, skip: why})
}

// change tells what became of a conversion that was told.
func (t *task) change(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion) error {
	what := &told{atMS: e.DecidedMs, entrySeq: e.Seq, expiresMS: e.DecidedMs + destination.MaxWindow.Milliseconds()}
	what.dueMS = max(e.DecidedMs, e.EventMs+d.UndoAfterMS)
	if d.UndoWithinMS > 0 {
		what.expiresMS = e.EventMs + d.UndoWithinMS
	}
	amount := priceOf(was)
	switch ended := !d.Tells(e.Status); {
	case ended && was.Noted:
		return nil
	case ended:
		what.what = events.OutboundRequest_TOLD_RETRACTED
		if !d.Retracts {
			was.Noted, what.skip = true, schemas.SkipNoUndo
		}
	default:
		was.Noted = false // it counts again, and was never taken back
		what.what = events.OutboundRequest_TOLD_RESTATED
		var priced bool
		if amount, priced = t.price(amount, e); priced && !d.hearsOf(was, amount, e.Status) {
			return nil
		}
		switch {
		case !d.Restates:
			what.skip = schemas.SkipNoUpdate
		case !priced:
			what.skip = schemas.SkipNoAmount
		}
	}
	if what.skip == "" && what.dueMS >= what.expiresMS {
		what.skip = schemas.SkipTooLate
	}
	if what.skip != "" {
		return t.emit(ctx, d, was, e, what)
	}
	if what.what == events.OutboundRequest_TOLD_RETRACTED {
		was.Stage = state.OutboundTold_STAGE_RETRACTED
	} else {
		amount.set(was)
		was.Status = int32(e.Status)
	}
	if err := t.emit(ctx, d, was, e, what); err != nil {
		return err
	}
	if was.Stage == state.OutboundTold_STAGE_RETRACTED {
		was.Round++
	}
	return nil
}

// hearsOf tells of a change that is in what the destination is sent.
func (d *target) hearsOf(was *state.OutboundTold, amount price, status events.Status) bool {
	before := priceOf(was)
	if d.Amounts && (before.has != amount.has || before.micros != amount.micros || before.currency != amount.currency) {
		return true
	}
	return d.TellsOf("status") && d.StatusWord(events.Status(was.Status)) != d.StatusWord(status)
}

// A price is an amount as it is told, and what made it of the payout.
type price struct {
	has      bool
	micros   int64
	currency string
	sharePPM uint32
	// rateE12 is base currency units for one of currency, times 10^12; 0 where the payout was in that currency.
	rateE12 int64
}

func priceOf(was *state.OutboundTold) price {
	return price{was.HasAmount, was.AmountMicros, was.Currency, was.SharePpm, was.RateE12}
}

func (p *price) set(was *state.OutboundTold) {
	was.HasAmount, was.AmountMicros, was.Currency, was.SharePpm, was.RateE12 = p.has, p.micros, p.currency, p.sharePPM, p.rateE12
}

func hasAmount(e *events.Conversion) bool {
	return e.Currency != "" && e.PayoutSource != events.Conversion_PAYOUT_SOURCE_NONE
}

// price returns what is told of an entry's payout: in the currency, by the share and by the rate of p, where it has these. ok is false
// where there is no rate, or the amount is too large.
func (t *task) price(p price, e *events.Conversion) (_ price, ok bool) {
	if p.has = hasAmount(e); !p.has {
		p.micros = 0
		return p, true
	}
	if p.currency == "" {
		p.currency = e.Currency
	}
	if p.rateE12 == 0 && p.currency == e.Currency {
		p.micros, ok = part(e.PayoutMicros, p.sharePPM, 1, 1)
		return p, ok
	}
	if p.rateE12 == 0 {
		if p.rateE12, ok = t.rateAt(p.currency, e.EventMs); !ok {
			return p, false
		}
	}
	p.micros, ok = part(e.PayoutBaseMicros, p.sharePPM, rateUnit, p.rateE12)
	return p, ok
}

// rateUnit is the rate of the base currency.
const rateUnit = 1_000_000_000_000

// part returns micros times share times up over down, rounded half to even.
func part(micros int64, sharePPM uint32, up, down int64) (int64, bool) {
	n := new(big.Int).Mul(big.NewInt(micros), big.NewInt(int64(sharePPM)))
	n.Mul(n, big.NewInt(up))
	by := new(big.Int).Mul(big.NewInt(down), big.NewInt(allPPM))
	quo, rem := n.QuoRem(n, by, new(big.Int))
	rem.Lsh(rem.Abs(rem), 1)
	if c := rem.Cmp(by); c > 0 || c == 0 && quo.Bit(0) == 1 {
		quo.Add(quo, big.NewInt(int64(sign(micros))))
	}
	if !quo.IsInt64() || quo.Int64() > schemas.MaxMoneyMicros || quo.Int64() < -schemas.MaxMoneyMicros {
		return 0, false
	}
	return quo.Int64(), true
}

func sign(micros int64) int {
	if micros < 0 {
		return -1
	}
	return 1
}

// told is what one request tells.
type told struct {
	what                   events.OutboundRequest_Told
	atMS, dueMS, expiresMS int64
	skip                   schemas.OutboundSkip
	// entrySeq is a part of the identity of what is told after the conversion.
	entrySeq uint32
	// id is set by emit.
	id string
}

// identity is 32 hexadecimal digits of what makes a request another one.
func identity(conversion, destination string, w *told, round uint32) string {
	h := sha256.New()
	var numbers [12]byte
	binary.BigEndian.PutUint32(numbers[0:], uint32(w.what))
	binary.BigEndian.PutUint32(numbers[4:], round)
	binary.BigEndian.PutUint32(numbers[8:], w.entrySeq)
	for _, text := range []string{conversion, destination, string(w.skip)} {
		h.Write([]byte(text)) // never fails, says hash.Hash
		h.Write([]byte{0})
	}
	h.Write(numbers[:])
	return hex.EncodeToString(h.Sum(nil)[:idBytes])
}

// emit writes a request.
func (t *task) emit(ctx *stage.Context, d *target, was *state.OutboundTold, e *events.Conversion, w *told) error {
	was.Seq++
	if w.skip != "" {
		w.entrySeq = e.Seq
	}
	w.id = identity(e.ConversionId, d.Name, w, was.Round)
	event := was.Event
	if event == "" {
		event, _ = d.EventWord(e)
	}
	req := &events.OutboundRequest{
		RequestId: w.id, Destination: d.Name, ConversionId: e.ConversionId, Seq: was.Seq, Told: w.what, Event: event,
		ReceiptId: e.ReceiptId, EntrySeq: e.Seq, ClickId: e.ClickId, CampaignId: e.CampaignId, Campaign: e.Campaign,
		SourceId: e.SourceId, Source: e.Source, Status: e.Status, StatusWord: d.StatusWord(e.Status),
		SharePpm: d.SharePPM, SamplePpm: d.SamplePPM,
		EventMs: e.EventMs, ClickMs: e.ClickMs, DecidedMs: w.atMS, DueMs: w.dueMS, ExpiresMs: w.expiresMS,
		FirstRequestId: was.FirstRequestId, Skip: string(w.skip),
	}
	counted := string(w.skip)
	if w.skip == "" {
		counted = destination.ToldWord(w.what)
		req.HasAmount, req.AmountMicros, req.Currency = was.HasAmount, was.AmountMicros, was.Currency
		req.SharePpm, req.RateE12 = was.SharePpm, was.RateE12
		if err := t.values(ctx, d, e, req); err != nil {
			return err
		}
	}
	t.stage.decided.WithLabelValues(d.Name, counted).Inc()
	return ctx.EmitMessage(schemas.TopicOutboundRequests, []byte(d.Name), req)
}

// lacksAgent tells of a click of whose browser is not known what the destination cannot do without.
func (t *task) lacksAgent(ctx *stage.Context, d *target, e *events.Conversion) (bool, error) {
	for _, name := range d.Needs {
		if destination.OfAgent(name) {
			ip, userAgent, err := t.agent(ctx, e)
			if err != nil || destination.ValueOf(name, &destination.Facts{Entry: e, IP: ip, UserAgent: userAgent}) == "" {
				return true, err
			}
		}
	}
	return false, nil
}

// values gives a request what its destination's macros stand for.
func (t *task) values(ctx *stage.Context, d *target, e *events.Conversion, req *events.OutboundRequest) error {
	facts := &destination.Facts{
		Entry: e, Told: req.Told, RequestID: req.RequestId, Event: req.Event, Status: req.StatusWord,
		HasAmount: req.HasAmount, AmountMicros: req.AmountMicros, Currency: req.Currency, Zone: d.zone,
	}
	if d.NeedsAgent() {
		var err error
		if facts.IP, facts.UserAgent, err = t.agent(ctx, e); err != nil {
			return err
		}
	}
	req.Values = make(map[string]string, len(d.Uses))
	for _, name := range d.Uses {
		if v := destination.ValueOf(name, facts); v != "" {
			req.Values[name] = v
		}
	}
	return nil
}
