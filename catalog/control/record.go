package control

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

// entryVersion is the layout of ControlEntry that this program writes, and the latest that it reads.
const entryVersion = 1

// The base record's key: no entry has its kind.
const (
	baseKind = "topic"
	baseKey  = baseKind + "/base"
)

// Headers of records.
const (
	headerWrite    = "write"    // names the write that the record is of; a base's records have none
	headerRevision = "revision" // of an entry behind a base, which keeps the revision that it had
	// Of a record that ends an entry: what a value would say.
	headerAuthor = "author"
	headerReason = "reason"
	headerAt     = "at_ms"
)

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func withHeader(r *kgo.Record, name, value string) {
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
}

// encode returns the record of a change.
func encode(c *Change) (*kgo.Record, error) {
	r := &kgo.Record{Key: []byte(c.Key())}
	if c.Delete {
		withHeader(r, headerAuthor, c.Author)
		withHeader(r, headerReason, c.Reason)
		withHeader(r, headerAt, strconv.FormatInt(c.At.UnixMilli(), 10))
		return r, nil
	}
	m := events.ControlEntry{
		Version: entryVersion, Kind: c.Kind, Id: c.ID, Author: c.Author, Reason: c.Reason, AtMs: millis(c.At), ExpiresMs: millis(c.Expires),
		Value: c.Value,
	}
	var err error
	if r.Value, err = m.MarshalVT(); err != nil {
		return nil, fmt.Errorf("writing the entry %s: %w", c.Key(), err)
	}
	return r, nil
}

// decode returns the change of a record, its revision not filled. The error tells of a record that is refused; kind and ID are
// there all the same.
func decode(r *kgo.Record) (Change, error) {
	var c Change
	c.Kind, c.ID, _ = strings.Cut(string(r.Key), "/")
	if r.Value == nil {
		c.Delete = true
		c.Author, c.Reason = header(r, headerAuthor), header(r, headerReason)
		if ms, err := strconv.ParseInt(header(r, headerAt), 10, 64); err == nil {
			c.At = timeOf(ms)
		}
		return c, nil
	}
	var m events.ControlEntry
	if err := m.UnmarshalVT(r.Value); err != nil {
		return c, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if m.Version > entryVersion {
		return c, newer(m.Version)
	}
	if m.Kind != c.Kind || m.Id != c.ID {
		return c, fmt.Errorf("%w: the record's key is %.80q, but the entry is %.80q", ErrRefused, r.Key, key(m.Kind, m.Id))
	}
	c.Author, c.Reason, c.At, c.Expires, c.Value = m.Author, m.Reason, timeOf(m.AtMs), timeOf(m.ExpiresMs), m.Value
	return c, nil
}

func newer(version uint32) error {
	return fmt.Errorf("%w: it is of version %d, this program knows %d: it was written by a newer one", ErrRefused, version, entryVersion)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
