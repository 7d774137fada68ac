package catalog

import (
	"slices"
	"strings"
	"time"
)

// maxRules is how many rules one campaign may have: every click looks at them in order.
const maxRules = 64

// Visitor is what rules look at. Every text is in the form of the click event.
type Visitor struct {
	Country, Device, OS, Language string
	Bot                           bool
	// ASN is 0, ConnectionType empty where the visitor's network is not known; Hosting is then false.
	ASN            uint32
	ConnectionType string
	Hosting        bool
	// AtMS is when the click arrived, Unix ms.
	AtMS int64
}

// A rule sends those who fulfil every condition it has to offers of its own. A condition that is left out is nil.
type rule struct {
	countries *countrySet
	devices   []string
	oses      []string
	languages []string
	asns      []uint32
	// connections has the empty word for an unknown one.
	connections []string
	// hours has bit h set for the hour from h:00; allHours for no condition.
	hours    uint32
	bot      yesNo
	hosting  yesNo
	rotation *Rotation
}

const allHours = 1<<24 - 1

// yesNo is a condition on what is so or not: being a bot, coming from a hosting provider.
type yesNo uint8

const (
	either yesNo = iota
	onlyYes
	onlyNo
)

// Rotation returns the offers of the first rule that the visitor fulfils, the campaign's own when there is none. It does not
// allocate.
func (c *Campaign) Rotation(v *Visitor) *Rotation {
	if len(c.rules) == 0 {
		return c.rotation
	}
	hour := uint32(0)
	if c.byHour {
		hour = 1 << time.UnixMilli(v.AtMS).In(c.zone).Hour()
	}
	for i := range c.rules {
		if c.rules[i].fulfilled(v, hour) {
			return c.rules[i].rotation
		}
	}
	return c.rotation
}

// fulfilled looks at the cheap conditions first. hour is a bit, looked at only by rules with hours.
func (r *rule) fulfilled(v *Visitor, hour uint32) bool {
	switch {
	case r.bot == onlyYes && !v.Bot, r.bot == onlyNo && v.Bot,
		r.hosting == onlyYes && !v.Hosting, r.hosting == onlyNo && v.Hosting,
		r.hours != allHours && r.hours&hour == 0,
		r.asns != nil && !slices.Contains(r.asns, v.ASN),
		r.connections != nil && !isOneOf(r.connections, v.ConnectionType),
		r.countries != nil && !r.countries.has(v.Country),
		r.devices != nil && !isOneOf(r.devices, v.Device),
		r.oses != nil && !isOneOf(r.oses, v.OS),
		r.languages != nil && !speaksOneOf(r.languages, v.Language):
		return false
	}
	return true
}

func isOneOf(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}

// speaksOneOf takes "pt" for every Portuguese and "pt-br" for that of Brazil.
func speaksOneOf(list []string, language string) bool {
	for _, one := range list {
		if strings.HasPrefix(language, one) && (len(language) == len(one) || one != "" && language[len(one)] == '-') {
			return true
		}
	}
	return false
}

// countrySet has a bit for each two letters, and one for a country that is not known.
type countrySet [(26*26 + 1 + 63) / 64]uint64

const unknownCountry = 26 * 26

func countryNumber(code string) int {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return unknownCountry
	}
	return int(code[0]-'A')*26 + int(code[1]-'A')
}

func (s *countrySet) add(code string) { n := countryNumber(code); s[n/64] |= 1 << (n % 64) }

func (s *countrySet) has(code string) bool { n := countryNumber(code); return s[n/64]&(1<<(n%64)) != 0 }
