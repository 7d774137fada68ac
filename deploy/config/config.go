package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"tributary/deploy/topics"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
)

// Where an engine runs.
const (
	ModeEmbedded = "embedded"
	ModeExternal = "external"
)

// minTokenBytes is the shortest shared secret that is taken.
const minTokenBytes = 16

// ClickHouse's two protocols.
const (
	ProtocolHTTP   = "http"
	ProtocolNative = "native"
)

// Log is the section "log".
type Log struct {
	Level  string `yaml:"level" doc:"Lowest level that is written: debug, info, warn or error."`
	Format string `yaml:"format" doc:"console (for people), json (for collectors), or auto: console on a terminal, else json."`
}

// Ops is the section "ops".
type Ops struct {
	Listen       string        `yaml:"listen" doc:"Address of /metrics, /debug/pprof, /healthz and /readyz of every role. On loopback, programs of this machine see all of it, web pages of other origins only /healthz and whether it is ready; on any other address everyone sees only that, unless token or open says who may see more."`
	Token        string        `yaml:"token" secret:"true" doc:"At least 16 bytes that a request must bring as Authorization: Bearer TOKEN to see /metrics, /debug/pprof and the reasons of /readyz, wherever they are served; whether a role lives and is ready needs none."`
	Open         bool          `yaml:"open" doc:"Without a token, show all of it to everybody who reaches listen, although that is not loopback: only in a network without strangers."`
	DrainTimeout time.Duration `yaml:"drain_timeout" doc:"How long a role may take to finish its work after a stop signal; then the process exits with code 1."`
}

// TLS is how a client encrypts and whom it trusts.
type TLS struct {
	Enabled            bool   `yaml:"enabled" doc:"Encrypt the connection."`
	CAFile             string `yaml:"ca_file" doc:"PEM file of the authorities to trust; empty: the system's."`
	CertFile           string `yaml:"cert_file" doc:"PEM file of the client's own certificate; empty: none."`
	KeyFile            string `yaml:"key_file" doc:"PEM file of the key of cert_file."`
	ServerName         string `yaml:"server_name" doc:"Name to expect in the server's certificate; empty: the host of the address."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accept any certificate: encrypted, but anyone may be the other end."`
}

// SASL is how a client says who it is.
type SASL struct {
	Mechanism string `yaml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512; empty: no authentication. Embedded: left out, a password is made and kept in data_dir, with files for kcat and Java tools (kcat.conf, kafka-client.properties)."`
	Username  string `yaml:"username" doc:"User name."`
	Password  string `yaml:"password" secret:"true" doc:"Password."`
}

// Kafka is the section "kafka".
type Kafka struct {
	Mode              string                   `yaml:"mode" doc:"embedded: a broker inside tributary up, its log in data_dir; external: the brokers named below."`
	Brokers           []string                 `yaml:"brokers" doc:"Addresses host:port to start from; in embedded mode the one loopback address to listen on."`
	TopicPrefix       string                   `yaml:"topic_prefix" doc:"Prefix of every topic and group name, so that several installations can share a cluster. Kept with the data: another one is refused (docs/meaning.md)."`
	Partitions        int                      `yaml:"partitions" doc:"Partition count of the topics when they are made. It cannot be changed later for clicks, postbacks, claims and cycles; partitions added to other topics are read (docs/meaning.md)."`
	ReplicationFactor int                      `yaml:"replication_factor" doc:"Copies of each partition when topics are made; 0: the broker's default. Embedded: always 1."`
	Retention         map[string]time.Duration `yaml:"retention" doc:"How long records are kept, by topic name without prefix, in place of the built-in times (schemas/topics.go; embedded: 6h of topics with a record a click). What the processor reads must be kept longer than processor.checkpoint.interval, where checkpoints are shipped, and postbacks longer than processor.grace."`
	RetentionBytes    int64                    `yaml:"retention_bytes" doc:"Bytes a partition keeps at most, read or not; 0: no limit, embedded 1GiB."`
	Durable           bool                     `yaml:"durable" doc:"Embedded: acknowledge only what is on disk, so that a cut of the power loses nothing that was acknowledged; false: what the operating system has, which survives a killed process. External brokers have settings of their own."`
	TLS               TLS                      `yaml:"tls"`
	SASL              SASL                     `yaml:"sasl"`
}

// ClickHouse is the section "clickhouse".
type ClickHouse struct {
	Mode     string `yaml:"mode" doc:"embedded: the engine in a child process of tributary up, its tables in data_dir; external: the server named below."`
	Addr     string `yaml:"addr" doc:"Address host:port of the server; in embedded mode the loopback address to serve ClickHouse's HTTP interface on."`
	Protocol string `yaml:"protocol" doc:"http (usually port 8123) or native (usually port 9000)."`
	Database string `yaml:"database" doc:"Database that holds the tables and views."`
	User     string `yaml:"user" doc:"User name of the roles."`
	Password string `yaml:"password" secret:"true" doc:"Password of the roles. Embedded: at least 16 bytes; empty: the generated one of data_dir/clickhouse_password."`
	TLS      TLS    `yaml:"tls"`
	Durable  bool   `yaml:"durable" doc:"Embedded: an insert is acknowledged only once its rows would outlive a power cut; false: a killed process at least."`

	GuestsWithoutSandbox bool `yaml:"guests_without_sandbox" doc:"Embedded: allow the user analyst although the operating system cannot confine the engine (Linux before 5.19, or not Linux); whoever has its password may then be able to read files of this machine. Where the engine is confined this changes nothing."`

	RetentionDays map[string]int `yaml:"retention_days" doc:"Days that rows are kept, by table; 0: for ever. A table not named keeps the setting it has; at first, for ever. Rows of clicks, conversions, impressions and landing_clicks are what counts and money are sums of: nothing drops them but tributary archive run --drop, which sums whole months first, those that are older than the days here. Receipts answer for as long as postbacks, parked, conversions and dead_letters are kept. Applied by migrate and up."`
}

func (c *Config) defaults() {
	c.DataDir = "data"
	c.Log = Log{Level: "info", Format: "auto"}
	c.Ops = Ops{Listen: "127.0.0.1:8081", DrainTimeout: 30 * time.Second}
	c.Kafka = Kafka{Mode: ModeEmbedded, Brokers: []string{"127.0.0.1:9092"}, Partitions: 4, Durable: true}
	c.ClickHouse = ClickHouse{Mode: ModeEmbedded, Addr: "127.0.0.1:8123", Protocol: ProtocolHTTP, Database: "tributary", User: "default", Durable: true}
}

// Warnings are what is right but may be meant otherwise, or opens a door that its owner may not know of. Each begins
// with the path of a key.
func (l *Loaded) Warnings() (list []string) {
	c := &l.Config
	if !isLoopback(c.Ops.Listen) && c.Ops.Token == "" {
		what := "tells only whether the role is ready, and no figures or reasons, for there is no ops.token"
		if c.Ops.Open {
			what = "shows everybody who reaches it which networks send what and need which proof (ops.open)"
		}
		list = append(list, fmt.Sprintf("ops.listen: %s is not loopback and %s; right would be ops.token with what `openssl rand -hex 16` prints, or 127.0.0.1", c.Ops.Listen, what))
	}
	if age, window := c.Ingest.Spool.MaxAge, c.Processor.Window; c.Ingest.Spool.Dir != "" && age >= window {
		list = append(list, fmt.Sprintf("ingest.spool.max_age: %s is not less than processor.window (%s), within which a "+
			"record that comes twice is recognised; right would be %s",
			durationText(age), durationText(window), durationText(window/2)))
	}
	if l.StoodIn {
		return list // the built-in example is nobody's money
	}
	for _, warning := range c.Catalog.Warnings() {
		list = append(list, SectionCatalog+"."+warning)
	}
	return list
}

// Validate checks what belongs to no role. Its errors are *schemas.FieldError with full paths, as a role's Validate has
// paths inside the role.
func (c *Config) validateShared() error {
	var errs []error
	wrong := func(path, format string, arguments ...any) {
		errs = append(errs, &schemas.FieldError{Field: path, Problem: fmt.Sprintf(format, arguments...)})
	}
	oneOf := func(path, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			wrong(path, "%q is none of %s; did you mean %q?", value, strings.Join(allowed, ", "), nearest(value, allowed))
		}
	}
	if c.DataDir == "" {
		wrong("data_dir", "is empty; name a folder, such as data or /var/lib/tributary")
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "console", "json")
	c.checkAddress(wrong, "ops.listen", c.Ops.Listen)
	if n := len(c.Ops.Token); n > 0 && n < minTokenBytes {
		wrong("ops.token", "has %d bytes; at least %d are needed, or none", n, minTokenBytes)
	}
	if c.Ingest.Trust.ManagementRoutes && c.Ops.Token == "" && !c.Ops.Open {
		wrong("ingest.trust.management_routes", "shows figures and reasons on the public port: set ops.token, which then covers them, or leave it out and use ops.listen")
	}
	if c.Ops.DrainTimeout <= 0 {
		wrong("ops.drain_timeout", "must be more than 0, such as 30s")
	}
	c.validateSpans(wrong)
	c.validateKept(wrong)
	c.validateKafka(wrong, oneOf)
	c.validateClickHouse(wrong, oneOf)
	return errors.Join(errs...)
}

type (
	wrongFunc func(path, format string, arguments ...any)
	oneOfFunc func(path, value string, allowed ...string)
)

func (c *Config) validateKafka(wrong wrongFunc, oneOf oneOfFunc) {
	k := &c.Kafka
	oneOf("kafka.mode", k.Mode, ModeEmbedded, ModeExternal)
	if len(k.Brokers) == 0 {
		wrong("kafka.brokers", "is empty; name at least one address, such as [127.0.0.1:9092]")
	}
	for i, broker := range k.Brokers {
		c.checkAddress(wrong, fmt.Sprintf("kafka.brokers[%d]", i), broker)
	}
	if k.Mode == ModeEmbedded && len(k.Brokers) > 0 {
		if len(k.Brokers) > 1 {
			wrong("kafka.brokers", "embedded Kafka listens on one address, got %d; keep one, or set kafka.mode to external", len(k.Brokers))
		} else if !isLoopback(k.Brokers[0]) {
			wrong("kafka.brokers", "embedded Kafka does not encrypt and listens on loopback only, got %q; use 127.0.0.1:9092, or set kafka.mode to external", k.Brokers[0])
		}
		if k.TLS.Enabled {
			wrong("kafka.tls.enabled", "embedded Kafka has no TLS; leave it out, or set kafka.mode to external")
		}
		if k.SASL.Mechanism == "plain" {
			wrong("kafka.sasl.mechanism", "embedded Kafka speaks scram-sha-256 and scram-sha-512; leave the section out to have a password made, or set kafka.mode to external")
		}
		for name, text := range map[string]string{"username": k.SASL.Username, "password": k.SASL.Password} {
			if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
				wrong("kafka.sasl."+name, "has characters that not every client's file can hold; use visible ASCII without quotes and backslashes")
			}
		}
	}
	if len(k.TopicPrefix) > maxTopicPrefixBytes || strings.Trim(k.TopicPrefix, topicCharacters) != "" {
		wrong("kafka.topic_prefix", "want at most %d letters, digits, dots, dashes and underscores, got %q", maxTopicPrefixBytes, k.TopicPrefix)
	}
	if k.Partitions < 1 || k.Partitions > maxPartitions {
		wrong("kafka.partitions", "want 1 to %d, got %d", maxPartitions, k.Partitions)
	}
	if k.ReplicationFactor < 0 || k.ReplicationFactor > 16 {
		wrong("kafka.replication_factor", "want 1 to 16, or 0 for the broker's default, got %d", k.ReplicationFactor)
	}
	if k.RetentionBytes < 0 {
		wrong("kafka.retention_bytes", "want a size such as 512MiB, or 0 for no limit, got %d", k.RetentionBytes)
	}
	var names []string
	for _, topic := range topics.All() {
		names = append(names, topic.Name)
	}
	for _, topic := range slices.Sorted(maps.Keys(k.Retention)) {
		if !slices.Contains(names, topic) {
			wrong("kafka.retention."+topic, "there is no topic %q; did you mean %q? Topics: %s", topic, nearest(topic, names), strings.Join(names, ", "))
		}
		if k.Retention[topic] < time.Minute {
			wrong("kafka.retention."+topic, "want at least 1m, got %s: a record must outlive the time it waits to be read", durationText(k.Retention[topic]))
		}
	}
	validateTLS(wrong, "kafka.tls", k.TLS)
	oneOf("kafka.sasl.mechanism", k.SASL.Mechanism, "", "plain", "scram-sha-256", "scram-sha-512")
	if k.SASL.Mechanism != "" && (k.SASL.Username == "" || k.SASL.Password == "") {
		wrong("kafka.sasl", "mechanism %s needs username and password", k.SASL.Mechanism)
	}
}

func (c *Config) validateClickHouse(wrong wrongFunc, oneOf oneOfFunc) {
	h := &c.ClickHouse
	oneOf("clickhouse.mode", h.Mode, ModeEmbedded, ModeExternal)
	oneOf("clickhouse.protocol", h.Protocol, ProtocolHTTP, ProtocolNative)
	c.checkAddress(wrong, "clickhouse.addr", h.Addr)
	if h.Mode == ModeEmbedded {
		if !isLoopback(h.Addr) {
			wrong("clickhouse.addr", "the embedded engine has no TLS and listens on loopback only, got %q; use 127.0.0.1:8123, or set clickhouse.mode to external", h.Addr)
		}
		if h.Protocol != ProtocolHTTP {
			wrong("clickhouse.protocol", "the embedded engine speaks http only")
		}
		if n := len(h.Password); n > 0 && n < minTokenBytes {
			wrong("clickhouse.password", "has %d bytes; at least %d are needed, or none to have one generated", n, minTokenBytes)
		}
		if h.TLS.Enabled {
			wrong("clickhouse.tls.enabled", "the embedded engine has no TLS; leave it out, or set clickhouse.mode to external")
		}
	}
	if h.Database == "" || strings.Trim(h.Database, identifierCharacters) != "" || h.Database[0] >= '0' && h.Database[0] <= '9' {
		wrong("clickhouse.database", "want a name of letters, digits and underscores that starts with a letter, got %q", h.Database)
	}
	if c.Sink.Database != h.Database {
		wrong("sink.database", "is %q, but the tables are made in clickhouse.database, %q; leave it out", c.Sink.Database, h.Database)
	}
	for _, table := range slices.Sorted(maps.Keys(h.RetentionDays)) {
		if err := schema.CheckRetention(table, h.RetentionDays[table]); err != nil {
			wrong("clickhouse.retention_days."+table, "%v", err)
		}
	}
	validateTLS(wrong, "clickhouse.tls", h.TLS)
}

const (
	lettersAndDigits     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	topicCharacters      = lettersAndDigits + "._-" // Kafka's legal characters of a topic name
	identifierCharacters = lettersAndDigits + "_"

	// maxTopicPrefixBytes leaves the topics' own names room in Kafka's 249.
	maxTopicPrefixBytes = 128
	// maxPartitions bounds what a typing error can make a broker create.
	maxPartitions = 1024
)

func validateTLS(wrong wrongFunc, path string, t TLS) {
	if (t.CertFile == "") != (t.KeyFile == "") {
		wrong(path, "cert_file and key_file come together: set both or none")
	}
	if !t.Enabled && t != (TLS{}) {
		wrong(path+".enabled", "is false, but other keys of the section are set; set it to true, or leave the section out")
	}
}

func (c *Config) checkAddress(wrong wrongFunc, path, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		wrong(path, "want host:port, such as 127.0.0.1:8080, got %q", address)
	}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // the address check has said so already
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
