package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	kafkascram "github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"
)

const testUser, testPassword = "tributary", "3f8a9c0d5e6b7a81"

func withLogin(t *testing.T, dir, password string) *Kafka {
	t.Helper()
	k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop(), WithLogin(Login{testUser, password}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// produce writes one record and returns what the broker says.
func produceOnce(t *testing.T, address string, opts ...kgo.Opt) error {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(address), kgo.DefaultProduceTopic("t"), kgo.RequestRetries(1), kgo.RecordDeliveryTimeout(20*time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, "t"); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	return client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
}

// TestOnlyTheLoginIsServed: without the password nobody reads, writes or lists, by any mechanism; with it both clients
// of the project do.
func TestOnlyTheLoginIsServed(t *testing.T) {
	dir := t.TempDir()
	k := withLogin(t, dir, testPassword)
	right := scram.Auth{User: testUser, Pass: testPassword}
	for name, opt := range map[string]kgo.Opt{
		"SHA-256": kgo.SASL(right.AsSha256Mechanism()), "SHA-512": kgo.SASL(right.AsSha512Mechanism()),
	} {
		if err := produceOnce(t, k.Address(), opt); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, opts := range map[string][]kgo.Opt{
		"no login":         nil,
		"a wrong password": {kgo.SASL(scram.Auth{User: testUser, Pass: "wrong"}.AsSha256Mechanism())},
		"another user":     {kgo.SASL(scram.Auth{User: "admin", Pass: "admin"}.AsSha256Mechanism())},
		"in the clear":     {kgo.SASL(plain.Auth{User: testUser, Pass: testPassword}.AsMechanism())},
	} {
		if err := produceOnce(t, k.Address(), opts...); err == nil {
			t.Errorf("%s: served", name)
		}
	}
	read := func(address, password string) error {
		mechanism, err := kafkascram.Mechanism(kafkascram.SHA256, testUser, password)
		if err != nil {
			t.Fatal(err)
		}
		transport := &kafkago.Transport{SASL: mechanism}
		defer transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		answer, err := (&kafkago.Client{Addr: kafkago.TCP(address), Transport: transport}).Metadata(ctx, &kafkago.MetadataRequest{})
		if err == nil && len(answer.Topics) == 0 {
			err = errors.New("no topics")
		}
		return err
	}
	if err := read(k.Address(), testPassword); err != nil {
		t.Errorf("kafka-go: %v", err)
	}
	if err := read(k.Address(), "wrong"); err == nil {
		t.Error("kafka-go is served with a wrong password")
	}
	// The next start takes the login that it is given, not the one that the broker kept at its end.
	k.Close()
	k = withLogin(t, dir, "another")
	if err := produceOnce(t, k.Address(), kgo.SASL(right.AsSha256Mechanism())); err == nil {
		t.Error("the password of the last run is still good")
	}
	if err := read(k.Address(), "another"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// TestKcatIsServed lets kcat in as its users do, where it is installed.
func TestKcatIsServed(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("kcat is not installed here (Debian: apt-get install kcat)")
	}
	k := withLogin(t, t.TempDir(), testPassword)
	if err := produceOnce(t, k.Address(), kgo.SASL(scram.Auth{User: testUser, Pass: testPassword}.AsSha256Mechanism())); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kcat.conf")
	if err := os.WriteFile(file, KcatConfig(k.Address(), "SCRAM-SHA-256", Login{testUser, testPassword}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var out bytes.Buffer
		command := exec.CommandContext(ctx, kcat, arguments...)
		command.Stdout, command.Stderr = &out, &out
		err := command.Run()
		return out.String(), err
	}
	if out, err := run("-F", file, "-C", "-t", "t", "-o", "beginning", "-e", "-q", "-f", "%s"); err != nil || !strings.HasSuffix(out, "\nx") {
		t.Errorf("kcat with its file: %q, %v", out, err)
	}
	for says, arguments := range map[string][]string{
		`topic "t" with 1 partitions`: {"-L"},
		"t [0] offset 1":              {"-Q", "-t", "t:0:-1"},
		"\nx":                         {"-G", "g", "-o", "beginning", "-c", "1", "-f", "%s", "t"},
	} {
		if out, err := run(append([]string{"-F", file}, arguments...)...); err != nil || !strings.Contains(out, says) {
			t.Errorf("kcat %q: %q, %v", arguments, out, err)
		}
	}
	lines := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(lines, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run("-F", file, "-P", "-t", "t", "-l", lines); err != nil {
		t.Errorf("kcat writes: %q, %v", out, err)
	}
	if out, err := run("-F", file, "-Q", "-t", "t:0:-1"); err != nil || !strings.Contains(out, "t [0] offset 3") {
		t.Errorf("what kcat wrote: %q, %v", out, err)
	}
	if out, err := run("-b", k.Address(), "-L", "-m", "5"); err == nil || strings.Contains(out, fmt.Sprintf("topic %q", "t")) {
		t.Errorf("kcat without a password: %q, %v", out, err)
	}
}
