package catalog

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // an image without the system's own time zones has them too

	"tributary/schemas"
)

// unknown is the word for a country, operating system or language that the click does not tell.
const unknown = "unknown"

// devices and systems are the words that the edge's user agent parser answers. A test of the edge holds them against it.
var (
	devices = []string{"desktop", "mobile", "tablet", "tv", "bot", unknown}
	systems = []string{"Windows", "Windows Phone", "Android", "macOS", "iOS", "Linux", "FreeBSD", "ChromeOS", "BlackBerry", "HarmonyOS", "Other", unknown}
)

var redirects = map[string]Redirect{"": RedirectFound, "302": RedirectFound, "307": RedirectTemporary, "meta": RedirectMeta, "double_meta": RedirectDoubleMeta, "js": RedirectScript, "json": RedirectJSON}

const redirectNames = "302, 307, meta, double_meta, js and json"

// rotationOf resolves a list of offer names with weights; nil after a problem.
func (b *builder) rotationOf(field string, campaign uint32, list []string, weights map[string]int) (*Rotation, []*Offer) {
	before := len(b.problems)
	if len(list) == 0 {
		b.problem(field+".offers", "names no offer; give at least one")
	}
	if len(list) > MaxRotation {
		b.problem(field+".offers", "has %d offers, at most %d are allowed", len(list), MaxRotation)
	}
	offers, numbers := make([]*Offer, 0, len(list)), make([]int, 0, len(list))
	some := false
	for i, name := range list {
		o := b.offers[name]
		if o == nil {
			b.problem(fmt.Sprintf("%s.offers[%d]", field, i), "no offer is named %q; the offers are %s", name, names(b.offers))
			continue
		}
		if slices.Contains(list[:i], name) {
			b.problem(fmt.Sprintf("%s.offers[%d]", field, i), "the offer %q is there twice; give it a weight instead", name)
		}
		weight, weighted := weights[name]
		if !weighted {
			weight = 1
		}
		some = some || weight > 0
		offers, numbers = append(offers, o), append(numbers, weight)
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		at := field + ".weights." + name
		if !slices.Contains(list, name) {
			b.problem(at, "the offer %q is not in the list offers; add it or leave its weight out", name)
		}
		if weight := weights[name]; weight < 0 || weight > maxWeight {
			b.problem(at, "the weight %d is not from 0 to %d", weight, maxWeight)
		}
	}
	if len(offers) > 0 && !some {
		b.problem(field+".weights", "every offer has the weight 0; give one of them more")
	}
	if len(b.problems) > before {
		return nil, nil
	}
	return newRotation(campaign, offers, numbers), offers
}

// zone reads the name of a time zone; left out it is UTC.
func (b *builder) zone(field, name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		b.problem(field, "%q is not a time zone; give a name of the IANA database, such as Europe/Berlin or UTC", name)
		return time.UTC
	}
	return zone
}

// rules compiles a campaign's rules in their order.
func (b *builder) rules(field string, out *Campaign, list []RuleConfig) {
	if len(list) > maxRules {
		b.problem(field+".rules", "has %d rules, at most %d are allowed", len(list), maxRules)
		return
	}
	for i := range list {
		c, at := &list[i], fmt.Sprintf("%s.rules[%d]", field, i)
		r := rule{hours: allHours}
		r.rotation, _ = b.rotationOf(at, out.ID, c.Offers, c.Weights)
		for j, code := range c.Countries {
			if code != unknown && countryNumber(code) == unknownCountry {
				b.problem(fmt.Sprintf("%s.countries[%d]", at, j), "%q is not an ISO 3166-1 code; give two upper-case letters, such as DE, or unknown", code)
			}
			if r.countries == nil {
				r.countries = &countrySet{}
			}
			r.countries.add(code)
		}
		r.devices = b.words(at+".devices", c.Devices, devices)
		r.oses = b.words(at+".oses", c.OSes, systems)
		for j, word := range r.oses {
			if word == unknown { // the event's own word is the empty one
				r.oses[j] = ""
			}
		}
		for j, tag := range c.Languages {
			if tag == unknown {
				tag = ""
			} else if !isLanguage(tag) {
				b.problem(fmt.Sprintf("%s.languages[%d]", at, j), "%q is not a language; give a lower-case tag, such as de or pt-br, or unknown", tag)
			}
			r.languages = append(r.languages, tag)
		}
		if len(c.Hours) > 0 {
			r.hours, out.byHour = 0, true
			for j, text := range c.Hours {
				bits, ok := hoursOf(text)
				if !ok {
					b.problem(fmt.Sprintf("%s.hours[%d]", at, j), "%q is neither an hour from 0 to 23 nor from-to, such as 9-17 (9:00 until 17:00) or 22-6", text)
				}
				r.hours |= bits
			}
		}
		r.bot, r.hosting = b.yesOrNo(at+".bot", c.Bot), b.yesOrNo(at+".hosting", c.Hosting)
		for j, n := range c.ASNs {
			if n < 0 || n > math.MaxUint32 {
				b.problem(fmt.Sprintf("%s.asns[%d]", at, j), "%d is not a number of an autonomous system; give 1 to %d, such as 64496, or 0 for an unknown one", n, uint32(math.MaxUint32))
			}
			r.asns = append(r.asns, uint32(n))
		}
		for j, word := range c.ConnectionTypes {
			if !isWord(word) {
				b.problem(fmt.Sprintf("%s.connection_types[%d]", at, j), "%q is not a connection type; give a word such as cellular or cable_dsl, or unknown", word)
			}
			if word == unknown {
				word = ""
			}
			r.connections = append(r.connections, word)
		}
		if len(c.Countries)+len(c.Devices)+len(c.OSes)+len(c.Languages)+len(c.Hours)+len(c.ASNs)+len(c.ConnectionTypes) == 0 && c.Bot == "" && c.Hosting == "" {
			b.problem(at, "has no condition; who fulfils no rule goes to the campaign's own offers")
		}
		out.rules = append(out.rules, r)
	}
}

func (b *builder) yesOrNo(field, text string) yesNo {
	switch text {
	case "":
		return either
	case "yes":
		return onlyYes
	case "no":
		return onlyNo
	}
	b.problem(field, "%q is neither yes nor no; leave it out for both", text)
	return either
}

// isWord takes what ingest/geo makes of a connection type.
func isWord(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c < 0x80 {
			return false
		}
	}
	return text != "" && len(text) <= schemas.MaxPlaceBytes
}

// words copies a list of words of a closed list.
func (b *builder) words(field string, list, known []string) []string {
	for i, word := range list {
		if !slices.Contains(known, word) {
			b.problem(fmt.Sprintf("%s[%d]", field, i), "%q is unknown; the words are %s", word, strings.Join(known, ", "))
		}
	}
	return slices.Clone(list)
}

func isLanguage(tag string) bool {
	for i := range len(tag) {
		if c := tag[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(tag) >= 2 && len(tag) <= schemas.MaxLanguage
}

// hoursOf reads "9", "9-17" (until 17:00) or "22-6" (over midnight) as a bit an hour.
func hoursOf(text string) (bits uint32, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	if err != nil || from < 0 || from > 23 {
		return 0, false
	}
	if !isRange {
		return 1 << from, true
	}
	to, err := strconv.Atoi(last)
	if err != nil || to < 0 || to > 24 || from == to {
		return 0, false
	}
	for h := from; h != to%24; h = (h + 1) % 24 {
		bits |= 1 << h
		if bits == allHours {
			break
		}
	}
	if from == 0 && to == 24 {
		bits = allHours
	}
	return bits, true
}
