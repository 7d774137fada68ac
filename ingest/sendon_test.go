package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog"
)

// TestRedirectKinds sends values through every kind of answer that would break out of it.
func TestRedirectKinds(t *testing.T) {
	const (
		hostile = "?sub1=..%2F..%2Fx&keyword=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%0D%0ASet-Cookie:%20x%3D1%E2%80%A8'%26%5C"
		link    = "https://a.example/%2F%2Fx/x?o=a&k=%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3ESet-Cookie%3A%20x%3D1%E2%80%A8%27%26%5C&id=CLICK"
	)
	kinds := []string{"", "302", "307", "meta", "js", "json"}
	b := visitors(t, nil, func(c *catalog.Config) {
		c.Campaigns = nil
		for i, kind := range kinds {
			c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: i + 1, Name: "k" + kind, Offers: []string{"a"}, Redirect: kind})
		}
	})
	attribute := strings.ReplaceAll(link, "&", "&amp;")
	for _, c := range []struct {
		kind             string
		status           int
		location, ctype  string
		body             string
		referrer, origin string
	}{
		{"", 302, link, "", "", "", ""},
		{"302", 302, link, "", "", "", ""},
		{"307", 307, link, "", "", "", ""},
		{"meta", 200, "", "text/html; charset=utf-8", `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=` + attribute + `">`, "no-referrer", ""},
		{"js", 200, "", "text/html; charset=utf-8", `<!doctype html><meta name="referrer" content="no-referrer"><script>location.replace("` + strings.ReplaceAll(link, "&", `\x26`) + `")</script>` +
			`<noscript><meta http-equiv="refresh" content="0;url=` + attribute + `"></noscript>`, "no-referrer", ""},
		{"json", 200, "", "application/json", `{"click_id":"CLICK","url":"` + link + "\"}\n", "", "*"},
	} {
		t.Run("kind "+c.kind, func(t *testing.T) {
			got := b.get("/c/k" + c.kind + hostile)
			id := got.header.Get("X-Click-Id")
			if len(id) != 40 {
				t.Fatalf("answer %d %v %s", got.status, got.header, got.body)
			}
			location, body := strings.ReplaceAll(got.header.Get("Location"), id, "CLICK"), strings.ReplaceAll(got.body, id, "CLICK")
			if got.status != c.status || location != c.location || body != c.body || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Set-Cookie") != "" ||
				got.header.Get("Content-Type") != c.ctype || got.header.Get("Referrer-Policy") != c.referrer || got.header.Get("Access-Control-Allow-Origin") != c.origin {
				t.Errorf("answer %d %v\n%s\nwant %d %s\n%s", got.status, got.header, body, c.status, c.location, c.body)
			}
			if c.kind == "json" {
				var parsed struct{ URL string }
				if err := json.Unmarshal([]byte(got.body), &parsed); err != nil || strings.ReplaceAll(parsed.URL, id, "CLICK") != link {
					t.Errorf("the JSON is %v, %v", parsed, err)
				}
			}
			head := b.send(http.MethodHead, "/c/k"+c.kind, "", "")
			if head.status != c.status || head.header.Get("X-Click-Id") != "" || head.body != "" {
				t.Errorf("HEAD is answered %d %v", head.status, head.header)
			}
		})
	}
	for _, c := range b.clicks() {
		if c.Keyword == "" || strings.ContainsAny(c.Keyword, "\r\n") {
			t.Errorf("the click is %v", c)
		}
	}
}

// TestDoubleMeta follows both pages, on two edges.
func TestDoubleMeta(t *testing.T) {
	change := func(c *catalog.Config) {
		c.Campaigns[0].Redirect, c.Campaigns[0].Offers = "double_meta", []string{"a"}
		c.Offers[0].URL += "&s={sub1}{sub2}{sub3}{sub4}{sub5}{sub6}{sub7}{sub8}"
	}
	b, other := visitors(t, nil, change), visitors(t, nil, change)
	const head, tail = `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=`, `">`
	target := func(r reply) string {
		path, opened := strings.CutPrefix(r.body, head)
		path, closed := strings.CutSuffix(path, tail)
		if r.status != http.StatusOK || !opened || !closed || r.header.Get("Referrer-Policy") != "no-referrer" || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("answer %d %v %s", r.status, r.header, r.body)
		}
		return path
	}
	first := b.get("/c/c?keyword=a%26b")
	path := target(first)
	if !strings.HasPrefix(path, "/r/") || strings.ContainsAny(path, `&"<>'`) {
		t.Fatalf("the first page leads to %s", path)
	}
	want := "https://a.example//x?o=a&amp;k=a%26b&amp;id=" + first.header.Get("X-Click-Id") + "&amp;s="
	for _, edge := range []*bench{b, other} {
		if got := target(edge.get(path)); got != want {
			t.Errorf("the second page leads to %s, want %s", got, want)
		}
	}
	for _, forged := range []string{"/r/", "/r/AQ", path[:len(path)-1], path + "AAAA", "/r/aHR0cHM6Ly9ldmlsLmV4YW1wbGUv"} {
		if got := b.get(forged); got.status != http.StatusNotFound || strings.Contains(got.body, "evil") {
			t.Errorf("%s is answered %d %s", forged, got.status, got.body)
		}
	}
	if n := len(b.clicks()); n != 1 {
		t.Errorf("%d clicks", n)
	}
	// A link that is too long for the second page's own link is where the first one leads.
	long := "/c/c?"
	for i := range 8 {
		long += fmt.Sprintf("sub%d=%s&", i+1, strings.Repeat("%2B", 256))
	}
	if got := target(b.get(long)); !strings.HasPrefix(got, "https://a.example/%2B") {
		t.Errorf("a long link: %.80s", got)
	}
}

// TestNoOpenRedirect tries the parameters that other trackers take a destination from.
func TestNoOpenRedirect(t *testing.T) {
	b := visitors(t, nil, nil)
	for _, query := range []string{"url=https://evil.example/", "redirect=//evil.example", "sub1=//evil.example", "sub1=@evil.example", "sub1=%5C%5Cevil.example", "offer=evil", "lp=https://evil.example", "sub1=https:evil.example"} {
		location := b.get("/c/c?" + query).header.Get("Location")
		u, err := url.Parse(location)
		if err != nil || u.Host != "a.example" && u.Host != "b.example" || strings.Contains(u.Path, "..") {
			t.Errorf("%s leads to %s", query, location)
		}
	}
}
