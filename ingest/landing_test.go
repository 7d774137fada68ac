package ingest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

func (b *bench) presses() []*events.LandingClick {
	b.tb.Helper()
	var list []*events.LandingClick
	for _, r := range b.records(schemas.TopicLandingClicks) {
		l := &events.LandingClick{}
		if err := l.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if string(r.Key) != l.LandingClickId || len(l.LandingClickId) != id.ReceiptTextBytes {
			b.tb.Errorf("press %s has the key %q", l.LandingClickId, r.Key)
		}
		list = append(list, l)
	}
	return list
}

// TestLandingPages follows visitors from the link over the landing page to the offer: the offer is the one that their click has.
func TestLandingPages(t *testing.T) {
	b := newBench(t, withTraffic(func(cfg *Config, _ *Deps) { cfg.TrustedProxies = []string{"127.0.0.1"} }))
	offers, pages := map[string]int{}, map[string]int{}
	for i := range 40 {
		ip := fmt.Sprintf("203.0.113.%d", i)
		click := b.visit("/c/landed", ip, chrome)
		clickID := click.header.Get("X-Click-Id")
		page := click.header.Get("Location")
		if click.status != http.StatusFound || !strings.HasPrefix(page, "https://land.example/") || !strings.Contains(page, "click="+clickID) {
			t.Fatalf("the click is answered %+v", click)
		}
		press := b.visit("/l/"+clickID+"?sub1=fromthepage", ip, chrome)
		offer := press.header.Get("Location")
		if press.status != http.StatusFound || press.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("the press is answered %+v", press)
		}
		if again := b.visit("/c/landed", ip, chrome).header.Get("Location"); page[:25] != again[:25] {
			t.Errorf("the visitor got %s, then %s", page, again)
		}
		pages[page[:25]]++
		offers[offer[:20]]++
		if strings.Contains(offer, "offer.example") && !strings.HasSuffix(offer, "&s1=fromthepage&s2=") {
			t.Errorf("the offer's link is %s", offer)
		}
	}
	if len(pages) != 2 || len(offers) != 2 {
		t.Errorf("the pages are %v, the offers %v", pages, offers)
	}
	clicks := map[string]*events.Click{}
	for _, c := range b.clicks() {
		clicks[c.ClickId] = c
	}
	presses := b.presses()
	if len(presses) != 40 {
		t.Fatalf("%d presses, want 40", len(presses))
	}
	for _, p := range presses {
		c := clicks[p.ClickId]
		parsed, _ := id.ParseClick(p.ClickId)
		if c == nil || c.OfferId != p.OfferId || c.Offer != p.Offer || c.LandingId == 0 || c.LandingId != p.LandingId || c.Landing != p.Landing || p.CampaignId != 5 || p.Campaign != "landed" || p.SourceId != 1 ||
			p.Source != "pushads" || p.ClickMs != parsed.TimeMS() || p.Country != c.Country || p.Device != "desktop" || p.Button != 0 {
			t.Errorf("the click is %v\nits press %v", c, p)
		}
	}
	direct := b.get("/c/summer")
	for _, c := range b.clicks() {
		if c.ClickId == direct.header.Get("X-Click-Id") && (strings.Contains(direct.header.Get("Location"), "land.example") || c.LandingId != 0 || c.Landing != "") {
			t.Errorf("a campaign without pages: %+v, %v", direct, c)
		}
	}
}

// TestLandingCost: behind a button {cost} is what the page passes on, else the campaign's cost.
func TestLandingCost(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		c := testCatalog()
		c.Offers = append(c.Offers, catalog.OfferConfig{ID: 9, Name: "priced", URL: "https://offer.example/?c={cost}"})
		c.Landings = []catalog.LandingConfig{{ID: 7, Name: "quiz", URL: "https://land.example/quiz?click={click_id}&cost={cost}"}}
		c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 5, Name: "landed", Offers: []string{"priced"}, Landings: []string{"quiz"}, Source: "pushads", Cost: "0.1"})
		var err error
		if d.Catalog, err = catalog.Build(c); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct{ link, want string }{{"/c/landed", "0.1"}, {"/c/landed?cost=0.0375", "0.0375"}, {"/c/landed?cost=0", "0"}} {
		page, err := url.Parse(b.get(c.link).header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := page.Query()
		if got := b.get("/l/" + q.Get("click") + "?cost=" + url.QueryEscape(q.Get("cost"))).header.Get("Location"); got != "https://offer.example/?c="+c.want {
			t.Errorf("%s leads to %s over %s", c.link, got, page)
		}
		for _, passed := range []string{"", "?cost=", "?cost=%7Bcost%7D", "?cost=-1"} {
			if got := b.get("/l/" + q.Get("click") + passed).header.Get("Location"); got != "https://offer.example/?c=0.1" {
				t.Errorf("a button with %q leads to %s", passed, got)
			}
		}
	}
}

// TestLandingButtons: a button may name one of the campaign's offers. Nothing leads elsewhere, and what is refused has a row.
func TestLandingButtons(t *testing.T) {
	b := newBench(t, withTraffic())
	good := clickID(t, testSecret, 5, 1)
	old := oldClickID(t, 8*24*time.Hour)
	for _, c := range []struct {
		method, path string
		status       int
		location     string
		reason       schemas.RejectReason
	}{
		{"GET", good + "/1", 302, "https://offer.example/land?sub=" + good, ""},
		{"GET", good + "/2", 302, "https://other.example/landed/x?o=other", ""},
		{"GET", strings.ToUpper(good) + "/2", 302, "https://other.example/landed/x?o=other", ""},
		{"HEAD", good + "/2", 302, "https://other.example/landed/x?o=other", ""},
		{"GET", good + "/3", 404, "", schemas.RejectUnknownOffer},
		{"GET", good + "/0", 404, "", schemas.RejectUnknownOffer},
		{"GET", good + "//", 302, "https://offer.example/land?sub=" + good, ""},
		{"GET", good + "/01x", 404, "", schemas.RejectUnknownOffer},
		{"GET", good + "/99999999999999999999999", 404, "", schemas.RejectUnknownOffer},
		{"GET", good + "//evil.example", 404, "", schemas.RejectUnknownOffer},
		{"GET", "", 400, "", schemas.RejectMalformedClickID},
		{"GET", "https://evil.example", 400, "", schemas.RejectMalformedClickID},
		{"GET", "abc", 400, "", schemas.RejectMalformedClickID},
		{"GET", good[:39], 400, "", schemas.RejectMalformedClickID},
		{"GET", good + "?click_id=x", 302, "https://", ""},
		{"GET", clickID(t, otherSecret, 5, 1), 403, "", schemas.RejectForgedClickID},
		{"GET", clickID(t, testSecret, 77, 1), 404, "", schemas.RejectUnknownCampaign},
		{"GET", old, 410, "", schemas.RejectExpiredClickID},
		{"HEAD", old, 410, "", ""},
		{"POST", good, 405, "", ""},
	} {
		letters, presses := len(b.letters()), len(b.presses())
		got := b.send(c.method, "/l/"+c.path, "", "")
		if got.status != c.status || !strings.HasPrefix(got.header.Get("Location"), c.location) || c.location == "" && got.header.Get("Location") != "" || strings.Contains(got.header.Get("Location"), "evil") {
			t.Errorf("%s %s is answered %+v", c.method, c.path, got)
		}
		if c.reason != "" {
			if all := b.letters(); len(all) != letters+1 || !strings.Contains(got.body, string(c.reason)) {
				t.Errorf("%s: %d rows more, the answer is %s", c.path, len(all)-letters, got.body)
			}
		}
		if n, want := len(b.presses())-presses, map[bool]int{true: 1}[c.method == "GET" && c.status == 302]; n != want {
			t.Errorf("%s %s makes %d presses, want %d", c.method, c.path, n, want)
		}
	}
	for _, p := range b.presses() {
		if p.Button == 1 && p.Offer != "casino-de" || p.Button == 2 && p.Offer != "other" || p.Button > 2 || p.ClickId != good {
			t.Errorf("the press is %v", p)
		}
	}
}

// TestCapsCountPresses: a cap is on who reaches the offer, so that clicks on the way to a landing page leave it alone.
func TestCapsCountPresses(t *testing.T) {
	b := newBench(t, func(cfg *Config, deps *Deps) {
		c := testCatalog()
		c.Landings = []catalog.LandingConfig{{ID: 7, Name: "quiz", URL: "https://land.example/quiz?click={click_id}"}}
		c.Offers = append(c.Offers, catalog.OfferConfig{ID: 3, Name: "few", URL: "https://few.example/", ClicksPerDay: 2})
		c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 5, Name: "landed", Offers: []string{"few"}, Landings: []string{"quiz"}, FallbackOffer: "other"})
		var err error
		if deps.Catalog, err = catalog.Build(c); err != nil {
			t.Fatal(err)
		}
	})
	var clickID string
	for range 5 {
		clickID = b.get("/c/landed").header.Get("X-Click-Id")
	}
	for i, want := range []string{"https://few.example/", "https://few.example/", "https://other.example/"} {
		if got := b.get("/l/" + clickID).header.Get("Location"); !strings.HasPrefix(got, want) {
			t.Errorf("press %d leads to %s, want %s", i+1, got, want)
		}
	}
	if got := b.get("/l/" + clickID + "/1").header.Get("Location"); !strings.HasPrefix(got, "https://other.example/") {
		t.Errorf("the button of a full offer leads to %s", got)
	}
}

// oldClickID is one of the catalog's that was made before the tests' now.
func oldClickID(tb testing.TB, age time.Duration) string {
	tb.Helper()
	ring, err := id.NewKeyring(1, map[uint8][]byte{1: []byte(testSecret)})
	if err != nil {
		tb.Fatal(err)
	}
	return id.NewMinter().Click(ring, testNow.Add(-age).UnixMilli(), 5, 1).String()
}

// TestForeignClickSkipsTheLandingPage: the page's button leads on by a click ID that proves itself, so that a visitor with another
// tracker's ID would be lost there.
func TestForeignClickSkipsTheLandingPage(t *testing.T) {
	c := testCatalog()
	c.Landings = []catalog.LandingConfig{{ID: 7, Name: "quiz", URL: "https://land.example/quiz?click={click_id}"}}
	c.Campaigns[1].Landings = []string{"quiz"}
	built, err := catalog.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = built })
	for body, want := range map[string]string{
		`{"campaign":"migrated","click_id":"abc-1"}`: "https://other.example/",
		`{"campaign":"migrated"}`:                    "https://land.example/",
	} {
		if got := b.send("POST", "/v1/clicks", "application/json", body); got.status != 200 || !strings.Contains(got.body, `"url":"`+want) {
			t.Errorf("%s is answered %d %s, want it sent to %s", body, got.status, got.body, want)
		}
	}
}
