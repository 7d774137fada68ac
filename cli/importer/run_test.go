package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/cli/misuse"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testCatalog(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	built, err := catalog.Build(catalog.Config{
		BaseCurrency: "USD",
		ClickIDKeys:  catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the tests, 32 bytes."}},
		Sources:      []catalog.SourceConfig{{ID: 1, Name: "pushads"}, {ID: 2, Name: "euroads", Currency: "EUR"}},
		Offers:       []catalog.OfferConfig{{ID: 1, Name: "offer", URL: "https://offer.example/?s={click_id}"}},
		Campaigns: []catalog.CampaignConfig{
			{ID: 1, Name: "summer", Offers: []string{"offer"}, Cost: "0.02", AllowForeignClickIDs: true}, {ID: 2, Name: "winter", Offers: []string{"offer"}},
		},
		Networks:      []catalog.NetworkConfig{{Name: "acme", AllowForeignClickIDs: true}},
		ExchangeRates: []catalog.RateConfig{{Currency: "EUR", Date: "2026-02-01", Rate: "1.20"}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return built
}

// options import text as a file of its own in the folder.
func options(tb testing.TB, text string, out io.Writer) Options {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "clicks.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return Options{File: path, Tracker: TrackerByName("keitaro"), Catalog: testCatalog(tb), Campaigns: []string{"summer", "winter"}, Window: 30 * 24 * time.Hour,
		Parallel: 2, RetryFor: time.Minute, Out: out, Now: func() time.Time { return testNow }}
}

const keitaroFile = "\xef\xbb\xbfsub_id;datetime;campaign;ts;cost;currency;ip;sub_id_1;country_flag\r\n" +
	"3f4k1a;2026-02-20 10:00:00;DE Summer;pushads;0,015;;8.8.8.8;zone-1;US\r\n" +
	"3f4k1b;2026-02-20 10:00:05;summer;unknown;0,02;EUR;;\"a;b\";DE\r\n" +
	"3f4k1c;2026-01-20 10:00:00;summer;;0,02;USD;2001:db8::1;;\r\n" +
	"3f4k1d;2026-01-20 10:00:00;summer;;0,02;EUR;;;\r\n" +
	";2026-02-20 10:00:05;summer;;0;;;;\r\n" +
	"3f4k1e;yesterday;summer;;0;;;;\r\n" +
	"3f4k1f;2026-02-20 10:00:00;sumer;;0;;;;\r\n" +
	"3f4k1g;2026-02-20 10:00:00;winter;;0;;;;\r\n" +
	"3f4k1h;2026-02-20 10:00:00;summer;;1,234;;;;\r\n" +
	"3f4k1i;2026-02-20 10:00:00;summer;;0;;localhost;;\r\n" +
	"3f4k1j;2026-02-20 10:00:00;\"summer\"x;;0;;;;\r\n" +
	"3f4k1k;2027-02-20 10:00:00;summer;;0;;;;\r\n" +
	"3f4k1l\r\n"

// What a person reads before anything is sent.
func TestDryRun(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		change func(*Options)
	}{
		"keitaro": {keitaroFile, func(o *Options) { o.CampaignMap = map[string]string{"DE Summer": "summer"} }},
		"tune": {"transaction_id,affiliate_id,offer_id,affiliate_sub1,datetime,payout_cents,refer\n102f,7,11,a,2026-02-20 10:00:00,150,https://x.example/\n", func(o *Options) {
			o.Tracker, o.Campaign = TrackerByName("tune"), "summer"
		}},
		"columns": {"ID\tWhen\tPaid\nx1\t1771581600\t0.5\n", func(o *Options) {
			o.Tracker, o.Campaign = TrackerByName("native"), "summer"
			o.Columns = map[Field]string{ClickID: "id", Time: "When"}
		}},
		// A spreadsheet's windows-1252, with money and times as people write them.
		"written": {"sep=;\r\nsub_id;datetime;campaign;cost;keyword\r\n=\"007\";20.02.2026 10:00;summer;$0,5;gr\xf6\xdfe\r\n8;20/02/2026 10:00;summer;1\xa0234,5 EUR;\r\n9;20.02.2026;summer;\x80 0,5;\r\n10;02/03/2026 10:00;summer;0,5;\r\n",
			func(o *Options) {
				var err error
				if o.Zone, err = time.LoadLocation("Asia/Kathmandu"); err != nil {
					t.Fatal(err)
				}
			}},
		"nothing": {"sub_id,datetime\n,\n", func(*Options) {}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := options(t, c.text, &out)
			dir := filepath.Dir(o.File)
			c.change(&o)
			if err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			golden(t, "dry_"+name+".txt", strings.ReplaceAll(out.String(), dir+"/", ""))
			if files, _ := os.ReadDir(dir); len(files) != 1 {
				t.Errorf("a dry run made files: %v", files)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		change func(*Options)
		want   string
	}{
		"no file":      {"a", func(o *Options) { o.File += "x" }, "opening the file"},
		"no click id":  {"datetime,campaign\n", func(*Options) {}, "known to be the click_id in an export of keitaro; right would be --columns click_id=NAME; the file's columns are datetime, campaign"},
		"column":       {"sub_id,datetime,zone_id\n", func(o *Options) { o.Columns = map[Field]string{Sub(3): "zoneid_"} }, ""},
		"no column":    {"sub_id,datetime,zone\n", func(o *Options) { o.Columns = map[Field]string{Sub(3): "zon"} }, `--columns sub3=zon: the file has no column "zon"; did you mean "zone"?`},
		"campaign":     {"sub_id,datetime\n", func(o *Options) { o.Campaign = "sumer" }, `--campaign sumer: the catalog has no such campaign; did you mean "summer"?`},
		"campaign map": {"sub_id,datetime\n", func(o *Options) { o.CampaignMap = map[string]string{"a": "sumer"} }, `--campaign-map a=sumer: the catalog has no campaign "sumer"; did you mean "summer"?`},
		"currency":     {"sub_id,datetime\n", func(o *Options) { o.Currency = "GBP" }, "--currency GBP: no exchange rate is declared"},
		"parallel":     {"sub_id,datetime\n", func(o *Options) { o.Parallel = 0 }, "--parallel 0 is out of range; right would be 1 to 64"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, c.text, io.Discard)
			c.change(&o)
			err := Run(t.Context(), o)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !misuse.Is(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	for flag, values := range map[string][]string{"not a pair": {"abc"}, "no name": {"a="}, "two": {"a=b", "a=c"}, "no file": {"@/nowhere"}} {
		if _, err := ParseMap("--campaign-map", values); !misuse.Is(err) || !strings.Contains(err.Error(), "--campaign-map") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for text, want := range map[string]string{"a": "not a pair", "clickid=a": `did you mean "click_id"?`, "sub1=a,sub1=b": "twice"} {
		if _, err := ParseColumns([]string{text}); !misuse.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	path := filepath.Join(t.TempDir(), "map.csv")
	if err := os.WriteFile(path, []byte("DE Summer;summer\nUS;winter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if m, err := ParseMap("--campaign-map", []string{"@" + path, "x=y=z"}); err != nil || m["DE Summer"] != "summer" || m["x=y"] != "z" || len(m) != 3 {
		t.Errorf("%v %v", m, err)
	}
}

// scripted is an edge that answers by a script: what it does with each click is decided by answer, nil for accepting it.
type scripted struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
	// fail decides on the whole request by its number, from 1; 0 answers it.
	fail   func(n int) (status int)
	answer func(id string, times int) *answeredError
	n      int
	cond   func(n int)
}

func newScripted(t *testing.T) *scripted {
	s := &scripted{seen: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.cond != nil {
		s.cond(s.n)
	}
	if s.fail != nil {
		if status := s.fail(s.n); status != 0 {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"reason":"x","detail":"scripted"}}`)
			return
		}
	}
	var clicks []click
	if err := json.NewDecoder(r.Body).Decode(&clicks); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var out struct {
		Clicks []map[string]any `json:"clicks"`
	}
	for _, c := range clicks {
		line := map[string]any{"click_id": c.ClickID}
		if s.answer != nil {
			if e := s.answer(c.ClickID, s.seen[c.ClickID]); e != nil {
				line = map[string]any{"error": map[string]string{"reason": e.Reason, "detail": e.Detail, "would_be_right": e.WouldBeRight}}
			}
		}
		s.seen[c.ClickID]++
		out.Clicks = append(out.Clicks, line)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func manyLines(n int) string {
	var b strings.Builder
	b.WriteString("sub_id,datetime,campaign\n")
	for i := range n {
		fmt.Fprintf(&b, "id%05d,2026-02-20 10:00:00,summer\n", i)
	}
	return b.String()
}

func (s *scripted) options(t *testing.T, text string, out io.Writer) Options {
	o := options(t, text, out)
	o.Send, o.Edge, o.Client = true, s.URL, s.Client()
	o.Client.Timeout = 10 * time.Second
	return o
}

// An edge that is not available is asked again; what it says of one click is for that click alone.
func TestSendRepeatsAndRejects(t *testing.T) {
	s := newScripted(t)
	s.fail = func(n int) int {
		return map[int]int{1: http.StatusServiceUnavailable, 2: http.StatusTooManyRequests}[n]
	}
	s.answer = func(id string, times int) *answeredError {
		switch {
		case id == "id00007":
			return &answeredError{Reason: "forged_click_id", Detail: "it does not prove itself", WouldBeRight: "another one"}
		case id == "id00009" && times == 0:
			return &answeredError{Reason: unavailable, Detail: "nothing was accepted"}
		}
		return nil
	}
	var out bytes.Buffer
	o := s.options(t, strings.Replace(manyLines(1200), "id00003,2026-02-20 10:00:00", "id00003,soon", 1), &out)
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if len(s.seen) != 1199 || s.seen["id00009"] != 2 || s.seen["id00008"] != 1 {
		t.Errorf("%d clicks came; one that was unavailable %d times, another %d times", len(s.seen), s.seen["id00009"], s.seen["id00008"])
	}
	rejected, err := os.ReadFile(o.File + ".rejected.csv")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rejected.csv", string(rejected))
	if got := out.String(); !strings.Contains(got, "1,198 clicks sent") || !strings.Contains(got, "2 lines rejected") {
		t.Errorf("%s", got)
	}
	// The same command again sends nothing.
	before := s.n
	out.Reset()
	if err := Run(t.Context(), o); err != nil || s.n != before || !strings.Contains(out.String(), "was imported on 2026-03-01 12:00:00 UTC: 1,198 clicks sent, 2 rejected. Nothing was sent now") {
		t.Errorf("%v, %d requests\n%s", err, s.n-before, out.String())
	}
	// The rejected file can be imported as it is, once it is mended.
	mended := strings.Replace(string(rejected), "soon", "2026-02-20 10:00:00", 1)
	o = s.options(t, mended, io.Discard)
	if err := Run(t.Context(), o); err != nil || s.seen["id00003"] != 1 {
		t.Errorf("%v: %d", err, s.seen["id00003"])
	}
}

// A run that is broken off goes on where it ended, and its rejected lines are there once.
func TestResume(t *testing.T) {
	s := newScripted(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.cond = func(n int) {
		if n == 6 {
			cancel()
		}
	}
	var out bytes.Buffer
	text := strings.NewReplacer("id00003,2026-02-20 10:00:00", "id00003,soon", "id04990,2026-02-20 10:00:00", "id04990,soon").Replace(manyLines(5000))
	o := s.options(t, text, &out)
	o.Parallel = 1
	if err := Run(ctx, o); !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), "the same command goes on there") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if len(s.seen) < 2000 || len(s.seen) >= 4000 {
		t.Fatalf("%d clicks came before the end of the first run", len(s.seen))
	}
	s.mu.Lock()
	s.cond = nil
	s.mu.Unlock()
	first := len(s.seen)
	out.Reset()
	if err := Run(t.Context(), o); err != nil || !strings.Contains(out.String(), "Continuing after line") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	twice := 0
	for _, n := range s.seen {
		twice += n - 1
	}
	if len(s.seen) != 4998 || twice > 1000 {
		t.Errorf("%d clicks came (%d in the first run), %d of them twice", len(s.seen), first, twice)
	}
	rejected, err := os.ReadFile(o.Rejected)
	if o.Rejected == "" {
		rejected, err = os.ReadFile(o.File + ".rejected.csv")
	}
	if err != nil || strings.Count(string(rejected), "\n") != 3 {
		t.Errorf("%v: %s", err, rejected)
	}
	// Other flags, or another file, are another import.
	var mark checkpoint
	raw, err := os.ReadFile(o.File + ".import.json")
	if err != nil || json.Unmarshal(raw, &mark) != nil || !mark.Done || mark.Sent != 4998 || mark.Refused != 2 {
		t.Errorf("%v: %s", err, raw)
	}
	mark.Done = false
	if err := mark.write(o.File+".import.json", testNow); err != nil {
		t.Fatal(err)
	}
	o.Campaign = "summer"
	if err := Run(t.Context(), o); !misuse.Is(err) || !strings.Contains(err.Error(), "with other flags") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(o.File, []byte(text+"more,2026-02-20 10:00:00,summer\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); !misuse.Is(err) || !strings.Contains(err.Error(), "is of another file") {
		t.Errorf("%v", err)
	}
	o.Restart = true
	if err := Run(t.Context(), o); err != nil || s.seen["more"] != 1 {
		t.Errorf("%v", err)
	}
}

// What would go wrong with every line ends a run at once and says why.
func TestSendGivesUp(t *testing.T) {
	s := newScripted(t)
	for name, c := range map[string]struct {
		text   string
		change func(*Options)
		fail   int
		answer *answeredError
		want   string
		usage  bool
	}{
		"unauthorized": {text: manyLines(3), fail: http.StatusUnauthorized, want: "answers 401, x: scripted"},
		"not an edge":  {text: manyLines(3), fail: http.StatusNotFound, want: "answers 404"},
		"away for too long": {text: manyLines(3), fail: http.StatusServiceUnavailable, want: "it was not available",
			change: func(o *Options) { o.RetryFor = 300 * time.Millisecond }},
		"no campaign": {text: strings.ReplaceAll(manyLines(3000), "summer", "other"), want: "none of the first 1000 lines can be imported; line 1001: column campaign", usage: true},
		"all refused": {text: manyLines(3000), answer: &answeredError{Reason: "foreign_click_id", Detail: "not one of ours"}, want: "it refused all of the first"},
	} {
		t.Run(name, func(t *testing.T) {
			s.mu.Lock() // a request that the last case gave up may still be served
			s.fail, s.answer = func(int) int { return c.fail }, func(string, int) *answeredError { return c.answer }
			s.mu.Unlock()
			var out bytes.Buffer
			o := s.options(t, c.text, &out)
			if c.change != nil {
				c.change(&o)
			}
			err := Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) || misuse.Is(err) != c.usage {
				t.Errorf("%v, want %q\n%s", err, c.want, out.String())
			}
		})
	}
}
