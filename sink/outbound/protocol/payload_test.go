package protocol

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas/events"
)

var update = flag.Bool("update", false, "write testdata anew")

// build is a destination as it is declared.
func build(t testing.TB, c destination.Config) *destination.Destination {
	t.Helper()
	if c.Name == "" {
		c.Name = c.Template
	}
	built, problems := destination.Build([]destination.Config{c}, destination.Known{})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", c.Template, problems)
	}
	return built[0]
}

// declared has one destination of each template that is not a free one, with all that it may be told.
func declared(t testing.TB, name string) *destination.Destination {
	t.Helper()
	template := destination.TemplateNamed(name)
	if template == nil {
		t.Fatalf("no template %s", name)
	}
	c := destination.Config{Template: name, Params: map[string]string{}, Secrets: map[string]trust.Secret{}, Fields: map[string]string{}}
	for _, p := range template.Params {
		if p.Default == "" && !p.Optional {
			c.Params[p.Name] = map[string]string{"pixel_id": "1234567890", "customer_id": "123-456-7890", "account_id": "9876543", "ad_account_id": "549755885175"}[p.Name]
			if name == "microsoft" && p.Name == "customer_id" {
				c.Params[p.Name] = "1234567"
			}
		}
	}
	for _, s := range template.Secrets {
		if !strings.HasSuffix(s.Name, "_next") && s.Name != "service_account" {
			c.Secrets[s.Name] = trust.Secret("secret-" + s.Name)
		}
	}
	for _, f := range template.Fields {
		if text, ok := map[string]string{
			"email": "{sub1}", "phone": "{sub2}", "user_id": "{sub3}", "page_url": "https://shop.example/thanks?order={txid}", "fbp": "{sub4}",
			"ad_user_data": "{sub5}", "ad_personalization": "{sub6}", "limited_data_use": "{sub7}", "opt_out": "{sub8}", "gbraid": "{sub9}", "wbraid": "{sub10}",
		}[f.Name]; ok {
			c.Fields[f.Name] = text
		}
	}
	switch name {
	case "google_data_manager", "google_ads":
		c.Events = map[string]string{"ftd": "987654321"}
	case "microsoft":
		c.Events = map[string]string{"ftd": "First deposit"}
	case "x":
		c.Events = map[string]string{"ftd": "tw-abc12-def34"}
	}
	return build(t, c)
}

// platforms are the conversion APIs, with the event that each is told.
var platforms = map[string]string{
	"meta": "Purchase", "google_data_manager": "987654321", "google_ads": "987654321", "tiktok": "CompletePayment", "microsoft": "First deposit",
	"snap": "PURCHASE", "pinterest": "checkout", "reddit": "PURCHASE", "x": "tw-abc12-def34", "openai": "order_created",
}

// conversion is the i-th request of the tests: the first has all, the second little.
func conversion(i int, event string, told events.OutboundRequest_Told) *events.OutboundRequest {
	req := &events.OutboundRequest{
		RequestId: fmt.Sprintf("%032x", 0xabc0+i), ConversionId: fmt.Sprintf("%032x", i), Seq: 1, Told: told, Event: event,
		ClickId: fmt.Sprintf("click%d", i), Campaign: "summer", CampaignId: 7, Source: "ads", SourceId: 3, Status: events.Status_STATUS_APPROVED,
		HasAmount: true, AmountMicros: 12_500_000, Currency: "USD", SharePpm: 1e6, RateE12: 1e12,
		EventMs: 1_773_892_800_123 + int64(i), ClickMs: 1_773_889_200_456, DecidedMs: 1_773_892_801_000, ExpiresMs: 1_774_497_600_000,
		Values: map[string]string{
			"external_id": fmt.Sprintf("CLICK-Id_%d", i), "txid": "T 1&2", "ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (X11) \"q\" <b>", "country": "US",
			"sub1": " Jane.Doe+News@GMail.com ", "sub2": "(650) 555-1212", "sub3": "customer-7", "sub4": "fb.1.1596403881668.1116446470",
			"sub5": "granted", "sub6": "denied", "sub7": "1", "sub8": "yes",
		},
	}
	if i > 0 {
		req.HasAmount, req.AmountMicros, req.Currency = false, 0, ""
		req.Values = map[string]string{"external_id": fmt.Sprintf("CLICK-Id_%d", i), "ip": "203.0.113.9", "user_agent": "Mozilla/5.0", "country": "US"}
	}
	if told != events.OutboundRequest_TOLD_CREATED {
		req.FirstRequestId, req.RequestId, req.Seq = req.RequestId, fmt.Sprintf("%032x", 0xdef0+i), 2
		req.DecidedMs += 86_400_000
		req.HasAmount, req.AmountMicros, req.Currency = true, 20_000_001, "USD"
	}
	return req
}

// written is a call as a person reads it.
func written(call *Call) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", call.Method, call.URL)
	for _, name := range slices.Sorted(maps.Keys(call.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, call.Header.Get(name))
	}
	b.WriteString("\n")
	if json.Valid(call.Body) {
		_ = json.Indent(&b, call.Body, "", "  ")
	} else {
		b.Write(call.Body)
	}
	b.WriteString("\n")
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is sent; -update writes it anew. Sent:\n%s", file, got)
	}
}

const (
	created   = events.OutboundRequest_TOLD_CREATED
	restated  = events.OutboundRequest_TOLD_RESTATED
	retracted = events.OutboundRequest_TOLD_RETRACTED
)

// TestPayloads are the golden files: a batch of two for each platform, and what it is told after.
func TestPayloads(t *testing.T) {
	for name, event := range platforms {
		d, p := declared(t, name), protocols[name]
		for told, word := range map[events.OutboundRequest_Told]string{created: "created", restated: "restated", retracted: "retracted"} {
			able := told == created || told == restated && d.Template.Restate != "" || told == retracted && d.Template.Retract != ""
			reqs := []*events.OutboundRequest{conversion(0, event, told), conversion(1, event, told)}
			call, err := p.Call(d, reqs, time.UnixMilli(1_773_892_900_000))
			if !able {
				if err == nil {
					t.Errorf("%s: its template has no %s, but its protocol tells one", name, word)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, word, err)
				continue
			}
			golden(t, name+"."+word+".golden", written(call))
			again, err := p.Call(d, reqs, time.UnixMilli(1_773_999_999_000))
			if err != nil || !bytes.Equal(again.Body, call.Body) || again.URL != call.URL {
				t.Errorf("%s: another try is told otherwise", name)
			}
			if strings.Contains(call.Masked, "secret-") {
				t.Errorf("%s: the masked URL has a secret: %s", name, call.Masked)
			}
			if p.Group(d, reqs[0]) != p.Group(d, reqs[1]) {
				t.Errorf("%s: two requests of a kind are not of one group", name)
			}
		}
	}
}

// TestPlatformsAreTemplates: each conversion API has a protocol, and each protocol a template.
func TestPlatformsAreTemplates(t *testing.T) {
	seen := map[string]bool{}
	for _, template := range destination.Templates() {
		if _, ok := Named(template.Protocol); !ok {
			t.Errorf("template %s: no protocol %s", template.Name, template.Protocol)
		}
		seen[template.Protocol] = true
		if template.Kind == destination.KindPlatform && len(template.Read) == 0 {
			t.Errorf("template %s does not say where it was read", template.Name)
		}
	}
	for name := range protocols {
		if !seen[name] {
			t.Errorf("protocol %s has no template", name)
		}
	}
}

// TestNothingOfAPersonIsPlain: email, phone and user ID of the request are in no payload; address, agent and click IDs are as they came.
func TestNothingOfAPersonIsPlain(t *testing.T) {
	for name, event := range platforms {
		d := declared(t, name)
		call, err := protocols[name].Call(d, []*events.OutboundRequest{conversion(0, event, created)}, time.Time{})
		if err != nil {
			t.Fatal(name, err)
		}
		body := strings.ToLower(string(call.Body))
		for _, plain := range []string{"jane", "doe", "gmail", "6505551212", "650) 555", "customer-7"} {
			if strings.Contains(body, plain) {
				t.Errorf("%s sends %q", name, plain)
			}
		}
		if !strings.Contains(string(call.Body), "CLICK-Id_0") {
			t.Errorf("%s does not send the click's ID as it came", name)
		}
	}
}

// TestHashedAlready: what the deployment hashed before is sent as it is.
func TestHashedAlready(t *testing.T) {
	const hash = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
	for name, event := range platforms {
		if name == "microsoft" { // the click's ID is there, so the person's are not sent
			continue
		}
		req := conversion(0, event, created)
		req.Values["sub1"] = strings.ToUpper(hash)
		call, err := protocols[name].Call(declared(t, name), []*events.OutboundRequest{req}, time.Time{})
		if err != nil {
			t.Fatal(name, err)
		}
		if !strings.Contains(string(call.Body), hash) {
			t.Errorf("%s hashes a hash", name)
		}
	}
}

// TestConsentDenied: who denies Google user data is not told of by email and phone.
func TestConsentDenied(t *testing.T) {
	for _, name := range []string{"google_data_manager", "google_ads"} {
		req := conversion(0, platforms[name], created)
		req.Values["sub5"] = "denied"
		call, err := protocols[name].Call(declared(t, name), []*events.OutboundRequest{req}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if body := string(call.Body); strings.Contains(body, "mail") || strings.Contains(body, "hone") || !strings.Contains(body, "DENIED") {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// TestWhatCannotBeTold has errors that say what is missing.
func TestWhatCannotBeTold(t *testing.T) {
	for name, want := range map[string]string{
		"meta": "page_url and user_agent", "google_data_manager": "gclid", "google_ads": "gclid", "microsoft": "msclkid", "pinterest": "ip and user_agent",
		"x": "twclid",
	} {
		req := conversion(0, platforms[name], created)
		req.Values = nil
		if _, err := protocols[name].Call(declared(t, name), []*events.OutboundRequest{req}, time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"google_data_manager", "google_ads"} {
		if _, err := protocols[name].Call(declared(t, name), []*events.OutboundRequest{conversion(0, "Purchase", created)}, time.Time{}); err == nil ||
			!strings.Contains(err.Error(), "numeric ID") {
			t.Errorf("%s takes an action that is none: %v", name, err)
		}
	}
}

func TestMinorAmount(t *testing.T) {
	for _, c := range []struct {
		micros   int64
		currency string
		want     int64
	}{
		{129_990_000, "USD", 12999}, {1_000_000, "JPY", 1}, {1_234_500, "KWD", 1234}, {1_235_500, "KWD", 1236}, {5_000, "USD", 0}, {15_000, "USD", 2},
		{-129_990_000, "USD", -12999}, {-5_000, "USD", 0}, {-15_000, "USD", -2}, {0, "USD", 0},
	} {
		req := fact{OutboundRequest: &events.OutboundRequest{HasAmount: true, AmountMicros: c.micros, Currency: c.currency}}
		if got := minorAmount(req); *got != c.want {
			t.Errorf("%d micros of %s: %d, want %d", c.micros, c.currency, *got, c.want)
		}
	}
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}
