package oracle

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type netConn = net.Conn

// A World is one run of a scenario: Kafka, the stand-in, processors, sinks and an edge, on one network, in virtual time. It lives in a
// bubble of testing/synctest.
type World struct {
	scenario *Scenario
	options  RunOptions
	trace    *trace
	began    time.Time
	network  *network
	cluster  *kfake.Cluster
	standin  *standin
	procs    map[string]*process
	order    []*process
	running  sync.WaitGroup
	gone     sync.WaitGroup
	edge     *kgo.Client
	edgeHost *host
	memory   memory
	visitors *http.Client // nil without a plane
	granting atomic.Int64 // grantors that run, and some that are falling down

	planeMu sync.Mutex
	visits  []*visited
	written []*wrote
	seen    []watched

	// towards and receivers are those of an outbound scenario.
	towards   *towards
	receivers map[string]*receiver

	timers  sync.WaitGroup
	deaths  atomic.Int64
	pending atomic.Int64
	failMu  sync.Mutex
	failed  []string
}

// RunOptions say how much of a run is kept.
type RunOptions struct {
	// Keep keeps the trace's lines.
	Keep bool
	// Requests makes every request to Kafka part of the trace.
	Requests bool
	// Inserts keeps what ClickHouse was given.
	Inserts bool
	// Log takes the processes' logs; nil for none.
	Log zapcore.Core
}

// A Result is what came of one run.
type Result struct {
	Seed        uint64
	Differences []string
	Trace       string // hash
	Lines       string
	Samples     []string
	Virtual     time.Duration
	// Rows, Inserts, Repeats, Deaths tell how much happened.
	Rows                             map[string]int
	Inserts, Repeats, Deaths, Faults int
	Inputs                           int
	// Loaded is what was applied to the tables, in order; of RunOptions.Inserts.
	Loaded []Loaded `json:",omitempty"`
}

// patience is how long, in virtual time, the system may take to come to rest once everything is well again.
const patience = time.Hour

// Run plays a scenario. Call it in a bubble.
func Run(s *Scenario, o RunOptions) *Result {
	time.Sleep(time.Until(epoch.Add(s.Start)))
	w := &World{scenario: s, options: o, trace: newTrace(o.Keep), network: newNetwork(), procs: map[string]*process{}}
	w.began = time.Now()
	if s.Deliverers > 0 {
		r := &Result{Seed: s.Seed, Faults: len(s.Faults), Inputs: len(s.Inputs)}
		w.runOutbound(r)
		r.Differences, r.Virtual, r.Deaths = w.failed, time.Since(w.began), int(w.deaths.Load())
		r.Trace, r.Lines, r.Samples = w.trace.digest(), w.trace.text(), w.trace.samples
		return r
	}
	if err := w.start(); err != nil {
		return &Result{Seed: s.Seed, Differences: []string{err.Error()}}
	}
	w.play()
	expected, plane := w.drain()
	w.stop()
	got := w.standin.snapshot()
	r := &Result{Seed: s.Seed, Virtual: time.Since(w.began), Rows: w.standin.counts(), Inserts: w.standin.inserts, Repeats: w.standin.repeats,
		Deaths: int(w.deaths.Load()), Faults: len(s.Faults), Inputs: len(s.Inputs)}
	r.Differences = append(r.Differences, w.failed...)
	if expected != nil {
		r.Differences = append(r.Differences, compare(expected, got)...)
		r.Differences = append(r.Differences, comparePlane(w, expected, plane, got.rows)...)
	}
	r.Loaded = w.standin.loaded
	r.Trace, r.Lines, r.Samples = w.trace.digest(), w.trace.text(), w.trace.samples
	return r
}

func (w *World) fail(format string, args ...any) {
	w.failMu.Lock()
	defer w.failMu.Unlock()
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}

func (w *World) logger(name string) *zap.Logger {
	if w.options.Log == nil {
		return zap.NewNop()
	}
	return zap.New(w.options.Log).With(zap.String("process", name))
}

func (w *World) start() error {
	if err := w.startKafka(); err != nil {
		return err
	}
	w.standin = newStandin("tributary", w.trace)
	w.standin.keep = w.options.Inserts
	l, err := w.network.listen("", portAddr(clickHousePort).String())
	if err != nil {
		return err
	}
	go func() { _ = w.standin.server.Serve(l) }()
	w.edgeHost = w.network.host("edge", w.scenario.Seed)
	w.edge, err = kgo.NewClient(append(w.kafka(w.edgeHost), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(0))...)
	if err != nil {
		return err
	}
	for i := range w.scenario.Processors {
		w.add(w.newProcessor(i))
	}
	for i := range w.scenario.Sinks {
		w.add(w.newSink(i))
	}
	return w.startPlane()
}

func (w *World) add(p *process) {
	w.procs[p.name] = p
	w.order = append(w.order, p)
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		p.live()
	}()
}

// play has inputs come and faults strike at their times.
func (w *World) play() {
	inputs, faults := w.scenario.Inputs, w.scenario.Faults
	for len(inputs)+len(faults) > 0 {
		if len(faults) == 0 || len(inputs) > 0 && inputs[0].At <= faults[0].At {
			w.await(inputs[0].At)
			w.begin(inputs[0])
			inputs = inputs[1:]
			continue
		}
		w.await(faults[0].At)
		w.strike(faults[0])
		faults = faults[1:]
	}
}

// begin does what an input says.
func (w *World) begin(in Input) {
	switch {
	case in.Visit != nil:
		w.later(0, func() { w.visit(in.Visit) })
	case in.Change != nil:
		w.later(0, func() { w.write(in.Change) })
	default:
		w.produce(in)
	}
}

func (w *World) await(at time.Duration) {
	if d := time.Until(w.began.Add(at)); d > 0 {
		time.Sleep(d)
	}
}

// later does something at a later time of the same run.
func (w *World) later(d time.Duration, do func()) {
	w.timers.Add(1)
	time.AfterFunc(d, func() {
		defer w.timers.Done()
		do()
	})
}

// produce sends one input until Kafka has acknowledged it.
func (w *World) produce(in Input) {
	w.pending.Add(1)
	skew := w.scenario.Skews[len(w.scenario.Skews)-1]
	r := &kgo.Record{Topic: in.Topic, Key: []byte(in.Key), Value: in.Value, Timestamp: time.Now().Add(skew)}
	w.edge.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		if err != nil {
			w.trace.add("edge", "%s is not acknowledged: %v", in.Note, err)
			time.AfterFunc(time.Second, func() { w.produce(in); w.pending.Add(-1) })
			return
		}
		w.trace.add("edge", "%s/%d offset %d: %s", r.Topic, r.Partition, r.Offset, in.Note)
		w.pending.Add(-1)
	})
}

func (w *World) strike(f Fault) {
	w.trace.add("fault", "%s %s for %s count %d", f.Kind, f.Target, f.For, f.Count)
	p := w.procs[f.Target]
	switch f.Kind {
	case faultKill, faultLose, faultStop:
		if p != nil {
			p.orders <- order{f.Kind, f.For}
		}
	case faultOutage:
		for _, p := range w.order {
			p.orders <- order{faultKill, f.For}
		}
	case faultFreeze:
		if p != nil {
			p.current().freeze(f.For)
		}
	case faultSlow:
		if p != nil {
			h := p.current()
			h.slow(time.Duration(f.Count)*time.Millisecond, time.Duration(f.Count/2)*time.Millisecond)
			w.later(f.For, func() { h.slow(w.scenario.Latency, w.scenario.Latency/2) })
		}
	case faultBroker, faultReset:
		n, _ := strconv.Atoi(f.Target)
		if f.Kind == faultReset {
			w.network.reset(firstPort + n)
			break
		}
		w.network.setAway(firstPort+n, true)
		w.later(f.For, func() { w.network.setAway(firstPort+n, false) })
	case faultMove:
		w.move(f.Arg)
	case faultKafka:
		w.kafkaFault(f)
	case faultClickHouse:
		w.standin.befall(mishap{Kind: f.Target, Count: f.Count, Until: time.Now().Add(f.For), Delay: w.scenario.InsertTimeout + f.For/2})
	case faultAway:
		w.network.setAway(clickHousePort, true)
		w.later(f.For, func() { w.network.setAway(clickHousePort, false) })
	case faultForget:
		w.standin.forgetTokens()
	case faultReceiver:
		name, kind, _ := strings.Cut(f.Target, "/")
		w.receivers[name].befall(kind, f.For)
	case faultOld:
		w.oldOffsets(f)
	}
}

// move gives partitions other leaders and groups and transactions other coordinators.
func (w *World) move(arg uint64) {
	n := w.scenario.Brokers
	for i, t := range []string{"clicks", "postbacks", "claims", "scored.clicks", "scored.conversions", "cycles"} {
		for p := range w.scenario.Partitions {
			if arg>>(uint(i*3+p)%60)&1 == 1 {
				_ = w.cluster.MoveTopicPartition(t, int32(p), int32((int(arg>>8)+i+p)%n))
			}
		}
	}
	if arg&1 == 1 {
		w.cluster.RehashCoordinators()
	}
}

// drain waits until everything that was to come is in the tables, and a while longer for what should not.
func (w *World) drain() (*Expected, *planeLog) {
	w.timers.Wait()
	for w.pending.Load() > 0 {
		time.Sleep(time.Second)
		if time.Since(w.began) > 24*time.Hour {
			w.fail("the edge cannot get rid of its inputs")
			return nil, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	plane, err := w.settlePlane(ctx)
	if err != nil {
		w.fail("%v", err)
		return nil, nil
	}
	log, err := w.accepted(ctx)
	if err != nil {
		w.fail("%v", err)
		return nil, nil
	}
	expected := model(log, w.scenario.Window.Milliseconds())
	// The last postbacks may wait for their clicks until the grace has passed on the slowest clock.
	time.Sleep(w.scenario.Grace*6/5 + 10*time.Second)
	expired := false
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Second) {
		if w.arrived(expected, plane) {
			break
		}
		if !expired && time.Since(start) > expireAfter {
			expired = true
			w.expireMembers(ctx)
		}
	}
	time.Sleep(20 * time.Second)
	return expected, plane
}

// arrived says whether as many rows are there as there should be.
func (w *World) arrived(x *Expected, plane *planeLog) bool {
	have := w.standin.counts()
	if plane != nil && have["control_changes"] < len(plane.changes) {
		return false
	}
	letters := len(x.refused)
	for _, n := range x.letters {
		letters += n
	}
	conversions := len(x.conversions)
	for key, of := range x.claims {
		if !strings.Contains(key, "/"+poison) {
			conversions += len(of) - 1 // rescored
		}
	}
	return have["clicks"] >= len(x.clicks) && have["conversions"] >= conversions && have["dead_letters"] >= letters && have["postbacks"] >= len(x.postbacks)
}

// stop ends the processes, and then what they need.
func (w *World) stop() {
	for _, p := range w.order {
		p.orders <- order{kind: orderEnd}
	}
	w.running.Wait()
	w.gone.Wait()
	w.edge.Close()
	w.standin.close()
	w.cluster.Close()
}
