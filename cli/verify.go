package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/spf13/cobra"

	"tributary/cli/verify"
	"tributary/deploy/config"
	"tributary/deploy/meaning"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
	"tributary/processor/stage"
)

const verifyLong = `Reads every topic and every table, and compares: what was acknowledged with what became of it,
each scored topic with its table, the entries of each conversion with each other, the sums with
the rows, and the configuration's base currency, topic prefix and keys with those that the data
came with. It reads Kafka through another client than the pipeline writes with, and changes
nothing.

Exit code 0: everything adds up. 1: something does not; each difference is named with its topic,
partition, table, size and first IDs.

Run it while no traffic comes in: it waits a while for the pipeline to finish what it has.`

func newVerify(env *environment) *cobra.Command {
	var wait time.Duration
	command := &cobra.Command{
		Use:   "verify",
		Short: "Audit: do inputs, topics and tables add up?",
		Long:  verifyLong,
		Example: `  tributary verify
  tributary verify --config tributary.yaml --wait 2m`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, _, err := env.loadConnections()
			if err != nil {
				return err
			}
			ctx, _, giveBack := process.WithSignals(cmd.Context())
			defer giveBack()
			c := &loaded.Config
			kept, err := meaning.ReadFile(c.DataDir)
			if err != nil {
				return err
			}
			transport, err := auditTransport(c.Kafka)
			if err != nil {
				return err
			}
			conn, err := openClickHouse(ctx, &c.ClickHouse, nil)
			if err != nil {
				return err
			}
			defer conn.Close()
			clear := func() {}
			progress := func(verify.Progress) {}
			if env.terminal().Live {
				progress, clear = showProgress(env.stderr)
			}
			report, err := verify.Run(ctx, verify.Options{
				Brokers: c.Kafka.Brokers, Transport: transport, TopicPrefix: c.Kafka.TopicPrefix,
				ProcessorGroup: c.Processor.Group, SinkGroup: c.Sink.Group,
				Tables: stage.Tables(), Meaning: meaning.Of(loaded), Kept: kept,
				ClickHouse: conn, Database: c.ClickHouse.Database, Grace: c.Processor.Grace, Wait: wait, Progress: progress,
			})
			clear()
			if err != nil {
				return fmt.Errorf("%w (kafka.brokers: %s)", err, strings.Join(c.Kafka.Brokers, ", "))
			}
			if err := report.Print(env.stdout); err != nil {
				return err
			}
			if !report.OK() {
				return errors.New("not everything adds up")
			}
			return nil
		},
	}
	command.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long the pipeline may take to finish what it has, as `TIME`")
	return command
}

// auditTransport is the auditor's own way to the same Kafka.
func auditTransport(c config.Kafka) (*kafkago.Transport, error) {
	if c.Mode == config.ModeEmbedded && c.SASL.Password == "" {
		return nil, fmt.Errorf("kafka.sasl: there is no password for the embedded Kafka: data_dir has no %s; name the data_dir of the `tributary up` that runs it", wiring.KafkaPasswordFile)
	}
	transport := &kafkago.Transport{DialTimeout: 10 * time.Second, ClientID: "tributary-verify"}
	if c.TLS.Enabled {
		encryption, err := wiring.TLSConfig(c.TLS)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls: %w", err)
		}
		transport.TLS = encryption
	}
	var err error
	switch c.SASL.Mechanism {
	case "plain":
		transport.SASL = plain.Mechanism{Username: c.SASL.Username, Password: c.SASL.Password}
	case "scram-sha-256":
		transport.SASL, err = scram.Mechanism(scram.SHA256, c.SASL.Username, c.SASL.Password)
	case "scram-sha-512":
		transport.SASL, err = scram.Mechanism(scram.SHA512, c.SASL.Username, c.SASL.Password)
	}
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl: %w", err)
	}
	return transport, nil
}

// showProgress writes over one line, a few times a second.
func showProgress(out io.Writer) (show func(verify.Progress), clear func()) {
	updates := make(chan verify.Progress, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		var last time.Time
		for p := range updates {
			if time.Since(last) < 100*time.Millisecond {
				continue
			}
			last = time.Now()
			line := p.What
			if p.Total > 0 {
				line += fmt.Sprintf(": %d of %d records", p.Done, p.Total)
			}
			fmt.Fprintf(out, "\r\x1b[K%s", line)
		}
		fmt.Fprint(out, "\r\x1b[K")
	}()
	return func(p verify.Progress) {
			select {
			case updates <- p:
			default:
			}
		}, func() {
			close(updates)
			<-over
		}
}
