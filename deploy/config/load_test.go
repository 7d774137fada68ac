package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/deploy"
	"tributary/schemas/fuzzbound"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shared is a Sources that needs no catalog.
func shared(file string) Sources { return Sources{File: file, Sections: []string{SectionIngest}} }

func TestPrecedence(t *testing.T) {
	file := write(t, "kafka:\n  partitions: 5\n  topic_prefix: file.\nlog: {level: warn}\n")
	from := shared(file)
	from.Environ = []string{"TRIBUTARY_KAFKA_PARTITIONS=6", "TRIBUTARY_LOG_LEVEL=error", "HOME=/", "TRIBUTARY_CACHE=/x", "TRIBUTARY_TEST_ANY=1"}
	from.Set = []string{"kafka.partitions=7", "kafka.partitions=8"}
	l, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Config.Kafka.Partitions; got != 8 {
		t.Errorf("partitions = %d, want the last flag's 8", got)
	}
	if got := l.Config.Log.Level; got != "error" {
		t.Errorf("level = %s, want the variable's", got)
	}
	if got := l.Config.Kafka.TopicPrefix; got != "file." {
		t.Errorf("topic_prefix = %q, want the file's", got)
	}
	if got := l.Config.Ingest.Listen; got != Defaults().Ingest.Listen {
		t.Errorf("ingest.listen = %q, want the default", got)
	}
}

func TestValuesOfEveryForm(t *testing.T) {
	l, err := Load(Sources{
		Sections: []string{},
		File: write(t, `
kafka:
  mode: external
  brokers: [a:1, b:2]
  retention: {clicks: 3d, dead-letters: 90m}
  retention_bytes: 64MiB
ops: {drain_timeout: 1m30s}
clickhouse: {retention_days: {parked: 400}}
ingest:
`),
		Environ: []string{"TRIBUTARY_INGEST_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1"},
		Set:     []string{"kafka.brokers=c:3,d:4", "kafka.retention=clicks=2d,postbacks=1h", "ingest.max_body_bytes=2MiB", "catalog.click_id_keys.keys=1=abc=,2=def"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := l.Config
	if !slices.Equal(c.Kafka.Brokers, []string{"c:3", "d:4"}) {
		t.Errorf("brokers = %v", c.Kafka.Brokers)
	}
	if c.Kafka.Retention["clicks"] != 48*time.Hour || c.Kafka.Retention["postbacks"] != time.Hour || len(c.Kafka.Retention) != 2 {
		t.Errorf("retention = %v", c.Kafka.Retention)
	}
	if c.Kafka.RetentionBytes != 64<<20 || c.Ingest.MaxBodyBytes != 2<<20 {
		t.Errorf("sizes = %d, %d", c.Kafka.RetentionBytes, c.Ingest.MaxBodyBytes)
	}
	if c.Ops.DrainTimeout != 90*time.Second || c.ClickHouse.RetentionDays["parked"] != 400 {
		t.Errorf("drain_timeout = %v, retention_days = %v", c.Ops.DrainTimeout, c.ClickHouse.RetentionDays)
	}
	if !slices.Equal(c.Ingest.TrustedProxies, []string{"10.0.0.0/8", "192.0.2.1"}) {
		t.Errorf("trusted_proxies = %q", c.Ingest.TrustedProxies)
	}
	if keys := c.Catalog.ClickIDKeys.Keys; string(keys[1]) != "abc=" || string(keys[2]) != "def" {
		t.Error("the key variable's secrets are not the ones given")
	}
}

// Every problem comes with its line and what would be right, all at once and in the order of the file.
func TestAllProblemsAtOnce(t *testing.T) {
	file := write(t, `kafka:
  broker: [127.0.0.1:9092]
  partitions: many
  mode: embeded
  mode: external
ingest:
  listn: ":8080"
  read_timeout: 10
  trusted_proxies: [10.0.0.0/8, nonsense]
drain_timeout: 5s
log: loud
ops:
  listen:
`)
	from := shared(file)
	from.Environ = []string{"TRIBUTARY_KAFKA_BROKER=x:1", "TRIBUTARY_KAFKA_REPLICATION_FACTOR=two"}
	from.Set = []string{"kafka.partition=3", "kafka", "catalog.campaigns=x"}
	_, err := Load(from)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error = %v, want Problems", err)
	}
	want := []string{
		`:2:3: kafka.broker: unknown key; did you mean "brokers"?`,
		`:3:15: kafka.partitions: want a whole number, got "many"`,
		`:4:3: kafka.mode: "embeded" is none of embedded, external; did you mean "embedded"?`,
		`:5:3: kafka.mode: the key is there twice, first in line 4`,
		`:7:3: ingest.listn: unknown key; did you mean "listen"?`,
		`:8:17: ingest.read_timeout: want a duration with its unit, such as 500ms, 30s, 5m, 12h or 30d, got "10"`,
		`:9:33: ingest.trusted_proxies[1]: "nonsense" is neither a network`,
		`:10:1: drain_timeout: unknown key; "drain_timeout" belongs in the section ops or ingest or sink or outbound`,
		`:11:6: log: want a section of keys, got one value`,
		`:13:10: ops.listen: the key has no value`,
		`TRIBUTARY_KAFKA_BROKER: unknown variable; did you mean TRIBUTARY_KAFKA_BROKERS?`,
		`TRIBUTARY_KAFKA_REPLICATION_FACTOR: kafka.replication_factor: want a whole number, got "two"`,
		`--set kafka.partition: unknown key; did you mean "kafka.partitions"?`,
		`--set kafka: want KEY=VALUE`,
		`--set catalog.campaigns: a list of sections can only be written in the file`,
	}
	got := make([]string, len(problems))
	for i, p := range problems {
		got[i] = strings.TrimPrefix(p.Error(), file)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			t.Errorf("missing %q", w)
		}
	}
	if len(got) != len(want) || t.Failed() {
		t.Errorf("got %d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := 1; i < 10; i++ {
		if problems[i].Line < problems[i-1].Line {
			t.Errorf("line %d comes after line %d", problems[i].Line, problems[i-1].Line)
		}
	}
}

// What `up` makes by itself is not asked for beside a mistake elsewhere: who followed that would sign with another key
// than the one of every click ID so far.
func TestAMistakeBringsNoComplaintAboutWhatIsMade(t *testing.T) {
	from := Sources{Environ: []string{"TRIBUTARY_PROCESSOR_GRACE=20"}, Catalog: []byte("catalog: {base_currency: USD}"),
		Complete: func(c *Config, _ func(string) bool) error {
			c.Catalog.ClickIDKeys = catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "0123456789abcdef"}}
			return nil
		}}
	_, err := Load(from)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Path != "processor.grace" {
		t.Errorf("got %v, want one complaint about processor.grace", err)
	}
	// What was written is judged, and so is what nobody makes.
	for extra, want := range map[string]string{"catalog.click_id_keys.active=7": "catalog.click_id_keys", "catalog.base_currency=UDS": "catalog.base_currency"} {
		from.Set = []string{extra}
		if _, err := Load(from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", extra, err)
		}
	}
	from.Set, from.Catalog, from.Complete = nil, nil, nil
	if _, err := Load(from); err == nil || !strings.Contains(err.Error(), "catalog.click_id_keys") {
		t.Errorf("for a role that makes no key: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"broken YAML":       {"kafka: [1\nlog: 2", ":2:"},
		"tab":               {"log:\n\tlevel: info", ":2:"},
		"not a section":     {"- 1", "want a section of keys, got a list"},
		"two documents":     {"log: {level: info}\n---\nlog: {level: warn}", "second YAML document"},
		"alias":             {"log: &l {level: info}\nops: *l", "aliases"},
		"merge key":         {"log: &l {level: info}\nops: {<<: *l}", "merge keys"},
		"list for a scalar": {"data_dir: [a]", "want text, got a list"},
		"scalar for a list": {"kafka: {brokers: a:1}", "want a list of texts, such as [a, b], got one value"},
		"list for a map":    {"kafka: {retention: [clicks]}", "want a map"},
		"wrong level":       {"catalog: {base_currency: USD}\nbrokers: [a:1]", `"brokers" belongs in the section kafka (kafka.brokers)`},
		"unknown topic":     {"kafka: {retention: {click: 2d}}", `there is no topic "click"; did you mean "clicks"?`},
		"embedded in public": {"kafka: {brokers: ['10.1.2.3:9092']}",
			"listens on loopback only"},
		"two embedded":                 {"kafka: {brokers: ['127.0.0.1:1', '127.0.0.1:2']}", "one address"},
		"no port":                      {"clickhouse: {addr: localhost}", `clickhouse.addr: want host:port`},
		"tls off but set":              {"clickhouse: {mode: external, tls: {ca_file: x}}", "clickhouse.tls.enabled: is false"},
		"half a pair":                  {"kafka: {mode: external, tls: {enabled: true, cert_file: x}}", "come together"},
		"no sasl password":             {"kafka: {mode: external, sasl: {mechanism: plain, username: me}}", "needs username and password"},
		"embedded plain sasl":          {"kafka: {sasl: {mechanism: plain, username: me, password: p}}", "kafka.sasl.mechanism: embedded Kafka speaks scram-sha-256 and scram-sha-512"},
		"a password with a quote":      {"kafka: {sasl: {mechanism: scram-sha-256, username: me, password: 'p\"q'}}", "kafka.sasl.password: has characters that not every client's file can hold"},
		"figures for strangers":        {"ingest: {trust: {management_routes: true}}", "ingest.trust.management_routes: shows figures and reasons on the public port: set ops.token"},
		"bad database":                 {"clickhouse: {database: 'a; drop'}", "clickhouse.database: want a name"},
		"truth":                        {"kafka: {mode: external, tls: {enabled: 1}}", "want true or false"},
		"negative size":                {"kafka: {retention_bytes: -1}", "kafka.retention_bytes: want a size"},
		"huge size":                    {"kafka: {retention_bytes: 99999999999GiB}", "want a size in bytes"},
		"a stall within a transaction": {"processor: {transaction_timeout: 45s, stall_after: 45s}", "processor.stall_after: 45s is not more than transaction_timeout (45s)"},
		"a stall within an insert":     {"sink: {stall_after: 30s}", "at least 1m15.5s would be right"},
		"a sink's stall within a transaction": {"processor: {transaction_timeout: 2m}\nsink: {stall_after: 2m}",
			"sink.stall_after: 2m is not more than processor.transaction_timeout (2m), for which a dead processor's transaction may hold records back; at least 2m15s would be right"},
		"a role's end after the process's": {"ops: {drain_timeout: 8s}\nsink: {drain_timeout: 8s}", "sink.drain_timeout: 8s is not less than ops.drain_timeout (8s)"},
		"a linger that is late":            {"ingest: {linger: 60ms}", "ingest.linger: 60ms is not less than ack_bound, 50ms"},
		"postbacks gone while they wait": {"processor: {grace: 2h}\nkafka: {retention: {postbacks: 2h}}",
			"kafka.retention.postbacks: 2h is not more than processor.grace (2h)"},
		"a topic that ends before the next checkpoint": {
			"processor: {checkpoint: {url: /c, interval: 3h}}\nkafka: {mode: external, retention: {claims: 3h}}",
			"kafka.retention.claims: 3h is not more than processor.checkpoint.interval (3h)"},
		"a checkpoint after the embedded topics' end": {"processor: {checkpoint: {url: /c, interval: 8h}}",
			"processor.checkpoint.interval: 8h is not less than 6h, for which records of clicks are kept"},
		"short retention": {"kafka: {retention: {clicks: 1s}}", "want at least 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			from := shared(write(t, c.content))
			from.Sections = []string{SectionIngest, SectionProcessor, SectionSink}
			_, err := Load(from)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v\nwant one with %q", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "tributary.yaml:") {
				t.Errorf("error names no line: %v", err)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(shared("/nonexistent/tributary.yaml"))
	if err == nil || err.Error() != "there is no configuration file /nonexistent/tributary.yaml" {
		t.Error(err)
	}
}

// A problem of the catalog has the line of the entry it speaks of.
func TestRuleOfAListEntryHasItsLine(t *testing.T) {
	content := strings.Replace(string(deploy.ExampleConfig), "offers: [casino-de]", "offers: [casino-dee]", 1)
	content = strings.Replace(content, "catalog:", "catalog:\n  click_id_keys: {active: 1, keys: {1: 0123456789abcdef}}", 1)
	_, err := Load(Sources{File: write(t, content)})
	line := 0
	for i, text := range strings.Split(content, "\n") {
		if strings.Contains(text, "casino-dee") {
			line = i + 1
		}
	}
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != line {
		t.Fatalf("error = %v, want one problem in line %d", err, line)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	const secret = "kept-from-everyone-0123456789"
	from := Sources{
		File:    write(t, "catalog:\n  click_id_keys: {active: 2, keys: {1: "+secret+", 2: "+secret+"}}\n"),
		Environ: []string{"TRIBUTARY_KAFKA_SASL_PASSWORD=" + secret, "TRIBUTARY_CLICKHOUSE_PASSWORD=" + secret},
		Catalog: deploy.ExampleConfig, OwnCatalog: true,
	}
	l, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := l.Print()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(printed), secret) {
		t.Errorf("printed:\n%s", printed)
	}
	if n := strings.Count(string(printed), Redacted); n != 4 {
		t.Errorf("%d values are redacted, want 4:\n%s", n, printed)
	}
	// Nor in the error of a bad one.
	from.Environ = append(from.Environ, "TRIBUTARY_CATALOG_CLICK_ID_KEYS_KEYS=x="+secret)
	if _, err := Load(from); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error = %v", err)
	}
}

func TestPrintSaysWhereFromAndReadsAgain(t *testing.T) {
	l, err := Load(Sources{
		File:    write(t, "kafka:\n  mode: external\n  retention_bytes: 96MiB\n"),
		Environ: []string{"TRIBUTARY_LOG_LEVEL=debug"}, Set: []string{"kafka.brokers=a:1,b:2"},
		Sections: []string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	printed, err := l.Print()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"mode: external # file, line 2", "retention_bytes: 96MiB # file, line 3", "level: debug # TRIBUTARY_LOG_LEVEL",
		"# --set", "database: tributary # default",
	} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("missing %q in:\n%s", want, printed)
		}
	}
	again, err := Load(Sources{File: write(t, string(printed)), Sections: []string{}})
	if err != nil {
		t.Fatalf("the printout is no configuration: %v\n%s", err, printed)
	}
	for _, f := range fieldsOf(configType) {
		if !sameSection(l, again, f.name) && f.name != SectionCatalog {
			t.Errorf("section %s differs after reading the printout", f.name)
		}
	}
}

func TestExampleIsRight(t *testing.T) {
	path := filepath.Join("..", "tributary.example.yaml")
	l, err := Load(Sources{File: path, Set: []string{"catalog.click_id_keys.active=1", "catalog.click_id_keys.keys=1=0123456789abcdef"}})
	if err != nil {
		t.Fatal(err)
	}
	// What the example shows as the default is the default.
	fresh := Defaults()
	l.Config.Catalog = fresh.Catalog
	for _, f := range fieldsOf(configType) {
		if !sameSection(l, &Loaded{Config: fresh}, f.name) {
			t.Errorf("the example changes the section %s, but says it shows defaults", f.name)
		}
	}
}

func TestKeysAreWellFormed(t *testing.T) {
	variables := map[string]string{}
	for _, k := range Keys() {
		if k.Variable != "" {
			if other, twice := variables[k.Variable]; twice {
				t.Errorf("%s stands for %s and %s", k.Variable, other, k.Path)
			}
			variables[k.Variable] = k.Path
			if slices.Contains(otherVariables, k.Variable) {
				t.Errorf("%s is reserved", k.Variable)
			}
		}
		if k.Doc == "" {
			t.Errorf("%s has no doc tag", k.Path)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(string(deploy.ExampleConfig), "kafka.partitions=3")
	f.Add("kafka: {retention: {clicks: 3d}}", "catalog.click_id_keys.keys=1=a")
	f.Add("a: &a [*a]\n", "=")
	f.Add("log: !!binary x\n? [a]\n: b", "log.level=\x00")
	f.Fuzz(func(t *testing.T, content, set string) {
		read := func() (*reading, Config) {
			r := newReading("f")
			c := Defaults()
			r.document([]byte(content), &c)
			r.flags([]string{set}, Keys(), rootOf(&c))
			return r, c
		}
		// The parser keeps a node of about 200 bytes for two bytes, and each problem tells of the keys that there are.
		fuzzbound.Hold(t, 1<<20+4096*(len(content)+len(set)), func() { read() })
		r, c := read()
		if len(r.problems) == 0 {
			l := &Loaded{Config: c, places: r.places}
			if _, err := l.Print(); err != nil {
				t.Fatalf("what was read cannot be printed: %v", err)
			}
		}
	})
}

// TestOpsWarnings: a listener that strangers reach is told of, with what they see there.
func TestOpsWarnings(t *testing.T) {
	for content, want := range map[string]string{
		"ops: {listen: '127.0.0.1:1'}":                                       "",
		"ops: {listen: 'localhost:1'}":                                       "",
		"ops: {listen: ':1'}":                                                "no figures or reasons, for there is no ops.token",
		"ops: {listen: ':1', open: true}":                                    "shows everybody who reaches it",
		"ops: {listen: ':1', token: 'a token of sixteen bytes'}":             "",
		"ops: {listen: '10.0.0.1:1', open: true, token: '0123456789abcdef'}": "",
	} {
		loaded, err := Load(shared(write(t, content)))
		if err != nil {
			t.Fatal(err)
		}
		list := loaded.Warnings()
		if want == "" && len(list) > 0 || want != "" && (len(list) != 1 || !strings.Contains(list[0], want) || !strings.HasPrefix(list[0], "ops.listen: ")) {
			t.Errorf("%s: %q, want %q", content, list, want)
		}
	}
}

// TestDurationsFollow: what was left out is as long as what was written needs it to be.
func TestDurationsFollow(t *testing.T) {
	from := shared(write(t, "processor: {transaction_timeout: 2m}\nops: {drain_timeout: 6s}"))
	from.Sections = []string{SectionIngest, SectionProcessor, SectionSink}
	l, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	c := l.Config
	got := []time.Duration{c.Processor.StallAfter, c.Sink.StallAfter, c.Ingest.DrainTimeout, c.Sink.DrainTimeout}
	want := []time.Duration{2*time.Minute + 15*time.Second, 2*time.Minute + 15*time.Second, 4 * time.Second, 4 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	from.File = write(t, "sink: {insert_timeout: 5m, batch_age: 1m}")
	if l, err = Load(from); err != nil || l.Config.Sink.StallAfter != 6*time.Minute+15*time.Second || l.Config.Processor.StallAfter != 45*time.Second {
		t.Errorf("%v, or the stalls are not those that follow", err)
	}
}

// TestWhatIsKeptLongEnoughIsTaken: checkpoints that go nowhere ask nothing of the topics, and an external broker keeps them
// longer.
func TestWhatIsKeptLongEnoughIsTaken(t *testing.T) {
	for _, content := range []string{
		"kafka: {retention: {clicks: 10m, postbacks: 16m}}",
		"processor: {checkpoint: {interval: 8h}}",
		"processor: {checkpoint: {url: /c, interval: 8h}}\nkafka: {mode: external}",
		"processor: {checkpoint: {url: /c, interval: 8h}}\nkafka: {retention: {clicks: 1d, cycles: 1d}}",
	} {
		from := shared(write(t, content))
		from.Sections = []string{SectionProcessor}
		if _, err := Load(from); err != nil {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// TestSpoolOlderThanTheWindowIsWarnedOf, for what comes twice then counts twice.
func TestSpoolOlderThanTheWindowIsWarnedOf(t *testing.T) {
	for content, want := range map[string]bool{"processor: {window: 1d}": true, "processor: {window: 2d}": false, "processor: {window: 1h}\ningest: {spool: {dir: ''}}": false} {
		l, err := Load(shared(write(t, content)))
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(l.Warnings(), func(w string) bool {
			return strings.HasPrefix(w, "ingest.spool.max_age: 1d is not less than processor.window")
		})
		if got != want {
			t.Errorf("%s: %q", content, l.Warnings())
		}
	}
}
