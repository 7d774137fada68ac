package oracle

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/sink/outbound"
	"tributary/sink/outbound/protocol"
)

// An outbound scenario has requests for inputs, as the processor decides on them, deliverers for processes, and receivers that fail each in its way.

// faultReceiver is a mishap of a receiver: its target is the receiver's name, a slash and what befalls it.
const faultReceiver = "receiver"

// What may befall a receiver for a while.
const (
	illDead    = "dead"       // it refuses connections
	illHang    = "hang"       // it takes nothing and does not answer
	illLate    = "late"       // it takes what it is told and answers when nobody waits any more
	illLost    = "lost"       // it takes what it is told, and its answer is lost
	illBroken  = "broken"     // it takes nothing and answers 500
	illLie500  = "lie-500"    // it takes what it is told and answers 500
	illLie200  = "lie-200"    // it takes nothing and answers 200, without a word of success
	illRate    = "rate-limit" // it takes nothing and answers 429
	illTwice   = "twice"      // it answers twice
	illForget  = "forget"     // it forgets what it was told
	illBarred  = "barred"     // it refuses the deliverer, until a person has it resumed
	illGarbage = "garbage"    // it takes what it is told and answers what nobody can read
)

var ills = []string{
	illDead, illHang, illLate, illLost, illBroken, illLie500, illLie200, illRate, illTwice, illForget, illBarred, illGarbage,
}

// A Receiver is one that conversions are told to.
type Receiver struct {
	Name     string
	Template string
	Batch    int
	// Concurrency and PerSecond are its limits.
	Concurrency int
	PerSecond   float64
}

// receiverPort is the first receiver's.
const receiverPort = 9200

// callTimeout is how long a call may take; retries are the pauses of the scenario.
const callTimeout = 4 * time.Second

var simRetries = []time.Duration{2 * time.Second, 10 * time.Second, 40 * time.Second}

// requestWindow is how long after it was decided a request of a scenario may be told, unless it is a short one.
const requestWindow = 6 * time.Hour

// outboundPatience is how long all may take once nothing befalls anybody any more: some retries, a breaker's pauses, sessions of the dead.
const outboundPatience = 20 * time.Minute

// poisonNote is in the IDs of conversions that no receiver takes.
const poisonNote = "bad"

// generateOutbound makes the scenario of a seed.
func generateOutbound(seed uint64, o Options) *Scenario {
	r := rand.New(rand.NewPCG(seed, 0x6f7574))
	s := &Scenario{Seed: seed}
	s.Partitions, s.Brokers = 1+r.IntN(3), pick(r, 1, 1, 1, 2)
	s.Deliverers = pick(r, 1, 1, 2, 2, 3)
	s.Start, s.Active = between(r, 24*time.Hour, 20*24*time.Hour), between(r, time.Minute, 4*time.Minute)
	s.Session = pick(r, 6*time.Second, 10*time.Second)
	s.Latency = pick(r, minLatency, minLatency, time.Millisecond, 10*time.Millisecond)
	for range s.Deliverers + 1 {
		s.Skews = append(s.Skews, 0)
	}
	templates := []string{"get", "webhook", "meta", "pinterest"}
	r.Shuffle(len(templates), func(i, j int) { templates[i], templates[j] = templates[j], templates[i] })
	for i, template := range templates[:1+r.IntN(4)] {
		one := Receiver{Name: fmt.Sprint("r", i), Template: template, Batch: 1, Concurrency: 1 + r.IntN(4)}
		if template == "meta" || template == "pinterest" {
			one.Batch = pick(r, 1, 3, 10)
		}
		if r.IntN(4) == 0 {
			one.PerSecond = pick(r, 1.0, 5.0)
		}
		s.Receivers = append(s.Receivers, one)
	}
	for i := range 10 + r.IntN(60) {
		s.conversation(r, i)
	}
	g := &generator{Rand: r, s: s}
	g.outboundFaults(o)
	slices.SortStableFunc(s.Inputs, func(a, b Input) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	s.Inputs, s.Faults = without(s.Inputs, o.Inputs), without(s.Faults, o.Faults)
	return s
}

// conversation is what one receiver is told about one conversion.
func (s *Scenario) conversation(r *rand.Rand, number int) {
	to := s.Receivers[r.IntN(len(s.Receivers))]
	at := between(r, 0, s.Active)
	conversion := fmt.Sprintf("c%d-%d", s.Seed, number)
	currency := "EUR"
	if r.IntN(10) == 0 {
		conversion, currency = conversion+poisonNote, "none"
	}
	first := ""
	steps := 1
	if to.Template == "get" || to.Template == "webhook" { // the platforms here take no changes
		steps += pick(r, 0, 0, 0, 1, 2)
	}
	window := requestWindow
	if r.IntN(12) == 0 {
		window = between(r, time.Second, 90*time.Second)
	}
	for seq := range steps {
		told := events.OutboundRequest_TOLD_CREATED
		if seq > 0 {
			told = pick(r, events.OutboundRequest_TOLD_RESTATED, events.OutboundRequest_TOLD_RETRACTED)
		}
		if seq == 1 {
			first = fmt.Sprintf("%s-1", conversion)
		}
		decided := epoch.Add(s.Start + at)
		due := decided
		if r.IntN(6) == 0 {
			due = due.Add(between(r, 0, time.Minute))
		}
		req := &events.OutboundRequest{
			RequestId: fmt.Sprintf("%s-%d", conversion, seq+1), Destination: to.Name, ConversionId: conversion, Seq: uint32(seq + 1), Told: told, Event: "sale",
			HasAmount: true, AmountMicros: int64(1+number) * 1_000_000 * int64(seq+1), Currency: currency, EventMs: decided.UnixMilli(), ClickMs: decided.UnixMilli() - 1000,
			DecidedMs: decided.UnixMilli(), DueMs: due.UnixMilli(), ExpiresMs: decided.Add(window).UnixMilli(), FirstRequestId: first,
			Values: map[string]string{"external_id": "x" + conversion, "request_id": fmt.Sprintf("%s-%d", conversion, seq+1), "conversion_id": conversion,
				"told": destination.ToldWord(told), "ip": "203.0.113.9", "user_agent": "agent"},
		}
		value, _ := req.MarshalVT()
		note := fmt.Sprintf("%s of %s for %s, due in %s", req.Values["told"], req.RequestId, to.Name, due.Sub(decided).Round(time.Millisecond))
		s.Inputs = append(s.Inputs, Input{At: at, Topic: schemas.TopicOutboundRequests, Key: to.Name, Value: value, Note: note})
		at += between(r, 0, 40*time.Second)
	}
}

// outboundFaults draws what goes wrong.
func (g *generator) outboundFaults(o Options) {
	within := func() time.Duration { return between(g.Rand, 0, g.s.Active) }
	deliverer := func() string { return fmt.Sprint("o", g.IntN(g.s.Deliverers)) }
	add := func(f Fault) {
		f.Arg = g.Uint64()
		if o.has(f.Kind) {
			g.s.Faults = append(g.s.Faults, f)
		}
	}
	for range g.IntN(6) {
		add(Fault{At: within(), Kind: pick(g.Rand, faultKill, faultKill, faultLose, faultStop), Target: deliverer(), For: between(g.Rand, 0, 30*time.Second)})
	}
	for range g.IntN(3) {
		add(Fault{At: within(), Kind: faultFreeze, Target: deliverer(), For: between(g.Rand, time.Second, 25*time.Second)})
	}
	for range g.IntN(2) {
		add(Fault{At: within(), Kind: faultReset, Target: fmt.Sprint(g.IntN(g.s.Brokers))})
	}
	if g.IntN(4) == 0 {
		add(Fault{At: within(), Kind: faultBroker, Target: fmt.Sprint(g.IntN(g.s.Brokers)), For: between(g.Rand, time.Second, 20*time.Second)})
	}
	if g.IntN(6) == 0 {
		add(Fault{At: within(), Kind: faultOutage, For: between(g.Rand, 0, 40*time.Second)})
	}
	for range 1 + g.IntN(8) {
		to := g.s.Receivers[g.IntN(len(g.s.Receivers))].Name
		add(Fault{At: within(), Kind: faultReceiver, Target: to + "/" + pick(g.Rand, ills...), For: between(g.Rand, time.Second, 90*time.Second)})
	}
}

// towards is who is told: what outbound.Targets asks for.
type towards struct {
	mu sync.Mutex
	of map[string]*outbound.Target
}

func (t *towards) Target(name string) *outbound.Target {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[name]
}

// resume is what a person does who has seen to a destination that refused.
func (t *towards) resume(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	again := *t.of[name]
	again.ResumedMS = time.Now().UnixMilli()
	t.of[name] = &again
}

// declare builds the scenario's destinations as they would be declared.
func (s *Scenario) declare() (*towards, error) {
	t := &towards{of: map[string]*outbound.Target{}}
	for i, r := range s.Receivers {
		address := "http://" + portAddr(receiverPort+i).String()
		c := destination.Config{Name: r.Name, Template: r.Template, AllowHTTP: true, Events: map[string]string{"*": "sale"}}
		switch r.Template {
		case "get":
			c.URL = address + "/postback?id={request_id}&of={conversion_id}&click={external_id}&told={told}"
			c.RestateURL, c.RetractURL = destination.Same, address+"/undo?id={request_id}&of={conversion_id}&click={external_id}&told={told}"
			c.Success = destination.SuccessConfig{Done: []string{"already notified"}, Refused: []string{"ERROR"}, Has: []string{"OK"}}
		case "webhook":
			c.URL = address + "/hook"
			c.Secrets = map[string]trust.Secret{"signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
		case "meta":
			c.Params = map[string]string{"pixel_id": "1234567890", "base_url": address}
			c.Secrets = map[string]trust.Secret{"access_token": "good"}
			c.Fields = map[string]string{"page_url": "https://shop.example/{conversion_id}"}
		case "pinterest":
			c.Params = map[string]string{"ad_account_id": "549755885175", "base_url": address}
			c.Secrets = map[string]trust.Secret{"access_token": "good"}
			c.Fields = map[string]string{"page_url": "https://shop.example/{conversion_id}"}
		}
		built, problems := destination.Build([]destination.Config{c}, destination.Known{})
		if len(problems) > 0 {
			return nil, fmt.Errorf("declaring %s: %w", r.Name, problems[0])
		}
		p, _ := protocol.Named(built[0].Template.Protocol)
		t.of[r.Name] = &outbound.Target{Destination: built[0], Protocol: p, Concurrency: r.Concurrency, Batch: r.Batch, PerSecond: r.PerSecond, Timeout: callTimeout,
			Retries: simRetries, PlainHTTP: true, AnyPort: true}
	}
	return t, nil
}

// newDeliverer is a process that tells.
func (w *World) newDeliverer(i int) *process {
	p := w.newProcess(fmt.Sprint("o", i), w.scenario.Skews[i])
	p.disk = vfs.NewCrashableMem()
	p.run = func(ctx context.Context, h *host, log *zap.Logger) error {
		c := outbound.Defaults()
		c.StateDir, c.BreakerPause, c.CommitInterval, c.DrainTimeout, c.SessionTimeout = "state", 5*time.Second, time.Second, 2*time.Second, w.scenario.Session
		sender := newSender(h)
		defer sender.close()
		e, err := outbound.New(c, outbound.Deps{Kafka: w.kafka(h), Logger: log, Now: p.now, Targets: w.towards, Sender: sender, FS: p.disk})
		if err != nil {
			return err
		}
		return e.Run(ctx)
	}
	return p
}

// runOutbound plays an outbound scenario.
func (w *World) runOutbound(r *Result) {
	if err := w.startOutbound(); err != nil {
		w.fail("%v", err)
		return
	}
	w.play()
	w.settleOutbound(r)
	for _, p := range w.order {
		p.orders <- order{kind: orderEnd}
	}
	w.running.Wait()
	w.gone.Wait()
	w.edge.Close()
	for _, name := range slices.Sorted(maps.Keys(w.receivers)) {
		w.receivers[name].close()
	}
	w.cluster.Close()
	for _, name := range slices.Sorted(maps.Keys(w.receivers)) {
		r.Inserts += len(w.receivers[name].arrivals)
	}
}

func (w *World) startOutbound() error {
	log.SetOutput(io.Discard) // net/http tells of second answers there
	if err := w.startKafka(); err != nil {
		return err
	}
	var err error
	if w.towards, err = w.scenario.declare(); err != nil {
		return err
	}
	w.receivers = map[string]*receiver{}
	for i, plan := range w.scenario.Receivers {
		if w.receivers[plan.Name], err = w.newReceiver(plan, receiverPort+i); err != nil {
			return err
		}
	}
	w.edgeHost = w.network.host("decider", w.scenario.Seed)
	w.edge, err = kgo.NewClient(append(w.kafka(w.edgeHost), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(0))...)
	if err != nil {
		return err
	}
	for i := range w.scenario.Deliverers {
		w.add(w.newDeliverer(i))
	}
	return nil
}

// settleOutbound waits until all is final, and holds what receivers got against what was asked.
func (w *World) settleOutbound(r *Result) {
	w.timers.Wait()
	for w.pending.Load() > 0 {
		time.Sleep(time.Second)
	}
	asked := map[string]*events.OutboundRequest{}
	for _, in := range w.scenario.Inputs {
		req := new(events.OutboundRequest)
		if err := req.UnmarshalVT(in.Value); err != nil {
			w.fail("%v", err)
			return
		}
		asked[req.RequestId] = req
	}
	attempts, err := w.attemptsOf(asked)
	if err != nil {
		w.fail("%v", err)
	}
	time.Sleep(20 * time.Second) // for what should not come
	r.Rows = map[string]int{"requests": len(asked)}
	for _, rows := range attempts {
		r.Rows["attempts"] += len(rows)
	}
	for _, difference := range w.compareOutbound(asked, attempts) {
		w.fail("%s", difference)
	}
}

// attemptsOf reads the attempts until each request has one that is final.
func (w *World) attemptsOf(asked map[string]*events.OutboundRequest) (map[string][]*events.OutboundAttempt, error) {
	rows, open := map[string][]*events.OutboundAttempt{}, map[string]bool{}
	for id := range asked {
		open[id] = true
	}
	h := w.network.host("auditor", 0)
	h.slow(minLatency, 0)
	client, err := kgo.NewClient(append(w.kafka(h), kgo.ConsumeTopics(schemas.TopicOutboundAttempts), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return rows, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), outboundPatience)
	defer cancel()
	expired := false
	for began := time.Now(); len(open) > 0; {
		poll, stop := context.WithTimeout(ctx, 10*time.Second)
		fetches := client.PollFetches(poll)
		stop()
		if ctx.Err() != nil {
			return rows, fmt.Errorf("%d of %d requests are not final, such as %s", len(open), len(asked), slices.Min(slices.Collect(maps.Keys(open))))
		}
		if !expired && time.Since(began) > expireAfter {
			expired = true
			w.expireMembers(ctx)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			a := new(events.OutboundAttempt)
			if a.UnmarshalVT(record.Value) != nil {
				return
			}
			rows[a.RequestId] = append(rows[a.RequestId], a)
			w.trace.add("attempt", "%s %s try %d: %s %s", a.Destination, a.RequestId, a.Try, a.Outcome, strings.TrimSpace(a.Reason))
			if a.Final {
				delete(open, a.RequestId)
			}
		})
	}
	return rows, nil
}
