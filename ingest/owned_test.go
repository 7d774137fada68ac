package ingest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/schemas/events"
)

// owned is a catalog whose campaigns have owners and whose sources have names of their own for their subs.
func owned(tb testing.TB) func(*Config, *Deps) {
	cfg := testCatalog()
	cfg.Campaigns[0].Buyer, cfg.Campaigns[0].Team, cfg.Campaigns[0].Tags = "ann", "push", []string{"nutra", "de"}
	cfg.Campaigns[0].Landings = []string{"quiz"}
	cfg.Landings = []catalog.LandingConfig{{ID: 1, Name: "quiz", URL: "https://landing.example/?c={click_id}"}}
	cfg.Sources[0].Names = map[string]string{"sub1": "zone", "sub2": "ad", "sub3": "ad_name"}
	cfg.Sources[1].Names = map[string]string{"sub4": "zone", "sub1": "adset", "sub2": "adset_name", "sub3": "ad_campaign", "sub5": "ad_campaign_name", "sub6": "site",
		"sub7": "placement", "sub8": "zone_name"}
	built, err := catalog.Build(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return func(_ *Config, d *Deps) { d.Catalog = built }
}

// clickOf is the click of a redirect.
func (b *bench) clickOf(r reply) *events.Click {
	b.tb.Helper()
	for _, c := range b.clicks() {
		if c.ClickId == r.header.Get("X-Click-Id") {
			return c
		}
	}
	b.tb.Fatalf("no click of the answer %d %s", r.status, r.body)
	return nil
}

// newest is the impression that came last: their IDs are sorted by time.
func (b *bench) newest() *events.Impression {
	b.tb.Helper()
	return slices.MaxFunc(b.impressions(), func(x, y *events.Impression) int { return strings.Compare(x.ImpressionId, y.ImpressionId) })
}

// namesOfClick are a source's own names as a click or an impression has them.
func namesOfClick(c interface {
	GetZone() string
	GetZoneName() string
	GetSite() string
	GetPlacement() string
	GetAdCampaign() string
	GetAdCampaignName() string
	GetAdset() string
	GetAdsetName() string
	GetAd() string
	GetAdName() string
}) string {
	return strings.Join([]string{c.GetZone(), c.GetZoneName(), c.GetSite(), c.GetPlacement(), c.GetAdCampaign(), c.GetAdCampaignName(),
		c.GetAdset(), c.GetAdsetName(), c.GetAd(), c.GetAdName()}, "|")
}

// TestASourcesOwnNames: a zone is a zone whatever the sub it comes in, also where the sub before it is missing.
func TestASourcesOwnNames(t *testing.T) {
	b := newBench(t, owned(t))
	for _, c := range []struct{ query, want string }{
		{"source=pushads&sub1=z7&sub2=a1&sub3=Summer+banner&sub4=x", "z7||||||||a1|Summer banner"},
		{"source=euroads&sub4=z7&sub1=s1&sub2=Set&sub3=c9&sub5=Camp&sub6=s.example&sub7=p3&sub8=Top", "z7|Top|s.example|p3|c9|Camp|s1|Set||"},
		{"source=pushads&sub2=a1", "||||||||a1|"},
		{"source=pushads", "|||||||||"},
		{"source=somebody&sub1=z7&sub2=a1", "|||||||||"},
		{"sub1=z8", "z8|||||||||"}, // the campaign's own source
	} {
		click := b.clickOf(b.get("/c/summer?" + c.query))
		if got := namesOfClick(click); got != c.want {
			t.Errorf("%s: the click's names are %s, %s would be right", c.query, got, c.want)
		}
		if click.Buyer != "ann" || click.Team != "push" || !slices.Equal(click.Tags, []string{"de", "nutra"}) {
			t.Errorf("%s: the click is of %q, %q, %q", c.query, click.Buyer, click.Team, click.Tags)
		}
		b.get("/i/summer?" + c.query)
		last := b.newest()
		if got := namesOfClick(last); got != c.want || last.Buyer != "ann" || last.Team != "push" || len(last.Tags) != 2 {
			t.Errorf("%s: the impression is %v", c.query, last)
		}
	}
	// A campaign without an owner comes after one that has one.
	if c := b.clickOf(b.get("/c/split?source=somebody")); c.Buyer != "" || c.Team != "" || len(c.Tags) != 0 {
		t.Errorf("a campaign without an owner has %q, %q, %q", c.Buyer, c.Team, c.Tags)
	}
	click := b.get("/c/summer?source=pushads")
	b.get("/l/" + click.header.Get("X-Click-Id"))
	presses := b.presses()
	if len(presses) != 1 || presses[0].Buyer != "ann" || presses[0].Team != "push" || !slices.Equal(presses[0].Tags, []string{"de", "nutra"}) {
		t.Errorf("the presses are %v", presses)
	}
}

func TestReferrerDomain(t *testing.T) {
	b := newBench(t, nil)
	for referrer, want := range map[string]string{
		"https://news.example/a?b=c":    "news.example",
		"http://WWW.News.Example:8080/": "news.example",
		"https://www.example":           "www.example",
		"https://user@www.a.example?x":  "a.example",
		"https://a.example.#x":          "a.example",
		"https://[2001:db8::1]:8080/x":  "[2001:db8::1]",
		"https://[2001:db8::1]":         "[2001:db8::1]",
		"https://":                      "",
		"android-app://com.example":     "",
		"news.example":                  "",
		"":                              "",
		"HTTPS://news.example/":         "news.example",
		"https://a.example/" + strings.Repeat("x", 600): "a.example",
	} {
		req := b.request(http.MethodGet, "/c/summer", "", "")
		if referrer != "" {
			req.Header.Set("Referer", referrer)
		}
		if got := b.clickOf(b.do(req)).ReferrerDomain; got != want {
			t.Errorf("the domain of %q is %q, %q would be right", referrer, got, want)
		}
	}
}
