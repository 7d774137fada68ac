package join

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/attributor"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Options are the parameters of the stage. What decides of them is in their settings (settings.go).
type Options struct {
	Rules attributor.Rules
	// GraceMS is how long a postback waits for its click.
	GraceMS int64
	// BookRetentionMS is how long after its click the conversions of a click are remembered; clicks are for Rules.WindowMS.
	BookRetentionMS int64
	// MaxParked bounds the waiting postbacks of one partition.
	MaxParked int
	// Registerer takes the stage's metrics; nil for none.
	Registerer prometheus.Registerer
}

// Stage is the join. It is shared by all partitions.
type Stage struct {
	opts      Options
	settings  []byte
	rejects   map[schemas.RejectReason]prometheus.Counter
	parked    prometheus.Gauge
	wordCount prometheus.Gauge
	mixed     *mixed
}

// New makes the stage.
func New(opts Options) *Stage {
	s := &Stage{opts: opts, settings: opts.appendSettings(nil), rejects: map[schemas.RejectReason]prometheus.Counter{}, mixed: newMixed()}
	rejects := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "processor", Name: "rejects_total",
		Help: "Clicks and postbacks that became dead letters, by reason."}, []string{"reason"})
	s.parked = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "processor", Name: "parked",
		Help: "Postbacks that wait for their click."})
	s.wordCount = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "processor", Name: "words",
		Help: "Repeated parts of clicks that the partitions hold in memory for today, at most 4096 and 256 KiB each."})
	if opts.Registerer != nil {
		rejects = register(opts.Registerer, rejects)
		s.wordCount = register(opts.Registerer, s.wordCount)
		s.wordCount.Set(0)
		s.parked = register(opts.Registerer, s.parked)
		s.parked.Set(0)
		s.mixed.offers = register(opts.Registerer, s.mixed.offers)
		s.mixed.offers.Set(0)
	}
	for _, r := range schemas.RejectReasons {
		if r.Place == "processor" || r.Reason == schemas.RejectMalformedClickID {
			s.rejects[r.Reason] = rejects.WithLabelValues(string(r.Reason))
		}
	}
	return s
}

// register answers the collector of an earlier processor of this process, where there is one.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	var again prometheus.AlreadyRegisteredError
	if errors.As(reg.Register(c), &again) {
		if old, ok := again.ExistingCollector.(C); ok {
			return old
		}
	}
	return c
}

func (s *Stage) Name() string { return "join" }
func (s *Stage) Inputs() []string {
	return []string{schemas.TopicClicks, schemas.TopicPostbacks}
}
func (s *Stage) Outputs() []string {
	return []string{schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters, schemas.TopicClaims, schemas.TopicParked}
}

// Task makes the worker of one partition.
func (s *Stage) Task(int32) stage.Task { return &task{Stage: s, opts: s.opts} }

// task owns its buffers; they are reused from record to record.
type task struct {
	*Stage
	// opts are what decides: the stage's own, or those of a cycle that is run again.
	opts   Options
	floors floors
	// waiting counts the waiting postbacks by hash of their click ID, so that a click pays a read only when one may wait.
	waiting map[uint64]int32
	count   int

	words    words
	recent   recent
	click    events.Click
	postback events.Postback
	id       ident
	key      []byte
	buf      []byte
	part     []byte
}

// Process takes a click or a postback.
func (t *task) Process(ctx *stage.Context, rec *stage.Record) error {
	if err := t.words.enter(ctx, ctx.ArrivalMS()); err != nil {
		return err
	}
	t.gaugeWords(len(t.words.list))
	if rec.Topic == schemas.TopicClicks {
		return t.processClick(ctx, rec)
	}
	return t.processPostback(ctx, rec)
}

func (t *task) processClick(ctx *stage.Context, rec *stage.Record) error {
	c := &t.click
	reset(c)
	if err := c.UnmarshalVTUnsafe(rec.Value); err != nil {
		return fmt.Errorf("reading a click: %w", err)
	}
	if c.ClickId == "" {
		return errors.New("reading a click: it has no click_id")
	}
	if detail := attributor.ClickAmountProblem(c); detail != "" {
		return t.refuseClick(ctx, rec, c, schemas.RejectAmountRange, detail)
	}
	t.id.identify(c.ClickId, c.Foreign)
	inTime, late := t.remembered(t.clickHorizonMS(ctx))
	seen := false
	if late {
		var err error
		t.key = t.id.lateKey(t.key, kindClick)
		if _, seen, err = ctx.State.Get(t.key); err != nil {
			return err
		}
	}
	if inTime && !seen {
		t.buf = t.id.key(t.buf, kindClick)
		var err error
		if seen, err = t.seen(ctx, t.buf); err != nil {
			return err
		}
		if !late {
			t.key, t.buf = t.buf, t.key
		}
	}
	if seen {
		return t.refuseClick(ctx, rec, c, schemas.RejectDuplicateClick, "a click with this ID was counted before")
	}
	score, reasons := attributor.ScoreClick(c, &t.opts.Rules.Scoring)
	if err := t.forward(ctx, rec, score, reasons); err != nil {
		return err
	}
	for _, a := range attributor.ClickAnomalies(c, score, reasons) {
		if err := ctx.EmitMessage(schemas.TopicAnomalies, rec.Key, a); err != nil {
			return err
		}
	}
	if err := t.storeClick(ctx, c, late); err != nil {
		return err
	}
	if t.waiting[t.hash()] > 0 {
		return t.release(ctx, c)
	}
	return nil
}

func (t *task) refuseClick(ctx *stage.Context, rec *stage.Record, c *events.Click, reason schemas.RejectReason, detail string) error {
	t.reject(reason)
	return ctx.EmitMessage(schemas.TopicDeadLetters, rec.Key, &events.DeadLetter{
		LetterId: rec.Topic + "-" + strconv.Itoa(int(rec.Partition)) + "-" + strconv.FormatInt(rec.Offset, 10),
		Kind:     events.DeadLetter_KIND_CLICK, Reason: string(reason), Place: "processor", Detail: detail,
		ReceivedMs: readable(c.ReceivedMs), DecidedMs: ctx.NowMS(), Raw: rec.Value, ClickId: text(c.ClickId), Ip: c.Ip,
		SourceTopic: rec.Topic, SourcePartition: rec.Partition, SourceOffset: rec.Offset,
	})
}

// seen tells whether the click in t.id is stored under key.
func (t *task) seen(ctx *stage.Context, key []byte) (bool, error) {
	if !t.id.foreign && t.recent.unseen(t.id.bytes, t.id.timeMS) {
		return false, nil
	}
	_, seen, err := ctx.State.Get(key)
	return seen, err
}

// forward sends the click on as it came, with score and reasons appended when there are any.
func (t *task) forward(ctx *stage.Context, rec *stage.Record, score uint32, reasons []*events.Reason) error {
	var suffix []byte
	if score > 0 || len(reasons) > 0 {
		var err error
		if suffix, err = (&events.Click{Score: score, Reasons: reasons}).MarshalVT(); err != nil {
			return fmt.Errorf("writing a click's score: %w", err)
		}
	}
	return ctx.Forward(schemas.TopicScoredClicks, rec, suffix)
}

// storeClick remembers under t.key what a later ledger entry needs.
func (t *task) storeClick(ctx *stage.Context, c *events.Click, late bool) error {
	t.buf = t.appendSnapshot(ctx, t.buf[:0], c)
	ctx.State.Put(t.key, t.buf)
	if !t.id.foreign && !late {
		t.recent.add(t.id.bytes, t.id.timeMS)
	} else {
		ctx.SetTimer(ctx.ArrivalMS()+t.opts.Rules.WindowMS+t.opts.GraceMS, t.key)
	}
	return nil
}

// reset empties a click but keeps the memory of its lists.
func reset(c *events.Click) {
	subs, tags, goals := c.Subs[:0], c.Tags[:0], c.Goals[:0]
	c.Reset()
	c.Subs, c.Tags, c.Goals = subs, tags, goals
}

func (t *task) reject(r schemas.RejectReason) {
	if c := t.rejects[r]; c != nil {
		c.Inc()
	}
}
