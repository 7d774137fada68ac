package meaning

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/deploy/config"
	"tributary/schemas"
	"tributary/schemas/broker"
)

// ErrMismatch is wrapped when a configuration would give stored data another meaning.
var ErrMismatch = errors.New("the configuration does not fit the stored data")

// A Meaning is what a configuration says.
type Meaning struct {
	// BaseCurrency is an ISO 4217 code; empty where no catalog is declared.
	BaseCurrency string
	TopicPrefix  string
	// ProcessorGroup is the group whose offsets say what was processed; empty where the broker's topics say it as well
	// (broker.CommitWhole), so that another group goes on from there.
	ProcessorGroup string
	// Keys are the fingerprints of the keys of click IDs by number; nil where none are known. Active is who signs.
	Keys   map[int]string
	Active int
	// GivenUp are the numbers of keys that may be gone.
	GivenUp []int
	// Example tells that the built-in catalog is in force.
	Example bool
	// LiveFor is how long after its click a conversion may change: so long a click ID's key is needed.
	LiveFor time.Duration
}

// Of is what a loaded configuration says.
func Of(l *config.Loaded) Meaning {
	c := &l.Config
	m := Meaning{TopicPrefix: c.Kafka.TopicPrefix, Example: l.StoodIn && !l.OwnCatalog, LiveFor: c.Processor.BookRetention}
	if l.DeclaresCatalog() {
		m.BaseCurrency = c.Catalog.BaseCurrency
	}
	if !c.Kafka.Abilities().Can(broker.CommitWhole) {
		m.ProcessorGroup = c.Processor.Group
	}
	if keys := c.Catalog.ClickIDKeys; len(keys.Keys) > 0 {
		m.Active, m.GivenUp, m.Keys = keys.Active, keys.GivenUp, map[int]string{}
		for number, secret := range keys.Keys {
			m.Keys[number] = catalog.Fingerprint(secret)
		}
	}
	return m
}

// A Key is one that click IDs were, or may have been, signed with.
type Key struct {
	Fingerprint string `json:"fingerprint"`
	// SignedUntilMS is when it signed last: 0 for never, Signing while it does.
	SignedUntilMS int64 `json:"signed_until_ms"`
}

// Signing is Key.SignedUntilMS of the key that signs.
const Signing = schemas.MaxTimeMS

// Kept is what is remembered beside data. The zero value is of data that nothing was remembered of.
type Kept struct {
	BaseCurrency string `json:"base_currency,omitempty"`
	// TopicPrefix is nil where it was not remembered; an empty one is one.
	TopicPrefix *string `json:"topic_prefix,omitempty"`
	// ProcessorGroup is empty where it was not remembered, or does not matter.
	ProcessorGroup string      `json:"processor_group,omitempty"`
	Keys           map[int]Key `json:"click_id_keys,omitempty"`
	// Example tells that the data came with the built-in catalog.
	Example bool `json:"example,omitempty"`
}

// wayOut is what every refusal ends with that only another installation cures.
const wayOut = "For another one begin a second installation beside this, which may share engines and keys: data_dir, kafka.topic_prefix and " +
	"clickhouse.database of its own (docs/meaning.md)"

// Check returns nil where the configuration fits what is kept, else every difference, each a *schemas.FieldError. where
// names the data, such as "what is stored in data".
func (k *Kept) Check(m Meaning, where string, nowMS int64) error {
	var problems []error
	differ := func(field, format string, arguments ...any) {
		text := fmt.Sprintf(format, arguments...)
		problems = append(problems, fmt.Errorf("%w: %w", ErrMismatch, &schemas.FieldError{Field: field, Problem: text}))
	}
	if k.BaseCurrency != "" && m.BaseCurrency != "" && k.BaseCurrency != m.BaseCurrency {
		differ("catalog.base_currency", "is %s, and the amounts of %s are in %s: sums would add both. Right would be %[3]s. %[4]s",
			m.BaseCurrency, where, k.BaseCurrency, wayOut)
	}
	if k.TopicPrefix != nil && *k.TopicPrefix != m.TopicPrefix { // the group's name follows it: one difference is enough
		differ("kafka.topic_prefix", "is %q, and %s came through topics with %q: the new topics know nothing of them, and copies would count again. "+
			"Right would be %[3]q. %[4]s", m.TopicPrefix, where, *k.TopicPrefix, wayOut)
	} else if k.ProcessorGroup != "" && m.ProcessorGroup != "" && k.ProcessorGroup != m.ProcessorGroup {
		differ("processor.group", "is %q, and %s was processed by the group %q: another one knows nothing of what that has "+
			"processed, and clicks and postbacks would count again. Right would be %[3]q. %[4]s",
			m.ProcessorGroup, where, k.ProcessorGroup, wayOut)
	}
	for _, number := range slices.Sorted(maps.Keys(k.Keys)) {
		key := k.Keys[number]
		if m.Keys == nil || !key.live(nowMS, m.LiveFor) || slices.Contains(m.GivenUp, number) {
			continue
		}
		what := "is not there"
		if is, ok := m.Keys[number]; ok {
			what = fmt.Sprintf("is another one (%s, was %s)", is, key.Fingerprint)
		}
		if m.Keys[number] != key.Fingerprint {
			differ(fmt.Sprintf("catalog.click_id_keys.keys.%d", number), "%s, and click IDs of %s that it signed may still convert: they would be refused as forged. "+
				"Right would be the key as it was; a new one comes beside it under a number of its own, and is made active. "+
				"Where it is lost, or its click IDs shall end: a new key under another number, and given_up: [%d] (docs/meaning.md)", what, where, number)
		}
	}
	return errors.Join(problems...)
}

func (k Key) live(nowMS int64, liveFor time.Duration) bool {
	return k.SignedUntilMS == Signing || k.SignedUntilMS > 0 && nowMS-k.SignedUntilMS <= liveFor.Milliseconds()
}

// Take makes what is kept that of a configuration that Check lets pass, and answers what of it is new, in words for a
// log; nil for nothing.
func (k *Kept) Take(m Meaning, nowMS int64) (news []string) {
	if k.BaseCurrency == "" && m.BaseCurrency != "" {
		k.BaseCurrency = m.BaseCurrency
		news = append(news, "base currency "+m.BaseCurrency)
	}
	if k.TopicPrefix == nil {
		prefix := m.TopicPrefix
		k.TopicPrefix = &prefix
		news = append(news, fmt.Sprintf("topic prefix %q", prefix))
	}
	if k.ProcessorGroup == "" && m.ProcessorGroup != "" {
		k.ProcessorGroup = m.ProcessorGroup
		news = append(news, "processor's group "+m.ProcessorGroup)
	}
	// Data that came with the example are somebody's own from the first catalog of their own on.
	if declared := m.BaseCurrency != ""; declared && m.Example != k.Example {
		k.Example = m.Example
		news = append(news, map[bool]string{true: "the built-in example's catalog", false: "a catalog of your own"}[m.Example])
	}
	return append(news, k.takeKeys(m, nowMS)...)
}

func (k *Kept) takeKeys(m Meaning, nowMS int64) (news []string) {
	if m.Keys == nil {
		return nil
	}
	first := k.Keys == nil
	keys := map[int]Key{}
	for _, number := range slices.Sorted(maps.Keys(m.Keys)) {
		was, known := k.Keys[number]
		key := Key{Fingerprint: m.Keys[number]}
		switch same := known && was.Fingerprint == key.Fingerprint; {
		case number == m.Active:
			key.SignedUntilMS = Signing
		case same && was.SignedUntilMS == Signing, first:
			key.SignedUntilMS = nowMS // of one that was there before anything was kept, nobody knows when it signed
		case same:
			key.SignedUntilMS = was.SignedUntilMS
		}
		if keys[number] = key; key != was || !known {
			news = append(news, fmt.Sprintf("click ID key %d (%s)", number, key.Fingerprint))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(k.Keys)) {
		if _, there := m.Keys[number]; !there {
			news = append(news, fmt.Sprintf("no click ID key %d any more", number))
		}
	}
	k.Keys = keys
	return news
}

// fieldsOf takes the problems out of an error of Check, for a list with lines.
func fieldsOf(err error) (fields []*schemas.FieldError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			fields = append(fields, fieldsOf(one)...)
		}
		return fields
	}
	var field *schemas.FieldError
	if errors.As(err, &field) {
		fields = append(fields, field)
	}
	return fields
}

// Located adds to each difference where the configuration says it.
func Located(err error, l *config.Loaded) error {
	fields := fieldsOf(err)
	if len(fields) == 0 {
		return err
	}
	problems := make(config.Problems, len(fields))
	for i, f := range fields {
		place, ok := l.Place(f.Field)
		for path := f.Field; !ok && strings.Contains(path, "."); {
			path = path[:strings.LastIndexByte(path, '.')]
			place, ok = l.Place(path)
		}
		if !ok {
			place = config.Place{Source: l.File}
		}
		problems[i] = config.Problem{Place: place, Path: f.Field, Text: f.Problem}
	}
	return fmt.Errorf("%w: %w", ErrMismatch, problems)
}
