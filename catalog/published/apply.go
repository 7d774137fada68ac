package published

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/destination"
	"tributary/catalog/trust"
)

// A Source is where a catalog is declared: a file, or a store of its own. Only one of them publishes.
type Source interface {
	// Declared returns the whole catalog.
	Declared(ctx context.Context) (catalog.Config, error)
}

const (
	// maxChanges is how many changes are remembered.
	maxChanges = 200
	// maxLines is how many lines of a change are, and maxLineBytes how long one is.
	maxLines     = 200
	maxLineBytes = 400
)

// Summary is the value of a KindChange.
type Summary struct {
	Added   int      `json:"added"`
	Changed int      `json:"changed"`
	Removed int      `json:"removed"`
	Lines   []string `json:"lines"`
}

// Revision is that of the last change that was applied, with its entry; 0 for none.
func Revision(s *control.State) (int64, control.Entry) {
	var last control.Entry
	for e := range s.Each(KindChange) {
		last = e
	}
	for _, l := range lists {
		for e := range s.Each(l.kind) {
			if e.Revision > last.Revision {
				last = e
			}
		}
	}
	return last.Revision, last
}

// A Plan says what to apply, and on what condition.
type Plan struct {
	Author, Reason string
	// If is the revision that the catalog must have; nil: any.
	If *int64
	// Base has the base currency and the click ID keys with which the catalog is checked.
	Base catalog.Config
	// Dry applies nothing.
	Dry bool
}

var errDry = errors.New("a dry run")

// Apply publishes what a source declares, in one write, where it differs from what is in force and catalog.Build takes it. It
// returns the catalog's revision after it, or the one before where nothing was applied, and what differs. The error wraps
// control.ErrChanged where the revision is another than Plan.If.
func Apply(ctx context.Context, w *control.Writer, from Source, p Plan) (revision int64, differences []Difference, err error) {
	declared, err := from.Declared(ctx)
	if err != nil {
		return 0, nil, err
	}
	var before int64
	revision, err = w.Write(ctx, func(now *control.State) ([]control.Change, error) {
		var at control.Entry
		before, at = Revision(now)
		if p.If != nil && *p.If != before {
			return nil, changedMeanwhile(*p.If, at)
		}
		want := declared
		want.Networks, want.Destinations = slices.Clone(declared.Networks), slices.Clone(declared.Destinations)
		if err := keepSecrets(&want, now); err != nil {
			return nil, err
		}
		changes, found, err := changesOf(now, &want)
		if err != nil {
			return nil, err
		}
		differences = found
		check := want
		check.Source, check.BaseCurrency, check.ClickIDKeys = "", p.Base.BaseCurrency, p.Base.ClickIDKeys
		if _, err := catalog.Build(check); err != nil {
			return nil, fmt.Errorf("the catalog is refused, nothing is applied: %w", err)
		}
		if p.Dry {
			return nil, errDry
		}
		if len(changes) == 0 {
			return nil, nil
		}
		return withChange(now, changes, found, p)
	})
	if errors.Is(err, errDry) {
		err = nil
		revision = before
	}
	if err != nil {
		return 0, nil, err
	}
	if len(differences) == 0 {
		revision = before
	}
	return revision, differences, nil
}

func changedMeanwhile(want int64, at control.Entry) error {
	if at.Revision == 0 {
		return fmt.Errorf("%w: no catalog was applied yet, so that there is no revision %d; leave the condition out",
			control.ErrChanged, want)
	}
	return fmt.Errorf("%w: the catalog is at revision %d (%s, %s, %q), not at %d; see what differs, and apply again",
		control.ErrChanged, at.Revision, at.At.UTC().Format(time.RFC3339), at.Author, at.Reason, want)
}

// redacted is how a secret is printed (trust.Secret): where it is applied, the secret in force stays.
const redacted = "(redacted)"

// keepSecrets puts the secrets of networks and destinations in force where an exported text has them redacted.
func keepSecrets(want *catalog.Config, now *control.State) error {
	var errs []error
	networks := listOfKind("network")
	for i := range want.Networks {
		n := &want.Networks[i]
		var was catalog.NetworkConfig
		if e, there := now.Get(networks.kind, n.Name); there {
			item, err := networks.decode(e.ID, e.Value)
			if err != nil {
				return err
			}
			was = item.Interface().(catalog.NetworkConfig)
		}
		keep := func(what string, to *map[string]trust.Secret, from map[string]trust.Secret) {
			errs = append(errs, kept(fmt.Sprintf("networks[%d].trust.%s", i, what), to, from))
		}
		keep("hmac_keys", &n.Trust.HMACKeys, was.Trust.HMACKeys)
		keep("tokens", &n.Trust.Tokens, was.Trust.Tokens)
	}
	destinations := listOfKind("destination")
	for i := range want.Destinations {
		d := &want.Destinations[i]
		var was destination.Config
		if e, there := now.Get(destinations.kind, d.Name); there {
			item, err := destinations.decode(e.ID, e.Value)
			if err != nil {
				return err
			}
			was = item.Interface().(destination.Config)
		}
		errs = append(errs, kept(fmt.Sprintf("destinations[%d].secrets", i), &d.Secrets, was.Secrets))
	}
	return errors.Join(errs...)
}

func listOfKind(kind string) *list {
	return &lists[slices.IndexFunc(lists, func(l list) bool { return l.kind == kind })]
}

// kept replaces the redacted ones of secrets by those in force.
func kept(field string, to *map[string]trust.Secret, from map[string]trust.Secret) error {
	var errs []error
	whole := make(map[string]trust.Secret, len(*to))
	for id, secret := range *to {
		if string(secret) == redacted {
			var there bool
			if secret, there = from[id]; !there {
				errs = append(errs, fmt.Errorf("%s.%s: it is %s, and no such secret is in force that could stay: "+
					"write the secret, or export with --secrets", field, id, redacted))
			}
		}
		whole[id] = secret
	}
	if len(whole) > 0 {
		*to = whole
	}
	return errors.Join(errs...)
}

// withChange adds the entry that tells of the changes, and ends the oldest of those where they are too many.
func withChange(now *control.State, changes []control.Change, found []Difference, p Plan) ([]control.Change, error) {
	var s Summary
	for _, d := range found {
		switch d.What {
		case Added:
			s.Added++
		case Removed:
			s.Removed++
		default:
			s.Changed++
		}
		for _, line := range d.Lines() {
			if len(s.Lines) < maxLines {
				if len(line) > maxLineBytes {
					line = strings.ToValidUTF8(line[:maxLineBytes], "") + "…"
				}
				s.Lines = append(s.Lines, line)
			}
		}
	}
	value, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	for i := range changes {
		changes[i].Author, changes[i].Reason = p.Author, p.Reason
	}
	past := now.Of(KindChange)
	for i := 0; i < len(past)-maxChanges+1; i++ {
		changes = append(changes, control.Change{Delete: true, Entry: control.Entry{
			Kind: KindChange, ID: past[i].ID, Author: p.Author, Reason: "one of too many",
		}})
	}
	next := int64(1)
	if n := len(past); n > 0 {
		if _, err := fmt.Sscanf(past[n-1].ID, "%d", &next); err != nil {
			next = past[n-1].Revision
		}
		next++
	}
	return append(changes, control.Change{Entry: control.Entry{
		Kind: KindChange, ID: fmt.Sprintf("%09d", next), Author: p.Author, Reason: p.Reason, Value: value,
	}}), nil
}

// changesOf returns what makes the wanted catalog of what is in force: what ends first, then what is put.
func changesOf(now *control.State, want *catalog.Config) (changes []control.Change, found []Difference, err error) {
	var puts []control.Change
	for _, l := range lists {
		items := l.items(want)
		named := map[string]bool{}
		for i := range items.Len() {
			item := items.Index(i)
			id := l.name(item)
			if named[id] || id == "" {
				continue // catalog.Build says what is wrong with it
			}
			named[id] = true
			value, err := encode(item)
			if err != nil {
				return nil, nil, fmt.Errorf("writing the %s %q: %w", l.kind, id, err)
			}
			change := control.Change{Entry: control.Entry{Kind: l.kind, ID: id, Value: value}}
			old, there := now.Get(l.kind, id)
			if !there {
				puts, found = append(puts, change), append(found, Difference{Kind: l.kind, ID: id, What: Added, is: plain(item)})
				continue
			}
			if bytes.Equal(old.Value, value) {
				continue
			}
			was, err := l.decode(id, old.Value)
			if err != nil {
				return nil, nil, err
			}
			d := Difference{Kind: l.kind, ID: id, What: Changed, was: plain(was), is: plain(item)}
			if len(d.Lines()) > 0 {
				puts, found = append(puts, change), append(found, d)
			}
		}
		for _, e := range sorted(now, l.kind) {
			if !named[e.ID] {
				changes = append(changes, control.Change{Entry: control.Entry{Kind: l.kind, ID: e.ID}, Delete: true})
				found = append(found, Difference{Kind: l.kind, ID: e.ID, What: Removed})
			}
		}
	}
	return append(changes, puts...), found, nil
}

// sorted are the entries of a kind by ID.
func sorted(s *control.State, kind string) []control.Entry {
	entries := s.Of(kind)
	slices.SortFunc(entries, func(a, b control.Entry) int { return strings.Compare(a.ID, b.ID) })
	return entries
}
