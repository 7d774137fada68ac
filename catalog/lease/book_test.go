package lease

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"tributary/schemas/events"
)

func TestBooksTravel(t *testing.T) {
	want := Book{Key: Key{7, 20513}, Cap: 100, Spent: 3,
		Accounts: []Account{{ID: 1 << 63, Granted: 40, Returned: 12}, {ID: 5, Granted: 1, Closed: true}}}
	value, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode("7/20513", value); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if want.Committed() != 3+28+1 {
		t.Errorf("committed are %d", want.Committed())
	}
}

func TestRequestsTravel(t *testing.T) {
	want := []Request{{Key: Key{7, 20513}, Account: 9, Cap: 100, Granted: 30, Returned: 2, Upto: 60, Rate: 1500},
		{Key: Key{1, 1}, Account: 1, Closed: true}}
	record, err := EncodeRequests(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeRequests(record); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A bad entry is refused with what is wrong; the book of before stays in force.
func TestBadBooksAreRefused(t *testing.T) {
	good := func() *events.LeaseBook {
		return &events.LeaseBook{Version: 1, ClicksPerDay: 10,
			Accounts: []*events.LeaseAccount{{Id: 1, Granted: 5, Returned: 2}, {Id: 2, Granted: 5}}}
	}
	cases := []struct {
		name, id string
		spoil    func(*events.LeaseBook)
		says     string
	}{
		{"right", "7/1", func(*events.LeaseBook) {}, ""},
		{"no day", "7", func(*events.LeaseBook) {}, "right would be"},
		{"written otherwise", "07/1", func(*events.LeaseBook) {}, "right would be"},
		{"a later version", "7/1", func(b *events.LeaseBook) { b.Version = 2 }, "version 2"},
		{"more back than granted", "7/1", func(b *events.LeaseBook) { b.Accounts[0].Returned = 6 }, "given 6 back"},
		{"less than nothing", "7/1", func(b *events.LeaseBook) { b.Accounts[0].Granted, b.Accounts[0].Returned = -1, -1 }, "got -1"},
		{"twice", "7/1", func(b *events.LeaseBook) { b.Accounts[1].Id = 1 }, "there twice"},
		{"no account", "7/1", func(b *events.LeaseBook) { b.Accounts[1].Id = 0 }, "has no ID"},
		{"a cap that no catalog has", "7/1", func(b *events.LeaseBook) { b.ClicksPerDay = MaxCap + 1 }, "not from 0"},
		{"negative rest", "7/1", func(b *events.LeaseBook) { b.Spent = -1 }, "not from 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := good()
			c.spoil(b)
			value, err := b.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			err = Check(c.id, value)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("answered %v, wanted %q", err, c.says)
			}
		})
	}
	if err := Check("7/1", []byte{0xff}); err == nil {
		t.Error("bytes that are no message are taken")
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	right := Request{Key: Key{7, 1}, Account: 1, Cap: 10, Granted: 5, Returned: 1, Upto: 9}
	for says, spoil := range map[string]func(*Request){
		"":                 func(*Request) {},
		"names no account": func(r *Request) { r.Account = 0 },
		"the cap is -1":    func(r *Request) { r.Cap = -1 },
		"gives 6 clicks":   func(r *Request) { r.Returned = 6 },
		"wants -3 clicks":  func(r *Request) { r.Upto = -3 },
		"sends -1 clicks":  func(r *Request) { r.Rate = -1 },
	} {
		r := right
		spoil(&r)
		record, err := EncodeRequests([]Request{r})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = DecodeRequests(record); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("answered %v, wanted %q", err, says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b := Book{Key: Key{7, 1}, Cap: 100, Accounts: []Account{{ID: 1, Granted: 40, Returned: 12}}}
	value, _ := b.Encode()
	f.Add("7/1", value)
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		if b, err := Decode(id, value); err == nil && b.Committed() < 0 {
			t.Errorf("a book that is taken has %d clicks", b.Committed())
		}
		list, err := DecodeRequests(value)
		for i := range list {
			if err == nil && list[i].Returned > list[i].Granted {
				t.Errorf("a request that is taken gives back %d of %d", list[i].Returned, list[i].Granted)
			}
		}
	})
}

// A book whose accounts are all of edges that live takes no other; one of an edge that is gone is merged, and what it had stays used.
func TestFullBook(t *testing.T) {
	g := NewGrantor(0)
	key := Key{1, 0}
	b := Book{Key: key}
	for i := range MaxAccounts {
		b.Accounts = append(b.Accounts, Account{ID: uint64(i + 1), Granted: 2, Returned: 1})
	}
	ask := func(nowMS int64) (Book, bool) {
		g.Take(Request{Key: key, Account: 1 << 40, Cap: 5000, Upto: 1}, nowMS, false)
		changed, _ := g.Round(nowMS, func(Key) (Book, error) { return b, nil })
		g.Done(nowMS)
		if len(changed) == 0 {
			return b, false
		}
		return changed[0], true
	}
	if _, ok := ask(1000); ok {
		t.Error("a grantor that has listened for a second takes an account for silent")
	}
	later := int64(3 * listenMS)
	for i := 1; i < MaxAccounts; i++ { // all but the first
		g.Take(Request{Key: key, Account: uint64(i + 1), Cap: 5000, Granted: 2, Returned: 1}, later-1, false)
	}
	after, ok := ask(later)
	if !ok || len(after.Accounts) != MaxAccounts || after.Account(1) != nil || after.Account(1<<40) == nil {
		t.Fatalf("%v: %d accounts", ok, len(after.Accounts))
	}
	if after.Spent != 1 || after.Committed() != b.Committed()+1 {
		t.Errorf("merged %d, committed %d before and %d after", after.Spent, b.Committed(), after.Committed())
	}
}

// Where the topic came back from an older copy, what an edge has seen is true.
func TestOlderCopyOfTheTopic(t *testing.T) {
	g := NewGrantor(0)
	b := Book{Key: Key{1, 0}, Accounts: []Account{{ID: 1, Granted: 10}}}
	g.Take(Request{Key: b.Key, Account: 1, Cap: 100, Granted: 50, Returned: 5}, 0, false)
	g.Take(Request{Key: b.Key, Account: 2, Cap: 100, Granted: 30, Upto: 60}, 0, false)
	changed, _ := g.Round(0, func(Key) (Book, error) { return b, nil })
	if len(changed) != 1 || changed[0].Committed() > 100 || changed[0].Account(1).Granted != 50 || changed[0].Account(2).Granted < 30 {
		t.Errorf("%v", changed)
	}
}

// A day has 23 or 25 hours where the clock is changed, and one number.
func TestDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, date := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)} {
		end := date.AddDate(0, 0, 1)
		first, last := Day(date.UnixMilli(), berlin), Day(end.UnixMilli()-1, berlin)
		if first != last || Day(date.UnixMilli()-1, berlin) != first-1 || Day(end.UnixMilli(), berlin) != first+1 {
			t.Errorf("%v: %d to %d", date, first, last)
		}
		if (Key{1, first}).End() <= end.UnixMilli() {
			t.Errorf("the book of %v ends before its day", date)
		}
	}
}
