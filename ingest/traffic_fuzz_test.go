package ingest

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/fuzzbound"
	"tributary/schemas/id"
)

// trafficEdge is deafEdge with landing pages.
func trafficEdge(tb testing.TB) *Edge {
	e := deafEdge(tb)
	c := testCatalog()
	c.Landings = []catalog.LandingConfig{{ID: 7, Name: "quiz", URL: "https://land.example/quiz?click={click_id}"}}
	c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 5, Name: "landed", Offers: []string{"casino-de", "other"}, Landings: []string{"quiz"}, CostPerMille: "2"})
	built, err := catalog.Build(c)
	if err != nil {
		tb.Fatal(err)
	}
	e.SetCatalog(built)
	return e
}

// FuzzImpression: every link of a declared campaign is an impression, within the limits of its event.
func FuzzImpression(f *testing.F) {
	e := trafficEdge(f)
	for _, raw := range []string{"source=pushads&sub1=a&cost=0.002&currency=EUR", "keyword=%ff%0d%0aX:y&cost={cost}", "sub20=%e2%82&external_id=" + strings.Repeat("%41", 300), "cost=1e9&currency=us"} {
		f.Add([]byte(raw), []byte(chrome))
	}
	cat := e.catalog.Load()
	f.Fuzz(func(t *testing.T, raw, agent []byte) {
		v := &visit{}
		fuzzbound.Hold(t, 16*(len(raw)+len(agent)), func() {
			v.reset()
			v.addr = netip.MustParseAddr("8.8.8.8")
			e.readLink(v, raw)
			v.userAgent = e.clean(v, agent, schemas.MaxUserAgent, fieldUserAgent)
			e.show(v, cat, cat.Campaign([]byte("landed")), testNow.UnixMilli())
		})
		i := &v.shown
		if i.CostMicros < 0 || i.CostBaseMicros < 0 || i.CostBaseMicros > schemas.MaxMoneyMicros || i.CampaignId != 5 || len(i.ImpressionId) != id.ReceiptTextBytes || len(i.Subs) > schemas.MaxSubs || len(i.Ip) != 16 {
			t.Fatalf("the impression is %v", i)
		}
		if _, err := i.MarshalVT(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzLanding: whatever stands behind /l/ leads to a declared offer or is refused.
func FuzzLanding(f *testing.F) {
	e := trafficEdge(f)
	good := clickID(f, testSecret, 5, 1)
	for _, rest := range []string{good, good + "/1", good + "/2", good + "/3", good + "//evil.example", strings.ToUpper(good), clickID(f, otherSecret, 5, 1), "", "/", "https://evil.example", good[:39] + "!"} {
		f.Add([]byte(rest), []byte("sub1=x"))
	}
	cat := e.catalog.Load()
	f.Fuzz(func(t *testing.T, rest, raw []byte) {
		v := &visit{}
		v.reset()
		v.addr = netip.MustParseAddr("8.8.8.8")
		campaign, given, offer, n, refused := e.readPress(cat, rest, testNow)
		if refused != nil {
			if refused.status() < 400 || refused.Detail == "" || refused.WouldBeRight == "" {
				t.Fatalf("refused by %+v", refused)
			}
			return
		}
		e.readLink(v, raw)
		e.press(v, cat, campaign, offer, &given, testNow.UnixMilli())
		u, err := url.Parse(string(v.link()))
		if err != nil || u.Host != "offer.example" && u.Host != "other.example" || n < 0 || n > len(campaign.Offers) || v.pressed.ClickId != given.String() || cat.Keyring().Verify(&given) != nil {
			t.Fatalf("%q leads to %s (%v)", rest, v.out, err)
		}
	})
}
