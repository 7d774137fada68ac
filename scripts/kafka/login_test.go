package kafka

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"

	"tributary/deploy/embedded"
)

// TestJavaToolsAreServed: Apache Kafka's own tools get in to the embedded broker with the properties file that
// `tributary up` writes, as it is, by both mechanisms, and not without it.
func TestJavaToolsAreServed(t *testing.T) {
	skipIfMissing(t)
	libraries, err := exec.CommandContext(testContext(t), "bash", "kafka", "fetch").Output()
	if err != nil {
		t.Fatal(err)
	}
	login := embedded.Login{User: "tributary", Password: "3f8a9c0d5e6b7a81"}
	broker, err := embedded.NewKafka("127.0.0.1:0", t.TempDir(), zap.NewNop(), embedded.WithLogin(login))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Address()), kgo.SASL(scram.Auth{User: login.User, Pass: login.Password}.AsSha512Mechanism()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := kadm.NewClient(client).CreateTopic(testContext(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	describe := func(properties string) (string, error) {
		file := filepath.Join(t.TempDir(), "client.properties")
		if err := os.WriteFile(file, []byte(properties), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "java", "-Xmx128m", "-cp", filepath.Join(strings.TrimSpace(string(libraries)), "*"), "kafka.admin.ConfigCommand",
			"--bootstrap-server", broker.Address(), "--command-config", file, "--entity-type", "topics", "--entity-name", "clicks", "--describe", "--all").CombinedOutput()
		return string(out), err
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		if out, err := describe(string(embedded.JavaConfig(broker.Address(), mechanism, login))); err != nil || !strings.Contains(out, "retention.ms=") {
			t.Errorf("%s: %v\n%s", mechanism, err, out)
		}
	}
	const impatient = "request.timeout.ms=3000\ndefault.api.timeout.ms=4000\n"
	for name, properties := range map[string]string{
		"no login":         impatient,
		"a wrong password": fmt.Sprintf("%s%s", embedded.JavaConfig(broker.Address(), "SCRAM-SHA-256", embedded.Login{User: login.User, Password: "wrong"}), impatient),
	} {
		if out, _ := describe(properties); strings.Contains(out, "retention.ms=") {
			t.Errorf("%s is served:\n%s", name, out)
		}
	}
}
