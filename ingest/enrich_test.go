package ingest

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"tributary/catalog"
	"tributary/catalog/trust"
	"tributary/ingest/geo"
	"tributary/ingest/privacy"
	"tributary/schemas"
	"tributary/schemas/events"
)

// visitorIP is whom the declared proxy names.
const visitorIP = "81.2.69.142"

// placesFile makes a file with one network, as good for cities as for systems and connections.
func placesFile(tb testing.TB, path, city string) string {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoIP2-Enterprise", RecordSize: 24})
	if err != nil {
		tb.Fatal(err)
	}
	_, network, _ := net.ParseCIDR("81.2.69.0/24")
	name := func(text string) mmdbtype.Map {
		return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(text)}}
	}
	err = tree.Insert(network, mmdbtype.Map{
		"country": mmdbtype.Map{"iso_code": mmdbtype.String("GB")}, "city": name(city), "subdivisions": mmdbtype.Slice{name("England")},
		"traits": mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(16509), "autonomous_system_organization": mmdbtype.String("AMAZON-02"), "connection_type": mmdbtype.String("Cable/DSL")},
	})
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path+".new", out.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// behindProxy makes an edge that believes X-Forwarded-For, and a network that may send from one address only.
func behindProxy(tb testing.TB, change func(*Config)) *bench {
	return newBench(tb, func(cfg *Config, deps *Deps) {
		cfg.TrustedProxies = []string{"127.0.0.1"}
		c := testCatalog()
		c.Offers[0].URL += "&city={city}&asn={asn}&ct={connection_type}"
		c.Campaigns[2].Rules = []catalog.RuleConfig{{Hosting: "yes", Offers: []string{"other"}}}
		c.Campaigns[2].Offers = []string{"casino-de"}
		c.Networks[0].Trust.Allow = []string{"192.0.2.0/24"}
		cat, err := catalog.Build(c)
		if err != nil {
			tb.Fatal(err)
		}
		deps.Catalog = cat
		if change != nil {
			change(cfg)
		}
	})
}

func (b *bench) from(ip, method, path, body string) reply {
	b.tb.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	req.Header.Set("User-Agent", chrome)
	req.Header.Set("X-Forwarded-For", ip)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return b.do(req)
}

func (b *bench) lastClick() *events.Click {
	b.tb.Helper()
	var last *events.Click
	for _, r := range b.records(schemas.TopicClicks) {
		c := &events.Click{}
		if err := c.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if last == nil || c.ReceivedMs >= last.ReceivedMs {
			last = c
		}
	}
	return last
}

func TestClickKnowsItsPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "places.mmdb")
	placesFile(t, file, "London")
	b := behindProxy(t, func(cfg *Config) { cfg.Geo.CityFile, cfg.Geo.ASNFile, cfg.Geo.ConnectionFile = file, file, file })
	answer := b.from(visitorIP, "GET", "/c/summer", "")
	if location := answer.header.Get("Location"); !strings.HasSuffix(location, "&city=London&asn=16509&ct=cable_dsl") {
		t.Errorf("sent to %s", location)
	}
	c := b.lastClick()
	if c.Country != "GB" || c.City != "London" || c.Region != "England" || c.Asn != 16509 || c.AsOrg != "AMAZON-02" || c.ConnectionType != "cable_dsl" || !c.Hosting {
		t.Errorf("%+v", c)
	}
	// A rule looks at it.
	if location := b.from(visitorIP, "GET", "/c/split", "").header.Get("Location"); !strings.HasPrefix(location, "https://other.example/") {
		t.Errorf("a visitor from a hosting provider is sent to %s", location)
	}
	if location := b.from("8.8.8.8", "GET", "/c/split", "").header.Get("Location"); !strings.HasPrefix(location, "https://offer.example/") {
		t.Errorf("any other visitor is sent to %s", location)
	}
	// The edge sees a changed file by itself.
	placesFile(t, file, "Leeds")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(b.from(visitorIP, "GET", "/c/summer", "").header.Get("Location"), "&city=Leeds&") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the changed file was not read")
		}
	}
	// A broken one changes nothing, and is counted.
	if err := os.WriteFile(file, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.edge.ReloadFiles()
	if location := b.from(visitorIP, "GET", "/c/summer", "").header.Get("Location"); !strings.Contains(location, "&city=Leeds&") {
		t.Errorf("after a broken file: %s", location)
	}
	if !strings.Contains(b.get("/metrics").body, `tributary_ingest_geo_reloads_total{file="asn",outcome="refused"} 1`) {
		t.Error("the refused file is not counted")
	}
}

func TestEdgeRefusesAMissingDataFile(t *testing.T) {
	cfg := Defaults()
	cfg.Listen = "127.0.0.1:0"
	cfg.Geo.CityFile = filepath.Join(t.TempDir(), "none.mmdb")
	_, err := New(cfg, Deps{})
	if err == nil || !strings.Contains(err.Error(), "ingest.geo.city_file") || !strings.Contains(err.Error(), "none.mmdb") {
		t.Errorf("%v", err)
	}
}

func TestBotHasAClass(t *testing.T) {
	b := newBench(t, nil)
	req, _ := http.NewRequest(http.MethodGet, b.url+"/c/summer", nil)
	req.Header.Set("User-Agent", "python-requests/2.32.3")
	b.do(req)
	if c := b.lastClick(); c.Bot != "python-requests" || c.BotClass != "library" {
		t.Errorf("bot %q of class %q", c.Bot, c.BotClass)
	}
}

// No record of the edge has more of an address than ingest.privacy.ip lets through, whatever kind it is.
func TestPrivacyOfEveryRecord(t *testing.T) {
	keys := privacy.KeysConfig{Active: 3, Keys: map[int]trust.Secret{3: "a secret of the tests"}}
	for _, test := range []struct {
		config privacy.Config
		shown  string // how visitorIP is kept
	}{
		{privacy.Config{IP: privacy.Full}, visitorIP},
		{privacy.Config{IP: privacy.Truncated}, "81.2.69.0"},
		{privacy.Config{IP: privacy.Hashed, IPKeys: keys}, privacy.New(privacy.Config{IP: privacy.Hashed, IPKeys: keys}).Text(netip.MustParseAddr(visitorIP))},
	} {
		t.Run(test.config.IP, func(t *testing.T) {
			b := behindProxy(t, func(cfg *Config) {
				cfg.Privacy = test.config
				cfg.Trust.ClicksTokens = nil
			})
			click := b.from(visitorIP, "GET", "/c/summer", "").header.Get("X-Click-Id")
			again := b.from(visitorIP, "GET", "/c/summer", "").header.Get("X-Click-Id")
			if click == again {
				t.Fatal("two clicks have one ID")
			}
			b.from("127.0.0.1", "POST", "/v1/clicks", `{"campaign":"summer","ip":"`+visitorIP+`"}`)
			b.from("127.0.0.1", "POST", "/v1/clicks", `{"campaign":"nowhere","ip":" `+visitorIP+` "}`)
			b.from("127.0.0.1", "POST", "/v1/clicks", `[{"campaign":"summer","cost":"x","ip":"`+visitorIP+`"}]`)
			b.from(visitorIP, "GET", "/c/nowhere?sub1="+visitorIP, "")
			b.from(visitorIP, "GET", "/postback?network=legacy&payout=1&click_id="+click, "")
			b.from(visitorIP, "GET", "/postback?network=acme&payout=1&click_id="+click, "") // from an address that may not
			b.from(visitorIP, "GET", "/i/summer", "")
			seen := 0
			for _, topic := range []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicDeadLetters, schemas.TopicImpressions} {
				for _, r := range b.records(topic) {
					var ip []byte
					var country string
					var rate uint32
					switch topic {
					case schemas.TopicClicks:
						c := &events.Click{}
						if err := c.UnmarshalVT(r.Value); err != nil {
							t.Fatal(err)
						}
						ip, country, rate = c.Ip, c.Country, c.IpClicksPerMinute
						if country != "GB" || rate == 0 {
							t.Errorf("a click has the country %q and the rate %d: they look at the whole address", country, rate)
						}
					case schemas.TopicPostbacks:
						p := &events.Postback{}
						if err := p.UnmarshalVT(r.Value); err != nil {
							t.Fatal(err)
						}
						ip = p.Ip
					case schemas.TopicImpressions:
						i := &events.Impression{}
						if err := i.UnmarshalVT(r.Value); err != nil {
							t.Fatal(err)
						}
						ip = i.Ip
					default:
						l := &events.DeadLetter{}
						if err := l.UnmarshalVT(r.Value); err != nil {
							t.Fatal(err)
						}
						ip = l.Ip
					}
					addr, _ := netip.AddrFromSlice(ip)
					if got := addr.Unmap().String(); got != test.shown {
						t.Errorf("a record of %s has the address %s, want %s", topic, got, test.shown)
					}
					if test.config.IP != privacy.Full && bytes.Contains(r.Value, []byte(visitorIP)) {
						t.Errorf("a record of %s has the address in a text: %q", topic, r.Value)
					}
					seen++
				}
			}
			if seen != 9 {
				t.Errorf("%d records, want 9", seen)
			}
		})
	}
}

// A refused request keeps no more of its sender's address, however its URL writes it.
func TestPrivacyOfRefusedRequests(t *testing.T) {
	const visitor = "2001:db8::a:0:77"
	b := behindProxy(t, func(cfg *Config) { cfg.Privacy.IP = privacy.Truncated })
	for _, written := range []string{visitor, "2001%3Adb8%3A%3Aa%3A0%3A77", "2001%3adb8::a:0%3a77", "2001:0DB8:0:0:0:A:0:77"} {
		b.from(visitor, "GET", "/c/nowhere?ip="+written, "")
		b.from(visitor, "GET", "/postback?network=nobody&ip="+written, "")
	}
	letters := b.letters()
	for _, l := range letters {
		if raw := string(l.Raw); strings.Contains(raw, "77") || !strings.Contains(raw, "2001") {
			t.Errorf("a letter keeps %s", raw)
		}
	}
	if len(letters) != 8 {
		t.Errorf("%d letters", len(letters))
	}
}

// Of every event of the edge with an address, the record has the kept form and the event itself stays as it was.
func TestPrepareLeavesTheEventAsItWas(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.Privacy.IP = privacy.Truncated })
	whole := netip.MustParseAddr(visitorIP).As16()
	kept := netip.MustParseAddr("81.2.69.0").As16()
	for _, event := range []interface {
		message
		addressed
		UnmarshalVT([]byte) error
	}{
		&events.Click{Ip: bytes.Clone(whole[:])}, &events.Postback{Ip: bytes.Clone(whole[:])}, &events.DeadLetter{Ip: bytes.Clone(whole[:])},
		&events.Impression{Ip: bytes.Clone(whole[:])}, &events.LandingClick{Ip: bytes.Clone(whole[:])},
	} {
		for range 2 {
			d, err := b.edge.producer.prepare(topicClicks, nil, "", event)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(d.value, kept[:]) || bytes.Contains(d.value, whole[:]) || !bytes.Equal(event.GetIp(), whole[:]) {
				t.Errorf("%T: record %x, event %x", event, d.value, event.GetIp())
			}
			d.owners.Store(1)
			d.release()
		}
	}
	// Nothing, and an address of no length that is one, pass.
	if _, err := b.edge.producer.prepare(topicClicks, nil, "", &events.Click{Ip: []byte{1}}); err != nil {
		t.Error(err)
	}
}

// BenchmarkFillPlaces is BenchmarkFill with data files and with hashed addresses.
func BenchmarkFillPlaces(b *testing.B) {
	file := filepath.Join(b.TempDir(), "places.mmdb")
	placesFile(b, file, "London")
	files := geo.Config{CityFile: file, ASNFile: file, ConnectionFile: file, MaxFileBytes: 1 << 20}
	hashed := privacy.Config{IP: privacy.Hashed, IPKeys: privacy.KeysConfig{Keys: map[int]trust.Secret{0: "a secret of the tests"}}}
	for _, c := range []struct {
		name    string
		geo     geo.Config
		privacy privacy.Config
	}{{"country", geo.Defaults(), privacy.Defaults()}, {"files", files, privacy.Defaults()}, {"files,hashed", files, hashed}} {
		b.Run(c.name, func(b *testing.B) {
			work := clickWork(newBench(b, func(cfg *Config, _ *Deps) { cfg.Geo, cfg.Privacy = c.geo, c.privacy }).edge)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				work()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// What is known of an address and how it is kept costs no allocation a click.
func TestPlacesAndPrivacyCostNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates for itself")
	}
	file := filepath.Join(t.TempDir(), "places.mmdb")
	placesFile(t, file, "London")
	measure := func(change func(*Config)) float64 {
		b := newBench(t, func(cfg *Config, _ *Deps) { change(cfg) })
		work := clickWork(b.edge)
		return testing.AllocsPerRun(500, work)
	}
	plain := measure(func(*Config) {})
	rich := measure(func(cfg *Config) {
		cfg.Geo = geo.Config{CityFile: file, ASNFile: file, ConnectionFile: file, MaxFileBytes: 1 << 20}
		cfg.Privacy = privacy.Config{IP: privacy.Hashed, IPKeys: privacy.KeysConfig{Keys: map[int]trust.Secret{0: "a secret of the tests"}}}
	})
	if rich > plain {
		t.Errorf("%v allocations a click with data files and hashing, %v without", rich, plain)
	}
	t.Logf("%v allocations a click", rich)
}
