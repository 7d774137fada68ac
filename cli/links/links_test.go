package links

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/cli/misuse"
	"tributary/schemas/id"
)

var update = flag.Bool("update", false, "write what tests get to testdata")

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const testSecret = "a secret of the tests, 32 bytes."

func testWorld(tb testing.TB) *World {
	tb.Helper()
	w := &World{Base: "https://t.example", Config: catalog.Config{
		BaseCurrency: "USD",
		ClickIDKeys:  catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: testSecret}},
		Sources: []catalog.SourceConfig{
			{ID: 1, Name: "pushads", Currency: "EUR", LinkParams: map[string]string{"zoneid": "sub7"}}, {ID: 2, Name: "mgid"},
		},
		Offers: []catalog.OfferConfig{{ID: 1, Name: "casino-de", URL: "https://offer.example/casino?sub={click_id}"}},
		Campaigns: []catalog.CampaignConfig{
			{ID: 1, Name: "summer", Offers: []string{"casino-de"}, Cost: "0.02", Source: "pushads", Aliases: []string{"Hs7dK2", "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90"}},
			{ID: 2, Name: "winter", Offers: []string{"casino-de"}},
		},
		Networks: []catalog.NetworkConfig{
			{Name: "acme", Currency: "EUR", DefaultEvent: "sale", Statuses: map[string]string{"ok": "approved"}},
			{Name: "legacy", Dialect: "keitaro", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": "a-token-of-the-tests"}}},
			{Name: "signed", Dialect: "affise", Trust: catalog.TrustConfig{HMACKeys: map[string]catalog.Secret{"2026": "00112233445566778899aabbccddeeff"}, Allow: []string{"203.0.113.0/24"}}},
			{Name: "tune", Dialect: "tune"},
			{Name: "refunds", Dialect: "voluum"},
		},
		ExchangeRates: []catalog.RateConfig{{Currency: "EUR", Date: "2026-01-01", Rate: "1.10"}},
	}}
	var err error
	if w.Catalog, err = catalog.Build(w.Config); err != nil {
		tb.Fatal(err)
	}
	return w
}

// clickID is one of the catalog's own; a new one each time.
func (w *World) clickID() string {
	return id.NewMinter().Click(w.Catalog.Keyring(), testNow.Add(-time.Hour).UnixMilli(), 1, 1).String()
}

var anyClickID = regexp.MustCompile(`06[0-9a-z]{38}`)

// golden holds got, without its click ID, against testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = anyClickID.ReplaceAllString(got, strings.Repeat("c", 40))
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it)\ngot  %s\nwant %s", path, got, want)
	}
}

// What a person reads of a link that is built.
func TestLink(t *testing.T) {
	w := testWorld(t)
	for name, r := range map[string]LinkRequest{
		"native":   {Campaign: "summer"},
		"traffic":  {Campaign: "summer", Source: "mgid", Values: map[string]string{"sub9": "fixed text", "sub3": ""}},
		"keitaro":  {Campaign: "summer", Dialect: "keitaro", Source: "pushads", Traffic: "google"},
		"voluum":   {Campaign: "summer", Dialect: "voluum", Source: "pushads", Values: map[string]string{"sub7": "{zone}"}},
		"stranger": {Campaign: "winter", Source: "pushad"},
	} {
		t.Run(name, func(t *testing.T) {
			built, err := w.Link(r, testNow)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := built.Print(&out, false); err != nil {
				t.Fatal(err)
			}
			golden(t, "link_"+name+".txt", out.String())
			if !built.Reading.OK {
				t.Error("the edge would not take what was built")
			}
		})
	}
}

// Every dialect's link is read as it was built, whatever the traffic source.
func TestEveryLinkIsReadAsBuilt(t *testing.T) {
	w := testWorld(t)
	for _, name := range linkDialects() {
		d := dialect.ByName(name)
		alias := sampleCampaign(d)
		w.Config.Campaigns[1].Aliases = []string{alias}
		var err error
		if w.Catalog, err = catalog.Build(w.Config); err != nil {
			t.Fatal(err)
		}
		for _, traffic := range TrafficNames() {
			request := LinkRequest{Campaign: "winter", Dialect: name, Traffic: traffic}
			if canSay(d, dialect.Source, nil) {
				request.Source = "mgid"
			}
			built, err := w.Link(request, testNow)
			if err != nil {
				t.Errorf("%s, %s: %v", name, traffic, err)
				continue
			}
			r := built.Reading
			if !r.OK || r.Kind != KindLink || r.Dialect != name {
				t.Errorf("%s, %s: %s is read as a %s of %s: %s", name, traffic, built.URL, r.Kind, r.Dialect, r.Verdict)
			}
			for _, p := range r.Params {
				if p.Becomes == "" || p.Becomes != "campaign" && p.Becomes != "source" && !strings.HasPrefix(p.Note, "a macro") {
					t.Errorf("%s, %s: parameter %+v of %s", name, traffic, p, built.URL)
				}
			}
		}
	}
}

func TestTemplate(t *testing.T) {
	w := testWorld(t)
	for name, r := range map[string]TemplateRequest{
		"native": {Network: "acme", Sender: "affise"},
		"token":  {Network: "legacy", Sender: "affise", Macros: map[string]string{"txid": "{order}"}},
		"signed": {Network: "signed", Macros: map[string]string{"click_id": "{aff_sub}", "payout": "{payout}"}},
		"places": {Network: "legacy"},
		"tune":   {Network: "tune", Sender: "everflow", OwnPath: true},
	} {
		t.Run(name, func(t *testing.T) {
			built, err := w.Template(r, testNow)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := built.Print(&out, false); err != nil {
				t.Fatal(err)
			}
			golden(t, "template_"+name+".txt", out.String())
			if !built.Reading.OK {
				t.Error("the edge would not take what was built")
			}
		})
	}
	shown, err := w.Template(TemplateRequest{Network: "legacy", Sender: "affise", OwnPath: true, ShowToken: true}, testNow)
	if err != nil || !strings.HasPrefix(shown.URL, "https://t.example/a-token-of-the-tests/postback?subid=") || strings.Count(shown.URL, "token") != 1 || !shown.Reading.OK {
		t.Errorf("%v, %+v", err, shown)
	}
}

func TestBuildMistakes(t *testing.T) {
	w := testWorld(t)
	link := func(r LinkRequest) error { _, err := w.Link(r, testNow); return err }
	template := func(r TemplateRequest) error { _, err := w.Template(r, testNow); return err }
	for want, err := range map[string]error{
		`there is no campaign "sumer"; did you mean "summer"?`:                              link(LinkRequest{Campaign: "sumer"}),
		`--dialect "voluu" has no click links; did you mean "voluum"?`:                      link(LinkRequest{Campaign: "summer", Dialect: "voluu"}),
		`--dialect "everflow" has no click links`:                                           link(LinkRequest{Campaign: "summer", Dialect: "everflow"}),
		`campaign winter has no name that a redtrack link can have, such as 000000000`:      link(LinkRequest{Campaign: "winter", Dialect: "redtrack"}),
		`--traffic "mgit" is not a known traffic source; did you mean "mgid"?`:              link(LinkRequest{Campaign: "summer", Traffic: "mgit"}),
		`--value sub21: there is no field "sub21"`:                                          link(LinkRequest{Campaign: "summer", Values: map[string]string{"sub21": "x"}}),
		`right would be one in the link_params of source mgid`:                              link(LinkRequest{Campaign: "summer", Dialect: "voluum", Source: "mgid"}),
		`there is no network "acne"; did you mean "acme"?`:                                  template(TemplateRequest{Network: "acne"}),
		`a link of affise, which has the parameters offer_id, pid; right would be --source`: link(LinkRequest{Campaign: "winter", Dialect: "affise"}),
		`--sender "afise" is not a known system; did you mean "affise"?`:                    template(TemplateRequest{Network: "acme", Sender: "afise"}),
		`give it as --macro click_id={aff_sub}, or the system`:                              template(TemplateRequest{Network: "acme", Macros: map[string]string{"payout": "{sum}"}}),
		`--macro payot: there is no part of a postback "payot"; did you mean "payout"`:      template(TemplateRequest{Network: "acme", Macros: map[string]string{"payot": "x"}}),
	} {
		if !misuse.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	w := testWorld(t)
	own := w.clickID()
	for name, c := range map[string]struct {
		url string
		ok  bool
	}{
		"link":                {"https://t.example/c/summer?source=pushads&zoneid=7&cost=0.5&sub1={zone}&foo=1&sub1=again&keyword=", true},
		"link_bad":            {"/c/sumer?source=pushad&cost=abc", false},
		"link_cost":           {"/c/winter?cost=1,5&currency=GBP&sub2=" + strings.Repeat("x", 600), true},
		"link_escaped":        {"/c/winter?sub1=a&amp;cost=0.5&#38;sub2=b;sub3=c", true},
		"alias":               {"https://t.example/Hs7dK2?keyword=a&sub_id_3=b&sub_id_25=x&cost=0.5#part", true},
		"guess":               {"/Hs7dK3?keyword=a", false},
		"postback":            {"/postback?network=acme&click_id=" + own + "&payout=12.50&status=ok&amount=1", true},
		"postback_correction": {"/postback/refunds?cid=" + own + "&payout=-12.50&txid=9+a", true},
		"postback_negative":   {"/postback/acme?click_id=" + own + "&payout=-12.50", false},
		"postback_macro":      {"https://t.example/postback/acme?click_id=" + own + "&payout={payout}", false},
		"postback_status":     {"/postback/acme?click_id=" + own + "&status=paid", false},
		"postback_token":      {"/postback/legacy?subid=" + own + "&payout=1&token=wrong+wrong+wrong+wrong", false},
		"postback_signed":     {"/postback/signed?clickid=" + own + "&sum=1&sig=00", false},
		"postback_tune":       {"/aff_lsr?transaction_id=" + own + "&amount=20&adv_sub=9", true},
		"impression":          {"/i/summer?source=pushads&sub1=a", true},
		"nothing":             {"https://t.example/robots.txt", false},
		"link_odd":            {"https://t.example//c/summer&source=pushads&sub1=a", true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := w.Check(c.url, testNow)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := r.Print(&out, false); err != nil {
				t.Fatal(err)
			}
			golden(t, "check_"+name+".txt", out.String())
			if r.OK != c.ok || (r.Err() == nil) != c.ok {
				t.Errorf("taken: %v", r.OK)
			}
			if strings.Contains(out.String(), "wrong") {
				t.Error("a token is shown")
			}
			out.Reset()
			if err := r.Print(&out, true); err != nil || !json.Valid(out.Bytes()) {
				t.Errorf("%v: %s", err, out.String())
			}
		})
	}
	for _, text := range []string{"ftp://t.example/", "summer", ""} {
		if _, err := w.Check(text, testNow); !misuse.Is(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzCheck holds that any URL is explained, once a parameter, without a crash or a control character.
func FuzzCheck(f *testing.F) {
	w := testWorld(f)
	for _, seed := range []string{"/c/summer?source=pushads&sub1={x}", "https://t.example/postback/legacy?subid=1&token=x", "/aff_lsr?transaction_id=%zz", "//?&&=&#", "http://[", "/c/%2e%2e?\x00=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := w.Check(text, testNow)
		if err != nil {
			if !misuse.Is(err) {
				t.Fatal(err)
			}
			return
		}
		var out bytes.Buffer
		if err := r.Print(&out, false); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), func(c rune) bool { return c != '\n' && (c < ' ' || c == 0x7f) }); i >= 0 {
			t.Fatalf("%q prints %q", text, out.String())
		}
		if r.Verdict == "" || r.OK && r.Kind == KindOther {
			t.Fatalf("%+v", r)
		}
	})
}

// The pages of the table can be opened, and no macro has a character that a link would encode.
func TestTraffics(t *testing.T) {
	for _, traffic := range Traffics {
		if len(traffic.Pages) == 0 || len(traffic.Macros) == 0 {
			t.Errorf("%s has no source or no macro", traffic.Name)
		}
		for _, page := range traffic.Pages {
			if u, err := url.Parse(page); err != nil || u.Scheme != "https" {
				t.Errorf("%s: %s", traffic.Name, page)
			}
		}
		for _, m := range traffic.Macros {
			if f, ok := dialect.ParseField(m.Field); !ok || f == dialect.Ignored {
				t.Errorf("%s: there is no field %s", traffic.Name, m.Field)
			}
		}
	}
}
