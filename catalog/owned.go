package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tributary/catalog/query"
	"tributary/schemas"
)

// SourceName is one of the names that traffic sources give to the parts of their own traffic. The same name means the same in
// reports whatever sub of the link carries it.
type SourceName uint8

// The names. One that ends in Name is the text beside the ID before it, and may change while the ID stays.
const (
	Zone SourceName = iota
	ZoneName
	Site
	Placement
	AdCampaign
	AdCampaignName
	AdSet
	AdSetName
	Ad
	AdName
)

var sourceNames = [...]string{"zone", "zone_name", "site", "placement", "ad_campaign", "ad_campaign_name", "adset", "adset_name", "ad", "ad_name"}

// String returns the name as configurations and tables have it.
func (n SourceName) String() string { return sourceNames[n] }

// SourceNames returns every name in order.
func SourceNames() []string { return sourceNames[:] }

// NamedSub says that the sub with an index (0 is sub1) has one of the source's own names.
type NamedSub struct {
	Sub  int
	Name SourceName
}

// Owner is whose traffic a campaign's is. An event keeps it as it is when the event comes.
type Owner struct {
	Buyer, Team string
	Tags        []string
}

// subNames checks and compiles a source's names.
func (b *builder) subNames(field string, declared map[string]string) []NamedSub {
	var named []NamedSub
	taken := map[SourceName]string{}
	for _, sub := range slices.Sorted(maps.Keys(declared)) {
		at, name := field+"."+sub, slices.Index(sourceNames[:], declared[sub])
		digits, isSub := strings.CutPrefix(sub, "sub")
		n, err := strconv.Atoi(digits)
		switch {
		case !isSub || err != nil || n < 1 || n > schemas.MaxSubs || strconv.Itoa(n) != digits:
			b.problem(at, "%q is no sub; they are sub1 to sub%d", sub, schemas.MaxSubs)
		case name < 0:
			b.problem(at, "%q is no name that reports know; they are %s", declared[sub], strings.Join(sourceNames[:], ", "))
		case taken[SourceName(name)] != "":
			b.problem(at, "%s is %s already; a name stands for one sub", taken[SourceName(name)], declared[sub])
		default:
			taken[SourceName(name)] = sub
			named = append(named, NamedSub{n - 1, SourceName(name)})
		}
	}
	return named
}

const maxTags = 16

// owner checks a campaign's buyer, team and tags.
func (b *builder) owner(field string, c *CampaignConfig) Owner {
	text := func(at, value string) {
		switch {
		case len(value) > schemas.MaxNameBytes:
			b.problem(at, "has %d bytes, at most %d are allowed", len(value), schemas.MaxNameBytes)
		case !query.IsName([]byte(value)) || strings.TrimSpace(value) != value:
			b.problem(at, "%q has characters that nobody sees, or blanks around it; use plain text", value)
		}
	}
	text(field+".buyer", c.Buyer)
	text(field+".team", c.Team)
	if len(c.Tags) > maxTags {
		b.problem(field+".tags", "has %d entries, at most %d are allowed", len(c.Tags), maxTags)
	}
	tags := slices.Clone(c.Tags)
	for i, tag := range tags {
		at := fmt.Sprintf("%s.tags[%d]", field, i)
		text(at, tag)
		if tag == "" {
			b.problem(at, "is empty; leave it out")
		}
		if slices.Index(tags, tag) < i {
			b.problem(at, "%q stands there twice", tag)
		}
	}
	slices.Sort(tags) // the order that they are written in means nothing
	return Owner{c.Buyer, c.Team, tags}
}

const maxGoals = 16

// goals checks the event types that count as conversions of an offer.
func (b *builder) goals(field string, declared []string) []string {
	if len(declared) > maxGoals {
		b.problem(field, "has %d entries, at most %d are allowed", len(declared), maxGoals)
	}
	goals := slices.Clone(declared)
	for i, event := range goals {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !IsEvent([]byte(event)) {
			b.problem(at, "%q is no event type; use at most %d of a-z 0-9 . _ -", event, schemas.MaxNameBytes)
		}
		if event == schemas.EventRebill {
			b.problem(at, "a rebill is a payment again of somebody who has converted, and never counts as a conversion; its money does")
		}
		if slices.Index(goals, event) < i {
			b.problem(at, "%q stands there twice", event)
		}
	}
	slices.Sort(goals)
	return goals
}

// The kinds of revenue that a network's may be.
const (
	revenueGross     = "gross"
	revenueConfirmed = "confirmed"
)

// revenue tells of a network whose revenue counts once it is confirmed.
func (b *builder) revenue(field, word string) bool {
	if word != "" && word != revenueGross && word != revenueConfirmed {
		b.problem(field, "%q is unknown; right would be %s (money on hold counts) or %s (it does not), or to leave it out", word, revenueGross, revenueConfirmed)
	}
	return word == revenueConfirmed
}
