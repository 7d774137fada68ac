package outbound

import (
	"testing"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
)

const (
	registered = events.Status_STATUS_REGISTERED
	pending    = events.Status_STATUS_PENDING
	approved   = events.Status_STATUS_APPROVED
	rejected   = events.Status_STATUS_REJECTED
	chargeback = events.Status_STATUS_CHARGEBACK
)

// get is a destination that hears of everything by its URL.
func get(name string, change func(c *destination.Config)) destination.Config {
	c := destination.Config{Name: name, URL: "https://source.example/p?id={external_id}&sum={payout?}", RestateURL: "same", RetractURL: "https://source.example/undo?id={external_id}&sum={payout?}"}
	if change != nil {
		change(&c)
	}
	return c
}

// TestWhatBecomesOfAConversion: each step of a conversion with what its destination is told of it.
func TestWhatBecomesOfAConversion(t *testing.T) {
	type step struct {
		do   func(l *ledger) string
		want string
	}
	create := func(change func(e *events.Conversion)) func(*ledger) string {
		return func(l *ledger) string { return l.created(change) }
	}
	status := func(s events.Status) func(*ledger) string { return func(l *ledger) string { return l.status(s) } }
	payout := func(units int64) func(*ledger) string {
		return func(l *ledger) string { return l.payout(units * schemas.Micros) }
	}
	score := func(n uint32) func(*ledger) string { return func(l *ledger) string { return l.rescored(n) } }
	after := func(d time.Duration) func(*ledger) string {
		return func(l *ledger) string { l.w.at(l.w.nowMS + d.Milliseconds()); return say(l.w.requests()) }
	}
	scored := func(n uint32) func(*ledger) string {
		return create(func(e *events.Conversion) { e.Score = n })
	}
	in := func(s events.Status) func(*ledger) string {
		return create(func(e *events.Conversion) { e.Status = s })
	}
	for name, c := range map[string]struct {
		with  func(c *destination.Config)
		steps []step
	}{
		"as it is": {nil, []step{
			{create(nil), "d created sale 10USD"}, {payout(12), "d restated sale 12USD"}, {payout(10), "d restated sale 10USD"},
			{status(chargeback), "d retracted sale 10USD"}, {status(approved), "d created sale 10USD"}, {status(rejected), "d retracted sale 10USD"},
		}},
		"on hold at first": {nil, []step{{in(pending), ""}, {payout(11), ""}, {status(approved), "d created sale 11USD"}}},
		"told on hold": {func(c *destination.Config) { c.Statuses = []string{"pending", "approved"} }, []step{
			{in(pending), "d created sale 10USD"}, {status(approved), ""}, {payout(11), "d restated sale 11USD"}}},
		"status is told": {func(c *destination.Config) {
			c.Statuses = []string{"pending", "approved", "rejected"}
			c.URL += "&s={status}"
			c.StatusWords = map[string]string{"approved": "1", "pending": "0", "rejected": "2"}
		}, []step{{in(pending), "d created sale 10USD"}, {status(approved), "d restated sale 10USD"}, {status(rejected), "d restated sale 10USD"},
			{status(chargeback), "d retracted sale 10USD"}}},
		"rejected at once": {nil, []step{{in(rejected), ""}, {status(approved), "d created sale 10USD"}}},
		"no way to tell a change": {func(c *destination.Config) { c.RestateURL, c.RetractURL = "", "" }, []step{
			{create(nil), "d created sale 10USD"}, {payout(12), "d restated sale no_update"}, {status(rejected), "d retracted sale no_undo"},
			{status(chargeback), ""}, {status(approved), "d restated sale no_update"}, {payout(10), ""}, {status(rejected), "d retracted sale no_undo"}}},
		"no amount is told": {func(c *destination.Config) {
			c.URL, c.RetractURL = "https://source.example/p?id={external_id}", ""
		}, []step{{create(nil), "d created sale USD"}, {payout(12), ""}}},
		"share": {func(c *destination.Config) { c.Share = "62.5" }, []step{
			{create(nil), "d created sale 6.25USD"}, {payout(1), "d restated sale 0.625USD"}, {status(rejected), "d retracted sale 0.625USD"}}},
		"another currency": {func(c *destination.Config) { c.Currency = "EUR"; c.Share = "50%" }, []step{
			{create(nil), "d created sale 4EUR"}, {payout(3), "d restated sale 1.2EUR"}}},
		"events":        {func(c *destination.Config) { c.Events = map[string]string{"sale": "Purchase"} }, []step{{create(nil), "d created Purchase 10USD"}}},
		"another event": {func(c *destination.Config) { c.Events = map[string]string{"lead": "Lead"} }, []step{{create(nil), ""}}},
		"all others":    {func(c *destination.Config) { c.Events = map[string]string{"lead": "Lead", "*": ""} }, []step{{create(nil), "d created sale 10USD"}}},
		"a goal of the offer's": {func(c *destination.Config) {
			*c = destination.Config{Name: "d", Template: "webhook", URL: "https://w.example/", Secrets: map[string]trust.Secret{"signing": "whsec_0123456789abcdef0123456789abcdef"}}
		}, []step{{in(registered), "d created sale 10USD"}, {status(rejected), "d retracted sale 10USD"}}},
		"another campaign": {func(c *destination.Config) { c.Campaigns = []string{"winter"} }, []step{{create(nil), ""}}},
		"this campaign":    {func(c *destination.Config) { c.Campaigns = []string{"winter", "summer"} }, []step{{create(nil), "d created sale 10USD"}}},
		"another source":   {func(c *destination.Config) { c.Sources = []string{"native"} }, []step{{create(nil), ""}}},
		"another country":  {func(c *destination.Config) { c.Countries = []string{"FR"} }, []step{{create(nil), ""}}},
		"no country": {func(c *destination.Config) { c.Countries = []string{"unknown"} }, []step{
			{create(func(e *events.Conversion) { e.Country = "" }), "d created sale 10USD"}}},
		"too little": {func(c *destination.Config) { c.MinPayout = "11" }, []step{{create(nil), ""}, {payout(12), "d created sale 12USD"}, {payout(1), "d restated sale 1USD"}}},
		"too much":   {func(c *destination.Config) { c.MaxPayout = "9" }, []step{{create(nil), ""}}},
		"no external ID": {nil, []step{
			{create(func(e *events.Conversion) { e.ExternalId = "" }), "d created sale no_value"}, {payout(12), ""}, {status(rejected), ""}}},
		"external ID that may be empty": {func(c *destination.Config) {
			c.URL, c.RetractURL = "https://source.example/p?id={external_id?}&sum={payout}", ""
		}, []step{{create(func(e *events.Conversion) { e.ExternalId = "" }), "d created sale 10USD"}}},
		"payout unknown": {nil, []step{{create(func(e *events.Conversion) {
			e.PayoutSource, e.PayoutMicros, e.PayoutBaseMicros, e.Currency = events.Conversion_PAYOUT_SOURCE_NONE, 0, 0, ""
		}), "d created sale"}, {func(l *ledger) string {
			return l.entry(events.Conversion_KIND_PAYOUT, func(e *events.Conversion) {
				e.PayoutSource, e.PayoutMicros, e.PayoutBaseMicros, e.Currency = events.Conversion_PAYOUT_SOURCE_POSTBACK, 5_000_000, 5_000_000, "USD"
			})
		}, "d restated sale 5USD"}}},
		"a correction": {nil, []step{{func(l *ledger) string {
			return l.entry(events.Conversion_KIND_CORRECTION, func(e *events.Conversion) { e.PayoutMicros, e.PayoutBaseMicros = -5_000_000, -5_000_000 })
		}, ""}}},
		"a correction that is told": {func(c *destination.Config) { c.Corrections = true; c.Share = "50" }, []step{{func(l *ledger) string {
			return l.entry(events.Conversion_KIND_CORRECTION, func(e *events.Conversion) { e.PayoutMicros, e.PayoutBaseMicros = -5_000_000, -5_000_000 })
		}, "d created sale -2.5USD"}}},
		"under suspicion": {nil, []step{{scored(50), "d created sale under_suspicion"}, {after(time.Hour), ""}, {payout(12), ""},
			{score(70), ""}, {status(chargeback), "d created sale suspicion_ended_untold"}, {status(approved), "d created sale under_suspicion"}}},
		"released by who pays": {func(c *destination.Config) { c.Statuses = []string{"pending", "approved"} }, []step{
			{create(func(e *events.Conversion) { e.Score, e.Status = 90, pending }), "d created sale under_suspicion"},
			{payout(12), ""}, {status(approved), "d created sale 12USD"}, {status(rejected), "d retracted sale 12USD"}}},
		"its score falls": {nil, []step{{scored(60), "d created sale under_suspicion"}, {func(l *ledger) string { return l.rescored(40) }, "d created sale 10USD"}}},
		"it has waited long enough": {func(c *destination.Config) { c.WaitAtMost = time.Hour }, []step{
			{scored(60), "d created sale under_suspicion"}, {after(59 * time.Minute), ""}, {after(time.Minute), "d created sale 10USD"}, {after(time.Hour), ""}}},
		"never told":          {func(c *destination.Config) { c.Suspicion = "never" }, []step{{scored(60), "d created sale under_suspicion"}, {status(rejected), ""}}},
		"told all the same":   {func(c *destination.Config) { c.Suspicion = "tell" }, []step{{scored(60), "d created sale 10USD"}}},
		"under another score": {func(c *destination.Config) { c.SuspicionScore = 61 }, []step{{scored(60), "d created sale 10USD"}, {score(90), ""}}},
		"later": {func(c *destination.Config) { c.Delay = time.Hour }, []step{
			{create(nil), ""}, {payout(12), ""}, {after(time.Hour), "d created sale 12USD"}, {status(rejected), "d retracted sale 12USD"}}},
		"later, and rejected meanwhile": {func(c *destination.Config) { c.Delay = time.Hour }, []step{{create(nil), ""}, {status(rejected), ""}, {after(time.Hour), ""}}},
		"later, and found out meanwhile": {func(c *destination.Config) { c.Delay = time.Hour }, []step{
			{create(nil), ""}, {score(70), "d created sale under_suspicion"}, {after(time.Hour), ""}, {status(rejected), "d created sale suspicion_ended_untold"}}},
		"too late": {func(c *destination.Config) { c.Window = time.Hour }, []step{
			{create(func(e *events.Conversion) { e.EventMs -= 2 * hourMS }), "d created sale too_late"}, {status(rejected), ""}}},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				d := get("d", c.with)
				w := newWorld(t, d)
				l := w.conversion(7)
				for i, s := range c.steps {
					if got := s.do(l); got != s.want {
						t.Fatalf("step %d: told %q, want %q", i, got, s.want)
					}
					w.nowMS += 1000
					if restarts {
						w.restart()
					}
				}
			})
		}
	}
}

// TestARequestIsItself: IDs differ by what is told, stay the same where the same is decided again, and lead to the first one.
func TestARequestIsItself(t *testing.T) {
	play := func() (all []*events.OutboundRequest) {
		w := newWorld(t, get("d", nil), get("e", nil))
		l := w.conversion(1)
		steps := []func() []*events.OutboundRequest{
			func() []*events.OutboundRequest { return l.send(events.Conversion_KIND_CREATED, nil) },
		}
		for _, s := range []events.Status{rejected, approved, chargeback} {
			steps = append(steps, func() []*events.OutboundRequest {
				return l.send(events.Conversion_KIND_STATUS, func(e *events.Conversion) { e.Status = s })
			})
		}
		for _, micros := range []int64{12, 10, 12} {
			steps = append(steps, func() []*events.OutboundRequest {
				return l.send(events.Conversion_KIND_PAYOUT, func(e *events.Conversion) { e.PayoutMicros, e.Status = micros*schemas.Micros, approved })
			})
		}
		for _, step := range steps {
			all = append(all, step()...)
		}
		return all
	}
	first, again := play(), play()
	ids, seqs, begun := map[string]bool{}, map[string]uint32{}, map[string]string{}
	for i, r := range first {
		if r.RequestId != again[i].RequestId || len(r.RequestId) != 32 {
			t.Errorf("request %d: %s and then %s", i, r.RequestId, again[i].RequestId)
		}
		if ids[r.RequestId] {
			t.Errorf("%s comes twice", r.RequestId)
		}
		ids[r.RequestId] = true
		if seqs[r.Destination]++; r.Seq != seqs[r.Destination] {
			t.Errorf("request %d of %s has the number %d", seqs[r.Destination], r.Destination, r.Seq)
		}
		if r.Told == events.OutboundRequest_TOLD_CREATED {
			begun[r.Destination] = r.RequestId
			if r.FirstRequestId != "" {
				t.Errorf("a first request names %s", r.FirstRequestId)
			}
		} else if r.FirstRequestId != begun[r.Destination] {
			t.Errorf("it names %s as the first one, want %s", r.FirstRequestId, begun[r.Destination])
		}
	}
	if len(first) != 14 {
		t.Errorf("%d requests: %s", len(first), say(first))
	}
}
