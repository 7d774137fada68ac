package wiring

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestABrokerThatRefusesIsNotStormed: while a transaction waits for a partition and the broker refuses, tries to connect are spaced.
func TestABrokerThatRefusesIsNotStormed(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "before", "after"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	var away atomic.Bool
	var refused atomic.Int64
	var mu sync.Mutex
	var conns []net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if away.Load() {
			refused.Add(1)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
		return conn, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("stormy"), kgo.Dialer(patient(dial)), kgo.MaxVersions(kversion.V3_7_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "before", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "after", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	mu.Lock()
	for _, conn := range conns {
		conn.Close()
	}
	mu.Unlock()
	began := time.Now()
	client.TryProduce(t.Context(), &kgo.Record{Topic: "after", Value: []byte("x")}, nil)
	deadline := time.Now().Add(20 * time.Second)
	for refused.Load() < 10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d tries in 20 s", refused.Load())
		}
		time.Sleep(time.Millisecond)
	}
	// Three of its loops may try side by side.
	if took, least := time.Since(began), 10/3*refusedPause; took < least {
		t.Errorf("10 tries within %s, want %s at least", took, least)
	}
}
