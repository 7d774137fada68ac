package lease

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog/control"
)

const (
	// tickEvery is how often an edge looks whether it needs leases.
	tickEvery = 100 * time.Millisecond
	// settleFor is how long an edge that stops waits for its leases to be taken back.
	settleFor = 2 * time.Second
	// sendLimit ends a try to send requests: newer ones say more.
	sendLimit = 2 * time.Second
)

// An AskerConfig says where an edge asks for leases, and where it hears of them.
type AskerConfig struct {
	// Books is the topic of the books; Kinds are filled in.
	Books control.Config
	// Requests is the full name of the topic of requests.
	Requests   string
	Now        func() time.Time
	Registerer prometheus.Registerer
	Logger     *zap.Logger
}

// An Asker is an edge's Desk with its way to the grantor.
type Asker struct {
	desk     *Desk
	cfg      AskerConfig
	client   *kgo.Client
	reader   *control.Reader
	revision int64 // of the books heard; of the reader's goroutine
}

// NewAsker returns one that asks nothing yet; Run it.
func NewAsker(cfg AskerConfig) (*Asker, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Books.Kinds = Kinds()
	a := &Asker{desk: NewDesk(nil), cfg: cfg, revision: -1}
	var err error
	if a.reader, err = control.Open(cfg.Books); err != nil {
		return nil, err
	}
	a.client, err = kgo.NewClient(append(append([]kgo.Opt{}, cfg.Books.Kafka...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(cfg.Requests), kgo.ProducerLinger(0),
		// What Kafka may have is given up too when its time is over, or an edge that loses Kafka could never stop. It may come twice.
		kgo.AllowIdempotentProduceCancellation())...)
	if err != nil {
		a.closeReader()
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	if cfg.Registerer != nil {
		a.register(cfg.Registerer)
	}
	return a, nil
}

func (a *Asker) register(r prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "ingest", Name: name, Help: help}, value))
	}
	gauge("leases_held_clicks", "Clicks of offers with caps that this edge may send without asking: lost for the day if it is killed.",
		func() float64 { return float64(a.desk.Sums().Held) })
	gauge("leases_unanswered", "Offers for which this edge has asked for leases and heard nothing for ten seconds or more.",
		func() float64 { return float64(a.desk.Sums().Unanswered) })
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "leases_missed_total",
		Help: "Times that an offer with a cap was passed over because the edge held no lease of it: its cap was reached, or leases came too late."},
		func() float64 { return float64(a.desk.Sums().Missed) }))
}

// Declare takes over the caps of a catalog.
func (a *Asker) Declare(offers []Offer) { a.desk.Declare(offers) }

// Held returns what the clicks of a declared offer take from.
func (a *Asker) Held(offer uint32) *Held { return a.desk.Held(offer) }

// Discard gives up an Asker that was never run.
func (a *Asker) Discard() {
	a.client.Close()
	a.closeReader()
}

// closeReader ends a reader that is not run, which is what closes its connections.
func (a *Asker) closeReader() {
	ended, end := context.WithCancel(context.Background())
	end()
	_ = a.reader.Run(ended)
}

// Run asks for leases until ctx is done; then it gives back what is held, which takes a moment.
func (a *Asker) Run(ctx context.Context) {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	a.reader.Watch(Kind, a.hear)
	beside.Go(func() { _ = a.reader.Run(reading) })
	defer a.client.Close()
	defer beside.Wait()
	defer stop()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			a.leave(reading, ticker)
			return
		case <-ticker.C:
		}
		a.send(ctx)
	}
}

// leave gives all back, and waits until the books have it.
func (a *Asker) leave(ctx context.Context, ticker *time.Ticker) {
	a.desk.Close()
	limited, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	for !a.desk.Settled() {
		a.send(limited)
		select {
		case <-limited.Done():
			a.cfg.Logger.Warn("leases of caps could not be given back; they count as used", zap.Int64("clicks", a.desk.Unsettled()))
			return
		case <-ticker.C:
		}
	}
}

// send asks for what is needed now. It waits for Kafka, nobody waits for it.
func (a *Asker) send(ctx context.Context) {
	requests := a.desk.Tick(a.cfg.Now().UnixMilli())
	if len(requests) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	var records []*kgo.Record
	for part := range slices.Chunk(requests, MaxRequests) {
		value, err := EncodeRequests(part)
		if err != nil {
			a.cfg.Logger.Error("leases are not asked for", zap.Error(err))
			continue
		}
		records = append(records, &kgo.Record{Value: value, Partition: 0})
	}
	answered := make(chan error, len(records))
	for _, r := range records {
		a.client.Produce(limited, r, func(_ *kgo.Record, err error) { answered <- err })
	}
	for range records {
		var err error
		select {
		case err = <-answered:
		case <-limited.Done(): // the client waits longer for an answer to what it has sent
			err = limited.Err()
		}
		if err != nil && ctx.Err() == nil {
			a.cfg.Logger.Debug("leases are asked for again", zap.Error(err))
		}
	}
}

// hear takes in the books that are new. The reader waits for it.
func (a *Asker) hear(s *control.State) {
	if s.Revision() < a.revision {
		a.revision = -1 // the topic was made anew
	}
	heard := a.revision // not the state's: before the first write, whose revision is 0, that is 0 too
	for entry := range s.Each(Kind) {
		if entry.Revision <= heard {
			continue
		}
		a.revision = entry.Revision
		if b, err := Decode(entry.ID, entry.Value); err == nil { // the reader has checked it
			a.desk.Hear(&b, entry.Revision)
		}
	}
}

// Note is what /readyz shows; empty where all is well.
func (a *Asker) Note() string {
	if n := a.desk.Sums().Unanswered; n > 0 {
		return fmt.Sprintf(
			"no leases come for %d offers with caps: what is held is used up, then other offers and the fallback are; is `tributary control` running?",
			n)
	}
	return ""
}
