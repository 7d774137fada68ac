package destination

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/catalog/trust"
	"tributary/schemas/events"
)

var update = flag.Bool("update", false, "write the golden file of what templates make anew")

// examples are what deployments give for the params of templates.
var examples = map[string]string{
	"goal": "2", "aid": "12345", "tid": "777", "pid": "", "goalid": "5112", "uuid": "2eb72633-c33f-4f9d-9e73-d29b40604b48", "action": "conversion",
	"advertiser": "106995", "section": "ru", "hash": "c9a445f69b2775082add794af494a0a289412ae3", "tracker": "1000525822", "member": "1007039572",
	"cid": "37221", "uid": "31070", "domain": "track.partner.example",
	"exoclick goal": "ca85e47cbe6d473c6828eaeb774ec439", "popads aid": "a2ccdec516d45807a9f39ca6ccaf42b7",
}

// example is a declared destination of a shipped template.
func example(t *Template) Config {
	c := Config{Name: "d", Template: t.Name, Params: map[string]string{}, Secrets: map[string]trust.Secret{}}
	for _, p := range t.Params {
		value, ok := examples[t.Name+" "+p.Name]
		if !ok {
			value = examples[p.Name]
		}
		if value != "" && p.Default == "" {
			c.Params[p.Name] = value
		}
	}
	for _, p := range t.Secrets {
		if !p.Optional {
			c.Secrets[p.Name] = "s3cr&t"
		}
	}
	return c
}

// sample is a conversion of which a value may be anything.
func sample() *Facts {
	return &Facts{
		Told: events.OutboundRequest_TOLD_CREATED, RequestID: "0123456789abcdef0123456789abcdef", Event: "Lead & more", Status: "",
		HasAmount: true, AmountMicros: 12_500_000, Currency: "USD",
		Entry: &events.Conversion{
			ConversionId: "fedcba9876543210fedcba9876543210", ClickId: "click-1", Event: "lead", Txid: "t 1", Status: events.Status_STATUS_APPROVED,
			ExternalId: "Ext-1/+=é", Campaign: "summer", CampaignId: 7, Source: "push", SourceId: 3, Country: "DE", AdCampaign: "theirs",
			EventMs: 1_795_000_000_123, ClickMs: 1_794_999_000_000, Subs: []string{"a", "b"},
		},
	}
}

// values are what a request would carry.
func (d *Destination) values(f *Facts) map[string]string {
	f.Status = d.Deciding.StatusWord(f.Entry.Status)
	f.Zone = d.Zone
	values := map[string]string{}
	for _, name := range d.Deciding.Uses {
		if v := ValueOf(name, f); v != "" {
			values[name] = v
		}
	}
	return values
}

// TestTemplates holds what each shipped template makes of one conversion against a golden file, with an amount and without.
func TestTemplates(t *testing.T) {
	var out strings.Builder
	for _, tmpl := range Templates() {
		if tmpl.URL == "" {
			continue // free, or a conversion API: its payloads are held where they are made
		}
		built, problems := Build([]Config{example(tmpl)}, Known{})
		if len(problems) > 0 {
			t.Errorf("%s: %v", tmpl.Name, problems)
			continue
		}
		d := built[0]
		fmt.Fprintf(&out, "%s\n", tmpl.Name)
		for _, o := range []struct {
			what    string
			outline *Outline
			status  events.Status
		}{
			{"created", d.Created, events.Status_STATUS_APPROVED}, {"restated", d.Restated, events.Status_STATUS_PENDING},
			{"retracted", d.Retracted, events.Status_STATUS_REJECTED},
		} {
			if o.outline == nil {
				continue
			}
			f := sample()
			f.Entry.Status = o.status
			full, shown := o.outline.URL(d.values(f))
			fmt.Fprintf(&out, "  %s %s\n", o.what, full)
			if shown != full {
				fmt.Fprintf(&out, "  %s shown %s\n", o.what, shown)
			}
			if strings.Contains(shown, "s3cr") {
				t.Errorf("%s shows its secret: %s", tmpl.Name, shown)
			}
		}
		f := sample()
		f.HasAmount = false
		full, _ := d.Created.URL(d.values(f))
		fmt.Fprintf(&out, "  without an amount %s\n", full)
		fmt.Fprintf(&out, "  needs %s\n", strings.Join(d.Deciding.Needs, " "))
	}
	golden(t, "templates.golden", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew, and reading the difference is your work):\n%s", name, got)
	}
}

// TestEveryTemplateSaysWhereItWasRead, and all that a person must know to use it.
func TestEveryTemplateSaysWhereItWasRead(t *testing.T) {
	for _, tmpl := range Templates() {
		if tmpl.Title == "" || !slices.Contains([]string{KindSource, KindTracker, KindPlatform, KindFree}, tmpl.Kind) || tmpl.Protocol == "" {
			t.Errorf("%s: title %q, kind %q, protocol %q", tmpl.Name, tmpl.Title, tmpl.Kind, tmpl.Protocol)
		}
		if len(tmpl.Statuses) == 0 {
			t.Errorf("%s does not say in which statuses a conversion is told", tmpl.Name)
		}
		if (tmpl.Kind == KindSource || tmpl.Kind == KindPlatform) && tmpl.Link == "" {
			t.Errorf("%s does not say which macro of the ad's link is the click's ID", tmpl.Name)
		}
		if tmpl.Kind == KindPlatform && (tmpl.Suspicion != SuspicionTell || !tmpl.GoalOnly) {
			t.Errorf("%s: an optimiser is told at once, of the goal only; suspicion %q, goal_only %v", tmpl.Name, tmpl.Suspicion, tmpl.GoalOnly)
		}
		if len(tmpl.Read) == 0 && tmpl.Kind != KindFree {
			t.Errorf("%s does not say where it was read", tmpl.Name)
		}
		for _, r := range tmpl.Read {
			if _, err := time.Parse(time.DateOnly, r.On); err != nil || r.Where == "" || !slices.Contains([]string{"vendor", "export", "code", "panel"}, r.By) {
				t.Errorf("%s: read %+v", tmpl.Name, r)
			}
		}
		for _, p := range slices.Concat(tmpl.Params, tmpl.Secrets) {
			if p.Doc == "" || macroNamed(p.Name) != nil {
				t.Errorf("%s: the param %s needs a meaning, and a name that no macro has", tmpl.Name, p.Name)
			}
		}
	}
}

// TestDeclarations: what is refused, and what the text says.
func TestDeclarations(t *testing.T) {
	ok := Config{Name: "d", URL: "https://s.example/p?id={external_id}"}
	for name, c := range map[string]struct {
		change func(c *Config)
		field  string
		says   string
	}{
		"no name":             {func(c *Config) { c.Name = "" }, "destinations[0].name", "no name"},
		"unknown template":    {func(c *Config) { c.Template = "exoclik" }, "destinations[0].template", "exoclick"},
		"no URL":              {func(c *Config) { c.URL = "" }, "destinations[0].url", "is missing"},
		"unknown macro":       {func(c *Config) { c.URL = "https://s.example/p?id={clickid}" }, "destinations[0].url", "{click_id}"},
		"upper case":          {func(c *Config) { c.URL = "https://s.example/p?id={CLICK_ID}" }, "destinations[0].url", "no macro"},
		"encoded braces":      {func(c *Config) { c.URL = "https://s.example/p?id=%7Bclick_id%7D&b={external_id" }, "destinations[0].url", "no macro"},
		"a macro in the host": {func(c *Config) { c.URL = "https://{sub1}.example/p?id={external_id}" }, "destinations[0].url", "host"},
		"a macro as scheme":   {func(c *Config) { c.URL = "{sub1}://s.example/p" }, "destinations[0].url", "absolute"},
		"user and password":   {func(c *Config) { c.URL = "https://a:b@s.example/p" }, "destinations[0].url", "without user"},
		"http":                {func(c *Config) { c.URL = "http://s.example/p" }, "destinations[0].url", "allow_http"},
		"another scheme":      {func(c *Config) { c.URL = "file:///etc/passwd" }, "destinations[0].url", "absolute"},
		"a fragment":          {func(c *Config) { c.URL = "https://s.example/p#{click_id}" }, "destinations[0].url", "never sent"},
		"copied from a page":  {func(c *Config) { c.URL = "https://s.example/p?a=1&amp;id={click_id}" }, "destinations[0].url", "write &"},
		"a macro as name":     {func(c *Config) { c.URL = "https://s.example/p?{sub1}=1" }, "destinations[0].url", "name"},
		"a body of get":       {func(c *Config) { c.Body = "a=1" }, "destinations[0].body", "post"},
		"no JSON":             {func(c *Config) { c.Template = "post"; c.Body = `{"id": {click_id}}` }, "destinations[0].body", `write "{click_id}"`},
		"broken JSON":         {func(c *Config) { c.Template = "post"; c.Body = `{"id": "{click_id}"` }, "destinations[0].body", "is no JSON"},
		"a header of ours":    {func(c *Config) { c.Headers = map[string]string{"host": "x"} }, "destinations[0].headers.host", "set by the deliverer"},
		"a bad header":        {func(c *Config) { c.Headers = map[string]string{"a b": "x"} }, "destinations[0].headers.a b", "no name of a header"},
		"a param of another": {func(c *Config) { c.Template, c.URL = "exoclick", ""; c.Params = map[string]string{"gaol": "1"} },
			"destinations[0].params.gaol", "params.goal"},
		"a missing param": {func(c *Config) { c.Template, c.URL = "exoclick", "" }, "destinations[0].params.goal", "is missing"},
		"a wrong param":   {func(c *Config) { c.Template, c.URL = "exoclick", ""; c.Params = map[string]string{"goal": "1"} }, "destinations[0].params.goal", "32"},
		"a macro as param": {func(c *Config) { c.Template, c.URL = "exoclick", ""; c.Params = map[string]string{"goal": "{goal}"} },
			"destinations[0].params.goal", "braces"},
		"a param like a macro":  {func(c *Config) { c.Params = map[string]string{"sub1": "x"} }, "destinations[0].params.sub1", "something else"},
		"URL of a template":     {func(c *Config) { c.Template = "mgid" }, "destinations[0].url", "URL of its own"},
		"status":                {func(c *Config) { c.Statuses = []string{"aproved"} }, "destinations[0].statuses[0]", "approved"},
		"event":                 {func(c *Config) { c.Events = map[string]string{"Sale": ""} }, "destinations[0].events.Sale", "no event type"},
		"campaign":              {func(c *Config) { c.Campaigns = []string{"nowhere"} }, "destinations[0].campaigns[0]", "no campaign is named"},
		"country":               {func(c *Config) { c.Countries = []string{"Germany"} }, "destinations[0].countries[0]", "no country"},
		"share":                 {func(c *Config) { c.Share = "120" }, "destinations[0].share", "percent"},
		"nothing as share":      {func(c *Config) { c.Share = "0" }, "destinations[0].share", "above 0"},
		"finer than millionths": {func(c *Config) { c.Sample = "0.00001" }, "destinations[0].sample", "4 decimals"},
		"min above max":         {func(c *Config) { c.MinPayout, c.MaxPayout = "5", "4" }, "destinations[0].max_payout", "below min_payout"},
		"suspicion":             {func(c *Config) { c.Suspicion = "maybe" }, "destinations[0].suspicion", "wait"},
		"waits for nothing":     {func(c *Config) { c.Suspicion, c.WaitAtMost = "tell", time.Hour }, "destinations[0].wait_at_most", "nothing waits"},
		"delay beyond window":   {func(c *Config) { c.Delay, c.Window = time.Hour, time.Minute }, "destinations[0].delay", "not shorter"},
		"a window too long":     {func(c *Config) { c.Window = 91 * 24 * time.Hour }, "destinations[0].window", "from 0s"},
		"zone":                  {func(c *Config) { c.TimeZone = "Berlin" }, "destinations[0].time_zone", "Europe/Berlin"},
		"private":               {func(c *Config) { c.AllowPrivate = []string{"10.0.0.0"} }, "", ""},
		"no network":            {func(c *Config) { c.AllowPrivate = []string{"ten"} }, "destinations[0].allow_private[0]", "10.0.0.0/8"},
		"field":                 {func(c *Config) { c.Fields = map[string]string{"email": "{sub1}"} }, "destinations[0].fields.email", "no such field"},
		"code":                  {func(c *Config) { c.Success.Statuses = []int{20} }, "destinations[0].success.statuses[0]", "no status code"},
		"currency":              {func(c *Config) { c.Currency = "XXX" }, "destinations[0].currency", "no rate"},
		"webhook without key":   {func(c *Config) { c.Template = "webhook" }, "destinations[0].secrets.signing", "is missing"},
		"as it should be":       {func(*Config) {}, "", ""},
	} {
		one := ok
		c.change(&one)
		_, problems := Build([]Config{one}, Known{
			Campaign: func(string) bool { return false }, Currency: func(string) string { return "has no rate" },
		})
		var texts []string
		for _, p := range problems {
			texts = append(texts, p.Error())
		}
		all := strings.Join(texts, "\n")
		if c.field == "" && len(problems) > 0 || c.field != "" && (!strings.Contains(all, c.field+": ") || !strings.Contains(all, c.says)) {
			t.Errorf("%s: %q, want %s to say %q", name, all, c.field, c.says)
		}
		if strings.Contains(all, "s3cr") {
			t.Errorf("%s: a secret is in %q", name, all)
		}
	}
}

// TestValuesStayWhereTheyBelong: whatever a value is, it ends neither its parameter nor its string, header or path.
func TestValuesStayWhereTheyBelong(t *testing.T) {
	evil := "a&b=c#d?e/../f\"\\\r\nX: y{click_id}\u00e9"
	built, problems := Build([]Config{{
		Name: "d", Template: "post", URL: "https://s.example/in/{sub1}/x?id={external_id}&t={token}", Secrets: map[string]trust.Secret{"token": "t&k"},
		Body: `{"id": "{external_id}", "sum": {payout}, "at": {event_ts}}`, Headers: map[string]string{"X-Sub": "v {sub1}"},
	}}, Known{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	values := map[string]string{"external_id": evil, "sub1": evil, "event_ts": "7"}
	full, shown := built[0].Created.URL(values)
	const escaped = "a%26b%3Dc%23d%3Fe%2F..%2Ff%22%5C%0D%0AX%3A%20y%7Bclick_id%7D%C3%A9"
	const inPath = "a%26b%3Dc%23d%3Fe%2F%2Ff%22%5C%0D%0AX%3A%20y%7Bclick_id%7D%C3%A9"
	if want := "https://s.example/in/" + inPath + "/x?id=" + escaped + "&t="; full != want+"t%26k" || shown != want+"***" {
		t.Errorf("%s\n%s\nwant %s", full, shown, want)
	}
	body, kind := built[0].Created.Body(values)
	if want := `{"id": "a&b=c#d?e/../f\"\\\u000d\u000aX: y{click_id}é", "sum": null, "at": 7}`; string(body) != want || kind != "application/json" {
		t.Errorf("%s %s, want %s", kind, body, want)
	}
	h := http.Header{}
	built[0].Created.Headers(h, values)
	if got := h.Get("X-Sub"); strings.ContainsAny(got, "\r\n") || !strings.HasPrefix(got, "v a&b") {
		t.Errorf("%q", got)
	}
}

// FuzzMacros: no text makes the compiler crash, and what it takes leads to the host that was declared, whatever the values are.
func FuzzMacros(f *testing.F) {
	for _, text := range []string{
		"https://s.example/p?id={external_id}&x={sub1?}", "https://{host}/{sub1}/../{sub2}?a=b", "http://s.example:80", "https://s.example/{payout!}",
		"https://[::1]/p", "https://s.example?x={token}", "https://{host}.evil.example/", "https:///x", "{", "https://s.example/{sub1", "https://a@b/",
	} {
		f.Add(text, "value/..", "{}")
	}
	f.Fuzz(func(t *testing.T, text, value, body string) {
		built, problems := Build([]Config{{
			Name: "d", Template: "post", URL: text, Body: body, AllowHTTP: true,
			Params: map[string]string{"host": "s.example"}, Secrets: map[string]trust.Secret{"token": "t"},
		}}, Known{})
		if len(problems) > 0 {
			return
		}
		values := map[string]string{}
		for _, name := range built[0].Deciding.Uses {
			values[name] = value
		}
		full, _ := built[0].Created.URL(values)
		r, err := http.NewRequest(http.MethodGet, full, nil)
		if err != nil {
			t.Fatalf("%q with %q is %q, which is no URL: %v", text, value, full, err)
		}
		if r.URL.Host != built[0].Created.Host || r.URL.User != nil || (r.URL.Scheme != "https" && r.URL.Scheme != "http") {
			t.Errorf("%q with %q leads to %q, not to %q", text, value, r.URL.Host, built[0].Created.Host)
		}
		built[0].Created.Body(values)
	})
}
