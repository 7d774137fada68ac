package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/deploy/topics"
)

const partitions = 4

func makeTopics(ctx context.Context, broker string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = topics.Ensure(ctx, kadm.NewClient(client), topics.Settings{Partitions: partitions, ReplicationFactor: 1})
	return err
}
