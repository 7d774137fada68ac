package destination

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tributary/catalog/money"
	"tributary/schemas"
)

// deciding checks and compiles the half that the processor has.
func (b *builder) deciding(field string, c *Config, d *Destination) Deciding {
	t := d.Template
	out := Deciding{Name: c.Name, Campaigns: c.Campaigns, Sources: c.Sources, Offers: c.Offers, Networks: c.Networks, Countries: c.Countries,
		Corrections: c.Corrections, GoalOnly: t.GoalOnly, Currency: cmp.Or(c.Currency, t.Currency), Zone: c.TimeZone}
	out.Events = b.events(field+".events", c.Events, t)
	out.Statuses = b.statuses(field+".statuses", c.Statuses, t)
	out.Words = b.statusWords(field+".status_words", c.StatusWords, t)
	b.listed(field+".campaigns", "campaign", c.Campaigns, b.known.Campaign)
	b.listed(field+".sources", "source", c.Sources, b.known.Source)
	b.listed(field+".offers", "offer", c.Offers, b.known.Offer)
	b.listed(field+".networks", "network", c.Networks, b.known.Network)
	b.listed(field+".countries", "country", c.Countries, isCountry)
	out.MinMicros = b.amount(field+".min_payout", c.MinPayout)
	out.MaxMicros = b.amount(field+".max_payout", c.MaxPayout)
	if out.MaxMicros > 0 && out.MaxMicros < out.MinMicros {
		b.problem(field+".max_payout", "%s is below min_payout, so that nothing would be told", c.MaxPayout)
	}
	if out.Currency != "" && b.known.Currency != nil {
		if problem := b.known.Currency(out.Currency); problem != "" {
			b.problem(field+".currency", "%s", problem)
		}
	}
	if t.Currency != "" && c.Currency != "" && c.Currency != t.Currency {
		b.problem(field+".currency", "the template %s takes %s only", t.Name, t.Currency)
	}
	out.SharePPM = b.percent(field+".share", c.Share)
	out.SamplePPM = b.percent(field+".sample", c.Sample)
	b.suspicion(field, c, t, &out)
	b.times(field, c, t, &out)
	out.Restates, out.Retracts = d.Restated != nil, d.Retracted != nil
	if t.Protocol != ProtocolURL {
		out.Restates, out.Retracts = b.able(field+".restate_url", c.RestateURL, t.Restate), b.able(field+".retract_url", c.RetractURL, t.Retract)
	}
	out.Uses, out.Needs = d.uses()
	out.Amounts = t.Protocol != ProtocolURL || out.TellsOf("payout")
	return out
}

// able tells whether a conversion API, or a webhook, tells of changes: it has no URL of its own for them, but may be told not to.
func (b *builder) able(field, declared, template string) bool {
	switch {
	case declared == "" || declared == Same && template == Same:
		return template == Same
	case declared == none:
		return false
	}
	b.problem(field, "%q is not what this template has; right would be %s, or to leave it out", declared, none)
	return false
}

func (b *builder) events(field string, declared map[string]string, t *Template) map[string]string {
	list := declared
	if len(list) == 0 {
		list = t.Events
	}
	if len(list) > maxListed {
		b.problem(field, "has %d entries, at most %d are allowed", len(list), maxListed)
	}
	for _, event := range slices.Sorted(maps.Keys(list)) {
		if event != AnyEvent && !isEvent(event) {
			b.problem(field+"."+event, "%q is no event type; use at most %d of a-z 0-9 . _ -, or %q for all others", event, schemas.MaxNameBytes, AnyEvent)
		}
		b.text(field+"."+event, list[event])
	}
	return list
}

func isEvent(name string) bool {
	return name != "" && len(name) <= schemas.MaxNameBytes && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// text checks a word of the destination's.
func (b *builder) text(field, word string) {
	if len(word) > schemas.MaxNameBytes || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		b.problem(field, "%+q is too long or has control characters; at most %d bytes are right", word, schemas.MaxNameBytes)
	}
}

func (b *builder) statuses(field string, declared []string, t *Template) (bits uint32) {
	list := declared
	if len(list) == 0 {
		list = t.Statuses
	}
	for i, word := range list {
		n := slices.Index(StatusNames, word)
		if n < 1 {
			b.problem(fmt.Sprintf("%s[%d]", field, i), "%q is no status; they are %s", word, strings.Join(StatusNames[1:], ", "))
			continue
		}
		bits |= 1 << n
	}
	return bits
}

func (b *builder) statusWords(field string, declared map[string]string, t *Template) map[string]string {
	if len(declared) == 0 {
		return t.StatusWords
	}
	words := maps.Clone(t.StatusWords)
	if words == nil {
		words = map[string]string{}
	}
	for _, status := range slices.Sorted(maps.Keys(declared)) {
		if slices.Index(StatusNames, status) < 1 {
			b.problem(field+"."+status, "%q is no status; they are %s", status, strings.Join(StatusNames[1:], ", "))
		}
		b.text(field+"."+status, declared[status])
		words[status] = declared[status]
	}
	return words
}

func (b *builder) listed(field, what string, list []string, known func(string) bool) {
	if len(list) > maxListed {
		b.problem(field, "has %d entries, at most %d are allowed", len(list), maxListed)
	}
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case slices.Index(list, name) < i:
			b.problem(at, "%q stands there twice", name)
		case known != nil && !known(name):
			b.problem(at, "no %s is named %q", what, name)
		}
	}
}

func isCountry(code string) bool {
	return code == "unknown" || len(code) == 2 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (b *builder) amount(field, text string) int64 {
	if text == "" {
		return 0
	}
	micros, err := money.Parse([]byte(text))
	if err != nil {
		b.problem(field, "%q is %v", text, err)
	}
	return micros
}

// all is the whole in millionths.
const all = 1_000_000

// percent reads up to 100 percent into millionths; all when left out.
func (b *builder) percent(field, text string) uint32 {
	if text == "" {
		return all
	}
	micros, err := money.Parse([]byte(strings.TrimSuffix(text, "%")))
	if err != nil || micros > 100*schemas.Micros || micros%100 != 0 || micros == 0 {
		b.problem(field, "%q is no part in percent; right would be a number above 0, to 100, with at most 4 decimals, such as 62.5", text)
		return all
	}
	return uint32(micros / 100)
}

func (b *builder) suspicion(field string, c *Config, t *Template, out *Deciding) {
	out.Suspicion = cmp.Or(c.Suspicion, t.Suspicion, SuspicionWait)
	if !slices.Contains([]string{SuspicionTell, SuspicionWait, SuspicionNever}, out.Suspicion) {
		b.problem(field+".suspicion", "%q is unknown; right would be %s, %s or %s", c.Suspicion, SuspicionTell, SuspicionWait, SuspicionNever)
	}
	if c.SuspicionScore < 0 || c.SuspicionScore > 100 {
		b.problem(field+".suspicion_score", "%d is not from 1 to 100", c.SuspicionScore)
		return
	}
	out.SuspicionScore = uint32(cmp.Or(c.SuspicionScore, defaultSuspicion))
	out.WaitMS = b.duration(field+".wait_at_most", c.WaitAtMost, MaxWindow)
	if c.WaitAtMost > 0 && out.Suspicion != SuspicionWait {
		b.problem(field+".wait_at_most", "nothing waits, for suspicion is %s; leave it out", out.Suspicion)
	}
}

func (b *builder) duration(field string, d, most time.Duration) int64 {
	if d < 0 || d > most {
		b.problem(field, "%s is not from 0s to %s", d, most)
		return 0
	}
	return d.Milliseconds()
}

func (b *builder) times(field string, c *Config, t *Template, out *Deciding) {
	most := cmp.Or(t.Window.Length, MaxWindow)
	out.WindowMS = cmp.Or(b.duration(field+".window", c.Window, most), most.Milliseconds())
	out.FromClick = t.Window.From == "click"
	out.DelayMS = b.duration(field+".delay", c.Delay, most)
	if out.DelayMS >= out.WindowMS {
		b.problem(field+".delay", "%s is not shorter than the window (%s), so that nothing would be told", c.Delay, time.Duration(out.WindowMS)*time.Millisecond)
	}
	out.AfterClickMS, out.AfterEventMS = t.Window.AfterClick.Milliseconds(), t.Window.AfterEvent.Milliseconds()
	out.UndoAfterMS, out.UndoWithinMS = t.Window.UndoAfter.Milliseconds(), t.Window.UndoWithin.Milliseconds()
}

// uses are the macros of all that is sent, in one order.
func (d *Destination) uses() (uses, needs []string) {
	used, needed := map[string]bool{}, map[string]bool{}
	add := func(t *Text) {
		for _, name := range t.Uses() {
			used[name] = true
		}
		for _, name := range t.Needs() {
			needed[name] = true
		}
	}
	for _, o := range []*Outline{d.Created, d.Restated, d.Retracted} {
		if o != nil {
			for _, t := range o.texts() {
				add(t)
			}
		}
	}
	for _, t := range d.Fields {
		add(t)
	}
	for _, name := range d.Template.Uses {
		text := strings.TrimRight(name, "!")
		used[text] = true
		if text != name {
			needed[text] = true
		}
	}
	return slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(needed))
}

// success checks how answers are read.
func (b *builder) success(field string, s *SuccessConfig) {
	codes := func(name string, list []int) {
		for i, code := range list {
			if code < 100 || code > 599 {
				b.problem(fmt.Sprintf("%s.%s[%d]", field, name, i), "%d is no status code", code)
			}
		}
	}
	codes("statuses", s.Statuses)
	codes("retry", s.Retry)
	for name, list := range map[string][]string{"has": s.Has, "done": s.Done, "again": s.Again, "refused": s.Refused, "reason": s.Reason} {
		if len(list) > maxListed {
			b.problem(field+"."+name, "has %d entries, at most %d are allowed", len(list), maxListed)
		}
		for i, text := range list {
			if text == "" || len(text) > schemas.MaxDetailBytes {
				b.problem(fmt.Sprintf("%s.%s[%d]", field, name, i), "has %d bytes; 1 to %d would be right", len(text), schemas.MaxDetailBytes)
			}
		}
	}
}
