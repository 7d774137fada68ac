package destination

import (
	"slices"

	"tributary/schemas/events"
)

// Deciding is the half of a destination by which it is decided what it is told: no address, no secret. It travels in the settings of
// the processor's cycles, so its JSON is short, and a key keeps its meaning.
type Deciding struct {
	Name string `json:"n"`

	// Events are the event types that are told, with the destination's words; "*" is any other one. None: all, under their own names.
	Events map[string]string `json:"ev,omitempty"`
	// GoalOnly: of event types that Events do not name, only what is a goal of the offer.
	GoalOnly bool `json:"go,omitempty"`
	// Statuses has a bit for each status in which a conversion is told.
	Statuses  uint32            `json:"st,omitempty"`
	Words     map[string]string `json:"sw,omitempty"`
	Campaigns []string          `json:"ca,omitempty"`
	Sources   []string          `json:"so,omitempty"`
	Offers    []string          `json:"of,omitempty"`
	Networks  []string          `json:"ne,omitempty"`
	Countries []string          `json:"co,omitempty"`
	// MinMicros and MaxMicros bound the payout in the base currency; 0 for no bound.
	MinMicros   int64 `json:"mi,omitempty"`
	MaxMicros   int64 `json:"ma,omitempty"`
	Corrections bool  `json:"cr,omitempty"`

	Suspicion      string `json:"su,omitempty"`
	SuspicionScore uint32 `json:"ss,omitempty"`
	WaitMS         int64  `json:"wa,omitempty"`

	// SharePPM is told of the payout, SamplePPM of the conversions, in millionths.
	SharePPM  uint32 `json:"sh,omitempty"`
	SamplePPM uint32 `json:"sa,omitempty"`
	// Currency of what is told; empty for the payout's own.
	Currency string `json:"cu,omitempty"`

	DelayMS  int64 `json:"de,omitempty"`
	WindowMS int64 `json:"wi,omitempty"`
	// FromClick: the window begins with the click.
	FromClick    bool  `json:"fc,omitempty"`
	AfterClickMS int64 `json:"ac,omitempty"`
	AfterEventMS int64 `json:"ae,omitempty"`
	UndoAfterMS  int64 `json:"ua,omitempty"`
	UndoWithinMS int64 `json:"uw,omitempty"`

	// Amounts, Restates and Retracts: the destination hears of payouts, of changes, of ends.
	Amounts  bool `json:"am,omitempty"`
	Restates bool `json:"rs,omitempty"`
	Retracts bool `json:"rt,omitempty"`

	// Uses are the macros whose values a request carries, Needs those without which nothing is told.
	Uses  []string `json:"us,omitempty"`
	Needs []string `json:"nd,omitempty"`
	Zone  string   `json:"tz,omitempty"`
}

// The words of suspicion.
const (
	SuspicionTell  = "tell"
	SuspicionWait  = "wait"
	SuspicionNever = "never"
)

// AnyEvent stands for all event types that are not named.
const AnyEvent = "*"

// EventWord returns what the destination calls an event type; ok is false where it is not told.
func (d *Deciding) EventWord(e *events.Conversion) (word string, ok bool) {
	if len(d.Events) == 0 {
		return e.Event, !d.GoalOnly || !e.BesideGoal
	}
	word, ok = d.Events[e.Event]
	if !ok {
		if word, ok = d.Events[AnyEvent]; !ok || d.GoalOnly && e.BesideGoal {
			return "", false
		}
	}
	if word == "" {
		word = e.Event
	}
	return word, true
}

// Concerns tells of a conversion whose click is one of the destination's: that does not change.
func (d *Deciding) Concerns(campaign, source, offer, network, country string) bool {
	if country == "" {
		country = "unknown"
	}
	return among(d.Campaigns, campaign) && among(d.Sources, source) && among(d.Offers, offer) &&
		(network == anyNetwork || among(d.Networks, network)) && among(d.Countries, country)
}

// anyNetwork is of a click, which has no network yet.
const anyNetwork = "\x00"

// ConcernsClick is Concerns of a click.
func (d *Deciding) ConcernsClick(c *events.Click) bool {
	return d.Concerns(c.Campaign, c.Source, c.Offer, anyNetwork, c.Country)
}

// Tells tells of a status in which a conversion is told.
func (d *Deciding) Tells(s events.Status) bool { return d.Statuses&(1<<uint32(s)) != 0 }

// StatusWord is the destination's word for a status.
func (d *Deciding) StatusWord(s events.Status) string {
	word := StatusName(s)
	if own, ok := d.Words[word]; ok {
		return own
	}
	return word
}

// TellsOf tells of a macro that the destination uses.
func (d *Deciding) TellsOf(macro string) bool { return slices.Contains(d.Uses, macro) }

// NeedsAgent tells of a destination that hears of the click's browser.
func (d *Deciding) NeedsAgent() bool { return slices.ContainsFunc(d.Uses, OfAgent) }

func among(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

// StatusNames are the statuses in words, by their numbers.
var StatusNames = []string{"", "registered", "pending", "approved", "rejected", "chargeback"}

// StatusName is a status in a word.
func StatusName(s events.Status) string {
	if int(s) < len(StatusNames) && s >= 0 {
		return StatusNames[s]
	}
	return ""
}
