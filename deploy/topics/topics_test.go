package topics

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"tributary/deploy/embedded"
	"tributary/schemas"
	abilities "tributary/schemas/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kafka(t *testing.T) (context.Context, *kadm.Client) {
	t.Helper()
	k, err := embedded.NewKafka("127.0.0.1:0", t.TempDir(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Address()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx, kadm.NewClient(client)
}

func retention(t *testing.T, ctx context.Context, admin *kadm.Client, topic string) (ms, bytes string) {
	t.Helper()
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range configs[0].Configs {
		switch entry.Key {
		case "retention.ms":
			ms = entry.MaybeValue()
		case "retention.bytes":
			bytes = entry.MaybeValue()
		}
	}
	return ms, bytes
}

func TestEnsureMakesOnceAndAdjustsRetention(t *testing.T) {
	ctx, admin := kafka(t)
	s := Settings{Prefix: "acme.", Partitions: 3, ReplicationFactor: 1, Retention: map[string]time.Duration{"clicks": time.Hour}}
	if err := Check(ctx, admin, s); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "acme.clicks, acme.postbacks, ") {
		t.Errorf("check before = %v", err)
	}
	made, err := Ensure(ctx, admin, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != len(schemas.Topics) || made[0] != "acme.clicks" {
		t.Errorf("made %v", made)
	}
	if err := Check(ctx, admin, s); err != nil {
		t.Error(err)
	}
	if ms, _ := retention(t, ctx, admin, "acme.clicks"); ms != "3600000" {
		t.Errorf("clicks are kept %s ms", ms)
	}
	if ms, _ := retention(t, ctx, admin, "acme.scored.anomalies"); ms != "2592000000" {
		t.Errorf("anomalies are kept %s ms, want 30 days", ms)
	}
	s.Retention["clicks"], s.RetentionBytes = 2*time.Hour, 1<<20
	if made, err = Ensure(ctx, admin, s); err != nil || len(made) != 0 {
		t.Fatalf("again: made %v, %v", made, err)
	}
	if ms, bytes := retention(t, ctx, admin, "acme.clicks"); ms != "7200000" || bytes != "1048576" {
		t.Errorf("clicks are kept %s ms, %s bytes after the change", ms, bytes)
	}
}

// A topic's own setting is replaced, as before, but not in silence; what is as it shall be is not told.
func TestATopicsOwnSettingIsToldWhenItIsReplaced(t *testing.T) {
	ctx, admin := kafka(t)
	var told []string
	s := Settings{Partitions: 1, ReplicationFactor: 1, Overwrote: func(topic, setting, was, is string) {
		told = append(told, topic+" "+setting+" "+was+" "+is)
	}}
	for range 2 {
		if _, err := Ensure(ctx, admin, s); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) > 0 {
		t.Errorf("told of %v although nobody else set anything", told)
	}
	ownTime := "31536000000"
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &ownTime}}
	if answers, err := admin.AlterTopicConfigs(ctx, set, schemas.TopicAnomalies); err != nil || answers[0].Err != nil {
		t.Fatal(err, answers)
	}
	if _, err := Ensure(ctx, admin, s); err != nil {
		t.Fatal(err)
	}
	if want := []string{"scored.anomalies retention.ms 31536000000 2592000000"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
}

func TestMismatchNamesEveryTopicAndChangesNothing(t *testing.T) {
	ctx, admin := kafka(t)
	if _, err := Ensure(ctx, admin, Settings{Partitions: 2, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	wanted := Settings{Partitions: 4, ReplicationFactor: 1, RetentionBytes: 1}
	for name, err := range map[string]error{"check": Check(ctx, admin, wanted), "ensure": func() error { _, err := Ensure(ctx, admin, wanted); return err }()} {
		if !errors.Is(err, ErrMismatch) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, topic := range schemas.Topics {
			if strings.Contains(err.Error(), " "+topic.Name+" has 2, the configuration says 4; set kafka.partitions to 2") != topic.CoPartitioned {
				t.Errorf("%s: %s in %v", name, topic.Name, err)
			}
		}
	}
	if _, bytes := retention(t, ctx, admin, "clicks"); bytes == "1" {
		t.Error("a refused Ensure changed the retention")
	}
}

// Partitions are demanded to be equal only where they go together; what the refusals advise is taken.
func TestAddedPartitions(t *testing.T) {
	ctx, admin := kafka(t)
	s := Settings{Prefix: "a.", Partitions: 2, ReplicationFactor: 1}
	if _, err := Ensure(ctx, admin, s); err != nil {
		t.Fatal(err)
	}
	add := func(n int, topics ...string) {
		t.Helper()
		made, err := admin.UpdatePartitions(ctx, n, topics...)
		if err != nil || made.Error() != nil {
			t.Fatal(err, made.Error())
		}
	}
	both := func(s Settings) map[string]error {
		_, err := Ensure(ctx, admin, s)
		return map[string]error{"ensure": err, "check": Check(ctx, admin, s)}
	}
	for _, topic := range schemas.Topics {
		if !topic.CoPartitioned {
			add(5, "a."+topic.Name)
		}
	}
	for name, err := range both(s) {
		if err != nil {
			t.Errorf("%s refuses partitions that were added elsewhere: %v", name, err)
		}
	}
	add(3, "a.clicks")
	for name, err := range both(s) {
		if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "kafka.topic_prefix, data_dir and clickhouse.database of its own") {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := s
	other.Prefix = "b."
	for name, err := range both(other) {
		if err != nil {
			t.Errorf("%s of another installation: %v", name, err)
		}
	}
	add(3, "a.postbacks", "a.claims", "a.cycles", "a.scored.conversions")
	for name, err := range both(s) {
		if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "set kafka.partitions to 3") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Partitions = 3
	for name, err := range both(s) {
		if err != nil {
			t.Errorf("%s with the number that was advised: %v", name, err)
		}
	}
}

// A topic of state has one partition, and nothing of it is deleted by age or size; it is compacted where that is safe.
func TestAStateTopicIsKeptForEver(t *testing.T) {
	ctx, admin := kafka(t)
	for prefix, c := range map[string]struct {
		can    abilities.Abilities
		policy string
	}{"a.": {abilities.Kafka(), "compact"}, "b.": {abilities.Embedded(), "delete"}} {
		s := Settings{Prefix: prefix, Partitions: 3, ReplicationFactor: 1, RetentionBytes: 1 << 20, Broker: c.can}
		for range 2 { // made, and set again
			if _, err := Ensure(ctx, admin, s); err != nil {
				t.Fatal(err)
			}
		}
		name := prefix + schemas.TopicControl
		if ms, bytes := retention(t, ctx, admin, name); ms != "-1" || bytes != "-1" {
			t.Errorf("%s is kept %s ms, %s bytes", name, ms, bytes)
		}
		configs, err := admin.DescribeTopicConfigs(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range configs[0].Configs {
			if entry.Key == "cleanup.policy" && entry.MaybeValue() != c.policy {
				t.Errorf("%s has the policy %s", name, entry.MaybeValue())
			}
		}
		details, err := admin.ListTopics(ctx, name)
		if err != nil || len(details[name].Partitions) != 1 {
			t.Errorf("%s has %d partitions, %v", name, len(details[name].Partitions), err)
		}
	}
}
