package ingest

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"tributary/catalog"
)

const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.7 Mobile/15E148 Safari/604.1"

// rotationCatalog is a catalog whose campaign c sends to a, b and more.
func rotationCatalog(tb testing.TB, change func(*catalog.Config)) *catalog.Catalog {
	tb.Helper()
	cfg := testCatalog()
	cfg.Offers = []catalog.OfferConfig{
		{ID: 1, Name: "a", URL: "https://a.example/{sub1}/x?o={offer}&k={keyword}&id={click_id}"},
		{ID: 2, Name: "b", URL: "https://b.example/{sub1}/x?o={offer}&k={keyword}&id={click_id}"},
		{ID: 3, Name: "safe", URL: "https://safe.example/{sub1}/x?o={offer}&k={keyword}&id={click_id}"},
	}
	cfg.Campaigns = []catalog.CampaignConfig{{ID: 1, Name: "c", Offers: []string{"a", "b"}}, {ID: 2, Name: "d", Offers: []string{"a", "b"}}}
	if change != nil {
		change(&cfg)
	}
	cat, err := catalog.Build(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return cat
}

// visitors is an edge that believes the tests what their IP is.
func visitors(tb testing.TB, change func(*Config), changeCatalog func(*catalog.Config)) *bench {
	return newBench(tb, func(cfg *Config, deps *Deps) {
		cfg.TrustedProxies = []string{"127.0.0.1"}
		if change != nil {
			change(cfg)
		}
		deps.Catalog = rotationCatalog(tb, changeCatalog)
	})
}

// visit clicks as a visitor does.
func (b *bench) visit(path, ip, userAgent string, header ...string) reply {
	b.tb.Helper()
	req, err := http.NewRequest(http.MethodGet, b.url+path, nil)
	if err != nil {
		b.tb.Fatal(err)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-Forwarded-For", ip)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return b.do(req)
}

// offerOf is the offer that a redirect leads to.
func offerOf(tb testing.TB, r reply) string {
	tb.Helper()
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || u.Query().Get("o") == "" {
		tb.Fatalf("answer %d %v %s", r.status, r.header, r.body)
	}
	return u.Query().Get("o")
}

// TestVisitorsKeepTheirOffer clicks as 400 visitors, reloads the catalog with another campaign's change, restarts the edge,
// and clicks again. The shares are the declared ones.
func TestVisitorsKeepTheirOffer(t *testing.T) {
	const n = 400
	weights := func(c *catalog.Config) { c.Campaigns[0].Weights = map[string]int{"a": 3, "b": 1} }
	b := visitors(t, nil, weights)
	click := func(b *bench, i int) string {
		return offerOf(t, b.visit("/c/c", fmt.Sprintf("203.%d.113.7", i%256), fmt.Sprint("browser ", i/256)))
	}
	first, shares := make([]string, n), map[string]int{}
	for i := range first {
		first[i] = click(b, i)
		shares[first[i]]++
	}
	// Chi-square of one degree of freedom, 1 in 1,000.
	chi := float64((shares["a"]-300)*(shares["a"]-300))/300 + float64((shares["b"]-100)*(shares["b"]-100))/100
	if chi > 10.83 {
		t.Errorf("the shares are %v of 400, chi-square %.1f", shares, chi)
	}
	b.edge.SetCatalog(rotationCatalog(t, func(c *catalog.Config) {
		weights(c)
		c.Campaigns[1].Offers = []string{"safe"}
		c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 9, Name: "new", Offers: []string{"b"}})
	}))
	other := visitors(t, nil, weights)
	for i := range 100 {
		if reloaded, restarted := click(b, i), click(other, i); reloaded != first[i] || restarted != first[i] {
			t.Fatalf("visitor %d was sent to %s, after a reload to %s, by another edge to %s", i, first[i], reloaded, restarted)
		}
	}
	if sent := offerOf(t, b.visit("/c/d", "203.0.113.7", "x")); sent != "safe" {
		t.Errorf("the reloaded campaign sends to %s", sent)
	}
}

// TestVisitorCookie follows a visitor who moves from one network to another.
func TestVisitorCookie(t *testing.T) {
	b := visitors(t, func(c *Config) { c.VisitorCookie = "seen" }, nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.client.Jar = jar
	home := b.visit("/c/c", "203.0.113.7", chrome)
	if cookie := home.header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "seen=") || !strings.HasSuffix(cookie, "; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("the cookie is %q", cookie)
	}
	want := offerOf(t, home)
	for i := range 20 {
		away := b.visit("/c/c", fmt.Sprintf("198.51.100.%d", i), chrome)
		if got := offerOf(t, away); got != want || away.header.Get("Set-Cookie") != "" {
			t.Fatalf("on another network the visitor is sent to %s instead of %s, and gets the cookie %q", got, want, away.header.Get("Set-Cookie"))
		}
	}
	unique := 0
	for _, c := range b.clicks() {
		if c.Unique {
			unique++
		}
	}
	if unique != 1 {
		t.Errorf("%d clicks of one visitor are unique", unique)
	}
	b.client.Jar = nil
	for _, broken := range []string{"seen=", "seen=0123", "seen=0123456789ABCDEF", "seen=0123456789abcdefg", "other=0123456789abcdef", "seen=%0d%0aX: y"} {
		got := b.visit("/c/c", "203.0.113.7", chrome, "Cookie", broken)
		if offerOf(t, got) != want || got.header.Get("Set-Cookie") != home.header.Get("Set-Cookie") {
			t.Errorf("with the cookie %q the answer is %v", broken, got.header)
		}
	}
	if head := b.send(http.MethodHead, "/c/c", "", ""); head.header.Get("Set-Cookie") != "" {
		t.Error("HEAD is given a cookie")
	}
	if none := visitors(t, nil, nil).visit("/c/c", "203.0.113.7", chrome); none.header.Get("Set-Cookie") != "" {
		t.Errorf("without visitor_cookie there is one: %v", none.header)
	}
}

func TestUniqueClicks(t *testing.T) {
	now := testNow
	var mu sync.Mutex
	b := newBench(t, func(cfg *Config, deps *Deps) {
		cfg.TrustedProxies, cfg.UniqueWindow = []string{"127.0.0.1"}, time.Hour
		deps.Catalog = rotationCatalog(t, nil)
		deps.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	for i, c := range []struct {
		name, path, ip, userAgent string
		after                     time.Duration
		unique                    bool
	}{
		{"first", "/c/c", "203.0.113.7", chrome, 0, true},
		{"again", "/c/c?sub1=x", "203.0.113.7", chrome, time.Second, false},
		{"another campaign", "/c/d", "203.0.113.7", chrome, 0, true},
		{"another browser", "/c/c", "203.0.113.7", iphone, 0, true},
		{"another address", "/c/c", "203.0.113.8", chrome, 0, true},
		{"IPv6", "/c/c", "2001:db8:1:2::1", chrome, 0, true},
		{"its other device address", "/c/c", "2001:db8:1:2:ffff::9", chrome, 0, false},
		{"another IPv6 network", "/c/c", "2001:db8:1:3::1", chrome, 0, true},
		{"before the window ends", "/c/c", "203.0.113.7", chrome, 59 * time.Minute, false},
		{"after it", "/c/c", "203.0.113.7", chrome, time.Hour, true},
	} {
		mu.Lock()
		now = testNow.Add(c.after)
		mu.Unlock()
		got := b.visit(c.path, c.ip, c.userAgent)
		clicks := b.clicks()
		if len(clicks) != i+1 {
			t.Fatalf("%s: answer %d %s", c.name, got.status, got.body)
		}
		for _, click := range clicks {
			if click.ClickId == got.header.Get("X-Click-Id") && click.Unique != c.unique {
				t.Errorf("%s: unique is %v", c.name, click.Unique)
			}
		}
	}
}

// TestServersVisitors sends clicks of a server: with an ID or an IP the visitor is known again, without each click is one of its own.
func TestServersVisitors(t *testing.T) {
	b := visitors(t, nil, nil)
	for _, c := range []struct {
		name, member string
		unique       int
		sticky       bool
	}{
		{"visitor", `"visitor":"u-1"`, 1, true},
		{"ip", `"ip":"203.0.113.9","user_agent":"x"`, 1, true},
		{"nothing", `"sub1":"x"`, 40, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(b.clicks())
			body := "[" + strings.TrimSuffix(strings.Repeat(`{"campaign":"c",`+c.member+`},`, 40), ",") + "]"
			if got := b.send(http.MethodPost, "/v1/clicks", jsonType, body); got.status != http.StatusOK {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			unique, offers := 0, map[string]bool{}
			for _, click := range b.clicks() {
				mine := strings.Contains(c.member, "sub1") == (len(click.Subs) > 0) && strings.Contains(c.member, `"ip"`) == (click.UserAgent == "x")
				if !mine {
					continue
				}
				offers[click.Offer] = true
				if click.Unique {
					unique++
				}
			}
			if unique != c.unique || (len(offers) == 1) != c.sticky {
				t.Errorf("%d of the 40 after %d clicks are unique, offers %v", unique, before, offers)
			}
		})
	}
}

func TestRulesOfVisitors(t *testing.T) {
	b := visitors(t, nil, func(c *catalog.Config) {
		c.Campaigns[0].Offers, c.Campaigns[0].TimeZone = []string{"a"}, "America/New_York" // 07:00 at testNow
		c.Campaigns[0].Rules = []catalog.RuleConfig{
			{Bot: "yes", Offers: []string{"safe"}},
			{Countries: []string{"US"}, Languages: []string{"es"}, Offers: []string{"b"}},
			{Devices: []string{"mobile"}, OSes: []string{"iOS"}, Hours: []string{"7"}, Offers: []string{"b"}},
			{OSes: []string{"iOS"}, Hours: []string{"8-7"}, Offers: []string{"safe"}},
		}
	})
	for _, c := range []struct{ name, ip, userAgent, language, offer string }{
		{"nobody's", "203.0.113.7", chrome, "de", "a"},
		{"bot", "8.8.8.8", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "es", "safe"},
		{"country and language", "8.8.8.8", chrome, "es-MX,es;q=0.9", "b"},
		{"country only", "8.8.8.8", chrome, "en", "a"},
		{"phone in the morning of New York", "203.0.113.7", iphone, "de", "b"},
	} {
		got := b.visit("/c/c", c.ip, c.userAgent, "Accept-Language", c.language)
		if offer := offerOf(t, got); offer != c.offer {
			t.Errorf("%s: sent to %s, want %s", c.name, offer, c.offer)
		}
	}
}

// TestRulesKnowTheParsersWords holds the words that rules take against what the edge makes of user agents.
func TestRulesKnowTheParsersWords(t *testing.T) {
	e := newBench(t, nil).edge
	for _, ua := range []string{chrome, iphone, "", "curl/8", "Mozilla/5.0 (compatible; Googlebot/2.1)",
		"Mozilla/5.0 (Linux; Android 14; SM-X900) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/94.0.4606.128 Safari/537.36"} {
		info := e.agents.ParseString(ua)
		if info.OS == "" {
			info.OS = "unknown"
		}
		rotationCatalog(t, func(c *catalog.Config) {
			c.Campaigns[0].Rules = []catalog.RuleConfig{{Devices: []string{info.Device}, OSes: []string{info.OS}, Offers: []string{"a"}}}
		})
	}
}

func TestCaps(t *testing.T) {
	now := testNow
	var mu sync.Mutex
	at := func(when time.Time) { mu.Lock(); now = when; mu.Unlock() }
	cfg := func(c *catalog.Config) {
		c.Offers[0].ClicksPerDay, c.Offers[0].TimeZone = 10, "Asia/Tokyo" // its day ends at 15:00 UTC
		c.Offers[1].ClicksPerDay = 5
		c.Campaigns[0].FallbackOffer = "safe"
	}
	b := newBench(t, func(c *Config, deps *Deps) {
		c.TrustedProxies = []string{"127.0.0.1"}
		deps.Catalog = rotationCatalog(t, cfg)
		deps.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	clicks := 0
	sent := func(campaign string, n int) map[string]int {
		offers := map[string]int{}
		for range n {
			clicks++
			offers[offerOf(t, b.visit("/c/"+campaign, fmt.Sprintf("203.0.%d.%d", clicks/256, clicks%256), chrome))]++
		}
		return offers
	}
	if got := sent("c", 40); got["a"] != 10 || got["b"] != 5 || got["safe"] != 25 {
		t.Errorf("the offers got %v", got)
	}
	if next, fallback := count(t, b.edge.metrics.capped[cappedNext]), count(t, b.edge.metrics.capped[cappedFallback]); next == 0 || fallback != 25 {
		t.Errorf("%v clicks went to the next offer, %v to the fallback", next, fallback)
	}
	for range 20 {
		b.send(http.MethodHead, "/c/c", "", "")
	}
	b.edge.SetCatalog(rotationCatalog(t, func(c *catalog.Config) { cfg(c); c.Offers[1].ClicksPerDay = 7 }))
	if got := sent("c", 20); got["a"] != 0 || got["b"] != 2 || got["safe"] != 18 {
		t.Errorf("after a reload that raises b's cap by two: %v", got)
	}
	if got := sent("d", 20); got["a"]+got["b"] != 20 {
		t.Errorf("without a fallback: %v", got)
	}
	if spite := count(t, b.edge.metrics.capped[cappedInSpite]); spite != 20 {
		t.Errorf("%v clicks in spite of the cap", spite)
	}
	at(time.Date(2026, 3, 1, 15, 0, 0, 0, time.UTC))
	if got := sent("c", 30); got["a"] != 10 || got["b"] != 0 {
		t.Errorf("after midnight in Tokyo: %v", got)
	}
	at(testNow)
	if got := sent("c", 5); got["safe"] != 5 {
		t.Errorf("after the clock went back: %v", got)
	}
	at(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if got := sent("c", 30); got["a"] != 0 || got["b"] != 7 {
		t.Errorf("after midnight UTC: %v", got)
	}
}

// TestCapIsExactUnderLoad lets many visitors click at the same time.
func TestCapIsExactUnderLoad(t *testing.T) {
	b := visitors(t, func(c *Config) { c.Edges = 3 }, func(c *catalog.Config) {
		c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = 100, []string{"a"}, "safe"
	})
	waitReady(t, b.edge)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			lines := "[" + strings.TrimSuffix(strings.Repeat(`{"campaign":"c"},`, 20), ",") + "]"
			b.send(http.MethodPost, "/v1/clicks", jsonType, lines)
		})
	}
	wg.Wait()
	offers := map[string]int{}
	for _, c := range b.clicks() {
		offers[c.Offer]++
	}
	if offers["a"] != 34 || offers["safe"] != 160-34 {
		t.Errorf("one of three edges sends %v of a cap of 100", offers)
	}
}

// TestRefusedClickIsGivenBack answers 503 for clicks of an offer with a cap of one.
func TestRefusedClickIsGivenBack(t *testing.T) {
	b := newBench(t, func(cfg *Config, deps *Deps) {
		cfg.AckTimeout, cfg.AckBound = time.Second, time.Second
		deps.Catalog = rotationCatalog(t, func(c *catalog.Config) {
			c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = 1, []string{"a"}, "safe"
		})
	})
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	if got := b.get("/c/c"); got.status != http.StatusServiceUnavailable {
		t.Fatalf("answer %d", got.status)
	}
	if got := b.send(http.MethodPost, "/v1/clicks", jsonType, `{"campaign":"c"}`); got.status != http.StatusServiceUnavailable {
		t.Fatalf("answer %d", got.status)
	}
	stop()
	// Kafka may need more than the second's bound to come back; what is refused meanwhile is given back too.
	accepted := func() string {
		for deadline := time.Now().Add(30 * time.Second); ; {
			if got := b.get("/c/c"); got.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
				return offerOf(t, got)
			}
		}
	}
	if first, second := accepted(), accepted(); first != "a" || second != "safe" {
		t.Errorf("sent to %s, then %s", first, second)
	}
}

// TestAllocationsOfChoosing is TestAllocations with rules, weights, a cap, a cookie, and each kind of answer.
func TestAllocationsOfChoosing(t *testing.T) {
	for _, kind := range []string{"302", "307", "meta", "double_meta", "js", "json"} {
		b := visitors(t, func(c *Config) { c.VisitorCookie = "seen" }, func(c *catalog.Config) {
			c.Offers[0].ClicksPerDay, c.Offers[0].TimeZone = 5, "America/New_York"
			c.Campaigns[0].Name, c.Campaigns[0].Redirect, c.Campaigns[0].FallbackOffer = "summer", kind, "safe"
			c.Campaigns[0].TimeZone, c.Campaigns[0].Weights = "Europe/Berlin", map[string]int{"a": 3, "b": 2}
			c.Campaigns[0].Rules = []catalog.RuleConfig{{Hours: []string{"1"}, Countries: []string{"DE"}, Languages: []string{"de"}, Offers: []string{"b"}}}
		})
		work := clickWork(b.edge)
		work()
		if n := testing.AllocsPerRun(500, work); n > 0 && !raceEnabled {
			t.Errorf("%s: a click makes %v allocations, the budget is 0", kind, n)
		}
	}
}

// TestCapsSurviveARestart stops an edge after three clicks of five. A cap without a file begins anew.
func TestCapsSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "caps.json")
	sent := func(t *testing.T, file string, n int) (offers string) {
		b := newBench(t, func(cfg *Config, deps *Deps) {
			cfg.CapsFile = file
			deps.Catalog = rotationCatalog(t, func(c *catalog.Config) {
				c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = 5, []string{"a"}, "safe"
			})
		})
		for range n {
			offers += offerOf(t, b.get("/c/c")) + " "
		}
		return offers
	}
	for _, c := range []struct {
		name, file, want string
		clicks           int
	}{
		{"first", file, "a a a ", 3},
		{"second", file, "a a safe safe ", 4},
		{"without the file", "", "a ", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sent(t, c.file, c.clicks); got != c.want {
				t.Errorf("sent to %s, want %s", got, c.want)
			}
		})
	}
	text, err := os.ReadFile(file)
	if want := `[{"offer":1,"day":20513,"clicks":5}]`; err != nil || string(text) != want {
		t.Errorf("the file has %s, %v, want %s", text, err, want)
	}
}
