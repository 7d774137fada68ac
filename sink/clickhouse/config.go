package clickhouse

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"tributary/schemas"
)

// Config is the section sink of the configuration file.
type Config struct {
	Group            string        `yaml:"group" doc:"Kafka consumer group; every loader of one ClickHouse database has the same."`
	InstanceID       string        `yaml:"instance_id" doc:"Name of this loader that survives a restart (static membership); empty for none. Different for each loader."`
	Database         string        `yaml:"database" doc:"ClickHouse database to load into."`
	BatchRows        int           `yaml:"batch_rows" doc:"Rows of one partition after which they are inserted."`
	BatchBytes       int           `yaml:"batch_bytes" doc:"Bytes of one partition's records after which they are inserted."`
	BatchAge         time.Duration `yaml:"batch_age" doc:"Time after a batch's first row at which it is inserted, full or not."`
	BufferedBytes    int           `yaml:"buffered_bytes" doc:"Bytes of records read and not yet inserted, all partitions together; reading pauses beyond it."`
	Inserts          int           `yaml:"inserts" doc:"Inserts running at once."`
	InsertTimeout    time.Duration `yaml:"insert_timeout" doc:"Time one insert may take before it is repeated."`
	RetryMax         time.Duration `yaml:"retry_max" doc:"Longest pause between two attempts of an insert; pauses start at a tenth of a second and double."`
	CommitTimeout    time.Duration `yaml:"commit_timeout" doc:"Time one offset commit may take before it is repeated."`
	ConfirmAfter     time.Duration `yaml:"confirm_after" doc:"Idle time of a partition after which its last insert is confirmed by an offset commit."`
	StallAfter       time.Duration `yaml:"stall_after" doc:"Time without a landed record, while records of the partition wait, after which the sink is not ready and names the partition: more than batch_age and insert_timeout together, which an insert may take, and more than processor.transaction_timeout, for which a dead processor's transaction may hold records back; left out, at least 15s more. That ClickHouse does not answer is said at once."`
	DrainTimeout     time.Duration `yaml:"drain_timeout" doc:"Time given at shutdown or when a partition moves to insert what is buffered; what is left is read from Kafka again."`
	SessionTimeout   time.Duration `yaml:"session_timeout" doc:"Time without a heartbeat after which the group gives this loader's partitions to others."`
	RebalanceTimeout time.Duration `yaml:"rebalance_timeout" doc:"Time the group waits for this loader to hand over partitions."`
}

// Defaults are for one machine that runs everything.
func Defaults() Config {
	return Config{
		Group:            "tributary-sink",
		Database:         "tributary",
		BatchRows:        200_000,
		BatchBytes:       32 << 20,
		BatchAge:         500 * time.Millisecond,
		BufferedBytes:    192 << 20,
		Inserts:          2,
		InsertTimeout:    time.Minute,
		RetryMax:         10 * time.Second,
		CommitTimeout:    10 * time.Second,
		ConfirmAfter:     time.Second,
		StallAfter:       90 * time.Second,
		DrainTimeout:     10 * time.Second,
		SessionTimeout:   30 * time.Second,
		RebalanceTimeout: time.Minute,
	}
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// maxBatchRows keeps a batch below the rows at which ClickHouse may cut a block in two.
const maxBatchRows = 1_000_000

// LeastStallAfter is the shortest stall_after without false alarms that the sink's own settings leave.
func (c *Config) LeastStallAfter() time.Duration {
	return c.BatchAge + c.InsertTimeout + progressTimeout + progressEvery
}

// Validate returns every problem, each a *schemas.FieldError.
func (c *Config) Validate() error {
	var problems []error
	problem := func(field, format string, arguments ...any) {
		problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, arguments...)})
	}
	if c.Group == "" || len(c.Group) > 249 {
		problem("group", "has %d characters, want 1 to 249", len(c.Group))
	}
	if !identifier.MatchString(c.Database) {
		problem("database", "is %q, want letters, digits and underscores, at most 64", c.Database)
	}
	if c.BatchRows < 1 || c.BatchRows > maxBatchRows {
		problem("batch_rows", "is %d, want 1 to %d", c.BatchRows, maxBatchRows)
	}
	if c.BatchBytes < schemas.MaxRecordBytes || c.BatchBytes > 128<<20 {
		problem("batch_bytes", "is %d, want %d to %d", c.BatchBytes, schemas.MaxRecordBytes, 128<<20)
	}
	if c.BufferedBytes < c.BatchBytes {
		problem("buffered_bytes", "is %d, want at least batch_bytes, %d", c.BufferedBytes, c.BatchBytes)
	}
	if c.Inserts < 1 || c.Inserts > 64 {
		problem("inserts", "is %d, want 1 to 64", c.Inserts)
	}
	for _, d := range []struct {
		field    string
		value    time.Duration
		min, max time.Duration
	}{
		{"batch_age", c.BatchAge, time.Millisecond, time.Minute},
		{"insert_timeout", c.InsertTimeout, time.Second, 10 * time.Minute},
		{"retry_max", c.RetryMax, 100 * time.Millisecond, 5 * time.Minute},
		{"commit_timeout", c.CommitTimeout, 100 * time.Millisecond, time.Minute},
		{"confirm_after", c.ConfirmAfter, time.Millisecond, time.Minute},
		{"stall_after", c.StallAfter, time.Second, time.Hour},
		{"drain_timeout", c.DrainTimeout, 0, 5 * time.Minute},
		{"session_timeout", c.SessionTimeout, time.Second, 5 * time.Minute},
		{"rebalance_timeout", c.RebalanceTimeout, time.Second, 30 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			problem(d.field, "is %v, want %v to %v", d.value, d.min, d.max)
		}
	}
	if takes := c.BatchAge + c.InsertTimeout; c.StallAfter <= takes && takes < time.Hour {
		problem("stall_after", "is %v, want more than batch_age and insert_timeout together, %v: so long an insert may "+
			"take; at least %v would be right",
			c.StallAfter, takes, c.LeastStallAfter())
	}
	if c.RebalanceTimeout <= c.DrainTimeout {
		problem("rebalance_timeout", "is %v, want more than drain_timeout, %v: a partition must be drained before it moves", c.RebalanceTimeout, c.DrainTimeout)
	}
	return errors.Join(problems...)
}
