package brokertest

import (
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Killed returns how to reach a broker that died amid a transaction, which it then forgets without a marker: of the topic's
// partitions, those of the records end with one that nobody will ever see. Of the records, which say their partition, the
// ones in committed were committed, each by itself; those in open are of the transaction that nobody ended.
func Killed(t testing.TB, topic string, partitions int32, committed, open []*kgo.Record) []kgo.Opt {
	t.Helper()
	dir, killed := t.TempDir(), t.TempDir()
	run := func(dir string) []kgo.Opt {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SeedTopics(partitions, topic))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		return []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	}
	client, err := kgo.NewClient(append(run(dir), kgo.TransactionalID("killed"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	produce := func(records ...*kgo.Record) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, r := range records { // a batch each
			r.Topic = topic
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, r := range committed {
		produce(r)
		if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	produce(open...)
	// What a killed broker leaves; one that is closed would write the marker.
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return run(killed)
}
