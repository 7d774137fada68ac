package outbound

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tributary/catalog/destination"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/sink/outbound/protocol"
)

var (
	seeds    = flag.Int("seeds", 20, "how many seeds TestSimulation plays")
	fromSeed = flag.Uint64("from", 1, "the first of them")
)

// TestSimulation holds deliverers that are killed, moved and robbed of their disk against what was asked of them, in virtual time: with
// each seed destinations fail in other ways.
func TestSimulation(t *testing.T) {
	for seed := *fromSeed; seed < *fromSeed+uint64(*seeds); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

// A simWorld is one Kafka, some deliverers, and the world that they tell.
type simWorld struct {
	t       *testing.T
	rng     *rand.Rand
	network *pipes
	cluster *kfake.Cluster
	client  *kgo.Client
	parts   int32
	places  []*place
	targets simTargets

	mu       sync.Mutex
	draws    *rand.Rand
	arrivals []arrivalOf
	requests map[string]*events.OutboundRequest // by request ID
	healed   bool
	burials  sync.WaitGroup
	started  time.Time
}

type arrivalOf struct {
	destination, id string
	at              time.Time
	outcome         protocol.Outcome
}

// A place is a machine: its disk outlives the deliverer on it.
type place struct {
	fs     *vfs.MemFS
	engine *Engine
	cut    *cuttable
	done   chan error
	stop   context.CancelFunc
}

type simTargets map[string]*Target

func (s simTargets) Target(name string) *Target { return s[name] }

// standInProtocol tells each request by its ID, one a line.
type standInProtocol struct{}

func (standInProtocol) Group(_ *destination.Destination, r *events.OutboundRequest) string {
	return r.Told.String()
}

func (standInProtocol) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*protocol.Call, error) {
	call := &protocol.Call{Method: "POST", URL: "https://" + d.Name, Masked: "https://" + d.Name}
	for _, r := range reqs {
		call.Body = append(append(call.Body, r.RequestId...), '\n')
	}
	return call, nil
}

func (standInProtocol) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, a *protocol.Answer) []protocol.Verdict {
	out := make([]protocol.Verdict, len(reqs))
	for i := range out {
		switch {
		case a.Status == 429:
			out[i] = protocol.Verdict{Outcome: protocol.Again, RetryAfter: 30 * time.Second}
		case a.Status >= 500:
			out[i].Outcome = protocol.Again
		case a.Status == 422:
			out[i].Outcome = protocol.Split
		case a.Status >= 400:
			out[i].Outcome = protocol.Refused
		default:
			out[i].Outcome = protocol.Delivered
		}
	}
	return out
}

// Send is the world: each destination is of one kind by its name.
func (w *simWorld) Send(ctx context.Context, t *Target, call *protocol.Call) (*protocol.Answer, error) {
	name := t.Destination.Name
	w.mu.Lock()
	chance, sleep := w.draws.IntN(100), time.Duration(w.draws.IntN(400))*time.Millisecond
	healed := w.healed
	dead := !healed && (int(time.Since(w.started)/time.Minute)+len(name))%3 == 0
	w.mu.Unlock()
	var ids []string
	for line := range slices.Values(splitLines(call.Body)) {
		ids = append(ids, line)
	}
	arrive := func(o protocol.Outcome) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range ids {
			w.arrivals = append(w.arrivals, arrivalOf{name, id, time.Now(), o})
		}
	}
	wait := func(d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
	poison := slices.ContainsFunc(ids, func(id string) bool { return id[len(id)-1] == 'p' })
	switch kind := name[:3]; {
	case kind == "bat" && poison && len(ids) > 1:
		return &protocol.Answer{Status: 422}, wait(sleep)
	case kind == "bat" && poison:
		return &protocol.Answer{Status: 400}, nil
	case dead && kind == "dea":
		return nil, fmt.Errorf("%w: refused", ErrNotSent)
	case healed || chance < 60:
		arrive(protocol.Delivered)
		if err := wait(sleep); err != nil {
			return nil, err
		}
		return &protocol.Answer{Status: 200}, nil
	case chance < 70: // arrives, and the answer is lost
		arrive(protocol.Delivered)
		return nil, wait(time.Hour)
	case chance < 80:
		return nil, wait(time.Hour)
	case chance < 90:
		return &protocol.Answer{Status: 503}, nil
	case chance < 95:
		return &protocol.Answer{Status: 429}, nil
	default:
		return nil, io.ErrUnexpectedEOF
	}
}

func splitLines(b []byte) (lines []string) {
	at := 0
	for i, c := range b {
		if c == '\n' {
			lines, at = append(lines, string(b[at:i])), i+1
		}
	}
	return lines
}

func simulate(t *testing.T, seed uint64) {
	w := &simWorld{t: t, rng: rand.New(rand.NewPCG(seed, 1)), draws: rand.New(rand.NewPCG(seed, 2)), network: newPipes(), targets: simTargets{},
		requests: map[string]*events.OutboundRequest{}, started: time.Now()}
	w.parts = 1 + w.rng.Int32N(3)
	var err error
	w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(w.network.listen),
		kfake.SeedTopics(w.parts, schemas.TopicOutboundRequests, schemas.TopicOutboundAttempts), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	w.cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) { w.cluster.KeepControl(); return nil, nil, false })
	if w.client, err = kgo.NewClient(kgo.SeedBrokers("127.0.0.1:9092"), kgo.Dialer(w.network.dial), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(0)); err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"one", "dea", "bat", "cap", "slo"}[:2+w.rng.IntN(4)] {
		name := kind + strconv.Itoa(i)
		target := &Target{Destination: &destination.Destination{Name: name}, Protocol: standInProtocol{}, Concurrency: 1 + w.rng.IntN(4), Batch: 1, Timeout: 5 * time.Second,
			Retries: []time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute}}
		switch kind {
		case "bat":
			target.Batch = 2 + w.rng.IntN(8)
		case "cap":
			target.CapPerDay = 5
		case "slo":
			target.PerSecond = 2
		}
		w.targets[name] = target
	}
	for range 1 + w.rng.IntN(2) {
		w.places = append(w.places, &place{fs: vfs.NewCrashableMem()})
	}
	for _, p := range w.places {
		w.start(p)
	}
	names := make([]string, 0, len(w.targets))
	for name := range w.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	conversations := map[string]uint32{}
	for range 40 + w.rng.IntN(60) {
		time.Sleep(time.Duration(w.rng.IntN(5000)) * time.Millisecond)
		for range 1 + w.rng.IntN(5) {
			w.ask(names[w.rng.IntN(len(names))], conversations)
		}
		switch w.rng.IntN(12) {
		case 0:
			w.kill(w.places[w.rng.IntN(len(w.places))], false)
		case 1:
			w.kill(w.places[w.rng.IntN(len(w.places))], true)
		case 2:
			w.halt(w.places[w.rng.IntN(len(w.places))])
		}
		for _, p := range w.places {
			if p.engine == nil && w.rng.IntN(2) == 0 {
				w.start(p)
			}
		}
	}
	w.mu.Lock()
	w.healed = true
	w.mu.Unlock()
	for _, p := range w.places {
		if p.engine == nil {
			w.start(p)
		}
	}
	w.check()
	for _, p := range w.places {
		w.halt(p)
	}
	w.burials.Wait()
	w.client.Close()
	w.cluster.Close()
	synctest.Wait()
}

// ask has something told.
func (w *simWorld) ask(name string, conversations map[string]uint32) {
	conversion := fmt.Sprintf("%s-c%d", name, w.rng.IntN(60))
	now := time.Now()
	conversations[conversion]++
	seq := conversations[conversion]
	r := &events.OutboundRequest{
		RequestId: fmt.Sprintf("%s-%d", conversion, seq), Destination: name, ConversionId: conversion, Seq: seq, Told: events.OutboundRequest_TOLD_RESTATED,
		DecidedMs: now.UnixMilli(), DueMs: now.UnixMilli(), ExpiresMs: now.Add(time.Hour).UnixMilli(),
	}
	if seq == 1 {
		r.Told = events.OutboundRequest_TOLD_CREATED
	} else if w.rng.IntN(3) == 0 {
		r.Told = events.OutboundRequest_TOLD_RETRACTED
	}
	switch w.rng.IntN(10) {
	case 0:
		r.DueMs += w.rng.Int64N(60_000)
	case 1:
		r.ExpiresMs = now.Add(time.Duration(w.rng.IntN(60)) * time.Second).UnixMilli()
	case 2:
		r.RequestId += "p"
	}
	value, err := r.MarshalVT()
	if err != nil {
		w.t.Fatal(err)
	}
	w.requests[r.RequestId] = r
	if err := w.client.ProduceSync(context.Background(), &kgo.Record{Topic: schemas.TopicOutboundRequests, Key: []byte(name), Value: value}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *simWorld) start(p *place) {
	cfg := Defaults()
	cfg.StateDir, cfg.BreakerPause, cfg.CommitInterval, cfg.DrainTimeout = "state", 5*time.Second, time.Second, 2*time.Second
	log := zap.NewNop()
	if testing.Verbose() && *seeds == 1 {
		log = zaptest.NewLogger(w.t)
	}
	p.cut = &cuttable{network: w.network}
	ctx, stop := context.WithCancel(context.Background())
	engine, err := New(cfg, Deps{Kafka: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:9092"), kgo.Dialer(p.cut.dial)}, Logger: log, Targets: w.targets, Sender: w, FS: p.fs})
	if err != nil {
		w.t.Fatal(err)
	}
	p.engine, p.stop, p.done = engine, stop, make(chan error, 1)
	go func() { p.done <- engine.Run(ctx) }()
}

// kill ends a deliverer as kill -9 does; what was not synced may be lost, or the whole disk.
func (w *simWorld) kill(p *place, lost bool) {
	if p.engine == nil {
		return
	}
	p.cut.cut()
	crashed := p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.rng.IntN(101), RNG: w.rng})
	w.bury(p.engine)
	p.engine.crashWith(errKilled)
	if err := <-p.done; !errors.Is(err, errKilled) {
		w.t.Errorf("killed: %v", err)
	}
	p.stop()
	if p.engine, p.fs = nil, crashed; lost {
		p.fs = vfs.NewCrashableMem()
	}
}

// bury ends the session of a killed member: kfake never ends that of one which dies while it joins.
func (w *simWorld) bury(e *Engine) {
	id, _ := e.client.GroupMetadata()
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group = e.config.Group
	member := kmsg.NewLeaveGroupRequestMember()
	request.MemberID, member.MemberID = id, id
	request.Members = append(request.Members, member)
	w.burials.Go(func() {
		time.Sleep(e.config.SessionTimeout)
		_, _ = request.RequestWith(context.Background(), w.client)
	})
}

// halt ends a deliverer in an orderly way.
func (w *simWorld) halt(p *place) {
	if p.engine == nil {
		return
	}
	p.stop()
	if err := <-p.done; err != nil {
		w.t.Errorf("stopped: %v", err)
	}
	p.engine = nil
}

// check waits until all is final, and holds it against what was asked.
func (w *simWorld) check() {
	final := map[string]*events.OutboundAttempt{}
	rows := map[string]int{}
	reader, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:9092"), kgo.Dialer(w.network.dial), kgo.ConsumeTopics(schemas.TopicOutboundAttempts), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	limit, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
	defer cancel()
	for len(final) < len(w.requests) {
		fetches := reader.PollFetches(limit)
		if limit.Err() != nil {
			for id, r := range w.requests {
				if final[id] == nil {
					w.t.Errorf("%s (of %s, seq %d) is not final; rows: %d", id, r.Destination, r.Seq, rows[id])
				}
			}
			return
		}
		fetches.EachRecord(func(record *kgo.Record) {
			a := new(events.OutboundAttempt)
			if err := a.UnmarshalVT(record.Value); err != nil {
				w.t.Fatal(err)
			}
			rows[a.RequestId]++
			if a.Final {
				final[a.RequestId] = a
			}
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	first := map[string]time.Time{}
	for _, a := range w.arrivals {
		r := w.requests[a.id]
		switch {
		case r == nil:
			w.t.Errorf("%s was told %s, which nobody asked for", a.destination, a.id)
			continue
		case r.Destination != a.destination:
			w.t.Errorf("%s was told %s, which is for %s", a.destination, a.id, r.Destination)
		case a.at.UnixMilli() >= r.ExpiresMs:
			w.t.Errorf("%s was told %s after its window", a.destination, a.id)
		case a.at.UnixMilli() < r.DueMs:
			w.t.Errorf("%s was told %s before it was due", a.destination, a.id)
		}
		if _, ok := first[a.id]; !ok {
			first[a.id] = a.at
		}
	}
	capped := map[string]int{}
	for id, a := range final {
		r := w.requests[id]
		at, arrived := first[id]
		switch a.Outcome {
		case outcomeDelivered:
			if !arrived {
				w.t.Errorf("%s is delivered and never arrived", id)
			}
		case outcomeRefused:
			if id[len(id)-1] != 'p' {
				w.t.Errorf("%s was refused: %s", id, a.Reason)
			}
		case outcomeCapped:
			capped[r.Destination]++
			if arrived {
				w.t.Errorf("%s is over the cap and arrived", id)
			}
		case outcomeSkipped:
			if r.Seq == 1 || arrived {
				w.t.Errorf("%s was skipped: %s", id, a.Reason)
			}
		case outcomeExpired:
			if a.ReceivedMs < r.ExpiresMs-2*time.Minute.Milliseconds() {
				w.t.Errorf("%s expired %d ms early", id, r.ExpiresMs-a.ReceivedMs)
			}
		default:
			w.t.Errorf("%s ended as %s", id, a.Outcome)
		}
		if arrived && r.Seq > 1 {
			before := fmt.Sprintf("%s-%d", r.ConversionId, r.Seq-1)
			if w.requests[before] == nil {
				before += "p"
			}
			if was, ok := first[before]; ok && at.Before(was) {
				w.t.Errorf("%s arrived before %s", id, before)
			}
			if final[before].ReceivedMs > at.UnixMilli() {
				w.t.Errorf("%s arrived before %s was final", id, before)
			}
		}
	}
	for name, target := range w.targets {
		if target.CapPerDay == 0 {
			continue
		}
		created := 0
		for _, r := range w.requests {
			if r.Destination == name && r.Told == events.OutboundRequest_TOLD_CREATED {
				created++
			}
		}
		of := 0
		for id, a := range final {
			if r := w.requests[id]; r.Destination == name && r.Told == events.OutboundRequest_TOLD_CREATED && a.Outcome == outcomeCapped {
				of++
			}
		}
		if want := max(0, created-int(target.CapPerDay)); of != want {
			w.t.Errorf("%d of %d conversions of %s are over its cap of %d", of, created, name, target.CapPerDay)
		}
	}
}

// pipes is a network in memory of one address.
type pipes struct {
	mu        sync.Mutex
	listeners map[string]chan net.Conn
}

func newPipes() *pipes { return &pipes{listeners: map[string]chan net.Conn{}} }

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	at     string
}

func (p *pipes) listen(_, address string) (net.Listener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &pipeListener{conns: make(chan net.Conn, 1024), closed: make(chan struct{}), at: address}
	_, port, _ := net.SplitHostPort(address)
	p.listeners[port] = l.conns
	return l, nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092} }

func (p *pipes) dial(_ context.Context, _, address string) (net.Conn, error) {
	_, port, _ := net.SplitHostPort(address)
	p.mu.Lock()
	conns := p.listeners[port]
	p.mu.Unlock()
	if conns == nil {
		return nil, errors.New("nobody listens on " + address)
	}
	a, b := net.Pipe()
	conns <- b
	return a, nil
}

// cuttable is the network of one life of a deliverer.
type cuttable struct {
	network *pipes
	mu      sync.Mutex
	conns   []net.Conn
	gone    bool
}

func (c *cuttable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, errors.New("cut off")
	}
	conn, err := c.network.dial(ctx, network, address)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}
