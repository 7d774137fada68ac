package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"

	"tributary/ingest/accept"
)

// ErrAddressInUse is wrapped when something else listens on an engine's address.
var ErrAddressInUse = errors.New("the address is in use")

// Kafka is the embedded broker.
type Kafka struct {
	cluster *kfake.Cluster
	address string
	closed  atomic.Bool
}

// brokerConfigs are the settings in which the embedded broker differs from kfake's defaults.
var brokerConfigs = map[string]string{
	// The groups of a pipeline that rested for a year go on where they stopped. The default of a week would make the
	// processor read again what is joined, and the sink lose its plan.
	"offsets.retention.minutes": strconv.Itoa(400 * 24 * 60),
	// Retention is applied this often (kfake does it with compaction). Not sooner, so that what a stopped pipeline had not
	// read yet can be read after its start, however old; not later, or a busy log grows too far.
	"log.cleaner.backoff.ms": "600000",
	// One broker.
	"default.replication.factor": "1",
	// Retention deletes whole segments from disk.
	"log.segment.bytes": strconv.Itoa(32 << 20),
}

// NewKafka starts the broker on address (a loopback host:port; port 0 takes a free one) with its log in dir, which is
// made if absent. Memory: 80 bytes a record batch,
// whatever the records' size (measured); the topics' retention bounds it.
func NewKafka(address, dir string, logger *zap.Logger) (*Kafka, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka on %q: %w", address, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka on %q: the port is not a number", address)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the embedded Kafka's folder: %w", err)
	}
	if err := repair(dir, logger); err != nil {
		return nil, err
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			l, err := net.Listen(network, net.JoinHostPort(host, portText))
			if err != nil {
				return nil, err
			}
			// kfake takes any error of Accept for the listener's end.
			return accept.Patiently(l, func() {}, func(err error) {
				logger.Error("embedded Kafka: no connection can be taken for want of files or memory", zap.Error(err))
			}), nil
		}),
		kfake.ClusterID("tributary-embedded"),
		kfake.DataDir(dir),
		kfake.BrokerConfigs(brokerConfigs),
		kfake.WithLogger(kafkaLog{logger.Sugar()}),
	)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("starting the embedded Kafka: %w: something already listens on %s; stop it, or set kafka.brokers to a free address (--set kafka.brokers=127.0.0.1:19092)", ErrAddressInUse, address)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka with its log in %s: %w", dir, err)
	}
	return &Kafka{cluster: cluster, address: cluster.ListenAddrs()[0]}, nil
}

// Address is the broker's host:port.
func (k *Kafka) Address() string { return k.address }

// Run waits until ctx is done, then writes everything to disk.
func (k *Kafka) Run(ctx context.Context) error {
	<-ctx.Done()
	k.Close()
	return nil
}

// Close writes everything to disk and ends the broker. It may be called again.
func (k *Kafka) Close() {
	if !k.closed.Swap(true) {
		k.cluster.Close()
	}
}

// Ready answers nil until the broker is closed.
func (k *Kafka) Ready() error {
	if k.closed.Load() {
		return errors.New("the embedded Kafka is closed")
	}
	return nil
}

// kafkaLog passes on what an operator can act on. kfake logs every request at its levels info and debug.
type kafkaLog struct{ to *zap.SugaredLogger }

func (l kafkaLog) Logf(level kfake.LogLevel, format string, arguments ...any) {
	switch level {
	case kfake.LogLevelError:
		l.to.Errorf(format, arguments...)
	case kfake.LogLevelWarn:
		if strings.HasPrefix(format, "txn: EndTxn slow") {
			return // longer than 5 ms, which a busy disk makes usual
		}
		l.to.Warnf(format, arguments...)
	}
}
