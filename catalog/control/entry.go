package control

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tributary/schemas"
)

// Limits. A write that breaks one is refused; so is a record that a reader finds, which then keeps what it has.
const (
	MaxKindBytes   = 32
	MaxIDBytes     = 1024
	MaxAuthorBytes = 256
	MaxReasonBytes = 1024
	// MaxValueBytes bounds one value: a record of it is below Kafka's 1 MiB for a batch.
	MaxValueBytes = 256 << 10
	// MaxEntries bounds what is in force, MaxChanges what one write changes.
	MaxEntries = 200_000
	MaxChanges = 50_000
	// MaxBytes bounds the values in force together, and with them a copy on disk and a reader's memory.
	MaxBytes = 256 << 20
)

// An Entry is one thing that is in force.
type Entry struct {
	// Kind is of a-z 0-9 . _ -; ID is any text without control characters.
	Kind, ID string
	// Author and Reason say who wrote it and why.
	Author, Reason string
	// At is when it was written, by the writer's clock; Expires when it ends by itself, zero for never. Both have whole milliseconds.
	At, Expires time.Time
	// Value is the kind's; it belongs to the State and must not be changed.
	Value []byte
	// Revision orders entries: the later write has the larger one.
	Revision int64
}

// Key is the entry's name in the topic.
func (e *Entry) Key() string { return key(e.Kind, e.ID) }

func key(kind, id string) string { return kind + "/" + id }

// expired tells whether the entry has ended by itself.
func (e *Entry) expired(now time.Time) bool { return !e.Expires.IsZero() && !e.Expires.After(now) }

// A Change is one part of a write: an entry that is put in force in the place of the one with its kind and ID, or, with Delete, ended;
// of that only Kind, ID, Author and Reason count. At and Revision are the writer's to fill.
type Change struct {
	Entry
	Delete bool
}

// A Kind is a kind of entries, with the one pure check that the writer and every reader apply.
type Kind struct {
	Name string
	// Check returns what is wrong with a value; nil for no check.
	Check func(id string, value []byte) error
	// Says puts a value that Check has accepted in words, for who reads the history of changes (Config.Changes), and tells of one
	// that says that it is no more. Nil: the kind has no history.
	Says func(id string, value []byte) (text string, ended bool)
}

// kinds are known ones by name.
type kinds map[string]Kind

func kindsOf(list []Kind) kinds {
	known := make(kinds, len(list))
	for _, k := range list {
		known[k.Name] = k
	}
	return known
}

// check returns what is wrong with an entry. An unknown kind is a newer program's: it is kept, unchecked.
func (k kinds) check(e *Entry) error {
	if err := checkNames(e); err != nil {
		return err
	}
	if n := len(e.Value); n > MaxValueBytes {
		return fmt.Errorf("%w: its value has %d bytes, at most %d are allowed", ErrRefused, n, MaxValueBytes)
	}
	for _, t := range []time.Time{e.At, e.Expires} {
		if !t.IsZero() && (t.UnixMilli() < 0 || t.UnixMilli() >= schemas.MaxTimeMS) {
			return fmt.Errorf("%w: the time %s is out of range", ErrRefused, t.UTC().Format(time.RFC3339))
		}
	}
	if kind := k[e.Kind]; kind.Check != nil {
		if err := kind.Check(e.ID, e.Value); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return nil
}

// checkNames checks what an entry that ends has, too.
func checkNames(e *Entry) error {
	if e.Kind == "" || len(e.Kind) > MaxKindBytes || strings.Trim(e.Kind, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return fmt.Errorf("%w: the kind %.40q is not 1 to %d of a-z 0-9 . _ -", ErrRefused, e.Kind, MaxKindBytes)
	}
	if e.Kind == baseKind {
		return fmt.Errorf("%w: the kind %q is the topic's own", ErrRefused, e.Kind)
	}
	if e.ID == "" {
		return fmt.Errorf("%w: it has no ID", ErrRefused)
	}
	for _, text := range []struct {
		name, text string
		most       int
	}{{"ID", e.ID, MaxIDBytes}, {"author", e.Author, MaxAuthorBytes}, {"reason", e.Reason, MaxReasonBytes}} {
		if len(text.text) > text.most {
			return fmt.Errorf("%w: its %s has %d bytes, at most %d are allowed", ErrRefused, text.name, len(text.text), text.most)
		}
		if !utf8.ValidString(text.text) || strings.ContainsFunc(text.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%w: its %s %.60q has control characters or is no UTF-8", ErrRefused, text.name, text.text)
		}
	}
	return nil
}
