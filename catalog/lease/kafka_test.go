package lease

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"tributary/catalog/control"
	"tributary/schemas/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a broker with both topics, and a clock that stands at noon.
type rig struct {
	t     *testing.T
	books control.Config
}

const testRequests = "lease-requests"

func newRig(t *testing.T) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "leases"), kfake.SeedTopics(4, testRequests))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	r := &rig{t: t}
	began := time.Now()
	clock := func() time.Time { return time.UnixMilli(noon).Add(time.Since(began)) }
	r.books = control.Config{Kafka: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, Broker: broker.Embedded(),
		Topic: "leases", Now: clock}
	return r
}

// running runs until the test ends, or stop is called.
func (r *rig) running(run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) role() (role *Role, stop func()) {
	r.t.Helper()
	role, err := NewRole(RoleConfig{Books: r.books, Requests: testRequests, Group: "grantors", Now: r.books.Now, Registerer: prometheus.NewRegistry(), Logger: zaptest.NewLogger(r.t)})
	if err != nil {
		r.t.Fatal(err)
	}
	return role, r.running(func(ctx context.Context) { _ = role.Run(ctx) })
}

func (r *rig) edge(offers ...Offer) (edge *Asker, stop func()) {
	r.t.Helper()
	edge, err := NewAsker(AskerConfig{Books: r.books, Requests: testRequests, Now: r.books.Now, Registerer: prometheus.NewRegistry()})
	if err != nil {
		r.t.Fatal(err)
	}
	edge.Declare(offers)
	return edge, r.running(edge.Run)
}

// until waits for a condition, not for a time.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("a minute went by before " + what)
		}
	}
}

// book reads what is committed, with a reader of its own.
func (r *rig) book(key Key) (b Book) {
	r.t.Helper()
	cfg := r.books
	cfg.Kinds = Kinds()
	reader, err := control.Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	stop := r.running(func(ctx context.Context) { _ = reader.Run(ctx) })
	defer stop()
	if err := reader.Await(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	entry, _ := reader.Now().Get(Kind, key.String())
	if b, err = Decode(key.String(), entry.Value); err != nil {
		r.t.Fatal(err)
	}
	return b
}

// TestThreeEdgesOnKafka: three edges under unequal load, one of which stops early, and two grantors, of which the one that grants is
// stopped and comes back, send exactly as many clicks as the cap says.
func TestThreeEdgesOnKafka(t *testing.T) {
	const limit = 3000
	r := newRig(t)
	first, stopFirst := r.role()
	offer := Offer{ID: 7, Cap: limit, Zone: time.UTC}
	day := Day(noon, time.UTC)
	var edges [3]*Asker
	var stops [3]func()
	for i := range edges {
		edges[i], stops[i] = r.edge(offer)
	}
	r.until("every edge has a lease", func() bool {
		return edges[0].Held(7).Has(day) && edges[1].Held(7).Has(day) && edges[2].Held(7).Has(day)
	})
	if first.turn.Load()&1 != 1 {
		t.Error("leases came, and nobody says that it grants them")
	}
	second, _ := r.role()
	var sent atomic.Int64
	for i, edge := range edges {
		r.running(func(ctx context.Context) {
			ticker := time.NewTicker(time.Duration(1+3*i) * time.Millisecond)
			defer ticker.Stop()
			for ctx.Err() == nil {
				if edge.Held(7).Take(day) {
					sent.Add(1)
				}
				select {
				case <-ctx.Done():
				case <-ticker.C:
				}
			}
		})
	}
	r.until("a quarter is sent", func() bool { return sent.Load() > limit/4 })
	stopFirst()
	r.until("half is sent", func() bool { return sent.Load() > limit/2 })
	if second.turn.Load()&1 != 1 {
		t.Error("the first grantor is gone, and the second one does not grant")
	}
	stops[2]()
	_, _ = r.role()
	r.until("all is sent", func() bool { return sent.Load() >= limit })
	if n := sent.Load(); n != limit {
		t.Errorf("%d clicks were sent, the cap is %d", n, limit)
	}
	stops[0]()
	stops[1]()
	if b := r.book(Key{7, day}); b.Committed() != limit {
		t.Errorf("the book has %d clicks, sent were %d", b.Committed(), sent.Load())
	}
}

// lost is a connection that nothing goes over any more from some moment on, and that says nothing of it.
type lost struct {
	net.Conn
	now   *atomic.Bool
	ended chan struct{}
	once  sync.Once
}

func (c *lost) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.now.Load() {
		<-c.ended
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *lost) Write(p []byte) (int, error) {
	if c.now.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *lost) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// TestAnEdgeStopsWithoutKafka: what it gives back reaches nobody, and it stops all the same.
func TestAnEdgeStopsWithoutKafka(t *testing.T) {
	r := newRig(t)
	_, _ = r.role()
	var now atomic.Bool
	plain := r.books.Kafka
	r.books.Kafka = append(slices.Clone(plain), kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &lost{Conn: c, now: &now, ended: make(chan struct{})}, err
	}))
	edge, stop := r.edge(Offer{ID: 7, Cap: 5000, Zone: time.UTC})
	r.books.Kafka = plain
	r.until("it has a lease", func() bool { return edge.Held(7).Has(Day(noon, time.UTC)) })
	now.Store(true)
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(30 * time.Second):
		now.Store(false)
		t.Fatal("it has not stopped 30 s after Kafka was lost")
	}
}

// TestNobodyGrants: an edge uses what it holds, and nothing more, and says so.
func TestNobodyGrants(t *testing.T) {
	r := newRig(t)
	_, stopRole := r.role()
	edge, _ := r.edge(Offer{ID: 7, Cap: 5000, Zone: time.UTC})
	day := Day(noon, time.UTC)
	r.until("it has a lease", func() bool { return edge.Held(7).Has(day) })
	stopRole()
	sent := 0
	for edge.Held(7).Take(day) {
		sent++
	}
	if b := r.book(Key{7, day}); int64(sent) != b.Committed() {
		t.Errorf("%d were sent, %d were granted", sent, b.Committed())
	}
	if edge.Held(7).Take(day) {
		t.Error("a click without a lease")
	}
	_, _ = r.role()
	r.until("there is one that grants", func() bool { return edge.Held(7).Take(day) })
}
