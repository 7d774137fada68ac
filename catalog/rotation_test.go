package catalog

import (
	"fmt"
	"testing"
	"time"
)

// rotationExample has what the tests of choosing an offer need.
const rotationExample = `
base_currency: USD
click_id_keys: { active: 1, keys: { 1: "00112233445566778899aabbccddeeff" } }
offers:
  - {id: 1, name: a, url: "https://a.example/"}
  - {id: 2, name: b, url: "https://b.example/"}
  - {id: 3, name: c, url: "https://c.example/", clicks_per_day: 10, time_zone: America/New_York}
  - {id: 4, name: safe, url: "https://safe.example/"}
campaigns:
  - id: 1
    name: main
    offers: [a, b, c]
    weights: {a: 5, b: 3, c: 2}
    time_zone: Asia/Kolkata
    fallback_offer: safe
    redirect: meta
    rules:
      - {bot: yes, offers: [safe]}
      - {countries: [DE, AT, unknown], devices: [mobile, tablet], offers: [a]}
      - {oses: [iOS, unknown], languages: [pt-br, de], offers: [b]}
      - {hours: ["22-6", "12"], offers: [c, a], weights: {c: 0}}
  - {id: 2, name: second, offers: [a, b, c], weights: {a: 5, b: 3, c: 2}}
`

func campaignOf(t *testing.T, text, name string) *Campaign {
	t.Helper()
	cat, err := Build(parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return cat.Campaign([]byte(name))
}

// TestShares holds the shares of 100,000 visitors against the weights by the chi-square test, at the 1 in 1,000 level. Nothing is
// random: it fails for every run or for none.
func TestShares(t *testing.T) {
	const visitors = 100_000
	for _, c := range []struct {
		name    string
		weights map[string]int
		limit   float64 // chi-square, 0.001, one degree of freedom less than offers with a weight
	}{
		{"equal", nil, 13.82},
		{"declared", map[string]int{"a": 5, "b": 3, "c": 2}, 13.82},
		{"far apart", map[string]int{"a": 1000, "b": 10, "c": 1}, 13.82},
		{"one paused", map[string]int{"a": 7, "b": 0, "c": 3}, 10.83},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := parse(t, rotationExample)
			cfg.Campaigns[0].Weights, cfg.Campaigns[0].Rules = c.weights, nil
			cat, err := Build(cfg)
			if err != nil {
				t.Fatal(err)
			}
			campaign := cat.Campaign([]byte("main"))
			got := map[string]float64{}
			for i := range uint64(visitors) {
				var tried Tried
				// Visitors' keys are hashes; small numbers in a row are the hardest.
				got[campaign.Rotation(&Visitor{}).Pick(i, &tried).Name]++
			}
			total, chi := 0, 0.0
			weight := func(name string) int {
				if c.weights == nil {
					return 1
				}
				return c.weights[name]
			}
			for _, name := range []string{"a", "b", "c"} {
				total += weight(name)
			}
			for _, name := range []string{"a", "b", "c"} {
				want := visitors * float64(weight(name)) / float64(total)
				if want == 0 {
					if got[name] != 0 {
						t.Errorf("offer %s has the weight 0 and got %v visitors", name, got[name])
					}
					continue
				}
				chi += (got[name] - want) * (got[name] - want) / want
			}
			if chi > c.limit {
				t.Errorf("chi-square %.1f is above %.2f: %v", chi, c.limit, got)
			}
		})
	}
}

func TestPassedOverVisitorsAreSharedByWeight(t *testing.T) {
	campaign := campaignOf(t, rotationExample, "second")
	const visitors = 60_000
	got := map[string]float64{}
	lost := 0.0
	for i := range uint64(visitors) {
		var tried Tried
		r := campaign.Rotation(&Visitor{})
		if r.Pick(i, &tried).Name == "c" {
			lost++
			got[r.Pick(i, &tried).Name]++
		}
	}
	if share := got["a"] / lost; share < 0.605 || share > 0.645 || got["c"] != 0 {
		t.Errorf("of c's visitors a got the share %.3f, want 5/8: %v", share, got)
	}
	var tried Tried
	r := campaign.Rotation(&Visitor{})
	for range 3 {
		if r.Pick(7, &tried) == nil {
			t.Fatal("an offer was passed over that was not tried")
		}
	}
	if o := r.Pick(7, &tried); o != nil {
		t.Errorf("offer %s was answered twice", o.Name)
	}
}

// TestStickiness reloads the catalog with one change each and counts who is sent elsewhere.
func TestStickiness(t *testing.T) {
	const visitors = 20_000
	pick := func(c *Campaign, visitor uint64) string {
		var tried Tried
		return c.Rotation(&Visitor{}).Pick(mix(visitor), &tried).Name
	}
	before := campaignOf(t, rotationExample, "second")
	for _, c := range []struct {
		name   string
		change func(*Config)
		moved  func(from, to string) bool // who may move
		least  float64                    // share of the visitors that must
		most   float64
	}{
		{"nothing", func(*Config) {}, func(_, _ string) bool { return false }, 0, 0},
		{"other order, other campaigns", func(c *Config) {
			c.Campaigns[1].Offers = []string{"c", "a", "b"}
			c.Campaigns = c.Campaigns[1:]
		}, func(_, _ string) bool { return false }, 0, 0},
		{"b is taken away", func(c *Config) {
			c.Campaigns[1].Offers, c.Campaigns[1].Weights = []string{"a", "c"}, map[string]int{"a": 5, "c": 2}
		}, func(from, _ string) bool { return from == "b" }, 0.28, 0.32},
		{"safe is added", func(c *Config) {
			c.Campaigns[1].Offers = append(c.Campaigns[1].Offers, "safe")
		}, func(_, to string) bool { return to == "safe" }, 0.08, 0.10},
		{"a weighs more", func(c *Config) { c.Campaigns[1].Weights["a"] = 10 }, func(_, to string) bool { return to == "a" }, 0.15, 0.18},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := parse(t, rotationExample)
			c.change(&cfg)
			cat, err := Build(cfg)
			if err != nil {
				t.Fatal(err)
			}
			after, moved := cat.Campaign([]byte("second")), 0.0
			for i := range uint64(visitors) {
				from, to := pick(before, i), pick(after, i)
				if from == to {
					continue
				}
				moved++
				if !c.moved(from, to) {
					t.Fatalf("visitor %d went from %s to %s", i, from, to)
				}
			}
			if share := moved / visitors; share < c.least || share > c.most {
				t.Errorf("%.3f of the visitors moved, want %v to %v", share, c.least, c.most)
			}
		})
	}
	other, same := campaignOf(t, rotationExample, "main"), 0.0
	other.rules = nil
	for i := range uint64(visitors) {
		if pick(before, i) == pick(other, i) {
			same++
		}
	}
	// 0.25+0.09+0.04 by chance.
	if share := same / visitors; share < 0.36 || share > 0.40 {
		t.Errorf("two campaigns with the same offers split their visitors alike: %.3f", share)
	}
}

func TestRules(t *testing.T) {
	campaign := campaignOf(t, rotationExample, "main")
	// 12:00 UTC is 17:30 in Kolkata, which no rule names.
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(hour, minute int) int64 {
		return time.Date(2026, 3, 1, hour, minute, 0, 0, time.FixedZone("", 5*3600+1800)).UnixMilli()
	}
	for _, c := range []struct {
		name string
		v    Visitor
		rule int // -1 for the campaign's own
	}{
		{"nobody", Visitor{Country: "FR", Device: "desktop", OS: "Linux", Language: "fr"}, -1},
		{"bot", Visitor{Bot: true, Device: "bot", Country: "DE"}, 0},
		{"country and device", Visitor{Country: "AT", Device: "tablet", OS: "iOS", Language: "de"}, 1},
		{"country without device", Visitor{Country: "DE", Device: "desktop", OS: "Linux", Language: "fr"}, -1},
		{"no country", Visitor{Device: "mobile"}, 1},
		{"broken country", Visitor{Country: "de", Device: "mobile"}, 1},
		{"os and language", Visitor{Country: "FR", OS: "iOS", Language: "de-at"}, 2},
		{"os that is not known", Visitor{Country: "FR", Language: "pt-br"}, 2},
		{"another Portuguese", Visitor{Country: "FR", OS: "iOS", Language: "pt"}, -1},
		{"prefix that is no tag", Visitor{Country: "FR", OS: "iOS", Language: "den"}, -1},
		{"no language", Visitor{Country: "FR", OS: "iOS"}, -1},
		{"night", Visitor{Country: "FR", OS: "Linux", AtMS: at(22, 0)}, 3},
		{"after midnight", Visitor{Country: "FR", OS: "Linux", AtMS: at(5, 59)}, 3},
		{"morning", Visitor{Country: "FR", OS: "Linux", AtMS: at(6, 0)}, -1},
		{"one hour", Visitor{Country: "FR", OS: "Linux", AtMS: at(12, 59)}, 3},
		{"after it", Visitor{Country: "FR", OS: "Linux", AtMS: at(13, 0)}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.v.AtMS == 0 {
				c.v.AtMS = noon.UnixMilli()
			}
			want := campaign.rotation
			if c.rule >= 0 {
				want = campaign.rules[c.rule].rotation
			}
			if got := campaign.Rotation(&c.v); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestHours(t *testing.T) {
	for _, c := range []struct {
		text string
		bits uint32
		ok   bool
	}{
		{"0", 1, true}, {"23", 1 << 23, true}, {"9-17", 0x1fe00, true}, {"22-2", 0xc00003, true}, {"0-24", allHours, true}, {"22-24", 0xc00000, true}, {"22-0", 0xc00000, true},
		{"", 0, false}, {"24", 0, false}, {"-1", 0, false}, {"9-9", 0, false}, {"9-25", 0, false}, {"9-", 0, false}, {"9:00", 0, false}, {"9-17-18", 0, false},
	} {
		if bits, ok := hoursOf(c.text); bits != c.bits || ok != c.ok {
			t.Errorf("%q is %x, %v", c.text, bits, ok)
		}
	}
}

func TestRotationBreaks(t *testing.T) {
	many := make([]RuleConfig, maxRules+1)
	for _, one := range []struct {
		field string
		apply func(*Config)
	}{
		{"campaigns[0].weights.d", func(c *Config) { c.Campaigns[0].Weights["d"] = 1 }},
		{"campaigns[0].weights.a", func(c *Config) { c.Campaigns[0].Weights["a"] = -1 }},
		{"campaigns[0].weights.b", func(c *Config) { c.Campaigns[0].Weights["b"] = maxWeight + 1 }},
		{"campaigns[0].weights", func(c *Config) { c.Campaigns[0].Weights = map[string]int{"a": 0, "b": 0, "c": 0} }},
		{"campaigns[0].offers[3]", func(c *Config) { c.Campaigns[0].Offers = []string{"a", "b", "c", "a"} }},
		{"campaigns[0].offers", func(c *Config) { c.Campaigns[0].Offers = make([]string, MaxRotation+1) }},
		{"campaigns[0].fallback_offer", func(c *Config) { c.Campaigns[0].FallbackOffer = "d" }},
		{"campaigns[0].fallback_offer", func(c *Config) { c.Campaigns[0].FallbackOffer = "c" }},
		{"campaigns[0].time_zone", func(c *Config) { c.Campaigns[0].TimeZone = "Mars/Olympus" }},
		{"campaigns[0].time_zone", func(c *Config) { c.Campaigns[0].TimeZone = "../etc/passwd" }},
		{"campaigns[0].time_zone", func(c *Config) { c.Campaigns[0].TimeZone = "Local" }},
		{"campaigns[0].redirect", func(c *Config) { c.Campaigns[0].Redirect = "301" }},
		{"campaigns[0].rules", func(c *Config) { c.Campaigns[0].Rules = many }},
		{"campaigns[0].rules[0]", func(c *Config) { c.Campaigns[0].Rules[0].Bot = "" }},
		{"campaigns[0].rules[0].bot", func(c *Config) { c.Campaigns[0].Rules[0].Bot = "maybe" }},
		{"campaigns[0].rules[0].offers", func(c *Config) { c.Campaigns[0].Rules[0].Offers = nil }},
		{"campaigns[0].rules[1].offers[0]", func(c *Config) { c.Campaigns[0].Rules[1].Offers[0] = "d" }},
		{"campaigns[0].rules[1].countries[1]", func(c *Config) { c.Campaigns[0].Rules[1].Countries[1] = "at" }},
		{"campaigns[0].rules[1].devices[0]", func(c *Config) { c.Campaigns[0].Rules[1].Devices[0] = "phone" }},
		{"campaigns[0].rules[2].oses[0]", func(c *Config) { c.Campaigns[0].Rules[2].OSes[0] = "ios" }},
		{"campaigns[0].rules[2].languages[0]", func(c *Config) { c.Campaigns[0].Rules[2].Languages[0] = "pt_BR" }},
		{"campaigns[0].rules[3].hours[1]", func(c *Config) { c.Campaigns[0].Rules[3].Hours[1] = "noon" }},
		{"campaigns[0].rules[3].weights.b", func(c *Config) { c.Campaigns[0].Rules[3].Weights["b"] = 1 }},
		{"offers[2].clicks_per_day", func(c *Config) { c.Offers[2].ClicksPerDay = -1 }},
		{"offers[2].time_zone", func(c *Config) { c.Offers[2].TimeZone = "EST5" }},
	} {
		cfg := parse(t, rotationExample)
		one.apply(&cfg)
		_, err := Build(cfg)
		found := false
		for _, field := range fieldsOf(err) {
			found = found || field == one.field
		}
		if !found {
			t.Errorf("breaking %s is answered by %v", one.field, err)
		}
	}
}

// TestPathsStayWhereTheyAre gives a macro in a path everything that could walk out of it.
func TestPathsStayWhereTheyAre(t *testing.T) {
	link, err := ParseTemplate("https://offer.example/a/{sub1}{sub2}/x?k={sub1}")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ one, two, want string }{
		{"..", "", "/a//x?k=.."},
		{".", ".", "/a//x?k=."},
		{"...", "", "/a//x?k=..."},
		{"../../etc", "", "/a/%2F%2Fetc/x?k=..%2F..%2Fetc"},
		{`..\..\etc`, "", "/a/%5C%5Cetc/x?k=..%5C..%5Cetc"},
		{"a..b", "v1.2", "/a/a..bv1.2/x?k=a..b"},
		{"%2e%2e", "", "/a/%252e%252e/x?k=%252e%252e"},
		{"a\r\nSet-Cookie: x", "", "/a/a%0D%0ASet-Cookie%3A%20x/x?k=a%0D%0ASet-Cookie%3A%20x"},
		{"\x00\xff\u202e", "", "/a/%00%FF%E2%80%AE/x?k=%00%FF%E2%80%AE"},
		{`"><script>`, "", "/a/%22%3E%3Cscript%3E/x?k=%22%3E%3Cscript%3E"},
		{"//evil.example", "", "/a/%2F%2Fevil.example/x?k=%2F%2Fevil.example"},
	} {
		got := string(link.Append(nil, &Values{Subs: []string{c.one, c.two}}))
		if got != "https://offer.example"+c.want {
			t.Errorf("%q, %q make %s", c.one, c.two, got)
		}
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	campaign := campaignOf(t, rotationExample, "main")
	v := &Visitor{Country: "FR", OS: "Linux", Language: "pt", Device: "desktop", AtMS: 1772366000000}
	visitor := uint64(0)
	if n := testing.AllocsPerRun(1000, func() {
		var tried Tried
		visitor++
		campaign.Rotation(v).Pick(visitor, &tried)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPick is what choosing costs, by the length of the list; the rules before it are four.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{1, 3, 16, MaxRotation} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			offers, weights := make([]*Offer, n), make([]int, n)
			for i := range offers {
				offers[i], weights[i] = &Offer{ID: uint32(i + 1)}, i+1
			}
			r := newRotation(1, offers, weights)
			visitor := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				var tried Tried
				visitor++
				r.Pick(visitor, &tried)
			}
		})
	}
}
