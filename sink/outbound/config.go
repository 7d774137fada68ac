package outbound

import (
	"errors"
	"fmt"
	"time"

	"tributary/schemas"
)

// Config is the section outbound of the configuration file.
type Config struct {
	Group            string        `yaml:"group" doc:"Kafka consumer group; every deliverer of one Kafka has the same."`
	InstanceID       string        `yaml:"instance_id" doc:"Name of this deliverer that survives a restart (static membership); empty for none. Different for each deliverer."`
	StateDir         string        `yaml:"state_dir" doc:"Folder of what waits to be told. What is lost with it is read from Kafka again."`
	Calls            int           `yaml:"calls" doc:"Calls under way at once, all destinations together; a destination without any may have one more."`
	Unrecorded       int           `yaml:"unrecorded" doc:"Attempts of one partition that may wait to be written to Kafka; no calls begin beyond it, nor when the oldest waits longer than record_within."`
	RecordWithin     time.Duration `yaml:"record_within" doc:"Longest time an attempt may wait to be written to Kafka before calls pause."`
	BreakerFailures  int           `yaml:"breaker_failures" doc:"Failures of a destination in a row after which it is called once in breaker_pause only, until a call succeeds."`
	BreakerPause     time.Duration `yaml:"breaker_pause" doc:"Time between two calls to a destination that failed breaker_failures times in a row."`
	MaxRetryAfter    time.Duration `yaml:"max_retry_after" doc:"Longest time for which a destination may ask us not to call it (Retry-After)."`
	LateAfter        time.Duration `yaml:"late_after" doc:"Time for which the oldest request of a destination may be due before the destination is said to fail."`
	SilentAfter      time.Duration `yaml:"silent_after" doc:"Time without a request for a destination that had some before, after which it is said to be silent; 0 for never."`
	CommitInterval   time.Duration `yaml:"commit_interval" doc:"Time between two commits of what is told for good: how much another machine reads again."`
	DrainTimeout     time.Duration `yaml:"drain_timeout" doc:"Time given at shutdown, or when a partition moves, to calls under way; those that it ends are made again."`
	SessionTimeout   time.Duration `yaml:"session_timeout" doc:"Time without a heartbeat after which the group gives this deliverer's partitions to others."`
	RebalanceTimeout time.Duration `yaml:"rebalance_timeout" doc:"Time the group waits for its members when partitions move."`
}

// Defaults is the configuration of a section without a line.
func Defaults() Config {
	return Config{
		Group: "tributary-outbound", StateDir: "data/outbound", Calls: 1024, Unrecorded: 4096, RecordWithin: 5 * time.Second,
		BreakerFailures: 5, BreakerPause: 10 * time.Second, MaxRetryAfter: time.Hour, LateAfter: 15 * time.Minute, SilentAfter: 24 * time.Hour,
		CommitInterval: 5 * time.Second, DrainTimeout: 10 * time.Second, SessionTimeout: 10 * time.Second, RebalanceTimeout: time.Minute,
	}
}

// Validate returns one schemas.FieldError for each wrong field.
func (c *Config) Validate() error {
	var problems []error
	problem := func(field, format string, args ...any) {
		problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if c.Group == "" {
		problem("group", "is empty; leave it out, or name a Kafka consumer group")
	}
	if c.StateDir == "" {
		problem("state_dir", "is empty; leave it out, or name a folder")
	}
	for _, n := range []struct {
		field           string
		value, min, max int
	}{
		{"calls", c.Calls, 1, 65536},
		{"unrecorded", c.Unrecorded, 1, 1 << 20},
		{"breaker_failures", c.BreakerFailures, 1, 1000},
	} {
		if n.value < n.min || n.value > n.max {
			problem(n.field, "is %d, want %d to %d", n.value, n.min, n.max)
		}
	}
	for _, d := range []struct {
		field           string
		value, min, max time.Duration
	}{
		{"record_within", c.RecordWithin, 100 * time.Millisecond, time.Minute},
		{"breaker_pause", c.BreakerPause, 100 * time.Millisecond, time.Hour},
		{"max_retry_after", c.MaxRetryAfter, time.Second, 24 * time.Hour},
		{"late_after", c.LateAfter, time.Second, 24 * time.Hour},
		{"silent_after", c.SilentAfter, 0, 90 * 24 * time.Hour},
		{"commit_interval", c.CommitInterval, 100 * time.Millisecond, 10 * time.Minute},
		{"drain_timeout", c.DrainTimeout, 0, 5 * time.Minute},
		{"session_timeout", c.SessionTimeout, time.Second, 5 * time.Minute},
		{"rebalance_timeout", c.RebalanceTimeout, time.Second, 30 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			problem(d.field, "is %v, want %v to %v", d.value, d.min, d.max)
		}
	}
	if c.RebalanceTimeout <= c.DrainTimeout {
		problem("rebalance_timeout", "is %v, want more than drain_timeout, %v: calls of a partition must end before it moves", c.RebalanceTimeout, c.DrainTimeout)
	}
	return errors.Join(problems...)
}
