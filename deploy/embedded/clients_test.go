package embedded

import (
	"errors"
	"slices"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	kafkascram "github.com/segmentio/kafka-go/sasl/scram"
)

// TestKafkaGoIsServed: kafka-go makes a topic, writes, reads it as a group and asks for what its users ask for.
func TestKafkaGoIsServed(t *testing.T) {
	k := withLogin(t, t.TempDir(), testPassword)
	mechanism, err := kafkascram.Mechanism(kafkascram.SHA256, testUser, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	ctx := limited(t)
	transport := &kafkago.Transport{SASL: mechanism}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(k.Address()), Transport: transport}
	settings := []kafkago.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "86400000"}}
	created, err := client.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: "t",
		NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: settings}}})
	if err != nil || created.Errors["t"] != nil {
		t.Fatal(err, created)
	}
	writer := &kafkago.Writer{Addr: client.Addr, Topic: "t", Transport: transport, RequiredAcks: kafkago.RequireAll,
		BatchSize: 3}
	if err := writer.WriteMessages(ctx, kafkago.Message{Value: []byte("a")}, kafkago.Message{Value: []byte("b")},
		kafkago.Message{Value: []byte("c")}); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{k.Address()}, Topic: "t", GroupID: "g",
		Dialer: &kafkago.Dialer{SASLMechanism: mechanism}, StartOffset: kafkago.FirstOffset, MaxWait: 100 * time.Millisecond})
	var got []string
	for range 3 {
		message, err := reader.ReadMessage(ctx) // which commits it
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(message.Value))
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("read %q", got)
	}
	groups, err := client.ListGroups(ctx, &kafkago.ListGroupsRequest{})
	if err != nil || groups.Error != nil || len(groups.Groups) != 1 || groups.Groups[0].GroupID != "g" {
		t.Errorf("groups: %v %+v", err, groups)
	}
	described, err := client.DescribeGroups(ctx, &kafkago.DescribeGroupsRequest{GroupIDs: []string{"g"}})
	if err != nil || len(described.Groups) != 1 || described.Groups[0].Error != nil {
		t.Errorf("the group: %v %+v", err, described)
	}
	committed, err := client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: "g", Topics: map[string][]int{"t": {0,
		1}}})
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, part := range committed.Topics["t"] {
		sum += max(0, part.CommittedOffset)
	}
	if sum != 3 {
		t.Errorf("%d records are committed: %+v", sum, committed)
	}
	ends, err := client.ListOffsets(ctx,
		&kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{"t": {kafkago.LastOffsetOf(0),
			kafkago.LastOffsetOf(1)}}})
	if err != nil || ends.Topics["t"][0].LastOffset+ends.Topics["t"][1].LastOffset != 3 {
		t.Errorf("offsets: %v %+v", err, ends)
	}
	configs, err := client.DescribeConfigs(ctx,
		&kafkago.DescribeConfigsRequest{Resources: []kafkago.DescribeConfigRequestResource{{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: "t",
		}}})
	if err != nil || !slices.ContainsFunc(configs.Resources[0].ConfigEntries,
		func(e kafkago.DescribeConfigResponseConfigEntry) bool {
			return e.ConfigName == "retention.ms" && e.ConfigValue == "86400000"
		}) {
		t.Errorf("settings: %v %+v", err, configs)
	}
	rules, err := client.DescribeACLs(ctx,
		&kafkago.DescribeACLsRequest{Filter: kafkago.ACLFilter{ResourceTypeFilter: kafkago.ResourceTypeAny,
			ResourcePatternTypeFilter: kafkago.PatternTypeAny, Operation: kafkago.ACLOperationTypeAny,
			PermissionType: kafkago.ACLPermissionTypeAny}})
	if err == nil && !errors.Is(rules.Error, kafkago.SecurityDisabled) {
		t.Errorf("access rules: %+v", rules)
	}
	elected, err := client.ElectLeaders(ctx, &kafkago.ElectLeadersRequest{Topic: "t", Partitions: []int{0}})
	if err != nil || !errors.Is(elected.PartitionResults[0].Error, kafkago.ElectionNotNeeded) {
		t.Errorf("an election: %v %+v", err, elected)
	}
	deleted, err := client.DeleteTopics(ctx, &kafkago.DeleteTopicsRequest{Topics: []string{"t"}})
	if err != nil || deleted.Errors["t"] != nil {
		t.Errorf("deleting: %v %+v", err, deleted)
	}
}
