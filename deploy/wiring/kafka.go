package wiring

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/deploy/topics"
	"tributary/schemas/broker"
)

// KafkaOptions are what every client of the pipeline's Kafka shares. role becomes the client ID, tributary-ROLE.
func KafkaOptions(c config.Kafka, role string, logger *zap.Logger) ([]kgo.Opt, error) {
	if c.Mode == config.ModeEmbedded && c.SASL.Password == "" {
		logger.Warn("data_dir has no password for the embedded Kafka, which refuses clients without it; name the data_dir of the `tributary up` that runs it (--set data_dir=DIR, or its --config)",
			zap.String("file", KafkaPasswordFile))
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("tributary-" + role),
		kgo.WithLogger(kafkaLog{logger.Named("kafka").Sugar()}),
	}
	open := net.Dialer{Timeout: dialTimeout}
	dial := open.DialContext
	if c.TLS.Enabled {
		encryption, err := TLSConfig(c.TLS)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls: %w", err)
		}
		encrypted := tls.Dialer{NetDialer: &open, Config: encryption}
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout) // the handshake too
			defer cancel()
			return encrypted.DialContext(ctx, network, address)
		}
	}
	opts = append(opts, kgo.Dialer(patient(dial)))
	opts = append(opts, c.Abilities().FetchLimits(c.Partitions, fetchWholeBytes, fetchPartitionBytes).Options()...)
	switch c.SASL.Mechanism {
	case "plain":
		opts = append(opts, kgo.SASL(plain.Auth{User: c.SASL.Username, Pass: c.SASL.Password}.AsMechanism()))
	case "scram-sha-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: c.SASL.Username, Pass: c.SASL.Password}.AsSha256Mechanism()))
	case "scram-sha-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: c.SASL.Username, Pass: c.SASL.Password}.AsSha512Mechanism()))
	}
	return opts, nil
}

// What a client fetches at once that does not say it itself: the Kafka client's own defaults.
const (
	fetchWholeBytes     = 50 << 20
	fetchPartitionBytes = 1 << 20
)

// dialTimeout is what connecting to a broker may take, handshake included.
const dialTimeout = 10 * time.Second

// refusedPause is the least time between two tries to connect to a broker that refuses.
const refusedPause = 50 * time.Millisecond

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// patient answers a failed dial after a pause. Where a transaction cannot be told of a partition, the Kafka client tries again as fast
// as it is refused: thousands of times a second, each with two lines in the log, for as long as the broker is away.
func patient(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			pause := time.NewTimer(refusedPause)
			defer pause.Stop()
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
		return conn, err
	}
}

// TopicSettings are the configuration's, with the bounds that the broker needs where nothing is said.
func TopicSettings(c config.Kafka) topics.Settings {
	kept, bytes := c.Kept()
	s := topics.Settings{
		Prefix: c.TopicPrefix, Partitions: c.Partitions, ReplicationFactor: c.ReplicationFactor,
		Retention: kept, RetentionBytes: bytes, Broker: c.Abilities(),
	}
	if abilities := c.Abilities(); !abilities.Can(broker.Replicate) {
		s.ReplicationFactor = 1
	}
	return s
}

// kafkaLog passes on the client's warnings and errors; it explains each retry at lower levels.
type kafkaLog struct{ to *zap.SugaredLogger }

func (kafkaLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (l kafkaLog) Log(level kgo.LogLevel, text string, pairs ...any) {
	// A broker that is away says so at every dial; the role's own state says it once.
	if level == kgo.LogLevelError {
		l.to.Errorw(text, pairs...)
		return
	}
	if strings.HasPrefix(text, "unable to open connection") || strings.HasPrefix(text, "unable to initialize") {
		l.to.Debugw(text, pairs...)
		return
	}
	l.to.Warnw(text, pairs...)
}
