package spool

import (
	"fmt"
	"time"

	"tributary/schemas"
)

// Config is the section `ingest.spool`.
type Config struct {
	Dir          string        `yaml:"dir" doc:"folder of the spool, on a disk that outlives a restart and belongs to this edge alone; data_dir/spool unless set, empty for no spool"`
	MaxBytes     int64         `yaml:"max_bytes" doc:"largest size of the spool on disk, what is set aside included, in bytes; more is answered 503"`
	MaxAge       time.Duration `yaml:"max_age" doc:"when the oldest record waits longer than this, no more are taken (503); what was taken is kept. Keep it below processor.window, within which a record that comes twice is recognised"`
	SegmentBytes int64         `yaml:"segment_bytes" doc:"size of one file of the spool, reserved when it is made, in bytes"`
}

// Defaults bound an outage of an hour at 2,000 clicks a second.
func Defaults() Config {
	return Config{MaxBytes: 4 << 30, MaxAge: 24 * time.Hour, SegmentBytes: 32 << 20}
}

// Validate reports every problem through problem, with fields relative to this section.
func (c *Config) Validate(problem func(field, format string, args ...any)) {
	if c.SegmentBytes < minSegmentBytes || c.SegmentBytes > 1<<30 {
		problem("segment_bytes", "%d is not from %d to %d", c.SegmentBytes, minSegmentBytes, 1<<30)
	}
	if c.MaxBytes < 2*c.SegmentBytes || c.MaxBytes > 1<<44 {
		problem("max_bytes", "%d is not from twice segment_bytes, %d, to %d", c.MaxBytes, 2*c.SegmentBytes, int64(1)<<44)
	}
	if c.MaxAge < time.Second || c.MaxAge > 365*24*time.Hour {
		problem("max_age", "%v is not from 1s to 8760h", c.MaxAge)
	}
}

const (
	// maxPayloadBytes is a record with the longest topic, ID and key.
	maxPayloadBytes = schemas.MaxRecordBytes + 4<<10
	maxFrameBytes   = frameHead + maxPayloadBytes
	minSegmentBytes = 4 << 20
	// maxBatchBytes bounds what gathers in memory while the disk is busy; a batch fits any segment.
	maxBatchBytes = minSegmentBytes - segmentHead
)

// A Record is what Kafka is to get.
type Record struct {
	// Topic is without the deployment's prefix, at most 255 bytes.
	Topic string
	// ID names the event, at most 255 bytes: a click ID, a receipt ID.
	ID []byte
	// Key may be nil.
	Key, Value []byte
	// TimeMS is the record's time, Unix ms.
	TimeMS int64
}

func (r *Record) check() error {
	if len(r.Topic) == 0 || len(r.Topic) > 255 || len(r.ID) > 255 || r.payloadBytes() > maxPayloadBytes {
		return fmt.Errorf("%w: topic %q with %d bytes of ID, %d of key, %d of value", errRecord, r.Topic, len(r.ID), len(r.Key), len(r.Value))
	}
	return nil
}
