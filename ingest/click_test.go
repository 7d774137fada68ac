package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// TestLinkKeepsThePaidClick sends links with something wrong in them: each is still a click and a redirect, and what was wrong is
// counted.
func TestLinkKeepsThePaidClick(t *testing.T) {
	b := newBench(t, nil)
	for i, c := range []struct {
		query string
		field field
		check func(*events.Click) bool
	}{
		{"cost=abc", fieldCost, func(c *events.Click) bool { return c.CostMicros == 20_000 && c.Currency == "USD" }},
		{"cost={cost}", fieldCost, func(c *events.Click) bool { return c.CostMicros == 20_000 }},
		{"cost=99999999999", fieldCost, func(c *events.Click) bool { return c.CostMicros == 20_000 }},
		{"cost=1&currency=GBP", fieldCurrency, func(c *events.Click) bool { return c.CostMicros == 20_000 && c.CostBaseMicros == 20_000 }},
		{"cost=1&currency=%24", fieldCurrency, func(c *events.Click) bool { return c.CostMicros == 20_000 }},
		{"keyword=%7Bkeyword%7D", fieldKeyword, func(c *events.Click) bool { return c.Keyword == "" }},
		{"sub3=[ZONE]&sub4=x", fieldSub, func(c *events.Click) bool { return len(c.Subs) == 4 && c.Subs[2] == "" && c.Subs[3] == "x" }},
		{"creative=a%00b%ffc", fieldCreative, func(c *events.Click) bool { return c.Creative == "abc" }},
		{"external_id=" + strings.Repeat("e", schemas.MaxExternalID+1), fieldExternalID, func(c *events.Click) bool { return c.ExternalId == "" }},
		{"external_id=%00" + strings.Repeat("e", schemas.MaxExternalID), fieldExternalID, func(c *events.Click) bool { return len(c.ExternalId) == schemas.MaxExternalID }},
		{"sub2=" + strings.Repeat("s", schemas.MaxSubBytes+1) + "&sub3=x", fieldSub, func(c *events.Click) bool { return len(c.Subs) == 3 && c.Subs[1] == "" }},
		{"external_id=a&external_id=b", fieldExternalID, func(c *events.Click) bool { return c.ExternalId == "" }},
		{"external_id=undefined", fieldExternalID, func(c *events.Click) bool { return c.ExternalId == "" }},
		{"external_id=%281.23457E%2B15%29&external_id=1.23457E+15", fieldExternalID, func(c *events.Click) bool { return c.ExternalId == "" }},
		{"external_id=1.23457E+15", fieldExternalID, func(c *events.Click) bool { return c.ExternalId == "" }},
		{"cost=0.5&cost=0.7", fieldCost, func(c *events.Click) bool { return c.CostMicros == 20_000 }},
		{"source=${SOURCE}", fieldSource, func(c *events.Click) bool { return c.Source == "pushads" && c.SourceId == 1 }},
	} {
		t.Run(c.query[:min(20, len(c.query))], func(t *testing.T) {
			before := count(t, b.edge.metrics.sanitized[c.field])
			got := b.get("/c/summer?" + c.query)
			if got.status != http.StatusFound {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			clicks := b.clicks()
			if len(clicks) != i+1 {
				t.Fatalf("%d clicks are durable, want %d", len(clicks), i+1)
			}
			for _, click := range clicks {
				if click.ClickId == got.header.Get("X-Click-Id") && !c.check(click) {
					t.Errorf("the click is %v", click)
				}
			}
			if after := count(t, b.edge.metrics.sanitized[c.field]); after != before+1 {
				t.Errorf("the counter went from %v to %v", before, after)
			}
		})
	}
	if n := len(b.letters()); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestLinkResolvesAgainstTheCatalog(t *testing.T) {
	b := newBench(t, nil)
	got := b.get("/c/summer?source=euroads&cost=2&sub20=last&cost=2&foo=bar")
	unknown := b.get("/c/split?source=somebody&sub0=x&sub21=x&subx=x")
	encoded := b.get("/c/%73ummer")
	for _, r := range []reply{got, unknown, encoded} {
		if r.status != http.StatusFound {
			t.Fatalf("answer %d %s", r.status, r.body)
		}
	}
	for _, c := range b.clicks() {
		switch c.ClickId {
		case got.header.Get("X-Click-Id"):
			if c.SourceId != 2 || c.Currency != "EUR" || c.CostMicros != 2_000_000 || c.CostBaseMicros != 2_400_000 || len(c.Subs) != 20 || c.Subs[19] != "last" {
				t.Errorf("the click is %v", c)
			}
			parsed, err := id.ParseClick(c.ClickId)
			if err != nil || parsed.Campaign() != 1 || parsed.Source() != 2 || b.edge.catalog.Load().Keyring().Verify(&parsed) != nil {
				t.Errorf("the click ID %s carries campaign %d, source %d, %v", c.ClickId, parsed.Campaign(), parsed.Source(), err)
			}
		case unknown.header.Get("X-Click-Id"):
			if c.SourceId != 0 || c.Source != "somebody" || len(c.Subs) != 0 || c.OfferId == 0 {
				t.Errorf("the click is %v", c)
			}
		}
	}
}

func TestUnknownCampaign(t *testing.T) {
	b := newBench(t, nil)
	got := b.get("/c/winter?sub1=x")
	if got.status != http.StatusNotFound || got.header.Get("Location") != "" {
		t.Fatalf("answer %+v", got)
	}
	golden(t, "clicks/unknown_campaign.json", masked(got.body))
	letters := b.letters()
	if len(letters) != 1 || letters[0].Kind != events.DeadLetter_KIND_CLICK || letters[0].Reason != "unknown_campaign" || string(letters[0].Raw) != "GET /c/winter?sub1=x" {
		t.Errorf("the rows are %v", letters)
	}
}

func TestHeadIsNoClick(t *testing.T) {
	b := newBench(t, nil)
	got := b.send(http.MethodHead, "/c/summer?keyword=k", "", "")
	if got.status != http.StatusFound || !strings.HasPrefix(got.header.Get("Location"), "https://offer.example/land?sub=&") || got.header.Get("X-Click-Id") != "" {
		t.Errorf("answer %+v", got)
	}
	if got = b.send(http.MethodHead, "/c/winter", "", ""); got.status != http.StatusNotFound {
		t.Errorf("an unknown campaign is answered %+v", got)
	}
	if clicks, letters := len(b.clicks()), len(b.letters()); clicks != 0 || letters != 0 {
		t.Errorf("%d clicks and %d dead letters", clicks, letters)
	}
}

func TestClicksByJSON(t *testing.T) {
	b := newBench(t, nil)
	own := clickID(t, testSecret, 1, 2)
	for _, c := range []struct {
		name, body string
		check      func(*events.Click) bool
	}{
		{"all", `{"campaign":"summer","source":"euroads","sub1":"a","sub3":"c","cost":0.0125,"currency":"USD","event_ms":1772366000000,"ip":"8.8.8.8","user_agent":"` + chrome + `",
			"referrer":"https://r.example/","language":"de-DE","external_id":"x1","keyword":"{keyword}","creative":"b"}`, func(c *events.Click) bool {
			return c.SourceId == 2 && strings.Join(c.Subs, ",") == "a,,c" && c.CostMicros == 12_500 && c.Currency == "USD" && c.EventMs == 1772366000000 && c.Country == "US" && c.Browser == "Chrome" &&
				c.Referrer == "https://r.example/" && c.Language == "de-de" && c.ExternalId == "x1" && c.Keyword == "" && c.Creative == "b"
		}},
		{"least", `{"campaign":"summer"}`, func(c *events.Click) bool {
			return c.SourceId == 1 && c.CostMicros == 20_000 && c.UserAgent == chrome && c.Country == ""
		}},
		{"subs", `{"campaign":"summer","subs":["a","b"],"cost":"1"}`, func(c *events.Click) bool {
			return strings.Join(c.Subs, ",") == "a,b" && c.CostMicros == 1_000_000
		}},
		{"server's own user agent is not the visitor's", `{"campaign":"summer","ip":"2001:4860:4860::8888"}`, func(c *events.Click) bool { return c.UserAgent == "" && c.Country == "US" }},
		{"own click ID", `{"campaign":"summer","source":"euroads","click_id":"` + strings.ToUpper(own) + `"}`, func(c *events.Click) bool {
			return c.ClickId == own && !c.Foreign && c.EventMs == testNow.Add(-time.Hour).UnixMilli()
		}},
		{"foreign click ID", `{"campaign":"migrated","click_id":"their \"id\""}`, func(c *events.Click) bool { return c.ClickId == `their "id"` && c.Foreign }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.send(http.MethodPost, "/v1/clicks", jsonType, c.body)
			var answer struct {
				ClickID string `json:"click_id"`
				URL     string
			}
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK || !strings.HasPrefix(answer.URL, "https://o") {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			for _, click := range b.clicks() {
				if click.ClickId == answer.ClickID {
					if !c.check(click) {
						t.Errorf("the click is %v", click)
					}
					return
				}
			}
			t.Error("the click is not durable")
		})
	}
	got := b.send(http.MethodPost, "/v1/clicks", jsonType, `{"campaign":"summer","sub1":"a&b"}`)
	golden(t, "clicks/accepted.json", masked(got.body))
}

func TestClicksByJSONRejects(t *testing.T) {
	b := newBench(t, nil)
	for i, c := range []struct {
		name, body string
		reason     schemas.RejectReason
		status     int
	}{
		{"unknown_member", `{"campaign":"summer","campain":"x"}`, schemas.RejectBadBody, 400},
		{"member_twice", `{"campaign":"summer","sub1":"a","sub1":"b"}`, schemas.RejectBadBody, 400},
		{"member_type", `{"campaign":7}`, schemas.RejectBadBody, 400},
		{"not_json", `{"campaign":`, schemas.RejectBadBody, 400},
		{"not_an_object", `"summer"`, schemas.RejectBadBody, 400},
		{"empty_batch", `[]`, schemas.RejectBadBody, 400},
		{"batch_too_large", "[" + strings.Repeat("{},", maxBatch) + "{}]", schemas.RejectBadBody, 400},
		{"unknown_campaign", `{"campaign":"winter"}`, schemas.RejectUnknownCampaign, 404},
		{"no_campaign", `{}`, schemas.RejectUnknownCampaign, 404},
		{"bad_cost", `{"campaign":"summer","cost":"abc"}`, schemas.RejectBadCost, 400},
		{"bad_cost_exponent", `{"campaign":"summer","cost":"1e3"}`, schemas.RejectBadCost, 400},
		{"bad_currency", `{"campaign":"summer","cost":"1","currency":"$"}`, schemas.RejectBadCurrency, 400},
		{"no_exchange_rate", `{"campaign":"summer","cost":"1","currency":"GBP"}`, schemas.RejectNoExchangeRate, 400},
		{"bad_timestamp", `{"campaign":"summer","event_ms":1772359200}`, schemas.RejectBadTimestamp, 400},
		{"timestamp_ahead", `{"campaign":"summer","event_ms":1799999999999}`, schemas.RejectBadTimestamp, 400},
		{"bad_ip", `{"campaign":"summer","ip":"localhost"}`, schemas.RejectBadBody, 400},
		{"too_long", `{"campaign":"summer","keyword":"` + strings.Repeat("k", 300) + `"}`, schemas.RejectTooLong, 400},
		{"bad_text", `{"campaign":"summer","keyword":"a\u0000b"}`, schemas.RejectBadText, 400},
		{"too_many_subs", `{"campaign":"summer","subs":[` + strings.Repeat(`"",`, 20) + `""]}`, schemas.RejectBadBody, 400},
		{"sub_twice", `{"campaign":"summer","subs":["a"],"sub1":"b"}`, schemas.RejectBadBody, 400},
		{"foreign_click_id", `{"campaign":"summer","click_id":"theirs"}`, schemas.RejectForeignClickID, 400},
		{"forged_click_id", `{"campaign":"summer","click_id":"` + clickID(t, otherSecret, 1, 1) + `"}`, schemas.RejectForgedClickID, 403},
		{"click_id_of_another_campaign", `{"campaign":"summer","click_id":"` + clickID(t, testSecret, 2, 1) + `"}`, schemas.RejectForgedClickID, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.send(http.MethodPost, "/v1/clicks", jsonType, c.body)
			if got.status != c.status || !strings.Contains(got.body, `"reason":"`+string(c.reason)+`"`) {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			golden(t, "clicks/"+c.name+".json", masked(got.body))
			letters := b.letters()
			if len(letters) != i+1 {
				t.Fatalf("%d dead letters are durable, want %d", len(letters), i+1)
			}
			receipt := receiptID.FindStringSubmatch(got.body)
			for _, l := range letters {
				if receipt != nil && l.LetterId == receipt[1] {
					if l.Reason != string(c.reason) || l.Kind != events.DeadLetter_KIND_CLICK || !strings.HasPrefix(string(l.Raw), "POST /v1/clicks\n\n") {
						t.Errorf("the row is %v", l)
					}
					return
				}
			}
			t.Errorf("no dead letter has the receipt's ID in %s", got.body)
		})
	}
	if n := len(b.clicks()); n != 0 {
		t.Errorf("%d refused clicks were accepted all the same", n)
	}
}

func TestClicksBatch(t *testing.T) {
	b := newBench(t, nil)
	got := b.send(http.MethodPost, "/v1/clicks", jsonType, `[{"campaign":"summer","sub1":"one"},{"campaign":"winter"},7,{"campaign":"summer","sub1":"two"}]`)
	if got.status != http.StatusOK {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	golden(t, "clicks/batch.json", masked(got.body))
	subs := map[string]bool{}
	for _, c := range b.clicks() {
		subs[c.Subs[0]] = true
	}
	if len(subs) != 2 || len(b.letters()) != 2 {
		t.Errorf("%d clicks and %d dead letters are durable", len(subs), len(b.letters()))
	}
	lines := make([]string, maxBatch)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"campaign":"split","sub1":"%d"}`, i)
	}
	if got = b.send(http.MethodPost, "/v1/clicks", jsonType, "["+strings.Join(lines, ",")+"]"); got.status != http.StatusOK {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	offers := map[string]int{}
	for _, c := range b.clicks() {
		if c.Campaign == "split" {
			offers[c.Offer]++
		}
	}
	if offers["casino-de"]+offers["other"] != maxBatch || offers["other"] < maxBatch/3 || offers["casino-de"] < maxBatch/3 {
		t.Errorf("the offers got %v of %d clicks", offers, maxBatch)
	}
}
