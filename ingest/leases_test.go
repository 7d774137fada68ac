package ingest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"tributary/catalog"
	"tributary/catalog/lease"
)

// granted is a desk whose only grantor is the test.
type granted struct {
	*lease.Desk
	nowMS int64
}

func (g granted) Run(ctx context.Context) { <-ctx.Done() }
func (granted) Discard()                  {}
func (granted) Note() string              { return "" }

// grant gives n clicks more of the offer 1, of a cap that is set elsewhere.
func (g granted) grant(tb testing.TB, n int64) {
	tb.Helper()
	g.nowMS += 10_000
	for _, r := range g.Tick(g.nowMS) {
		if r.Offer == 1 {
			g.Hear(&lease.Book{Key: r.Key, Accounts: []lease.Account{{ID: r.Account, Granted: r.Granted + n}}}, g.nowMS)
			return
		}
	}
	tb.Fatal("the edge asks for no lease of the offer 1")
}

// leased is an edge whose offer a has a cap of 1,000 a day, shared with others.
func leased(tb testing.TB, change func(*Config), changeCatalog func(*catalog.Config)) (*bench, granted) {
	tb.Helper()
	g := granted{lease.NewDesk(nil), testNow.UnixMilli()}
	b := newBench(tb, func(cfg *Config, deps *Deps) {
		cfg.Caps, deps.Leases = CapsShared, g
		if change != nil {
			change(cfg)
		}
		deps.Catalog = rotationCatalog(tb, func(c *catalog.Config) {
			c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = 1000, []string{"a"}, "safe"
			if changeCatalog != nil {
				changeCatalog(c)
			}
		})
	})
	waitReady(tb, b.edge)
	return b, g
}

// A click goes to an offer with a shared cap only with a lease; HEAD uses none up.
func TestClicksTakeLeases(t *testing.T) {
	b, g := leased(t, nil, nil)
	sent := func(n int) (offers string) {
		for range n {
			offers += offerOf(t, b.get("/c/c")) + " "
		}
		return offers
	}
	if got := sent(2); got != "safe safe " {
		t.Errorf("without a lease: %s", got)
	}
	g.grant(t, 2)
	if got := b.send(http.MethodHead, "/c/c", "", ""); got.status != http.StatusFound || !strings.Contains(got.header.Get("Location"), "//a.example") {
		t.Errorf("HEAD: %d, %s", got.status, got.header.Get("Location"))
	}
	if got := sent(3); got != "a a safe " {
		t.Errorf("with two leases: %s", got)
	}
}

// A click that is answered 503 gives its lease back.
func TestRefusedClickGivesItsLeaseBack(t *testing.T) {
	b, g := leased(t, func(cfg *Config) { cfg.AckTimeout, cfg.AckBound = time.Second, time.Second }, nil)
	g.grant(t, 1)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	if got := b.get("/c/c"); got.status != http.StatusServiceUnavailable {
		t.Fatalf("answer %d", got.status)
	}
	stop()
	if day := lease.Day(testNow.UnixMilli(), time.UTC); !g.Held(1).Has(day) {
		t.Error("the lease is gone")
	}
}

// A reload keeps what is held; one that takes the cap away lets every click through.
func TestReloadKeepsLeases(t *testing.T) {
	b, g := leased(t, nil, nil)
	g.grant(t, 1)
	again := func(limit int) {
		b.edge.SetCatalog(rotationCatalog(t, func(c *catalog.Config) {
			c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = limit, []string{"a"}, "safe"
		}))
	}
	again(2000)
	if first, second := offerOf(t, b.get("/c/c")), offerOf(t, b.get("/c/c")); first != "a" || second != "safe" {
		t.Errorf("sent to %s and %s", first, second)
	}
	again(0)
	if got := offerOf(t, b.get("/c/c")); got != "a" {
		t.Errorf("without a cap sent to %s", got)
	}
}

func TestAllocationsWithLeases(t *testing.T) {
	for name, limit := range map[string]int64{"held": 100_000, "used up": 1} {
		b, g := leased(t, nil, func(c *catalog.Config) { c.Campaigns[0].Name = "summer" })
		g.grant(t, limit)
		work := clickWork(b.edge)
		work()
		if n := testing.AllocsPerRun(500, work); n > 0 && !raceEnabled {
			t.Errorf("%s: a click makes %v allocations, the budget is 0", name, n)
		}
	}
}

// Shared caps without anybody to ask are no edge.
func TestSharedCapsNeedLeases(t *testing.T) {
	cfg := Defaults()
	cfg.Listen, cfg.Caps = "127.0.0.1:0", CapsShared
	if _, err := New(cfg, Deps{}); !errors.Is(err, errNoLeases) {
		t.Errorf("answered %v", err)
	}
	cfg.Caps = "all"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "own or shared") {
		t.Errorf("a word that is unknown is answered %v", err)
	}
}
