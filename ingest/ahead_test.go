package ingest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tributary/catalog/dialect"
)

// TestAheadOfTheVisitor holds that what a browser or an app asks for ahead of its visitor is no click, no impression and no press, that
// nothing of the answer may be kept, and that the visitor who comes is counted.
func TestAheadOfTheVisitor(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = dialectCatalog(t, &dialect.Keitaro, "8JdJ4D", nil) })
	id := b.get("/c/summer").header.Get("X-Click-Id")
	kinds := map[string]float64{}
	for _, c := range []struct{ header, value, kind string }{
		{"Sec-Purpose", "prefetch", "prefetch"}, {"Sec-Purpose", "prefetch;prerender", "prerender"}, {"Sec-Purpose",
			"prefetch;anonymous-client-ip", "prefetch"},
		{"Sec-Purpose", "prefetch; prerender", "prerender"}, {"Sec-Purpose", "prerender", "prerender"}, {"Purpose",
			"prefetch", "prefetch"}, {"Purpose", "prerender", "prerender"}, {"Purpose", "preview", "preview"},
		{"X-Purpose", "preview", "preview"}, {"X-Purpose", "Prefetch", "prefetch"}, {"X-Moz", "prefetch",
			"prefetch"}, {"x-moz", "PREFETCH", "prefetch"},
	} {
		for _, path := range []string{"/c/summer?cost=1", "/8JdJ4D", "/i/summer", "/l/" + id, "/r/x"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r := b.request(method, path, "", "")
				r.Header.Set(c.header, c.value)
				got := b.do(r)
				kinds[c.kind]++
				if got.status != 503 || got.header.Get("Cache-Control") != "no-store" ||
					got.header.Get("X-Click-Id") != "" || got.header.Get("Location") != "" ||
					got.header.Get("Set-Cookie") != "" || method == http.MethodGet &&
					!strings.Contains(got.body, `"asked_ahead"`) {
					t.Errorf("%s with %s: %s: %d %v %s", path, c.header, c.value, got.status, got.header, got.body)
				}
			}
		}
	}
	for i, name := range aheadNames {
		if got := count(t, b.edge.metrics.ahead[i]); got != kinds[name] {
			t.Errorf("%v counted as %s, want %v", got, name, kinds[name])
		}
	}
	if c, i, l, d := len(b.clicks()), len(b.impressions()), len(b.presses()), len(b.letters()); c != 1 || i != 0 ||
		l != 0 || d != 0 {
		t.Errorf("%d clicks, %d impressions, %d presses, %d dead letters", c, i, l, d)
	}
	// What says nothing of it, and what is money, is taken.
	for _, c := range [][3]string{{"Sec-Purpose", "", "/c/summer"}, {"Purpose", "prefetching", "/c/summer"},
		{"X-Moz", "1", "/c/summer"}, {"Sec-Fetch-Dest", "document", "/c/summer"},
		{"Sec-Purpose", "prefetch", "/postback/acme?payout=1&click_id=" + id}} {
		r := b.request(http.MethodGet, c[2], "", "")
		r.Header.Set(c[0], c[1])
		if got := b.do(r); got.status != 302 && got.status != 200 {
			t.Errorf("%v: %d %s", c, got.status, got.body)
		}
	}
	if c, p := len(b.clicks()), len(b.postbacks()); c != 5 || p != 1 {
		t.Errorf("%d clicks, %d postbacks", c, p)
	}
}

// TestAheadAllocatesNothing holds the look at the headers of an ordinary browser.
func TestAheadAllocatesNothing(t *testing.T) {
	h := browserHeader()
	if n := testing.AllocsPerRun(1000, func() { askedAhead(h) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAskedAhead(b *testing.B) {
	h := browserHeader()
	b.ReportAllocs()
	for b.Loop() {
		askedAhead(h)
	}
}

func browserHeader() *fasthttp.RequestHeader {
	h := &fasthttp.RequestHeader{}
	h.SetHost("t.example")
	h.SetUserAgent(chrome)
	h.SetCookie("tv", "0123456789abcdef")
	for _, pair := range [][2]string{{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		{"Accept-Encoding", "gzip, deflate, br, zstd"},
		{"Accept-Language", "de-DE,de;q=0.9"}, {"Referer", "https://site.example/"}, {"Sec-Ch-Ua",
			`"Chromium";v="141"`}, {"Sec-Ch-Ua-Mobile", "?0"}, {"Sec-Ch-Ua-Platform", `"Windows"`},
		{"Sec-Fetch-Dest", "document"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Site",
			"cross-site"}, {"Sec-Fetch-User", "?1"}, {"Upgrade-Insecure-Requests", "1"}} {
		h.Set(pair[0], pair[1])
	}
	return h
}
