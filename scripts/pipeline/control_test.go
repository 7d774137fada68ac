package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"tributary/catalog/control"
	"tributary/catalog/lease"
	"tributary/schemas/broker"
	"tributary/scripts/kafka"
)

// startLimit is for a broker on a machine that has other work, too.
const startLimit = 3 * time.Minute

// Users of the broker's second listener; on the first one everybody may do everything.
const (
	userOfEdges   = "edge"
	userOfWriters = "writer"
)

// A guarded broker compacts at once, and has users who may do what docs/control.md says, and nothing else.
type guarded struct {
	t       *testing.T
	address string // for who may do everything
	users   string
	admin   *kadm.Client
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	users := listener.Addr().String()
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	const module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
	b, err := kafka.Start(t.Context(), kafka.Options{
		ReadyTimeout: startLimit,
		Listeners:    []kafka.Listener{{Name: "USERS", Port: port, Advertised: users}},
		Properties: map[string]string{
			"listener.security.protocol.map":              "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,USERS:SASL_PLAINTEXT",
			"listener.name.users.sasl.enabled.mechanisms": "PLAIN",
			"listener.name.users.plain.sasl.jaas.config": fmt.Sprintf("%s user_%s=%[2]q user_%s=%[3]q;", module,
				userOfEdges, userOfWriters),
			"authorizer.class.name":  "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
			"super.users":            "User:ANONYMOUS",
			"log.cleaner.backoff.ms": "50",
		},
	})
	if errors.Is(err, kafka.ErrMissing) {
		t.Skipf("no Apache Kafka on this machine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	g := &guarded{t, b.Addr(), users, kadm.NewClient(client)}
	g.make("control", 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "50",
	})
	g.make("control.changes", 1, nil)
	g.make("leases", 1, map[string]string{"cleanup.policy": "compact"})
	g.make(requestsTopic, 1, nil)
	topics := []string{"control", "control.changes"}
	g.allow(kadm.NewACLs().Allow("User:"+userOfEdges, "User:"+userOfWriters).AllowHosts("*").Topics("control").
		Operations(kadm.OpRead, kadm.OpDescribe))
	g.allow(kadm.NewACLs().Allow("User:"+userOfWriters).AllowHosts("*").Topics(topics...).TransactionalIDs("control").
		Operations(kadm.OpWrite, kadm.OpDescribe))
	return g
}

func (g *guarded) make(topic string, partitions int32, settings map[string]string) {
	g.t.Helper()
	configs := map[string]*string{}
	for name, value := range settings {
		configs[name] = kadm.StringPtr(value)
	}
	if _, err := g.admin.CreateTopic(g.t.Context(), partitions, 1, configs, topic); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guarded) allow(b *kadm.ACLBuilder) {
	g.t.Helper()
	results, err := g.admin.CreateACLs(g.t.Context(), b.ResourcePatternType(kadm.ACLPatternLiteral))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			g.t.Fatal(r.Err)
		}
	}
}

// as says where the topic control is for a user.
func (g *guarded) as(user string) control.Config {
	return control.Config{
		Kafka:  []kgo.Opt{kgo.SeedBrokers(g.users), kgo.SASL(plain.Auth{User: user, Pass: user}.AsMechanism())},
		Broker: broker.Kafka(), Topic: "control", Changes: "control.changes",
		Kinds: []control.Kind{{Name: "thing", Says: func(id string, _ []byte) (string, bool) { return id, false }}},
	}
}

func (g *guarded) writer(user string) *control.Writer {
	g.t.Helper()
	w, err := control.NewWriter(g.as(user))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(w.Close)
	return w
}

// running runs until the test ends, or stop is called.
func running(t *testing.T, run func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

func (g *guarded) reader(t *testing.T, cfg control.Config) *control.Reader {
	t.Helper()
	r, err := control.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	running(t, func(ctx context.Context) { _ = r.Run(ctx) })
	return r
}

func thing(id, value string) control.Change {
	return control.Change{Entry: control.Entry{Kind: "thing", ID: id, Author: "ann", Value: []byte(value)}}
}

func thingsOf(s *control.State) (list []string) {
	for e := range s.Each("thing") {
		list = append(list, e.ID+"="+string(e.Value))
	}
	return list
}

// count adds one to what a thing has.
func count(w *control.Writer, ctx context.Context, id string) error {
	_, err := w.Write(ctx, func(now *control.State) ([]control.Change, error) {
		e, _ := now.Get("thing", id)
		n, _ := strconv.Atoi(string(e.Value))
		return []control.Change{thing(id, strconv.Itoa(n+1))}, nil
	})
	return err
}

// TestControlOnApacheKafka: what the control plane asks of a broker, of the real one: users with no more rights than the page says,
// writers that fence one another, compaction under a reader's feet, and a grantor that is killed while it hands out leases.
func TestControlOnApacheKafka(t *testing.T) {
	if os.Getenv(BrokerVariable) != "kafka" {
		t.Skipf("%s is not kafka", BrokerVariable)
	}
	g := startGuarded(t)
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()

	t.Run("rights", func(t *testing.T) {
		began := time.Now()
		_, err := g.writer(userOfEdges).Write(ctx, func(*control.State) ([]control.Change, error) {
			return []control.Change{thing("a", "1")}, nil
		})
		if !errors.Is(err, kerr.TransactionalIDAuthorizationFailed) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("who may only read is told %v", err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("after %s", took)
		}
		w := g.writer(userOfWriters)
		Await(t, ready, "the broker to know its rules", func() error { return count(w, ctx, "a") })
		if s, err := control.Read(ctx, g.as(userOfEdges)); err != nil || !slices.Equal(thingsOf(s), []string{"a=1"}) {
			t.Errorf("an edge reads %v", err)
		}
		if _, err := control.Read(ctx, g.as("stranger")); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("a stranger is told %v", err)
		}
	})

	t.Run("fencing", func(t *testing.T) {
		const writers, each = 2, 3
		reader := g.reader(t, g.as(userOfEdges))
		var beside sync.WaitGroup
		for range writers {
			w := g.writer(userOfWriters)
			beside.Go(func() {
				for range each {
					if err := count(w, ctx, "n"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		beside.Wait()
		want := fmt.Sprintf("n=%d", writers*each)
		Await(t, ready, "the edge to see every write", func() error {
			if got := thingsOf(reader.Now()); !slices.Contains(got, want) {
				return fmt.Errorf("it has %q, want %s", got, want)
			}
			return nil
		})
	})

	t.Run("compaction", func(t *testing.T) {
		w := g.writer(userOfWriters)
		if _, err := w.Write(ctx, func(*control.State) ([]control.Change, error) {
			return []control.Change{thing("gone", "1"), thing("stays", "1")}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(ctx, func(*control.State) ([]control.Change, error) {
			return []control.Change{{Entry: control.Entry{Kind: "thing", ID: "gone", Author: "ann"}, Delete: true}}, nil
		}); err != nil {
			t.Fatal(err)
		}
		last, n := int64(0), 0
		Await(t, ready, "the broker to compact the topic", func() error {
			n++
			var err error
			if last, err = w.Write(ctx, func(*control.State) ([]control.Change, error) {
				return []control.Change{thing("often", strconv.Itoa(n))}, nil
			}); err != nil {
				t.Fatal(err)
			}
			left, err := g.records(ctx, "control")
			if err == nil && left >= n {
				err = fmt.Errorf("%d records are there, %d were written for one of its keys alone", left, n)
			}
			return err
		})
		got, err := control.Read(ctx, g.as(userOfEdges))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"a=1", "n=6", "stays=1", fmt.Sprintf("often=%d", n)}
		if !slices.Equal(thingsOf(got), want) || got.Revision() != last {
			t.Errorf("who starts anew has %q of revision %d, want %q of %d", thingsOf(got), got.Revision(), want, last)
		}
	})

	t.Run("a killed grantor", g.killGrantor)
}

// records is how many a reader from the beginning sees.
func (g *guarded) records(ctx context.Context, topic string) (n int, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(g.address))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	p, err := broker.Kafka().Partition(ctx, client, topic, 0)
	if err != nil {
		return 0, err
	}
	for next := int64(0); ; {
		got, err := p.Fetch(ctx, next, 0)
		if err != nil {
			return 0, err
		}
		if n, next = n+len(got.Records), got.Next; next >= got.Stable {
			return n, nil
		}
	}
}

// killGrantor: of two edges under load none sends a click too many, and together they send the last one, though the process that grants
// is killed with leases out and a transaction that may be open.
func (g *guarded) killGrantor(t *testing.T) {
	const limit = 2000
	offer := lease.Offer{ID: 7, Cap: limit, Zone: time.UTC}
	child := exec.Command(os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), grantorVariable+"="+g.address), os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = child.Process.Kill(); _ = child.Wait() })
	t.Cleanup(kill)
	var sent atomic.Int64
	var edges [2]*lease.Asker
	day := lease.Day(time.Now().UnixMilli(), time.UTC)
	for i := range edges {
		edge, err := lease.NewAsker(lease.AskerConfig{Books: booksAt(g.address), Requests: requestsTopic})
		if err != nil {
			t.Fatal(err)
		}
		edge.Declare([]lease.Offer{offer})
		edges[i] = edge
		running(t, edge.Run)
		running(t, func(ctx context.Context) {
			ticker := time.NewTicker(time.Millisecond)
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
	sentMore := func(than int64) func() error {
		return func() error {
			if n := sent.Load(); n <= than {
				return fmt.Errorf("%d are sent", n)
			}
			return nil
		}
	}
	Await(t, ready, "a quarter of the clicks to be sent", sentMore(limit/4))
	kill()
	role, err := newGrantor(g.address)
	if err != nil {
		t.Fatal(err)
	}
	running(t, func(ctx context.Context) { _ = role.Run(ctx) })
	Await(t, ready, "the last click to be sent", sentMore(limit-1))
	if n := sent.Load(); n != limit {
		t.Errorf("%d clicks were sent, the cap is %d", n, limit)
	}
	cfg := booksAt(g.address)
	cfg.Kinds = lease.Kinds()
	state, err := control.Read(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := state.Get(lease.Kind, lease.Key{Offer: 7, Day: day}.String())
	book, err := lease.Decode(entry.ID, entry.Value)
	if err != nil || book.Committed() != limit {
		t.Errorf("the book has %d clicks, %v", book.Committed(), err)
	}
}
