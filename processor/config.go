package processor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/attributor"
	"tributary/processor/checkpoint"
	"tributary/processor/stage"
	"tributary/processor/stages/outbound"
	"tributary/schemas"
	"tributary/schemas/broker"
)

// Config is the processor's section of the configuration file, `processor`.
type Config struct {
	Group      string `yaml:"group" doc:"Kafka consumer group; also the beginning of the transactional ID"`
	InstanceID string `yaml:"instance_id" doc:"name of this process within the group, the same after a restart; empty: the host name"`
	StateDir   string `yaml:"state_dir" doc:"directory of this process's state; no other process may use it"`

	Window        time.Duration `yaml:"window" doc:"lookback window: how long after its click a conversion is accepted"`
	Grace         time.Duration `yaml:"grace" doc:"how long a postback waits for its click"`
	BookRetention time.Duration `yaml:"book_retention" doc:"how long after its click the status of a conversion may change"`
	ClaimWindow   time.Duration `yaml:"claim_window" doc:"how long a transaction ID is remembered at least, to find its use on another click; a change forgets the uses so far"`
	MaxParked     int           `yaml:"max_parked" doc:"postbacks that may wait for their click, for each partition; more are rejected as parking_full"`

	FastConversion    time.Duration `yaml:"fast_conversion" doc:"a conversion sooner than this after its click counts as too fast for a person"`
	ClockSkew         time.Duration `yaml:"clock_skew" doc:"how much earlier than its click a conversion may seem to have happened"`
	IPClicksPerMinute uint32        `yaml:"ip_clicks_per_minute" doc:"clicks of one IP within a minute above which a click is flagged"`

	MaxCycleRecords    int           `yaml:"max_cycle_records" doc:"records taken into one transaction at most"`
	FetchMaxBytes      int           `yaml:"fetch_max_bytes" doc:"records fetched ahead from one broker, in bytes; a partition's share is 256 KiB at most, and this must have room for all of them"`
	CacheBytes         int64         `yaml:"cache_bytes" doc:"memory for blocks of state read before, in bytes"`
	MemtableBytes      int64         `yaml:"memtable_bytes" doc:"one of at most three write buffers of the state, in bytes"`
	SessionTimeout     time.Duration `yaml:"session_timeout" doc:"how long a silent processor keeps its partitions"`
	TransactionTimeout time.Duration `yaml:"transaction_timeout" doc:"when Kafka gives up a transaction of a dead processor; its partitions go to another no sooner"`
	StallAfter         time.Duration `yaml:"stall_after" doc:"time without progress in a partition, while records wait in it, after which the processor is not ready and names it; more than transaction_timeout, for which a dead processor's transaction may hold records back; left out, at least 15s more"`
	Workers            int           `yaml:"workers" doc:"partitions processed at the same time; 0: one for each CPU"`

	Checkpoint checkpoint.Config `yaml:"checkpoint" doc:"copies of the state, for a partition that comes to a machine without it"`
}

// Defaults are for a machine of 2 cores.
func Defaults() Config {
	s := attributor.DefaultScoring()
	return Config{
		Group:              "tributary-processor",
		StateDir:           "data/processor",
		Window:             30 * 24 * time.Hour,
		Grace:              15 * time.Minute,
		BookRetention:      120 * 24 * time.Hour,
		ClaimWindow:        30 * 24 * time.Hour,
		MaxParked:          100_000,
		FastConversion:     time.Duration(s.FastMS) * time.Millisecond,
		ClockSkew:          time.Duration(s.ClockSkewMS) * time.Millisecond,
		IPClicksPerMinute:  s.IPClicksPerMinute,
		MaxCycleRecords:    20_000,
		FetchMaxBytes:      64 << 20,
		CacheBytes:         32 << 20,
		MemtableBytes:      32 << 20,
		SessionTimeout:     20 * time.Second,
		TransactionTimeout: 30 * time.Second,
		StallAfter:         45 * time.Second,
		Checkpoint:         checkpoint.Defaults(),
	}
}

// maxTransactionTimeout leaves stall_after room in its hour. Kafka's own bound is 15 minutes where nobody raised it.
const maxTransactionTimeout = 45 * time.Minute

// LeastStallAfter is the shortest stall_after without false alarms: Kafka looks every 10 s for transactions whose time
// is over, and the processor every progressEvery for what moved.
func (c *Config) LeastStallAfter() time.Duration {
	return c.TransactionTimeout + 10*time.Second + progressEvery
}

// Validate returns every problem at once, each a *schemas.FieldError.
func (c *Config) Validate() error {
	var problems []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
		}
	}
	check(c.Group != "", "group", "is empty; a name such as tributary-processor would be right")
	check(c.StateDir != "", "state_dir", "is empty; a directory such as data/processor would be right")
	check(c.Window >= time.Minute && c.Window <= 400*24*time.Hour, "window", "%s is out of range; 1m to 9600h would be right", c.Window)
	check(c.Grace >= 0 && c.Grace <= 24*time.Hour, "grace", "%s is out of range; 0s to 24h would be right", c.Grace)
	check(c.BookRetention >= c.Window, "book_retention", "%s is shorter than the window (%s); at least the window would be right", c.BookRetention, c.Window)
	check(c.ClaimWindow >= time.Hour, "claim_window", "%s is too short; at least 1h would be right", c.ClaimWindow)
	check(c.MaxParked >= 1 && c.MaxParked <= 10_000_000, "max_parked", "%d is out of range; 1 to 10000000 would be right", c.MaxParked)
	check(c.FastConversion >= 0, "fast_conversion", "%s is negative; a duration such as 10s would be right", c.FastConversion)
	check(c.ClockSkew >= 0, "clock_skew", "%s is negative; a duration such as 5s would be right", c.ClockSkew)
	check(c.IPClicksPerMinute >= 1, "ip_clicks_per_minute", "is 0; a number such as 60 would be right")
	check(c.MaxCycleRecords >= 1 && c.MaxCycleRecords <= 1_000_000, "max_cycle_records", "%d is out of range; 1 to 1000000 would be right", c.MaxCycleRecords)
	check(c.FetchMaxBytes >= 1<<20 && c.FetchMaxBytes <= 1<<30, "fetch_max_bytes", "%d is out of range; 1048576 to 1073741824 would be right", c.FetchMaxBytes)
	check(c.CacheBytes >= 1<<20, "cache_bytes", "%d is too small; at least 1048576 would be right", c.CacheBytes)
	check(c.MemtableBytes >= 1<<20 && c.MemtableBytes < 2<<30, "memtable_bytes", "%d is out of range; 1048576 to 2147483647 would be right", c.MemtableBytes)
	check(c.SessionTimeout >= time.Second, "session_timeout", "%s is too short; at least 1s would be right", c.SessionTimeout)
	transaction := c.TransactionTimeout >= time.Second && c.TransactionTimeout <= maxTransactionTimeout
	check(transaction, "transaction_timeout", "%s is out of range; 1s to %s would be right",
		c.TransactionTimeout, maxTransactionTimeout)
	check(c.StallAfter >= time.Second && c.StallAfter <= time.Hour, "stall_after", "%s is out of range; 1s to 1h would be right", c.StallAfter)
	check(!transaction || c.StallAfter > c.TransactionTimeout, "stall_after",
		"%s is not more than transaction_timeout (%s), for which a dead processor's transaction may hold records back; "+
			"at least %s would be right",
		c.StallAfter, c.TransactionTimeout, c.LeastStallAfter())
	check(c.Workers >= 0, "workers", "%d is negative; 0 or more would be right", c.Workers)
	if err := c.Checkpoint.Validate(); err != nil {
		problems = append(problems, inSection("checkpoint", err)...)
	}
	return errors.Join(problems...)
}

// inSection names the fields of a section's problems as the section's owner knows them.
func inSection(section string, err error) (problems []error) {
	var list interface{ Unwrap() []error }
	if !errors.As(err, &list) {
		return []error{err}
	}
	for _, e := range list.Unwrap() {
		var field *schemas.FieldError
		if errors.As(e, &field) {
			field.Field = section + "." + field.Field
		}
		problems = append(problems, e)
	}
	return problems
}

// Deps is what a Processor gets from outside.
type Deps struct {
	// Kafka has seed brokers, TLS, SASL and client ID.
	Kafka []kgo.Opt
	// TopicPrefix stands before every topic's name in Kafka.
	TopicPrefix string
	Registerer  prometheus.Registerer
	Logger      *zap.Logger
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
	// TransactionalID names the producer to Kafka; empty: group and instance_id, so that a successor fences this process.
	TransactionalID string
	// Broker is what the Kafka can do; the zero value is Apache Kafka's.
	Broker broker.Abilities
	// Meaning is asked once at the start with what the state keeps of what it means, nil for nothing: it answers what
	// shall be kept, or an error that ends the processor before it has read a record. Nil keeps nothing.
	Meaning func(kept []byte) ([]byte, error)
	// Outbound decides what is told to the destinations that it has; nil for none.
	Outbound *outbound.Stage
	// Stages run beside the built-in ones, on the same records.
	Stages []stage.Stage
	// FS is the file system of the state, CheckpointFS that of checkpoints shipped to a directory; nil for the machine's.
	FS, CheckpointFS vfs.FS

	// fault is called at the named steps of a cycle; its error is the crash of a test.
	fault func(step string) error
	// decisions, in tests, makes this an earlier program, which decides by that version of the rules; nil for
	// schemas.Decisions.
	decisions *uint32
	// unsaid, in tests, makes this a program whose cycles do not say the settings that decided them.
	unsaid bool
}

func (c *Config) instance() string {
	if c.InstanceID != "" {
		return c.InstanceID
	}
	if host, err := os.Hostname(); err == nil {
		return host
	}
	return "0"
}
