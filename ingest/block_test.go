package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/schemas"
	"tributary/schemas/events"
)

const googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

// withFallback gives campaign c a fallback offer; d has none.
func withFallback(cfg *catalog.Config) {
	cfg.Campaigns[0].FallbackOffer, cfg.Campaigns[0].Cost = "safe", "0.02"
	cfg.Campaigns[1].Cost = "0.02"
}

// news are the clicks that were not there at the last call.
func (b *bench) news(seen map[string]bool) (fresh []*events.Click) {
	b.tb.Helper()
	for _, c := range b.clicks() {
		if !seen[c.ClickId] {
			seen[c.ClickId], fresh = true, append(fresh, c)
		}
	}
	return fresh
}

// TestBlocks: what each answer gives to whom, and what the click says.
func TestBlocks(t *testing.T) {
	b := visitors(t, nil, withFallback)
	ip := func(answer block.Answer, change func(*block.Block)) []block.Block {
		p, err := block.ParseNetwork("203.0.113.0/24")
		if err != nil {
			t.Fatal(err)
		}
		one := block.Block{ID: "b00000001", Network: p, Answer: answer}
		if change != nil {
			change(&one)
		}
		return []block.Block{one}
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		name        string
		blocks      []block.Block
		path, agent string
		status      int
		offer, body string // of the answer
		kept        string // block, blocked and offer of the click
	}{
		{"none", nil, "/c/c?sub1=x", chrome, 302, "", "", " false"},
		{"fallback, a person", ip(block.Fallback, nil), "/c/c?sub1=x", chrome, 302, "safe", "", "b00000001 true safe"},
		{"fallback, a bot", ip(block.Fallback, nil), "/c/c?sub1=x", googlebot, 204, "", "", "b00000001 true "},
		{"no fallback, a person", ip(block.Fallback, nil), "/c/d?sub1=x", chrome, 200, "", "not available", "b00000001 true "},
		{"empty", ip(block.Empty, nil), "/c/c?sub1=x", chrome, 204, "", "", "b00000001 true "},
		{"page", ip(block.Page, nil), "/c/c?sub1=x", chrome, 200, "", "not available", "b00000001 true "},
		{"page, a bot", ip(block.Page, nil), "/c/c?sub1=x", googlebot, 200, "", "not available", "b00000001 true "},
		{"shadow", ip(block.Empty, func(b *block.Block) { b.Shadow = true }), "/c/c?sub1=x", chrome, 302, "", "", "b00000001 false"},
		{"another campaign", ip(block.Empty, func(b *block.Block) { b.Campaign = 2 }), "/c/c?sub1=x", chrome, 302, "", "", " false"},
		{"over", ip(block.Empty, func(b *block.Block) { b.UntilMS = testNow.UnixMilli() }), "/c/c?sub1=x", chrome, 302, "", "", " false"},
		{"agent", []block.Block{{ID: "b00000002", Agent: "search", Answer: block.Empty}}, "/c/c", googlebot, 204, "", "", "b00000002 true "},
		{"sub", []block.Block{{ID: "b00000003", SourceID: 1, Sub: 2, Value: "z 1", Answer: block.Empty}}, "/c/c?source=pushads&sub2=z+1", chrome,
			204, "", "", "b00000003 true "},
		{"undeclared source", []block.Block{{ID: "b00000004", Source: "new", Answer: block.Empty}}, "/c/c?source=new", chrome, 204, "", "",
			"b00000004 true "},
		// What anybody may write into a link is no block.
		{"said by the link", nil, "/c/c?block=b00000001&blocked=true", chrome, 302, "", "", " false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.tb = t
			b.edge.SetBlocks(c.blocks)
			got := b.visit(c.path, "203.0.113.7", c.agent)
			if got.status != c.status || !strings.Contains(got.body, c.body) {
				t.Fatalf("answer %d %v %q", got.status, got.header, got.body)
			}
			if c.offer != "" && offerOf(t, got) != c.offer {
				t.Errorf("sent to %s", got.header.Get("Location"))
			}
			if away := got.status != 302; away == (got.header.Get("X-Click-Id") != "") || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("header %v", got.header)
			}
			fresh := b.news(seen)
			if len(fresh) != 1 {
				t.Fatalf("%d clicks are kept, want 1", len(fresh))
			}
			click := fresh[0]
			if said := fmt.Sprintf("%s %v %s", click.Block, click.Blocked, click.Offer); !strings.HasPrefix(said, c.kept) {
				t.Errorf("the click says %q, want %q", said, c.kept)
			}
			if click.CostMicros != 20_000 || click.Blocked && click.Unique {
				t.Errorf("cost %d, unique %v", click.CostMicros, click.Unique)
			}
		})
	}
	b.tb = t
	for answer, want := range map[string]float64{"fallback": 1, "empty": 5, "page": 3, "shadow": 1} {
		if got := b.counted("tributary_ingest_blocked_clicks_total", answer); got != want {
			t.Errorf("%s: counted %v, want %v", answer, got, want)
		}
	}
}

// TestBlockedIsNobodysFirst: a blocked click takes no place under a cap, and the visitor's next one is his first.
func TestBlockedIsNobodysFirst(t *testing.T) {
	b := visitors(t, nil, func(cfg *catalog.Config) {
		cfg.Offers[0].ClicksPerDay = 1
		cfg.Campaigns[0].Offers, cfg.Campaigns[0].FallbackOffer = []string{"a"}, "safe"
	})
	b.edge.SetBlocks([]block.Block{{ID: "b00000001", Agent: "desktop", Answer: block.Page}})
	b.visit("/c/c?sub1=x", "203.0.113.7", chrome)
	seen := map[string]bool{}
	b.news(seen)
	b.edge.SetBlocks(nil)
	if got := offerOf(t, b.visit("/c/c?sub1=x", "203.0.113.7", chrome)); got != "a" {
		t.Errorf("the cap was taken by a blocked click: sent to %s", got)
	}
	if fresh := b.news(seen); len(fresh) != 1 || !fresh[0].Unique {
		t.Error("the visitor's first click that counts is not his first")
	}
}

// TestBlockEnds: from the millisecond on in which a block ends it blocks nobody, though nobody tells the edge; and where the clock was
// ahead and is put right, what had not ended blocks again.
func TestBlockEnds(t *testing.T) {
	var nowMS atomic.Int64
	nowMS.Store(testNow.UnixMilli())
	b := newBench(t, func(cfg *Config, deps *Deps) {
		cfg.TrustedProxies = []string{"127.0.0.1"}
		deps.Catalog = rotationCatalog(t, withFallback)
		deps.Now = func() time.Time { return time.UnixMilli(nowMS.Load()) }
	})
	until := testNow.UnixMilli() + 1000
	b.edge.SetBlocks([]block.Block{{ID: "b00000001", Agent: "desktop", Answer: block.Empty, UntilMS: until},
		{ID: "b00000002", Order: 1, Agent: "desktop", Answer: block.Page, UntilMS: until + 1000}})
	for _, c := range []struct {
		atMS   int64
		status int
		left   float64
	}{{until - 1, 204, 2}, {until, 200, 1}, {until + 1000, 302, 0}, {until + 999, 200, 1}, {until - 1, 204, 2}, {until + 5000, 302, 0}} {
		nowMS.Store(c.atMS)
		if got := b.visit("/c/c?sub1=x", "203.0.113.7", chrome); got.status != c.status {
			t.Errorf("%d ms after the end: %d, want %d", c.atMS-until, got.status, c.status)
		}
		if got := b.edge.inForce(); got != c.left {
			t.Errorf("%v blocks in force, want %v", got, c.left)
		}
	}
}

// TestBlocksBesideLinks: a checker's HEAD and a landing page's button are not sent on either; a click that a server brings is told,
// and one that happened long ago is not held against blocks of today.
func TestBlocksBesideLinks(t *testing.T) {
	b := visitors(t, nil, func(cfg *catalog.Config) {
		withFallback(cfg)
		cfg.Landings = []catalog.LandingConfig{{ID: 1, Name: "page", URL: "https://page.example/?id={click_id}"}}
		cfg.Campaigns[1].Landings = []string{"page"}
	})
	id := b.visit("/c/d", "203.0.113.7", chrome).header.Get("X-Click-Id")
	b.edge.SetBlocks([]block.Block{{ID: "b00000001", Agent: "desktop", Answer: block.Page}})
	head := b.request(http.MethodHead, "/c/c", "", "")
	if got := b.do(head); got.status != 200 || got.header.Get("Location") != "" {
		t.Errorf("HEAD: %d %v", got.status, got.header)
	}
	if got := b.visit("/l/"+id, "203.0.113.7", chrome); got.status != 200 || !strings.Contains(got.body, "not available") {
		t.Errorf("a press: %d %s", got.status, got.body)
	}
	if got := len(b.records(schemas.TopicLandingClicks)); got != 1 {
		t.Errorf("%d presses are kept, want 1", got)
	}
	const ua = `,"ip":"203.0.113.7","user_agent":"` + chrome + `"`
	if got := b.send("POST", "/v1/clicks", "application/json", `{"campaign":"c"`+ua+`}`); !strings.Contains(got.body, `"block":"b00000001"`) ||
		strings.Contains(got.body, `"url":"https://a`) {
		t.Errorf("a server's click: %d %s", got.status, got.body)
	}
	past := fmt.Sprint(testNow.Add(-time.Hour).UnixMilli())
	if got := b.send("POST", "/v1/clicks", "application/json", `{"campaign":"c","event_ms":`+past+ua+`}`); strings.Contains(got.body, "block") {
		t.Errorf("a click of an hour ago: %d %s", got.status, got.body)
	}
	if got := b.send("POST", "/v1/clicks", "application/json", `{"campaign":"c","block":"b00000001"`+ua+`}`); got.status != 400 {
		t.Errorf("a click that says that it was blocked: %d %s", got.status, got.body)
	}
	for _, c := range b.clicks() {
		if past := c.EventMs < testNow.UnixMilli(); c.Blocked == past && c.ClickId != id {
			t.Errorf("%s: blocked %v", c.ClickId, c.Blocked)
		}
	}
}

// TestBlockedAllocations: holding a click against 10,000 blocks costs it no allocation.
func TestBlockedAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates for itself")
	}
	e := newBench(t, nil).edge
	list := make([]block.Block, 10_000)
	for i := range list {
		list[i] = block.Block{ID: fmt.Sprintf("b%08d", i), SourceID: 1, Sub: 1, Value: fmt.Sprint(i), Answer: block.Page}
	}
	e.SetBlocks(append(list, block.Block{ID: "bzzzzzzzz", Order: 1, Agent: "desktop", Answer: block.Page, Shadow: true}))
	work := clickWork(e)
	work()
	if n := testing.AllocsPerRun(1000, work); n > 0 {
		t.Errorf("a click makes %v allocations, the budget is 0", n)
	}
}
