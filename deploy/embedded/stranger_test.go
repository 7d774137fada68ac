package embedded

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"
)

func shows(password string) kgo.Opt {
	return kgo.SASL(scram.Auth{User: testUser, Pass: password}.AsSha256Mechanism())
}

// refusals is how many connections were refused for a reason.
func refusals(t *testing.T, g prometheus.Gatherer, why refusal) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "tributary_kafka_refused_total" && m.GetLabel()[0].GetValue() == string(why) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestStrangersReachNothingButTheLogin: no request of theirs comes as far as the journal, or into memory.
func TestStrangersReachNothingButTheLogin(t *testing.T) {
	registry := prometheus.NewRegistry()
	k, err := NewKafka("127.0.0.1:0", filepath.Join(t.TempDir(), "kafka"), zap.NewNop(), WithLogin(Login{testUser, testPassword}), WithMetrics(registry))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	ctx := limited(t)
	p := client(t, k.Address(), shows(testPassword), kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"))
	defer p.Close()
	if _, err := kadm.NewClient(p).CreateTopic(ctx, 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(ctx, kgo.StringRecord("half")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	producer, epoch, err := p.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = "processor-0", producer, epoch, true
	end.SetVersion(1)
	if !sendRaw(t, k.Address(), frame(26, 1, end.AppendTo(nil))) {
		t.Error("a stranger's end of a transaction leaves its connection open")
	}
	if n := k.transactions.number; n != 0 {
		t.Errorf("%d commits of a stranger are in the journal", n)
	}
	if n := refusals(t, registry, refusedLogin); n != 1 {
		t.Errorf("%v refused for want of a login, of 1", n)
	}
	for name, raw := range map[string][]byte{
		"records":      append(frame(0, 3, nil), make([]byte, 1<<20)...),
		"a long login": frame(36, 0, make([]byte, MaxStrangerFrameBytes)),
	} {
		if !sendRaw(t, k.Address(), raw) {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	before := refusals(t, registry, refusedLogin)
	wrong := client(t, k.Address(), shows("wrong"), kgo.RequestRetries(0))
	defer wrong.Close()
	if err := wrong.Ping(ctx); err == nil {
		t.Error("a wrong password is served")
	}
	if n := refusals(t, registry, refusedLogin); n <= before {
		t.Error("a wrong password is not counted")
	}
	if err := p.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Errorf("the login's client: %v", err)
	}
}

// TestStrangersDoNotKeepTheLoginOut: connections that say nothing make way, and end.
func TestStrangersDoNotKeepTheLoginOut(t *testing.T) {
	k := withLogin(t, filepath.Join(t.TempDir(), "kafka"), testPassword)
	conns := fullHouse(t, k.Address())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c := client(t, k.Address(), shows(testPassword))
	defer c.Close()
	if err := c.Ping(ctx); err != nil {
		t.Errorf("the login's client: %v", err)
	}
	for i, stranger := range conns {
		if err := stranger.SetReadDeadline(time.Now().Add(StrangerLimit + 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := stranger.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Fatalf("stranger %d: %v, want the end of its connection", i, err)
		}
	}
	if err := c.Ping(limited(t)); err != nil {
		t.Errorf("the login's client, later: %v", err)
	}
}

func isTimeout(err error) bool {
	netError, ok := err.(net.Error)
	return ok && netError.Timeout()
}

// TestARequestThatWaitsForItsTurnIsCounted: a connection may send one request while another is under way.
func TestARequestThatWaitsForItsTurnIsCounted(t *testing.T) {
	const size = 7 << 20
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	fill(t, k.Address())
	c, err := net.Dial("tcp", k.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(4)
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes = 10_000, 1, 1<<20
	topic, part := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = 0, endOf(t, k.Address(), "clicks"), 1<<20
	topic.Topic, topic.Partitions = "clicks", append(topic.Partitions, part)
	fetch.Topics = append(fetch.Topics, topic)
	if _, err := c.Write(append(frame(1, 4, fetch.AppendTo(nil)), frame(36, 0, append([]byte{0, byte(size >> 16), 0, 0}, make([]byte, size)...))...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request that waits is counted", func() bool { return k.gate.buffered.Load() >= size })
	eventually(t, "the memory is given back", func() bool { return k.gate.buffered.Load() == 0 })
}
