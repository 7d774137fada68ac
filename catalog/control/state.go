package control

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/btree"
)

// A State is what is in force at one moment. It never changes.
type State struct {
	shelves  map[string]*shelf
	expiry   *btree.Map[string, string] // kinds by expiryKey
	revision int64
	writes   []write // the latest last
	refused  []Refusal
	now      time.Time
}

// A shelf has the entries of one kind, by ID and in order of revision. Its trees share what they can with those of states
// before and after, so that a change costs what it changes.
type shelf struct {
	byID       *btree.Map[string, item]
	byRevision *btree.Map[int64, string]
}

type item struct {
	Entry
	raw []byte // the ControlEntry as it was read, what a newer program added to it included
}

// A write is all records of one transaction.
type write struct {
	revision int64 // of its last record
	id       string
}

func newShelf() *shelf {
	return &shelf{btree.NewMap[string, item](0), btree.NewMap[int64, string](0)}
}

func (s *shelf) copy() *shelf { return &shelf{s.byID.Copy(), s.byRevision.Copy()} }

// At returns the same state without what has expired by then; at the zero time with all that was not ended in the topic yet.
func (s *State) At(now time.Time) *State {
	at := *s
	at.now = now
	return &at
}

func (s *State) has(e *Entry) bool { return s.now.IsZero() || !e.expired(s.now) }

// Each yields the entries of a kind in order of revision.
func (s *State) Each(kind string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		shelf := s.shelves[kind]
		if shelf == nil {
			return
		}
		shelf.byRevision.Scan(func(_ int64, id string) bool {
			found, _ := shelf.byID.Get(id)
			return !s.has(&found.Entry) || yield(found.Entry)
		})
	}
}

// Of returns the entries of a kind in order of revision.
func (s *State) Of(kind string) []Entry { return slices.Collect(s.Each(kind)) }

// Get returns one entry.
func (s *State) Get(kind, id string) (Entry, bool) {
	if shelf := s.shelves[kind]; shelf != nil {
		if found, ok := shelf.byID.Get(id); ok && s.has(&found.Entry) {
			return found.Entry, true
		}
	}
	return Entry{}, false
}

// Len is how many entries of a kind there are, those that have expired meanwhile included.
func (s *State) Len(kind string) int {
	if shelf := s.shelves[kind]; shelf != nil {
		return shelf.byID.Len()
	}
	return 0
}

// Kinds are those of which there is an entry, sorted.
func (s *State) Kinds() []string {
	names := slices.Collect(maps.Keys(s.shelves))
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return s.Len(name) == 0 })
}

// Revision is that of the last write, 0 before the first.
func (s *State) Revision() int64 { return s.revision }

// Refused are, of a state that Read returned, the records that this program refuses and another one may know: it is without them.
func (s *State) Refused() []Refusal { return s.refused }

// differs returns those of the kinds in which the states differ. It is for kinds that a record touched, which may have left them as
// they were: a base restates all.
func (s *State) differs(was *State, kinds []string) []string {
	return slices.DeleteFunc(kinds, func(kind string) bool {
		a, b := s.shelves[kind], was.shelves[kind]
		if s.Len(kind) != was.Len(kind) {
			return false
		}
		if a == nil || b == nil {
			return true // neither has any
		}
		same, other := true, b.byRevision.Iter()
		more := other.First()
		a.byRevision.Scan(func(revision int64, id string) bool {
			same = more && other.Key() == revision && other.Value() == id
			more = other.Next()
			return same
		})
		return same
	})
}

// nextExpiry is when the first entry expires after a time; there may be none.
func (s *State) nextExpiry(after time.Time) (next time.Time, any bool) {
	if s.expiry == nil {
		return next, false
	}
	s.expiry.Ascend(expiryBound(after.Add(time.Millisecond)), func(name, _ string) bool {
		ms, err := strconv.ParseInt(name[:expiryDigits], 10, 64)
		next, any = time.UnixMilli(ms), err == nil
		return false
	})
	return next, any
}

// expiredBetween returns the kinds of which an entry expired after the one time and until the other.
func (s *State) expiredBetween(after, until time.Time) (kinds []string) {
	if s.expiry == nil {
		return nil
	}
	end := expiryBound(until)
	s.expiry.Ascend(expiryBound(after.Add(time.Millisecond)), func(name, kind string) bool {
		if name[:expiryDigits] > end {
			return false
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		return true
	})
	return kinds
}
