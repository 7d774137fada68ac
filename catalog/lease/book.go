package lease

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/schemas/events"
)

// Kind is the word that entries of the topic `control` about leases have; their ID is [Key.String].
const Kind = "lease"

// Version of books and requests as they travel. A reader refuses others.
const Version = 1

// MaxAccounts is how many accounts a book keeps apart. An edge opens one for each of its starts: see [Book.room].
const MaxAccounts = 1000

// A Key names a book.
type Key struct {
	Offer uint32
	Day   uint32 // since 1970, in the offer's time zone: see [Day]
}

// String is the book's ID in the topic `control`: offer/day, such as 7/20513.
func (k Key) String() string {
	return strconv.FormatUint(uint64(k.Offer), 10) + "/" + strconv.FormatUint(uint64(k.Day), 10)
}

// ParseKey reads what String wrote.
func ParseKey(text string) (Key, error) {
	offer, day, _ := strings.Cut(text, "/")
	o, err := strconv.ParseUint(offer, 10, 32)
	d, errDay := strconv.ParseUint(day, 10, 32)
	k := Key{uint32(o), uint32(d)}
	if err != nil || errDay != nil || k.String() != text {
		return Key{}, fmt.Errorf(
			"the ID of a lease is %q; right would be the offer's number, a slash, and the day since 1970, such as 7/20513",
			text)
	}
	return k, nil
}

// Day numbers the days of a time zone: the days since 1970 that its clock has shown at nowMS, Unix ms.
func Day(nowMS int64, zone *time.Location) uint32 {
	_, offset := time.UnixMilli(nowMS).In(zone).Zone()
	return uint32((nowMS/1000 + int64(offset)) / (24 * 60 * 60))
}

// End is a time, Unix ms, at which the day is over in every time zone, and its book is of no use to anybody.
func (k Key) End() int64 { return (int64(k.Day) + 2) * dayMS }

// Expires is when the topic may forget the book: two days after anybody grants of it, so that no clock that is behind begins it anew.
func (k Key) Expires() time.Time { return time.UnixMilli((int64(k.Day) + 4) * dayMS) }

const dayMS = 24 * 60 * 60 * 1000

// A Book says what is granted of one offer's clicks of one day. Its methods that change it are the grantor's.
type Book struct {
	Key
	// Cap is the one of the request that was granted last, for people to read. 0 when nothing was granted yet.
	Cap int64
	// Spent counts what accounts had that are not kept apart any more.
	Spent int64
	// Accounts are in the order in which they were opened.
	Accounts []Account
}

// An Account is what one start of an edge has been granted of a book. Its numbers only grow.
type Account struct {
	// ID is drawn at random by the edge.
	ID uint64
	// Granted is all that it ever got, in clicks; Returned what it gave back unused. The difference counts as used.
	Granted, Returned int64
	// Closed: the edge has said that it takes no more.
	Closed bool
}

// Committed is how many clicks are granted and were not given back: no more than that were, or ever will be, sent.
func (b *Book) Committed() int64 {
	sum := b.Spent
	for i := range b.Accounts {
		sum += b.Accounts[i].Granted - b.Accounts[i].Returned
	}
	return sum
}

// Clone copies what is changed in place.
func (b *Book) Clone() Book {
	c := *b
	c.Accounts = slices.Clone(b.Accounts)
	return c
}

// Account returns the account with that ID; nil for none.
func (b *Book) Account(id uint64) *Account {
	for i := range b.Accounts {
		if b.Accounts[i].ID == id {
			return &b.Accounts[i]
		}
	}
	return nil
}

// settle books what a request says of the past: what was given back, whether the account is closed. It reports a change.
func (b *Book) settle(r *Request) (changed bool) {
	a := b.Account(r.Account)
	if a == nil {
		if r.Granted == 0 {
			return false
		}
		// The topic was lost and came back from an older copy, or the account was merged into Spent. The edge has used up to that many.
		b.Accounts = append(b.Accounts, Account{ID: r.Account})
		a, changed = &b.Accounts[len(b.Accounts)-1], true
	}
	if r.Granted > a.Granted {
		a.Granted, changed = r.Granted, true
	}
	if r.Returned > a.Returned && r.Returned <= a.Granted {
		a.Returned, changed = r.Returned, true
	}
	if r.Closed && !a.Closed {
		a.Closed, changed = true, true
	}
	return changed
}

// grant gives an account at most share clicks more, at least 1 of those that are left, up to what the request wants, and returns how
// many.
func (b *Book) grant(r *Request, share int64, mayMerge func(id uint64) bool) int64 {
	a := b.Account(r.Account)
	had := int64(0)
	if a != nil {
		had = a.Granted
	}
	if r.Closed || a != nil && a.Closed {
		return 0
	}
	n := min(r.Upto-had, r.Cap-b.Committed(), max(share, 1))
	if n <= 0 {
		return 0
	}
	if a == nil {
		if !b.room(mayMerge) {
			return 0
		}
		b.Accounts = append(b.Accounts, Account{ID: r.Account})
		a = &b.Accounts[len(b.Accounts)-1]
	}
	a.Granted += n
	b.Cap = r.Cap
	return n
}

// room makes sure that one account more fits, and merges one that nobody uses into Spent where none does: all that it has counts as
// used from then on.
func (b *Book) room(mayMerge func(id uint64) bool) bool {
	if len(b.Accounts) < MaxAccounts {
		return true
	}
	i := slices.IndexFunc(b.Accounts, func(a Account) bool { return a.Closed })
	if i < 0 {
		i = slices.IndexFunc(b.Accounts, func(a Account) bool { return mayMerge(a.ID) })
	}
	if i < 0 {
		return false
	}
	b.Spent += b.Accounts[i].Granted - b.Accounts[i].Returned
	b.Accounts = slices.Delete(b.Accounts, i, i+1)
	return true
}

// Encode returns the book as the value of an entry of `control`.
func (b *Book) Encode() ([]byte, error) {
	m := events.LeaseBook{Version: Version, ClicksPerDay: b.Cap, Spent: b.Spent, Accounts: make([]*events.LeaseAccount, 0, len(b.Accounts))}
	for _, a := range b.Accounts {
		m.Accounts = append(m.Accounts, &events.LeaseAccount{Id: a.ID, Granted: a.Granted, Returned: a.Returned, Closed: a.Closed})
	}
	value, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding the book of leases %s: %w", b.Key, err)
	}
	return value, nil
}

// Decode reads an entry of `control`. Its error says what is wrong, of a value that nobody of this version can have written too.
func Decode(id string, value []byte) (Book, error) {
	key, err := ParseKey(id)
	if err != nil {
		return Book{}, err
	}
	b := Book{Key: key}
	var m events.LeaseBook
	if err := m.UnmarshalVT(value); err != nil {
		return Book{}, fmt.Errorf("reading the book of leases %s: %w", id, err)
	}
	if m.Version != Version {
		return Book{}, fmt.Errorf(
			"the book of leases %s has the version %d, and this program knows %d; upgrade the older of the two programs",
			id, m.Version, Version)
	}
	b.Cap, b.Spent = m.ClicksPerDay, m.Spent
	for _, a := range m.Accounts {
		b.Accounts = append(b.Accounts, Account{ID: a.Id, Granted: a.Granted, Returned: a.Returned, Closed: a.Closed})
	}
	if err := b.check(); err != nil {
		return Book{}, fmt.Errorf("the book of leases %s: %w", id, err)
	}
	return b, nil
}

// Check is the pure check of an entry of `control` that writer and readers apply.
func Check(id string, value []byte) error {
	_, err := Decode(id, value)
	return err
}

// maxClicks bounds every number of clicks, so that sums of a book fit an int64 and what an edge holds fits 31 bits.
const maxClicks = 1 << 40

func (b *Book) check() error {
	if b.Cap < 0 || b.Cap > MaxCap {
		return fmt.Errorf("the cap %d is not from 0 to %d", b.Cap, int64(MaxCap))
	}
	if b.Spent < 0 || b.Spent > maxClicks {
		return fmt.Errorf("%d clicks of merged accounts are not from 0 to %d", b.Spent, int64(maxClicks))
	}
	if len(b.Accounts) > 2*MaxAccounts {
		return fmt.Errorf("it has %d accounts, at most %d are read", len(b.Accounts), 2*MaxAccounts)
	}
	seen := make(map[uint64]bool, len(b.Accounts))
	for _, a := range b.Accounts {
		switch {
		case a.ID == 0:
			return errors.New("an account has no ID")
		case seen[a.ID]:
			return fmt.Errorf("the account %016x is there twice", a.ID)
		case a.Granted < 0 || a.Granted > maxClicks || a.Returned < 0 || a.Returned > a.Granted:
			return fmt.Errorf(
				"the account %016x has got %d clicks and given %d back; right would be no more back than it got", a.ID,
				a.Granted, a.Returned)
		}
		seen[a.ID] = true
	}
	return nil
}
