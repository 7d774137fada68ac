package outbound

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/catalog"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

const (
	kindSince = 'd'
	kindBook  = 'c'
	kindAgent = 'a'

	timerExpiry = 'x'
	timerWait   = 'w'

	hourMS = 60 * 60 * 1000
	// agentKeptMS is how long after its click what the visitor's browser said is remembered: no ad platform attributes later.
	agentKeptMS = 28 * 24 * hourMS
)

// Stage decides what is told. It is shared by all partitions.
type Stage struct {
	settings atomic.Pointer[[]byte]
	decided  *prometheus.CounterVec
}

// New makes the stage, without destinations. The metrics go to registerer, nil for none.
func New(registerer prometheus.Registerer) *Stage {
	s := &Stage{decided: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "tributary", Subsystem: "processor", Name: "outbound_decided_total",
		Help: "Requests that were decided, by destination and by what is told: created, restated or retracted, or the reason why nothing is.",
	}, []string{"destination", "told"})}
	none := []byte{settingsVersion}
	s.settings.Store(&none)
	s.Register(registerer)
	return s
}

// Register has the stage's metrics in a registerer; those of an earlier stage are gone on with.
func (s *Stage) Register(registerer prometheus.Registerer) {
	if registerer == nil {
		return
	}
	var again prometheus.AlreadyRegisteredError
	if errors.As(registerer.Register(s.decided), &again) {
		if old, ok := again.ExistingCollector.(*prometheus.CounterVec); ok {
			s.decided = old
		}
	}
}

// Declare has the stage decide by the destinations of a catalog from its next cycle on. keptMS is how long after the last entry of a
// conversion another one may come; now is the time from which rates matter. After an error those before are in force.
func (s *Stage) Declare(c *catalog.Catalog, keptMS int64, now time.Time) error {
	settings, err := settingsOf(c, keptMS, now)
	if err != nil {
		return err
	}
	s.settings.Store(&settings)
	return nil
}

// Settings is of stage.Configured.
func (s *Stage) Settings() []byte { return *s.settings.Load() }

func (s *Stage) Name() string     { return "outbound" }
func (s *Stage) Inputs() []string { return []string{schemas.TopicConversions, schemas.TopicClicks} }
func (s *Stage) Outputs() []string {
	return []string{schemas.TopicOutboundRequests}
}

// Task makes the worker of one partition.
func (s *Stage) Task(int32) stage.Task { return &task{stage: s} }

// task owns its buffers; they are reused from record to record.
type task struct {
	stage *Stage

	configured []byte
	targets    []target
	rates      map[string][]datedRate
	keptMS     int64
	generation uint32
	// agents: a destination needs what the visitor's browser said.
	agents bool
	// expiredHour is the first hour whose agents were not removed yet.
	expiredHour uint32

	click events.Click
	entry events.Conversion
	key   []byte
}

// Open has nothing to rebuild: Configure follows.
func (t *task) Open(*stage.Context) error {
	t.configured, t.targets, t.agents, t.expiredHour = nil, nil, false, 0
	return nil
}

// Wants is of stage.Choosy.
func (t *task) Wants(topic string) bool {
	return topic == schemas.TopicConversions && len(t.targets) > 0 || topic == schemas.TopicClicks && t.agents
}

// Process takes a ledger entry, or a click.
func (t *task) Process(ctx *stage.Context, rec *stage.Record) error {
	if rec.Topic == schemas.TopicClicks {
		return t.processClick(ctx, rec)
	}
	e := &t.entry
	e.Reset()
	if err := e.UnmarshalVTUnsafe(rec.Value); err != nil {
		return fmt.Errorf("reading a ledger entry: %w", err)
	}
	if n := len(e.ConversionId); n == 0 || n > maxIDBytes {
		return fmt.Errorf("reading a ledger entry: its conversion_id has %d bytes, 32 would be right", n)
	}
	book, err := t.book(ctx, e.ConversionId)
	if err != nil {
		return err
	}
	if book == nil {
		if e.Kind != events.Conversion_KIND_CREATED && e.Kind != events.Conversion_KIND_CORRECTION {
			return nil // it came before any destination was declared, or is forgotten
		}
		book = &state.Outbound{FirstMs: e.DecidedMs, Generation: t.generation}
	}
	book.LastMs = max(book.LastMs, e.DecidedMs)
	for i := range t.targets {
		d := &t.targets[i]
		if err := t.decide(ctx, d, book, e); err != nil {
			return fmt.Errorf("deciding for the destination %s: %w", d.Name, err)
		}
	}
	return t.store(ctx, e.ConversionId, book, true)
}

// OnTimer forgets a conversion, or looks at one that waits.
func (t *task) OnTimer(ctx *stage.Context, key []byte, atMS int64) error {
	if len(key) < 2 {
		return nil
	}
	kind := key[0]
	id, name := splitTimer(key)
	book, err := t.book(ctx, id)
	if err != nil || book == nil {
		return err
	}
	switch kind {
	case timerExpiry:
		if at := book.LastMs + t.keptMS; at > atMS && t.keptMS > 0 {
			ctx.SetTimer(at, append([]byte(nil), key...))
			return nil
		}
		ctx.State.Delete(t.bookKey(id))
		return nil
	case timerWait:
		for i := range t.targets {
			if d := &t.targets[i]; d.Name == name {
				if err := t.waited(ctx, d, book, atMS); err != nil {
					return fmt.Errorf("deciding for the destination %s: %w", d.Name, err)
				}
				return t.store(ctx, id, book, false)
			}
		}
	}
	return nil
}

// bookKey is of a conversion.
func (t *task) bookKey(conversion string) []byte {
	t.key = appendID(append(t.key[:0], kindBook), conversion)
	return t.key
}

const (
	idBytes    = 16
	maxIDBytes = 255
)

// appendID: a zero byte and 16 bytes of an ID of 32 hexadecimal digits, which ours are; else its length, at most 255, and itself.
func appendID(dst []byte, conversion string) []byte {
	if len(conversion) == 2*idBytes {
		if raw, err := hex.AppendDecode(append(dst, 0), []byte(conversion)); err == nil && hex.EncodeToString(raw[len(dst)+1:]) == conversion {
			return raw
		}
	}
	return append(append(dst, byte(len(conversion))), conversion...)
}

func timerKey(kind byte, conversion, destination string) []byte {
	return append(appendID([]byte{kind}, conversion), destination...)
}

// splitTimer is what timerKey was made of.
func splitTimer(key []byte) (conversion, destination string) {
	n := int(key[1])
	switch rest := key[2:]; {
	case n == 0 && len(rest) >= idBytes:
		return hex.EncodeToString(rest[:idBytes]), string(rest[idBytes:])
	case n > 0 && len(rest) >= n:
		return string(rest[:n]), string(rest[n:])
	}
	return "", ""
}

func (t *task) book(ctx *stage.Context, conversion string) (*state.Outbound, error) {
	raw, ok, err := ctx.State.Get(t.bookKey(conversion))
	if err != nil || !ok {
		return nil, err
	}
	book := &state.Outbound{}
	if err := book.UnmarshalVT(raw); err != nil {
		return nil, fmt.Errorf("reading what was told of a conversion: %w", err)
	}
	return book, nil
}

// store writes what was told. An entry, unlike a timer, may be the first: then it is decided when the conversion is forgotten.
func (t *task) store(ctx *stage.Context, conversion string, book *state.Outbound, entry bool) error {
	if _, err := book.MarshalToSizedBufferVT(ctx.State.PutSized(t.bookKey(conversion), book.SizeVT())); err != nil {
		return fmt.Errorf("writing what was told of a conversion: %w", err)
	}
	if entry && book.FirstMs == book.LastMs {
		ctx.SetTimer(max(book.LastMs, ctx.WatermarkMS())+t.keptMS, timerKey(timerExpiry, conversion, ""))
	}
	return nil
}

// processClick remembers what the visitor's browser said, of clicks that a destination may hear of with it.
func (t *task) processClick(ctx *stage.Context, rec *stage.Record) error {
	c := &t.click
	c.Reset()
	if err := c.UnmarshalVTUnsafe(rec.Value); err != nil || c.ClickId == "" {
		return nil // the stage join says what is wrong with it
	}
	if hour := hourOf(ctx.WatermarkMS() - agentKeptMS); hour > t.expiredHour {
		ctx.State.DeleteRange([]byte{kindAgent}, t.agentKey(int64(hour)*hourMS, ""))
		t.expiredHour = hour
	}
	if c.EventMs < ctx.WatermarkMS()-agentKeptMS || c.UserAgent == "" && len(c.Ip) == 0 {
		return nil
	}
	for i := range t.targets {
		if d := &t.targets[i]; d.NeedsAgent() && d.ConcernsClick(c) {
			value := append(append([]byte{byte(len(c.Ip))}, c.Ip...), c.UserAgent...)
			ctx.State.Put(t.agentKey(c.EventMs, c.ClickId), value)
			return nil
		}
	}
	return nil
}

func hourOf(ms int64) uint32 { return uint32(max(ms, 0) / hourMS) }

func (t *task) agentKey(clickMS int64, click string) []byte {
	t.key = binary.BigEndian.AppendUint32(append(t.key[:0], kindAgent), hourOf(clickMS))
	t.key = append(t.key, click...)
	return t.key
}

// agent returns what is remembered of the browser of an entry's click.
func (t *task) agent(ctx *stage.Context, e *events.Conversion) (ip []byte, userAgent string, err error) {
	raw, ok, err := ctx.State.Get(t.agentKey(e.ClickMs, e.ClickId))
	if err != nil || !ok || len(raw) == 0 || int(raw[0]) > len(raw)-1 {
		return nil, "", err
	}
	n := 1 + int(raw[0])
	return append([]byte(nil), raw[1:n]...), string(raw[n:]), nil
}
