package dlq

import (
	"strings"
	"testing"
	"time"

	"tributary/cli/misuse"
	"tributary/schemas/events"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestSelectionMistakesNameWhatIsRight(t *testing.T) {
	for want, s := range map[string]Selection{
		`--reason "bad_payot" is unknown; did you mean "bad_payout"?`:                            {Reasons: []string{"forged_click_id", "bad_payot"}},
		`--kind "postbacks" is unknown; did you mean "postback"? One of click, postback, record`: {Kinds: []string{"postbacks"}},
		`--place "edge" is unknown`: {Places: []string{"edge"}},
		`--since "yesterday" is not a time; right would be today, a date such as 2026-01-31`: {Since: "yesterday"},
		`--until "-2h" is not a time`: {Until: "-2h"},
		`--since today is not before --until 2026-03-01: no letter can lie between`: {Since: "today", Until: "2026-03-01"},
	} {
		_, err := s.Parse(noon)
		if err == nil || !misuse.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}

func TestFilter(t *testing.T) {
	l := &Letter{Event: &events.DeadLetter{LetterId: "a", Kind: events.DeadLetter_KIND_POSTBACK, Reason: "bad_payout", Place: "ingest", Network: "acme", ClickId: "c1",
		ReceivedMs: noon.Add(-90 * time.Minute).UnixMilli()}}
	for name, c := range map[string]struct {
		s    Selection
		want bool
	}{
		"all":            {Selection{}, true},
		"reason":         {Selection{Reasons: []string{"orphan", "bad_payout"}}, true},
		"other reason":   {Selection{Reasons: []string{"orphan"}}, false},
		"network":        {Selection{Networks: []string{"acme"}}, true},
		"other network":  {Selection{Networks: []string{"acm"}}, false},
		"kind and place": {Selection{Kinds: []string{"postback"}, Places: []string{"ingest"}}, true},
		"other place":    {Selection{Kinds: []string{"postback"}, Places: []string{"sink"}}, false},
		"click":          {Selection{ClickIDs: []string{"c2"}}, false},
		"letter":         {Selection{Letters: []string{"a"}}, true},
		"since age":      {Selection{Since: "2h"}, true},
		"since later":    {Selection{Since: "1h"}, false},
		"since days":     {Selection{Since: "2d"}, true},
		"since today":    {Selection{Since: "today"}, true},
		"until":          {Selection{Until: "2026-03-02T10:00:00Z"}, false},
		"until excludes": {Selection{Until: "2026-03-02T10:30:00Z"}, false},
		"between":        {Selection{Since: "2026-03-02", Until: "2026-03-02T10:30:01Z"}, true},
	} {
		f, err := c.s.Parse(noon)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := f.takes(l); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestKeeperHoldsTheRightEnd(t *testing.T) {
	for _, newest := range []bool{true, false} {
		k := keeper{limit: 3, newest: newest}
		for _, ms := range []int64{5, 1, 4, 2, 3} {
			k.add(&Letter{Event: &events.DeadLetter{ReceivedMs: ms}})
		}
		want := []int64{1, 2, 3}
		if newest {
			want = []int64{3, 4, 5}
		}
		for i, l := range k.sorted() {
			if l.Event.ReceivedMs != want[i] {
				t.Errorf("newest %t: %d at %d", newest, l.Event.ReceivedMs, i)
			}
		}
		if k.dropped != 2 || k.Len() != 3 {
			t.Errorf("%d dropped, %d held", k.dropped, k.Len())
		}
	}
}

// What a sender wrote must not steer the terminal of the person who reads it.
func TestShownIsOneTameLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain ü":              "plain ü",
		"\x1b[2Jgone":          `\x1b[2Jgone`,
		"a\nb\r\x00":           `a\nb\r\x00`,
		"\xff\xfe":             `\xff\xfe`,
		"evil\u202etxt":        `evil\u202etxt`,
		strings.Repeat("x", 9): "xxxxxxxx…",
	} {
		if got := shown(text, 8+4*boolInt(len(text) != 9)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestAmount(t *testing.T) {
	for micros, want := range map[int64]string{0: "0.00", 12_500_000: "12.50", 11_255_000: "11.255", 1: "0.000001", -3_000_000: "-3.00"} {
		if got := amount(micros); got != want {
			t.Errorf("%d: %s, want %s", micros, got, want)
		}
	}
}

func TestStakesCountAConversionOnce(t *testing.T) {
	s := newStakes()
	try := func(click, txid, reason string, micros int64, replayed bool) {
		l := &Letter{Event: &events.DeadLetter{Network: "acme", ClickId: click, Txid: txid, Reason: reason, PayoutMicros: micros, Currency: "USD"}}
		if replayed {
			l.Replayed = []time.Time{noon}
		}
		s.add(l)
	}
	try("c1", "1", "unknown_status", 10_000_000, false)
	try("c1", "1", "unknown_status", 10_000_000, false) // the network tried again
	try("c1", "2", "unknown_status", 5_000_000, false)
	try("c2", "1", "duplicate_postback", 7_000_000, false) // booked before
	try("c3", "1", "unknown_status", 7_000_000, true)      // replayed
	try("c3", "1", "unknown_status", 7_000_000, false)     // what was replayed, tried again before
	try("c4", "1", "unknown_status", 7_000_000, false)
	try("c4", "1", "unknown_status", 7_000_000, true)
	try("c1", "1", "bad_payout", -4_000_000, false) // what the network deducts again
	try("c1", "1", "bad_payout", -4_000_000, false)
	if got := s.String(); got != "11.00 USD" {
		t.Errorf("at stake: %s", got)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /postback?network=acme&payout=abc"))
	f.Add([]byte("POST http://t.example/postback\n\n{\"a\":1}"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		method, path, query, body, err := splitRequest(raw)
		if err == nil && (method == "" || len(path)+len(query)+len(body) > len(raw)+1) {
			t.Errorf("%q: %q %q %q %q", raw, method, path, query, body)
		}
		for _, place := range []string{"ingest", "processor", "sink"} {
			l := &Letter{Event: &events.DeadLetter{Kind: events.DeadLetter_KIND_POSTBACK, Place: place, Raw: raw}}
			_, _ = postbackRequest(l)
			var out strings.Builder
			explain(&out, l, &Plan{Letter: l, Verdict: Impossible}, noon)
			if strings.ContainsRune(out.String(), '\x1b') {
				t.Errorf("%q reaches the terminal", raw)
			}
		}
	})
}
