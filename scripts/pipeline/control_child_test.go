package pipeline

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog/control"
	"tributary/catalog/lease"
	"tributary/schemas/broker"
)

// grantorVariable makes the test binary a grantor of leases at the broker that it names, until it is killed.
const grantorVariable = "TRIBUTARY_TEST_GRANTOR"

func init() {
	address := os.Getenv(grantorVariable)
	if address == "" {
		return
	}
	role, err := newGrantor(address)
	if err == nil {
		err = role.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, "grantor:", err)
	os.Exit(1)
}

const requestsTopic = "lease-requests"

func newGrantor(address string) (*lease.Role, error) {
	return lease.NewRole(lease.RoleConfig{Books: booksAt(address), Requests: requestsTopic, Group: "grantors"})
}

func booksAt(address string) control.Config {
	return control.Config{Kafka: []kgo.Opt{kgo.SeedBrokers(address)}, Broker: broker.Kafka(), Topic: "leases"}
}
