package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"

	"tributary/catalog/control"
	"tributary/cli/terminal"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

// controlLimit is how long Kafka may take for a command that reads or writes the topic control.
const controlLimit = 30 * time.Second

// A controlTopic is the topic control as commands reach it.
type controlTopic struct {
	topic   control.Config
	brokers string
	// warn is told of what a person should know, a line each.
	warn io.Writer
}

// controlTopic says where the topic is. It needs no catalog.
func (e *environment) controlTopic() (*controlTopic, error) {
	loaded, logger, err := e.loadConnections()
	if err != nil {
		return nil, err
	}
	return e.controlTopicOf(&loaded.Config, logger)
}

func (e *environment) controlTopicOf(c *config.Config, logger *zap.Logger) (*controlTopic, error) {
	topic, err := wiring.ControlConfig(c, "command", logger)
	if err != nil {
		return nil, err
	}
	return &controlTopic{topic, strings.Join(c.Kafka.Brokers, ", "), e.stderr}, nil
}

// mostRefused is how many refused entries are named.
const mostRefused = 5

// read returns what is in force, and warns of what this program cannot read.
func (t *controlTopic) read(ctx context.Context) (s *control.State, err error) {
	err = t.limited(ctx, func(ctx context.Context) error {
		s, err = control.Read(ctx, t.topic)
		return err
	})
	if err != nil {
		return nil, err
	}
	refused := s.Refused()
	for i := range refused[:min(mostRefused, len(refused))] {
		fmt.Fprintln(t.warn, "tributary:", terminal.Shown(refused[i].String(), 1000))
	}
	if more := len(refused) - mostRefused; more > 0 {
		fmt.Fprintf(t.warn, "tributary: and %d more entries are refused\n", more)
	}
	return s, nil
}

// write calls do with what writes.
func (t *controlTopic) write(ctx context.Context, do func(context.Context, *control.Writer) error) error {
	w, err := control.NewWriter(t.topic)
	if err != nil {
		return err
	}
	defer w.Close()
	return t.limited(ctx, func(ctx context.Context) error { return do(ctx, w) })
}

// limited calls do with a context of a signal and of controlLimit, and says what its error is about.
func (t *controlTopic) limited(ctx context.Context, do func(context.Context) error) error {
	ctx, _, giveBack := process.WithSignals(ctx)
	defer giveBack()
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	err := do(ctx)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("there is no topic %s at %s; run `tributary migrate` once to make it: %w", t.topic.Topic, t.brokers, err)
	case errors.Is(err, context.DeadlineExceeded), err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf(
			"no answer of Kafka within %s (kafka.brokers: %s); is it up, and is data_dir that of its `tributary up`? %w",
			controlLimit, t.brokers, err)
	}
	return err
}

// userName is who runs the command, by the machine's own word.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "unknown"
}

// userAtMachine names the machine, too.
func userAtMachine() string {
	if host, err := os.Hostname(); err == nil {
		return userName() + "@" + host
	}
	return userName()
}
