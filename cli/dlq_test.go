package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

func TestDLQMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"sub command": {[]string{"dlq", "lst"}, `there is no command "lst"; did you mean "list"?`},
		"reason":      {[]string{"dlq", "list", "--reason", "bad_payot"}, `--reason "bad_payot" is unknown; did you mean "bad_payout"?`},
		"time":        {[]string{"dlq", "replay", "--since", "noon"}, `--since "noon" is not a time; right would be today`},
		"argument":    {[]string{"dlq", "list", "acme"}, `tributary dlq list takes no arguments, got "acme"`},
		"no letter":   {[]string{"dlq", "show"}, "dlq show takes one letter ID, got 0; `tributary dlq list` prints them"},
		"two letters": {[]string{"dlq", "show", "a", "b"}, "dlq show takes one letter ID, got 2"},
		"flag":        {[]string{"dlq", "replay", "--force"}, "unknown flag: --force; see `tributary dlq replay --help`"},
		"limit":       {[]string{"dlq", "list", "--limit", "-1", "--set", "kafka.brokers=127.0.0.1:1"}, "--limit -1 is out of range; right would be 0 to 100000"},
		"rate":        {[]string{"dlq", "replay", "--rate", "-1", "--without-clickhouse"}, "--rate -1 is out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, c.args...)
			if code != ExitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s\nwant code %d and %q", code, stdout, stderr, ExitUsage, c.want)
			}
		})
	}
}

// Engines that are away are a failure of the work, which says what to start or which flag does without.
func TestDLQWithoutEngines(t *testing.T) {
	away := []string{"--set", "kafka.brokers=127.0.0.1:1", "--set", "clickhouse.addr=127.0.0.1:1", "--set", "data_dir=" + t.TempDir(), "--set", "log.level=error"}
	for want, args := range map[string][]string{
		"(kafka.brokers: 127.0.0.1:1)":                            {"dlq", "list"},
		"reaching ClickHouse at 127.0.0.1:1":                      {"dlq", "replay"},
		"or replay --without-clickhouse: rows are then held back": {"dlq", "replay", "--yes"},
	} {
		code, _, stderr := run(t, nil, append(args, away...)...)
		if code != ExitFailure || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s, want %q", args, code, stderr, want)
		}
	}
}

// The commands as a person uses them, without ClickHouse and without the edge's key.
func TestDLQCommands(t *testing.T) {
	var names []string
	for _, topic := range schemas.Topics {
		names = append(names, "x."+topic.Name)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, names...))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	value, err := (&events.DeadLetter{LetterId: "letter-1", Kind: events.DeadLetter_KIND_POSTBACK, Reason: "bad_payout", Place: "ingest", ReceivedMs: 1_780_000_000_000,
		Raw: []byte("GET /postback?network=acme&payout=abc"), Network: "acme"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "x.dead-letters", Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	there := []string{"--set", "kafka.brokers=" + cluster.ListenAddrs()[0], "--set", "kafka.topic_prefix=x.", "--set", "clickhouse.addr=127.0.0.1:1", "--set", "data_dir=" + t.TempDir()}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"dlq", "list"}, []string{"2026-05-28 20:26:40", "bad_payout", "letter-1", "1 letter.\n"}},
		{[]string{"dlq", "list", "--network", "other"}, []string{"No dead letter matches; 1 letter read."}},
		{[]string{"dlq", "list", "--count"}, []string{"send digits with a point, such as 12.50"}},
		{[]string{"dlq", "show", "letter-1"}, []string{"held back: cannot be judged: there is no click ID key in data_dir", "payout       abc"}},
		{[]string{"dlq", "replay", "--without-clickhouse", "--yes"}, []string{"held back: 1", "right would be the data_dir of `tributary up`"}},
	} {
		code, stdout, stderr := run(t, nil, append(c.args, there...)...)
		if code != ExitOK {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%v: no %q in\n%s", c.args, want, stdout)
			}
		}
	}
	_, stdout, _ := run(t, nil, append([]string{"dlq", "list", "--json"}, there...)...)
	var line struct{ Raw string }
	if err := json.Unmarshal([]byte(stdout), &line); err != nil || line.Raw != "GET /postback?network=acme&payout=abc" {
		t.Errorf("%s: %v", stdout, err)
	}
}
