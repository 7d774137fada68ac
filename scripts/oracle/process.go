package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"tributary/processor"
	sink "tributary/sink/clickhouse"
)

// A process is one processor, sink, edge or grantor that lives, dies and is started again, always under the same name.
type process struct {
	world *World
	name  string
	skew  time.Duration
	// run makes the role and runs it until ctx is done.
	run func(ctx context.Context, h *host, log *zap.Logger) error
	// disk is a processor's; nil for others.
	disk *vfs.MemFS
	// port, copy and edge are an edge's: where it listens, the file of its copy of the topic control, the life that serves.
	port int
	copy string
	edge atomic.Pointer[edgeLife]

	orders chan order
	random *rand.Rand
	// gone are lives that were killed and are still falling down.
	gone *sync.WaitGroup

	mu   sync.Mutex
	host *host
	life int
}

// An order to a process. down is how long it stays away.
type order struct {
	kind string
	down time.Duration
}

const orderEnd = "end"

func (w *World) newProcessor(i int) *process {
	p := w.newProcess(fmt.Sprint("p", i), w.scenario.Skews[i])
	p.disk = vfs.NewCrashableMem()
	p.run = func(ctx context.Context, h *host, log *zap.Logger) error {
		c := processor.Defaults()
		c.InstanceID, c.StateDir = p.name, "state"
		c.Window, c.Grace, c.MaxCycleRecords = w.scenario.Window, w.scenario.Grace, w.scenario.Cycle
		c.SessionTimeout, c.TransactionTimeout = w.scenario.Session, w.scenario.Session*3/2
		c.CacheBytes, c.MemtableBytes, c.Workers = 1<<20, 1<<20, 1
		p.reconfigure(&c)
		r, err := processor.New(c, processor.Deps{Kafka: w.kafka(h), Logger: log, Now: p.now, FS: p.disk})
		if err != nil {
			return err
		}
		return r.Run(ctx)
	}
	return p
}

// reconfigure gives a life other settings than the one before: those that the model does not ask of, so that whichever of them decided, the
// ledger is the same, and each cycle that is run again has to find its own.
func (p *process) reconfigure(c *processor.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.BookRetention += time.Duration(p.life%4) * time.Hour
	c.FastConversion += time.Duration(p.life%3) * time.Second
	c.IPClicksPerMinute += uint32(p.life % 5)
	c.MaxParked += p.life % 2
}

func (w *World) newSink(i int) *process {
	p := w.newProcess(fmt.Sprint("s", i), w.scenario.Skews[w.scenario.Processors+i])
	static := w.scenario.Seed%2 == 0
	p.run = func(ctx context.Context, h *host, log *zap.Logger) error {
		c := sink.Defaults()
		if static {
			c.InstanceID = p.name
		}
		c.Database = w.standin.database
		c.BatchRows, c.BatchAge, c.InsertTimeout = w.scenario.Batch, w.scenario.BatchAge, w.scenario.InsertTimeout
		c.SessionTimeout = w.scenario.Session
		l, err := sink.New(c, sink.Deps{Kafka: w.kafka(h), Logger: log, Now: p.now, ClickHouse: &clickhouse.Options{
			Addr: []string{portAddr(clickHousePort).String()}, Protocol: clickhouse.HTTP, DialTimeout: 5 * time.Second,
			DialContext: func(ctx context.Context, address string) (conn netConn, err error) { return h.dial(ctx, "", address) },
		}})
		if err != nil {
			return err
		}
		return l.Run(ctx)
	}
	return p
}

func (w *World) newProcess(name string, skew time.Duration) *process {
	return &process{world: w, name: name, skew: skew, orders: make(chan order, 64), gone: &w.gone,
		random: rand.New(rand.NewPCG(w.scenario.Seed, hashName(name)))}
}

func hashName(name string) (h uint64) {
	for _, c := range name {
		h = h*31 + uint64(c)
	}
	return h
}

func (p *process) now() time.Time { return time.Now().Add(p.skew) }

// current is the host of the life at hand.
func (p *process) current() *host {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.host
}

// live runs one life after another until it is told to end.
func (p *process) live() {
	for {
		p.mu.Lock()
		p.life++
		h := p.world.network.host(fmt.Sprintf("%s-%d", p.name, p.life), p.world.scenario.Seed^hashName(p.name)^uint64(p.life)<<32)
		h.slow(p.world.scenario.Latency, p.world.scenario.Latency/2)
		p.host = h
		p.mu.Unlock()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		run := p.run
		p.world.trace.add(p.name, "starts, life %d", p.life)
		go func() { done <- run(ctx, h, p.world.logger(h.name)) }()
		var o order
		select {
		case err := <-done:
			cancel()
			p.world.trace.add(p.name, "ends by itself: %v", shorten(err))
			p.world.deaths.Add(1)
			o = order{kind: faultStop, down: time.Second}
		case o = <-p.orders:
			p.obey(o, h, cancel, done)
		}
		if o.kind == orderEnd || !p.pause(o.down) {
			return
		}
	}
}

func (p *process) obey(o order, h *host, cancel context.CancelFunc, done chan error) {
	switch o.kind {
	case faultKill, faultLose:
		h.kill()
		if p.port != 0 {
			p.world.network.vanish(p.port)
			p.edge.Store(nil)
			if o.kind == faultLose {
				_ = os.Remove(p.copy)
			}
		}
		if p.disk != nil {
			if o.kind == faultLose {
				p.disk = vfs.NewCrashableMem()
			} else {
				// What was not synced is there or is not, piece by piece.
				p.disk = p.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.random.IntN(101), RNG: p.random})
			}
		}
		cancel()
		p.gone.Add(1)
		go func() {
			defer p.gone.Done()
			<-done
		}()
		p.world.trace.add(p.name, "is killed: %s", o.kind)
	default:
		cancel()
		err := <-done
		p.world.trace.add(p.name, "has stopped: %v", shorten(err))
	}
}

// pause waits before the next life. Orders that come meanwhile only make it longer; false ends it all.
func (p *process) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case o := <-p.orders:
			switch o.kind {
			case orderEnd:
				return false
			case faultLose:
				if p.disk != nil {
					p.disk = vfs.NewCrashableMem()
				}
			}
		}
	}
}

// shorten keeps what an error says on one line; addresses and stacks differ from run to run.
func shorten(err error) string {
	if err == nil {
		return "nil"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 300)]
}
