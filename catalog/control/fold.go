package control

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/btree"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

// maxWrites is how many writes a state remembers: so many may be missing at the end of a topic for a copy to be known as
// the same topic's.
const maxWrites = 1024

// A Refusal is a record that breaks a rule. What was in force under its name before it, still is.
type Refusal struct {
	Kind, ID string
	Revision int64
	Err      error
	raw      []byte
}

// String says it in words. A record's key and value may be anything: neither makes it long.
func (r *Refusal) String() string {
	text := r.Err.Error()
	if len(text) > maxSaidBytes {
		text = strings.ToValidUTF8(text[:maxSaidBytes], "") + " …"
	}
	return fmt.Sprintf("the entry %s of revision %d is refused, what was in force before stays so: %s",
		shownName(key(r.Kind, r.ID)), r.Revision, text)
}

// maxSaidBytes is how much of why an entry is refused is told.
const maxSaidBytes = 500

// shownName is the name of an entry for people: as it is where it can be one's, else quoted and cut.
func shownName(name string) string {
	kind, id, _ := strings.Cut(name, "/")
	if len(name) > 200 || checkNames(&Entry{Kind: kind, ID: id}) != nil {
		return fmt.Sprintf("%.80q", name)
	}
	return name
}

func (r *Refusal) size() int64 { return int64(len(r.Kind) + len(r.ID) + len(r.raw)) }

// firstShift makes the first record of a topic revision 1, so that 0 is before all.
const firstShift = 1

// A gap has the revisions between two that a topic never gave, for it was filled again and goes on behind them: who has one has it from
// before the loss.
type gap struct{ after, before int64 }

func (g gap) has(revision int64) bool { return revision > g.after && revision < g.before }

// gapRevisions is how many those are: more than could have been written that the filling copy had not.
const gapRevisions = 1_000_000

// A fold makes states of records in their order. It belongs to one goroutine.
type fold struct {
	kinds   kinds
	before  *State // in force before the records were read from the beginning; nil for nothing
	shelves map[string]*shelf
	frozen  map[string]*shelf // as the last state has them
	dirty   map[string]bool   // kinds that the last state has otherwise
	news    bool              // a record came since the last state
	expiry  *btree.Map[string, string]
	ended   map[string]Entry // expired, and in the topic still
	refused map[string]Refusal
	// Refusals share the limits of entries, with limits of their own: of more, that there are is all that is known.
	refusedBytes int64
	passedOver   int64
	revision     int64
	writes       []write
	shared       bool  // a state has the same writes
	shift        int64 // from a record's offset to its revision
	bytes        int64 // of all values
	count        int
	lost         gap
	base         int64 // offset of the last base, -1 for none
	records      int64 // since the base, or the beginning
}

func newFold(known kinds, before *State) *fold {
	return &fold{
		kinds: known, before: before, base: -1, shift: firstShift,
		shelves: map[string]*shelf{}, frozen: map[string]*shelf{}, dirty: map[string]bool{},
		expiry: btree.NewMap[string, string](0), ended: map[string]Entry{}, refused: map[string]Refusal{},
	}
}

// add takes the next record.
func (f *fold) add(r *kgo.Record) {
	f.records++
	f.news = true
	if string(r.Key) == baseKey {
		f.addBase(r)
		return
	}
	if id := header(r, headerWrite); id != "" {
		f.wrote(write{r.Offset + f.shift, id})
	}
	change, err := decode(r)
	revision, misplaced := f.place(r, change.Kind, change.ID)
	if err == nil {
		err = misplaced
	}
	if err == nil && !change.Delete {
		change.Revision = revision
		err = f.kinds.check(&change.Entry)
	}
	if err == nil && change.Delete {
		err = checkNames(&change.Entry)
	}
	if err == nil && !change.Delete {
		err = f.room(&change.Entry)
	}
	name := string(r.Key)
	if err != nil {
		f.refuse(Refusal{change.Kind, change.ID, revision, err, r.Value})
		return
	}
	f.pardon(name)
	delete(f.ended, name)
	f.remove(change.Kind, change.ID)
	if !change.Delete {
		f.put(item{change.Entry, r.Value})
	}
}

// place returns the revision of a record: its own, or behind a base the one that it had. The error is of one that no writer gives:
// it would hide another entry, or be later than what is yet to come.
func (f *fold) place(r *kgo.Record, kind, id string) (int64, error) {
	own, told := r.Offset+f.shift, header(r, headerRevision)
	if told == "" {
		return own, nil
	}
	revision, err := strconv.ParseInt(told, 10, 64)
	if err != nil || revision < 1 || revision > own {
		return own, fmt.Errorf("%w: it says that it is of revision %.20q; right would be 1 to %d", ErrRefused, told, own)
	}
	if s := f.shelves[kind]; s != nil {
		if other, taken := s.byRevision.Get(revision); taken && other != id {
			return own, fmt.Errorf("%w: it says that it is of revision %d, which is %s", ErrRefused, revision, shownName(key(kind, other)))
		}
	}
	return revision, nil
}

// maxRevision is far beyond what is ever written, and leaves room to count on.
const maxRevision = 1 << 60

// readBase returns what a base record says.
func (f *fold) readBase(r *kgo.Record) (*events.ControlBase, error) {
	var m events.ControlEntry
	var base events.ControlBase
	if err := m.UnmarshalVT(r.Value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if m.Version > entryVersion {
		return nil, newer(m.Version)
	}
	if err := base.UnmarshalVT(m.Value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if base.Revision < 0 || base.OwnRevision <= max(base.Revision, f.revision) || base.OwnRevision > maxRevision {
		return nil, fmt.Errorf("%w: a base of revision %d that restates revision %d, behind revision %d", ErrRefused,
			base.OwnRevision, base.Revision, f.revision)
	}
	return &base, nil
}

// addBase begins anew: the whole state follows, in the same transaction.
func (f *fold) addBase(r *kgo.Record) {
	base, err := f.readBase(r)
	if err != nil {
		f.refuse(Refusal{baseKind, "base", r.Offset + f.shift, err, r.Value})
		return
	}
	f.clear()
	f.base, f.records, f.shift = r.Offset, 1, base.OwnRevision-r.Offset
	f.lost = gap{base.LostAfter, base.LostBefore}
	f.wrote(write{base.Revision, base.Write})
}

func (f *fold) clear() {
	for kind := range f.shelves {
		f.dirty[kind] = true
	}
	clear(f.shelves)
	clear(f.refused)
	f.refusedBytes, f.passedOver = 0, 0
	clear(f.ended)
	f.expiry.Clear()
	f.bytes, f.count = 0, 0
}

func (f *fold) wrote(w write) {
	f.revision = max(f.revision, w.revision)
	if f.shared {
		f.writes, f.shared = slices.Clone(f.writes), false
	}
	if last := len(f.writes) - 1; last >= 0 && f.writes[last].id == w.id {
		w.revision = max(f.writes[last].revision, w.revision)
		f.writes = f.writes[:last]
	}
	if len(f.writes) >= maxWrites {
		f.writes = slices.Clone(f.writes[len(f.writes)-maxWrites/2:])
	}
	f.writes = append(f.writes, w)
}

func (f *fold) room(e *Entry) error {
	before := int64(0)
	shelf := f.shelves[e.Kind]
	isNew := shelf == nil
	if shelf != nil {
		found, there := shelf.byID.Get(e.ID)
		before, isNew = int64(len(found.Value)), !there
	}
	switch {
	case isNew && f.count >= MaxEntries:
		return fmt.Errorf("%w: %d entries are in force, at most %d are allowed", ErrRefused, f.count, MaxEntries)
	case f.bytes-before+int64(len(e.Value)) > MaxBytes:
		return fmt.Errorf("%w: the values in force would be more than %d MiB", ErrRefused, MaxBytes>>20)
	}
	return nil
}

// refuse keeps what is in force; at a reading from the beginning, what was before it.
func (f *fold) refuse(r Refusal) {
	f.note(r)
	if shelf := f.shelves[r.Kind]; shelf != nil {
		if _, there := shelf.byID.Get(r.ID); there {
			return
		}
	}
	if f.before == nil {
		return
	}
	if shelf := f.before.shelves[r.Kind]; shelf != nil {
		if old, there := shelf.byID.Get(r.ID); there && old.Revision < r.Revision {
			f.put(old)
		}
	}
}

// note keeps a refusal, where there is room for it.
func (f *fold) note(r Refusal) {
	name := key(r.Kind, r.ID)
	before, there := f.refused[name]
	size := f.refusedBytes - before.size() + r.size()
	if !there && len(f.refused) >= MaxEntries || size > MaxBytes {
		f.passedOver++
		return
	}
	f.refused[name], f.refusedBytes = r, size
}

// pardon forgets a refusal.
func (f *fold) pardon(name string) {
	if r, there := f.refused[name]; there {
		f.refusedBytes -= r.size()
		delete(f.refused, name)
	}
}

func (f *fold) put(i item) {
	s := f.shelves[i.Kind]
	if s == nil {
		s = newShelf()
		f.shelves[i.Kind] = s
	}
	s.byID.Set(i.ID, i)
	s.byRevision.Set(i.Revision, i.ID)
	if !i.Expires.IsZero() {
		f.expiry.Set(expiryKey(&i.Entry), i.Kind)
	}
	f.dirty[i.Kind] = true
	f.bytes += int64(len(i.Value))
	f.count++
}

// get returns an entry in force.
func (f *fold) get(kind, id string) (Entry, bool) {
	if s := f.shelves[kind]; s != nil {
		found, there := s.byID.Get(id)
		return found.Entry, there
	}
	return Entry{}, false
}

// find returns the revision of a write.
func (f *fold) find(id string) (int64, bool) {
	for _, w := range slices.Backward(f.writes) {
		if w.id == id {
			return w.revision, true
		}
	}
	return 0, false
}

func (f *fold) remove(kind, id string) {
	s := f.shelves[kind]
	if s == nil {
		return
	}
	old, there := s.byID.Delete(id)
	if !there {
		return
	}
	s.byRevision.Delete(old.Revision)
	if !old.Expires.IsZero() {
		f.expiry.Delete(expiryKey(&old.Entry))
	}
	f.dirty[kind] = true
	f.bytes -= int64(len(old.Value))
	f.count--
}

// expiryDigits are those of a time in milliseconds, so that text sorts as time.
const expiryDigits = 15

func expiryKey(e *Entry) string { return expiryBound(e.Expires) + " " + e.Key() }

func expiryBound(t time.Time) string { return fmt.Sprintf("%0*d", expiryDigits, max(0, t.UnixMilli())) }

// expire ends what has expired by then.
func (f *fold) expire(now time.Time) {
	for {
		name, kind, any := f.expiry.Min()
		if !any || name[:expiryDigits] > expiryBound(now) {
			return
		}
		id := name[expiryDigits+1+len(kind)+1:]
		was, _ := f.get(kind, id)
		f.ended[key(kind, id)] = Entry{Kind: kind, ID: id, Value: was.Value} // the value for the history of changes
		f.remove(kind, id)
	}
}

// state returns what is in force now, and the kinds of which the last state that it returned has other entries.
func (f *fold) state() (s *State, changed []string) {
	for kind := range f.dirty {
		changed = append(changed, kind)
		if shelf := f.shelves[kind]; shelf != nil {
			f.frozen[kind] = shelf.copy()
		} else {
			delete(f.frozen, kind)
		}
	}
	clear(f.dirty)
	f.news, f.shared = false, true
	slices.Sort(changed)
	return &State{shelves: maps.Clone(f.frozen), expiry: f.expiry.Copy(), revision: f.revision, writes: f.writes}, changed
}

// refusals are sorted by name.
func (f *fold) refusals() (list []Refusal) {
	for _, name := range slices.Sorted(maps.Keys(f.refused)) {
		list = append(list, f.refused[name])
	}
	return list
}
