package wiring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/secret"
)

// Files in data_dir that let clients in to the embedded Kafka, each for its owner alone.
const (
	// KafkaPasswordFile holds the generated password.
	KafkaPasswordFile = "kafka_password"
	// KafkaClientFile is what Apache Kafka's own tools take as --command-config, and Java clients as their properties.
	KafkaClientFile = "kafka-client.properties"
	// KcatFile is the same for kcat (-F) and whatever else is built on librdkafka.
	KcatFile = "kcat.conf"
)

// kafkaUser is the embedded Kafka's only user, unless the configuration names another.
const kafkaUser = "tributary"

// MakeKafkaLogin puts the embedded Kafka's login into a configuration that names none, making the password at the first
// call, and writes the clients' files. Only what runs the broker may use it.
func MakeKafkaLogin(c *config.Config) error {
	if c.Kafka.Mode != config.ModeEmbedded {
		return nil
	}
	if c.Kafka.SASL == (config.SASL{}) {
		password, _, err := secret.Keep(filepath.Join(c.DataDir, KafkaPasswordFile))
		if err != nil {
			return fmt.Errorf("the embedded Kafka's password: %w", err)
		}
		c.Kafka.SASL = kafkaLogin(password)
	}
	return nil
}

// ReadKafkaLogin puts the login that the running `up` made into a configuration that names none, for what talks to its
// Kafka. Without a password's file nothing is changed: no `up` has run in this data_dir.
func ReadKafkaLogin(c *config.Config) error {
	if c.Kafka.Mode != config.ModeEmbedded || c.Kafka.SASL != (config.SASL{}) {
		return nil
	}
	password, err := secret.Load(filepath.Join(c.DataDir, KafkaPasswordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the embedded Kafka's password: %w", err)
	}
	c.Kafka.SASL = kafkaLogin(password)
	return nil
}

func kafkaLogin(password string) config.SASL {
	return config.SASL{Mechanism: "scram-sha-256", Username: kafkaUser, Password: password}
}

// writeKafkaClients writes the files with which clients of other makers get in. They hold what the configuration holds
// now.
func writeKafkaClients(c *config.Config) error {
	login, mechanism, address := c.Kafka.SASL, strings.ToUpper(c.Kafka.SASL.Mechanism), c.Kafka.Brokers[0]
	at := embedded.Login{User: login.Username, Password: login.Password}
	for name, text := range map[string][]byte{
		KafkaClientFile: embedded.JavaConfig(address, mechanism, at), KcatFile: embedded.KcatConfig(address, mechanism, at),
	} {
		if err := secret.WriteFile(filepath.Join(c.DataDir, name), text); err != nil {
			return fmt.Errorf("the embedded Kafka's clients: %w", err)
		}
	}
	return nil
}

// startKafka starts the embedded broker, which serves nobody without the login.
func (s *System) startKafka(options ...embedded.KafkaOption) (*embedded.Kafka, error) {
	c := &s.loaded.Config
	if c.Kafka.SASL.Password == "" {
		return nil, errors.New("the embedded Kafka has no password: MakeKafkaLogin belongs before its start")
	}
	if err := writeKafkaClients(c); err != nil {
		return nil, err
	}
	login := embedded.WithLogin(embedded.Login{User: c.Kafka.SASL.Username, Password: c.Kafka.SASL.Password})
	return embedded.NewKafka(c.Kafka.Brokers[0], filepath.Join(c.DataDir, kafkaFolder), s.logger.Named(UnitKafka), append(options, login)...)
}
