package useragent

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"tributary/cli/loadgen/useragents"
	"tributary/schemas/fuzzbound"
)

func newParser(t testing.TB, config Config) *Parser {
	t.Helper()
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	const safari = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
	const chrome = "AppleWebKit/537.36 (KHTML, like Gecko)"
	p := newParser(t, Config{})
	for _, test := range []struct {
		ua   string
		want Info
	}{
		{"", Info{Device: "unknown"}},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Chrome/141.0.0.0 Safari/537.36",
			Info{"desktop", "Windows", "10.0", "Chrome", "141.0.0.0", "", ""}},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Chrome/141.0.0.0 Safari/537.36 Edg/141.0.3537.71",
			Info{"desktop", "Windows", "10.0", "Edge", "141.0.3537.71", "", ""}},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + safari + " Version/18.5 Safari/605.1.15",
			Info{"desktop", "macOS", "10.15.7", "Safari", "18.5", "", ""}},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
			Info{"desktop", "Linux", "", "Firefox", "143.0", "", ""}},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) " + safari + " Version/26.0 Mobile/15E148 Safari/604.1",
			Info{"mobile", "iOS", "18.7", "Safari", "26.0", "", ""}},
		{"Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) " + safari + " Version/17.6 Mobile/15E148 Safari/604.1",
			Info{"tablet", "iOS", "17.6", "Safari", "17.6", "", ""}},
		{"Mozilla/5.0 (Linux; Android 10; K) " + chrome + " Chrome/141.0.0.0 Mobile Safari/537.36",
			Info{"mobile", "Android", "10", "Chrome", "141.0.0.0", "", ""}},
		{"Mozilla/5.0 (Linux; Android 13; SM-S918B) " + chrome + " SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
			Info{"mobile", "Android", "13", "Samsung Browser", "28.0", "", ""}},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) " + chrome + " 76.0.3809.146/6.0 TV Safari/537.36",
			Info{"tv", "Linux", "", "Other", "", "", ""}},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
			Info{"bot", "", "", "Other", "", "Googlebot", "search"}},
		{"curl/8.5.0", Info{"bot", "", "", "Other", "", "curl", "library"}},
		{"Mozilla/5.0 (X11; Linux x86_64) " + chrome + " NeverSeenBrowser/9.1 Chrome/141.0.0.0 Safari/537.36",
			Info{"desktop", "Linux", "", "Other", "", "", ""}},
		{"complete nonsense", Info{Device: "unknown"}},
		{"\xff\xfe\x00(((", Info{Device: "unknown", Browser: Other}},
	} {
		for range 2 { // from the library, then from the cache
			if got := p.Parse([]byte(test.ua)); got != test.want {
				t.Errorf("%q:\n got %+v\nwant %+v", test.ua, got, test.want)
			}
		}
	}
}

// Real browsers come out as what they said they were.
func TestRealBrowsersAgreeWithTheirDevice(t *testing.T) {
	p := newParser(t, Config{})
	agree := 0.0
	for _, profile := range useragents.All() {
		info := p.ParseString(profile.UA)
		if info.Device == profile.DeviceCategory {
			agree += profile.Weight
		}
		if info.Bot != "" || info.OS == "" || info.Browser == "" {
			t.Errorf("%q: %+v, want no bot, an operating system and a browser", profile.UA, info)
		}
	}
	t.Logf("%.2f %% of the traffic has the device its profile says", 100*agree)
	if agree < 0.98 {
		t.Errorf("only %.2f %% of the traffic has the device its profile says", 100*agree)
	}
}

func TestParseKeepsNothingOfItsArgument(t *testing.T) {
	p := newParser(t, Config{})
	ua := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	again := bytes.Clone(ua)
	want := p.Parse(ua)
	clear(ua)
	if got := p.Parse(again); got != want || p.Misses() != 1 {
		t.Errorf("after the caller reused its bytes: %+v and %d misses, want %+v and 1", got, p.Misses(), want)
	}
}

func TestParseCutsLongStrings(t *testing.T) {
	p := newParser(t, Config{})
	long := strings.Repeat("Mozilla/5.0 ", 100)
	if a, b := p.ParseString(long), p.ParseString(long[:MaxLength]); a != b || p.Misses() != 1 {
		t.Errorf("%+v and %+v with %d misses, want the same answer from the cache", a, b, p.Misses())
	}
}

func TestNewRefusesACacheThatHoldsNothing(t *testing.T) {
	for _, size := range []int{-1, 1, ways*entryBytes - 1} {
		if _, err := New(Config{CacheBytes: size}); err == nil {
			t.Errorf("a cache of %d bytes was taken", size)
		}
	}
	if p := newParser(t, Config{CacheBytes: 3 * ways * entryBytes}); len(p.sets) != 2 {
		t.Errorf("%d sets, want 2: rounded down", len(p.sets))
	}
}

// A flood of strings that never repeat stays inside the budget.
func TestMemoryIsBounded(t *testing.T) {
	const budget = 4 << 20
	p := newParser(t, Config{CacheBytes: budget})
	p.ParseString("curl/8.5.0") // builds the crawler list: not part of the budget
	before := heap()
	version := strings.Repeat("9", 2*maxVersionLength)
	for i := range 4 * budget / entryBytes {
		ua := fmt.Sprintf("Mozilla/5.0 (Windows NT %s) Firefox/%s %d ", version, version, i)
		p.ParseString(ua + strings.Repeat("x", MaxLength-len(ua)))
	}
	if grown := heap() - before; grown > budget {
		t.Errorf("grown by %d bytes, want at most %d", grown, budget)
	} else {
		t.Logf("grown by %d of %d bytes", grown, budget)
	}
	runtime.KeepAlive(p)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestManyGoroutinesGetTheSameAnswers(t *testing.T) {
	p := newParser(t, Config{CacheBytes: 32 * entryBytes}) // too small: entries are replaced all the time
	profiles := useragents.All()
	want := make([]Info, len(profiles))
	for i := range profiles {
		want[i] = inspect(profiles[i].UA)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3000 {
				i := rand.IntN(len(profiles))
				if got := p.ParseString(profiles[i].UA); got != want[i] {
					t.Errorf("%q: got %+v, want %+v", profiles[i].UA, got, want[i])
				}
			}
		})
	}
	all.Wait()
}

func TestHitDoesNotAllocate(t *testing.T) {
	p := newParser(t, Config{})
	ua := []byte(useragents.All()[0].UA)
	p.Parse(ua)
	if n := testing.AllocsPerRun(100, func() { p.Parse(ua) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzParse(f *testing.F) {
	for i, profile := range useragents.All() {
		if i%10 == 0 {
			f.Add([]byte(profile.UA))
		}
	}
	for _, ua := range []string{"", "(", ")", "[;]:/", "http://", "Android;", "Googlebot/2.1 (+http://x", "\xff/\xfe(;", "Linux \xc3", "FBAN/;FBAV"} {
		f.Add([]byte(ua))
	}
	devices := map[string]bool{DeviceDesktop: true, DeviceMobile: true, DeviceTablet: true, DeviceTV: true, DeviceBot: true, DeviceUnknown: true}
	p := newParser(f, Config{CacheBytes: 1 << 16})
	f.Fuzz(func(t *testing.T, ua []byte) {
		fuzzbound.Hold(t, 16*MaxLength, func() { inspect(string(ua[:min(len(ua), MaxLength)])) })
		first := p.Parse(ua)
		if second := p.Parse(ua); first != second {
			t.Errorf("%+v, then %+v", first, second)
		}
		if !devices[first.Device] || (first.Device == DeviceBot) != (first.Bot != "") {
			t.Errorf("device %q, bot %q", first.Device, first.Bot)
		}
		for _, field := range []string{first.OS, first.OSVersion, first.Browser, first.BrowserVersion, first.Bot} {
			if !utf8.ValidString(field) || len(field) > 64 {
				t.Errorf("field %q of %+v", field, first)
			}
		}
	})
}

func BenchmarkParseHit(b *testing.B) {
	p := newParser(b, Config{})
	profiles := useragents.All()
	uas := make([][]byte, len(profiles))
	for i := range profiles {
		uas[i] = []byte(profiles[i].UA)
		p.Parse(uas[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Parse(uas[i%len(uas)])
	}
}

func BenchmarkParseHitParallel(b *testing.B) {
	p := newParser(b, Config{})
	profiles := useragents.All()
	for i := range profiles {
		p.ParseString(profiles[i].UA)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			p.ParseString(profiles[i%len(profiles)].UA)
		}
	})
}

func BenchmarkParseMiss(b *testing.B) {
	profiles := useragents.All()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		inspect(profiles[i%len(profiles)].UA)
	}
}
