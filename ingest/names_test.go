package ingest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog"
)

// hiddenInside are characters that nobody sees, in a word.
var hiddenInside = []string{"pu\u202eshads", "pu\u200bshads", "\ufeffpushads", "push\u2066ads\u2069", "pu\u00adshads", "pushads\u2028"}

// TestHiddenCharactersInLinks: the click is kept, its names lose what is hidden, its texts do not.
func TestHiddenCharactersInLinks(t *testing.T) {
	b := newBench(t, nil)
	for _, word := range hiddenInside {
		q := url.Values{"source": {word}, "sub1": {word}, "external_id": {word}, "keyword": {word}, "creative": {word}}
		before := count(t, b.edge.metrics.sanitized[fieldSub])
		if got := b.get("/c/summer?" + q.Encode()); got.status != http.StatusFound {
			t.Fatalf("%+q: answer %+v", word, got)
		}
		if count(t, b.edge.metrics.sanitized[fieldSub]) != before+1 {
			t.Errorf("%+q is not counted", word)
		}
	}
	for _, c := range b.clicks() {
		if c.Source != "pushads" || c.SourceId != 1 || c.Subs[0] != "pushads" || c.ExternalId != "pushads" {
			t.Errorf("a click has the names %+q %+q %+q", c.Source, c.Subs, c.ExternalId)
		}
		if c.Keyword == "pushads" || c.Creative != c.Keyword {
			t.Errorf("a click has the texts %+q %+q", c.Keyword, c.Creative)
		}
	}
}

// TestHiddenCharactersInClicks: a server is told, and its texts are taken.
func TestHiddenCharactersInClicks(t *testing.T) {
	b := newBench(t, nil)
	refused := 0
	for _, word := range hiddenInside {
		for member, status := range map[string]int{"source": 400, "sub1": 400, "external_id": 400, "campaign": 400, "click_id": 400, "visitor": 400, "currency": 400, "cost": 400, "keyword": 200, "creative": 200, "referrer": 200, "user_agent": 200} {
			body := `{"campaign":"migrated","` + member + `":"` + word + `"}`
			if member == "campaign" {
				body = `{"campaign":"` + word + `"}`
			}
			got := b.send(http.MethodPost, "/v1/clicks", jsonType, body)
			if got.status != status || status == 400 && (!strings.Contains(got.body, `"reason":"bad_text"`) || !strings.Contains(got.body, "hidden character U+") || !strings.Contains(got.body, `"field":"`+member+`"`)) {
				t.Errorf("%+q in %s is answered %d %s", word, member, got.status, got.body)
			}
			if status == 400 {
				refused++
			}
		}
	}
	letters := b.letters()
	if len(letters) != refused {
		t.Errorf("%d dead letters, want %d", len(letters), refused)
	}
	for _, l := range letters {
		if strings.ContainsAny(l.ClickId+l.Detail, "\u202e\u200b\ufeff\u2066\u00ad\u2028") {
			t.Errorf("the dead letter shows %+q, %+q", l.ClickId, l.Detail)
		}
	}
}

// TestHiddenCharactersInTheCatalog: no name is declared that looks like another.
func TestHiddenCharactersInTheCatalog(t *testing.T) {
	for _, word := range hiddenInside {
		for kind, put := range map[string]func(*catalog.Config){
			"sources[0].name":   func(c *catalog.Config) { c.Sources[0].Name = word },
			"offers[0].name":    func(c *catalog.Config) { c.Offers[0].Name = word },
			"campaigns[0].name": func(c *catalog.Config) { c.Campaigns[0].Name = word },
			"networks[0].name":  func(c *catalog.Config) { c.Networks[0].Name = word },
			"landings[0].name": func(c *catalog.Config) {
				c.Landings = []catalog.LandingConfig{{ID: 1, Name: word, URL: "https://land.example/?c={click_id}"}}
			},
		} {
			c := testCatalog()
			put(&c)
			if _, err := catalog.Build(c); err == nil || !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), "hidden characters") || strings.Contains(err.Error(), word) {
				t.Errorf("%s %+q: %v", kind, word, err)
			}
		}
	}
}
