package ingest

import (
	"bytes"
	imagegif "image/gif"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
)

// withTraffic adds landing pages and a price of impressions to the tests' catalog.
func withTraffic(change ...func(*Config, *Deps)) func(*Config, *Deps) {
	return func(cfg *Config, deps *Deps) {
		c := testCatalog()
		c.Landings = []catalog.LandingConfig{{ID: 7, Name: "quiz", URL: "https://land.example/quiz?click={click_id}&c={country}"}, {ID: 8, Name: "story", URL: "https://land.example/story?click={click_id}"}}
		c.Campaigns = append(c.Campaigns,
			catalog.CampaignConfig{ID: 4, Name: "shown", Offers: []string{"casino-de", "other"}, CostPerMille: "2.5", Currency: "EUR", Source: "pushads"},
			catalog.CampaignConfig{ID: 5, Name: "landed", Offers: []string{"casino-de", "other"}, Landings: []string{"quiz", "story"}, Source: "pushads", Cost: "0.1"})
		built, err := catalog.Build(c)
		if err != nil {
			panic(err)
		}
		deps.Catalog = built
		for _, change := range change {
			change(cfg, deps)
		}
	}
}

func (b *bench) impressions() []*events.Impression {
	b.tb.Helper()
	var list []*events.Impression
	for _, r := range b.records(schemas.TopicImpressions) {
		i := &events.Impression{}
		if err := i.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if string(r.Key) != i.ImpressionId {
			b.tb.Errorf("impression %s has the key %q", i.ImpressionId, r.Key)
		}
		list = append(list, i)
	}
	return list
}

func TestImpression(t *testing.T) {
	b := newBench(t, withTraffic())
	for i, c := range []struct {
		query string
		check func(*events.Impression) bool
	}{
		{"", func(i *events.Impression) bool {
			return i.CampaignId == 4 && i.Campaign == "shown" && i.SourceId == 1 && i.Source == "pushads" && i.CostMicros == 2500 && i.Currency == "EUR" && i.CostBaseMicros == 3000 &&
				i.Device == "desktop" && i.Os == "Windows" && i.Browser == "Chrome" && i.Bot == "" && len(i.Ip) == 16 && len(i.ImpressionId) == 26 && i.EventMs == testNow.UnixMilli() && i.ReceivedMs == i.EventMs && !i.Resent
		}},
		{"?source=euroads&cost=0.004&sub1=a&sub20=t&external_id=x1&keyword=k&creative=c", func(i *events.Impression) bool {
			return i.SourceId == 2 && i.CostMicros == 4000 && i.CostBaseMicros == 4800 && len(i.Subs) == 20 && i.Subs[0] == "a" && i.Subs[19] == "t" && i.ExternalId == "x1" && i.Keyword == "k" && i.Creative == "c"
		}},
		{"?source=somebody&cost=%7Bcost%7D&sub1=%7Bzone%7D", func(i *events.Impression) bool {
			return i.SourceId == 0 && i.Source == "somebody" && i.CostMicros == 2500 && len(i.Subs) == 0
		}},
		{"?cost=-1&currency=XXX&sub3=a%00b%ff&keyword=" + strings.Repeat("k", 400), func(i *events.Impression) bool {
			return i.CostMicros == 2500 && len(i.Subs) == 3 && i.Subs[2] == "ab" && len(i.Keyword) == schemas.MaxKeywordBytes
		}},
		{"?cost=1&currency=GBP", func(i *events.Impression) bool { return i.CostMicros == 2500 && i.Currency == "EUR" }},
	} {
		got := b.get("/i/shown" + c.query)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/gif" || got.header.Get("Cache-Control") != "no-store" || len(got.body) != 43 || got.header.Get("Set-Cookie") != "" {
			t.Fatalf("%s: answer %+v", c.query, got)
		}
		if image, err := imagegif.Decode(strings.NewReader(got.body)); err != nil || image.Bounds().Dx() != 1 || image.Bounds().Dy() != 1 {
			t.Fatalf("no image of one pixel: %v", err)
		} else if _, _, _, alpha := image.At(0, 0).RGBA(); alpha != 0 {
			t.Error("the image can be seen")
		}
		list := b.impressions()
		if len(list) != i+1 {
			t.Fatalf("%s: %d impressions are durable, want %d", c.query, len(list), i+1)
		}
		if !slices.ContainsFunc(list, c.check) {
			t.Errorf("%s: the impressions are %v", c.query, list)
		}
	}
	ids := map[string]bool{}
	for _, i := range b.impressions() {
		ids[i.ImpressionId] = true
	}
	if len(ids) != 5 {
		t.Errorf("%d IDs", len(ids))
	}
	if clicks := b.clicks(); len(clicks) != 0 {
		t.Errorf("%d clicks", len(clicks))
	}
	// A bot that has to be seen, and what is no impression.
	b.visit("/i/shown", "203.0.113.9", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
	if list := b.impressions(); len(list) != 6 || !slices.ContainsFunc(list, func(i *events.Impression) bool { return i.Bot != "" && i.Device == "bot" }) {
		t.Errorf("the bot's impression is %v", list)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", "/i/shown", 200}, {"HEAD", "/i/winter", 404}, {"GET", "/i/winter", 404}, {"GET", "/i/", 404}, {"GET", "/i/shown/x", 404}, {"POST", "/i/shown", 405}, {"OPTIONS", "/i/shown", 204},
	} {
		if got := b.send(c.method, c.path, "", ""); got.status != c.status {
			t.Errorf("%s %s is answered %d %s", c.method, c.path, got.status, got.body)
		}
	}
	if n := len(b.impressions()); n != 6 {
		t.Errorf("%d impressions, want 6", n)
	}
	letters := b.letters()
	if len(letters) != 3 || letters[0].Reason != string(schemas.RejectUnknownCampaign) {
		t.Errorf("the rows of what was refused are %v", letters)
	}
}

// TestImpressionIsDurable: answered 200 means in Kafka; without Kafka and without a spool there is nothing but a 503.
func TestImpressionIsDurable(t *testing.T) {
	b := newBench(t, withTraffic(func(cfg *Config, _ *Deps) { cfg.AckTimeout = 1e9 }))
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	if got := b.get("/i/shown"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("answer %+v", got)
	}
	stop()
}

// TestOnlyWhatMayBeACopyIsMarked: an outage alone marks nothing. What a dead edge left is marked, and is in Kafka all the same.
func TestOnlyWhatMayBeACopyIsMarked(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, withTraffic(withSpool(dir)))
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	for range 20 {
		if got := b.get("/i/shown"); got.status != http.StatusOK {
			t.Fatalf("answer %+v", got)
		}
	}
	stop()
	b.drained()
	if n := len(b.impressions()); n != 20 {
		t.Fatalf("%d impressions, want 20", n)
	}
	for _, i := range b.impressions() {
		if i.Resent {
			t.Error("an impression is marked that was sent once")
		}
	}
	defer b.refuseProduce(kerr.NotEnoughReplicas)()
	for range 10 {
		b.get("/i/shown")
	}
	press := b.get("/l/" + clickID(t, testSecret, 4, 1))
	if press.status != http.StatusFound {
		t.Fatalf("answer %+v", press)
	}
	left := b.edge.spool.Depth().Records
	b.stop()
	if err := <-b.ran; err != nil {
		t.Fatal(err)
	}
	b.ran <- nil
	after := newBench(t, withTraffic(withSpool(dir)))
	after.drained()
	list := after.impressions()
	if len(list) != 10 || left < 11 {
		t.Fatalf("%d impressions after the restart, %d records were left", len(list), left)
	}
	for _, i := range list {
		if !i.Resent || i.CampaignId != 4 || i.CostMicros != 2500 {
			t.Errorf("an impression that a dead edge left is %v", i)
		}
	}
	if presses := after.presses(); len(presses) != 1 || !presses[0].Resent {
		t.Errorf("the press is %v", presses)
	}
}

func TestImpressionAllocations(t *testing.T) {
	e := newBench(t, withTraffic()).edge
	work := impressionWork(e)
	work()
	if n := testing.AllocsPerRun(1000, work); n > 0 && !raceEnabled {
		t.Errorf("an impression makes %v allocations, the budget is 0", n)
	}
}

// BenchmarkImpression is what an impression costs before Kafka.
func BenchmarkImpression(b *testing.B) {
	work := impressionWork(newBench(b, withTraffic()).edge)
	b.ReportAllocs()
	for b.Loop() {
		work()
	}
}

// impressionWork makes a function that does all of an impression but handing it to Kafka and to the connection.
func impressionWork(e *Edge) func() {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}, nil)
	ctx.Request.SetRequestURI("/i/shown?source=pushads&sub1=zone-7&sub2=mobile&external_id=3f2b9c1e7a&keyword=casual+games&creative=banner-12&cost=0.0012")
	ctx.Request.Header.SetUserAgent(chrome)
	ctx.Request.Header.Set(fasthttp.HeaderAcceptLanguage, "de-DE,de;q=0.9")
	ctx.Request.Header.SetReferer("https://site-1.example/")
	return func() {
		path, rawQuery := target(ctx)
		cat := e.catalog.Load()
		v := e.newVisit()
		v.addr = e.proxies.client(ctx)
		e.readLink(v, rawQuery)
		e.readHeaders(ctx, v)
		e.show(v, cat, cat.Campaign(path[len(pathShow):]), testNow.UnixMilli())
		d, err := e.producer.prepare(topicImpressions, v.id[:len(v.shown.ImpressionId)], "", &v.shown)
		if err != nil {
			panic(err)
		}
		d.owners.Store(1)
		d.release()
		e.endVisit(v)
	}
}

// TestResentField holds the bytes that mark a copy against the generated code.
func TestResentField(t *testing.T) {
	for _, topic := range []topic{topicImpressions, topicLandingClicks} {
		var want, value []byte
		if topic == topicImpressions {
			value, _ = (&events.Impression{ImpressionId: "a"}).MarshalVT()
			want, _ = (&events.Impression{ImpressionId: "a", Resent: true}).MarshalVT()
		} else {
			value, _ = (&events.LandingClick{LandingClickId: "a"}).MarshalVT()
			want, _ = (&events.LandingClick{LandingClickId: "a", Resent: true}).MarshalVT()
		}
		if got := resent(topic, value); !bytes.Equal(got, want) {
			t.Errorf("topic %d: %x, want %x", topic, got, want)
		}
	}
	if got := resent(topicClicks, []byte{1}); !bytes.Equal(got, []byte{1}) {
		t.Errorf("a click became %x", got)
	}
}

// TestSourcesOwnParams holds that a source's own names of parameters count in its impressions as they do in its clicks.
func TestImpressionHasItsSourcesParams(t *testing.T) {
	cfg := testCatalog()
	cfg.Sources[1].LinkParams = map[string]string{"zoneid": "sub3", "bid": "cost"}
	built, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = built })
	const query = "?source=euroads&bid=0.01&zoneid=z&sub1=a"
	b.get("/c/summer" + query)
	b.get("/i/summer" + query)
	click, shown := b.lastClick(), b.impressions()
	if len(shown) != 1 || shown[0].CostMicros != click.CostMicros || shown[0].CostMicros != 10_000 || !slices.Equal(shown[0].Subs, click.Subs) || len(click.Subs) != 3 {
		t.Errorf("the impression is %+v, the click %+v", shown, click)
	}
}
