package ingest

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
)

func TestMeant(t *testing.T) {
	c := testCatalog()
	c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "A&B"}, catalog.NetworkConfig{Name: "who?"})
	c.Campaigns[0].Aliases = []string{"POSTBACK"}
	cat, err := catalog.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"/c/summer?sub1=x": "/c/summer?sub1=x", "//c//summer///?a=1": "/c/summer/?a=1", "/": "/?", "//": "/?",
		"/c/summer&sub1=x": "/c/summer?sub1=x", "/c/summer/&sub1=x": "/c/summer/?sub1=x", "/c/summer&sub1=x?sub2=y": "/c/summer?sub1=x&sub2=y", "/c/summer&": "/c/summer?",
		"/c/summer%3Fsub1=x&sub2=a%20b": "/c/summer?sub1=x&sub2=a%20b", "/c/summer%3fsub1%3Dx%26sub2%3Dy": "/c/summer?sub1=x&sub2=y", "/c/summer%26sub1=x": "/c/summer?sub1=x",
		"/c/%73ummer?a=1": "/c/%73ummer?a=1", "/c/summer??sub1=x": "/c/summer?sub1=x", "/c/100%": "/c/100%?", `/c/summer\u0026sub1=x`: "/c/summer?sub1=x", `/c/summer%5Cu0026sub1=x`: "/c/summer?sub1=x",
		`/c/a\3fb\u0027c`: `/c/a\3fb\u0027c?`, "/c/a%3": "/c/a%3?",
		"/postback/A&B?click_id=1": "/postback/A&B?click_id=1", "/postback/A%26B?click_id=1": "/postback/A%26B?click_id=1", "/postback/who%3F?click_id=1": "/postback/who%3F?click_id=1",
		"//postback/A&B?click_id=1": "/postback/A&B?click_id=1", "/postback/acme&click_id=1": "/postback/acme?click_id=1", "/postback&click_id=1&payout=2": "/postback?click_id=1&payout=2",
		"/c/summer%20": "/c/summer?", "/postback/acme%20%20?a=1": "/postback/acme?a=1", "/c/a%20b": "/c/a%20b?", "/%20": "/?",
		"/C/summer": "/c/summer?", "/Postback/acme?a=1": "/postback/acme?a=1", "/POSTBACK?a=1": "/POSTBACK?a=1", "/PostBack&a=1": "/postback?a=1", "/Click.php?a=1": "/Click.php?a=1",
	} {
		before := []byte(from)
		path, rawQuery, _ := bytes.Cut(before, []byte{'?'})
		path, rawQuery = Meant(cat, path, rawQuery)
		if !strings.Contains(want, "?") {
			want += "?"
		}
		if got := string(path) + "?" + string(rawQuery); got != want || string(before) != from {
			t.Errorf("%s is meant as %s, want %s", from, got, want)
		}
	}
	path := []byte("/c/summer")
	rawQuery := []byte("source=pushads&sub1=zone-7")
	if n := testing.AllocsPerRun(100, func() { Meant(cat, path, rawQuery) }); n > 0 {
		t.Errorf("a right path makes %v allocations", n)
	}
}

// TestOddTargets holds that what is plainly meant is taken, the same when it is looked at again, and that what is not leaves no
// parameter behind.
func TestOddTargets(t *testing.T) {
	cat := dialectCatalog(t, &dialect.Keitaro, "8JdJ4D", nil)
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	id := clickID(t, testSecret, 1, 1)
	for _, path := range []string{"/c/summer&sub1=x", "/c//summer?sub1=x", "//c/summer%3Fsub1=x", "/C/summer??sub1=x",
		"/8JdJ4D&sub_id_1=x", "//8JdJ4D/?sub_id_1=x", "/c/summer%3Fsub1%3Dx"} {
		if got := b.get(path); got.status != 302 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, c := range b.clicks() {
		if len(c.Subs) != 1 || c.Subs[0] != "x" {
			t.Errorf("the click has %v", c.Subs)
		}
	}
	taken := 0
	for _, path := range []string{"//postback/acme?payout=5&click_id=ID", "/postback//acme?payout=5&click_id=ID",
		"/postback/acme&payout=5&click_id=ID", "/postback&network=acme&payout=5&click_id=ID",
		"/Postback/acme/?payout=5&click_id=ID", "/postback/acme%3Fpayout=5&click_id=ID", "//e89bcbe//postback?payout=5&subid=ID", "/postback/acme&payout=5?click_id=ID"} {
		path = strings.ReplaceAll(path, "ID", id)
		got := b.get(path)
		if got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
			continue
		}
		taken++
		bare, rawQuery, _ := strings.Cut(path, "?")
		j := JudgePostback(cat, PostbackRequest{Path: []byte(bare), Query: []byte(rawQuery), Arrived: testNow,
			IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
		if j.Postback == nil || j.Postback.PayoutMicros != 5_000_000 {
			t.Errorf("%s looked at again: %+v", path, j)
		}
	}
	for _, p := range b.postbacks() {
		if p.Network != "acme" && p.Network != "theirs" || p.PayoutMicros != 5_000_000 || p.ClickId != id {
			t.Errorf("the postback is %v", p)
		}
	}
	for path, body := range map[string][2]string{"/v1/clicks/": {"application/json", `{"campaign":"summer","subs":["x"]}`},
		"/postback/acme/batch/": {csvType, "click_id,payout,txid\n" + id + ",5,u\n"}} {
		if got := b.send(http.MethodPost, path, body[0], body[1]); got.status != 200 || strings.Contains(got.body, "error") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	taken++
	if c, p, d := len(b.clicks()), len(b.postbacks()), len(b.letters()); c != 8 || p != taken || d != 0 {
		t.Errorf("%d clicks, %d postbacks of %d, %d dead letters", c, p, taken, d)
	}
}

// TestLostMoney holds that what nothing takes leaves a row when it names a click of ours, and only then, bounded by address.
func TestLostMoney(t *testing.T) {
	const burst = 4
	now := testNow
	b := newBench(t, func(c *Config, d *Deps) {
		c.TrustedProxies, c.Trust.IPUnprovedLetters, c.Trust.IPUnprovedBurst = []string{"127.0.0.1/32"}, 1, burst
		d.Now = func() time.Time { return now }
	})
	send := func(from, method, path, kind, body string) reply {
		r := b.request(method, path, kind, body)
		r.Header.Set("X-Forwarded-For", from)
		return b.do(r)
	}
	good, forged := clickID(t, testSecret, 1, 1), clickID(t, otherSecret, 1, 1)
	want := map[string]string{}
	for i, c := range []struct{ method, path, kind, body string }{
		{"GET", "/postbacks?payout=12.5&currency=USD&txid=t1&event=sale&click_id=" + good, "", ""},
		{"GET", "/track/" + strings.ToUpper(good) + "/12.5", "", ""},
		{"POST", "/conversion", "application/json", `{"click":"` + good + `"}`},
		{"POST", "/convert", "application/x-www-form-urlencoded", "click_id=" + good + "&payout=3"},
		{"PUT", "/postback/acme?click_id=" + good, "", ""},
		{"GET", "/summertime?cid=" + good, "", ""},
		{"GET", "/v1/clicks?cid=x_" + good, "", ""},
	} {
		got := send("203.0.113."+string(rune('1'+i)), c.method, c.path, c.kind, c.body)
		if got.status != 404 && got.status != 405 || !strings.Contains(got.body, `"unknown_path"`) {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
		want[c.method+" "+c.path] = got.body
	}
	for _, path := range []string{"/postbacks?click_id=" + forged, "/favicon.ico", "/x" + good, "/wp-login.php?a=" +
		good[:39]} {
		if got := send("203.0.113.50", "GET", path, "", ""); got.status != 404 ||
			!strings.Contains(got.body, `"not_found"`) || strings.Contains(got.body, "receipt_id") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := send("203.0.113.50", http.MethodHead, "/postbacks?click_id="+good, "", ""); got.status != 404 {
		t.Errorf("HEAD: %d", got.status)
	}
	letters := b.letters()
	if len(letters) != len(want) {
		t.Errorf("%d dead letters, want %d", len(letters), len(want))
	}
	for _, l := range letters {
		head, _, _ := strings.Cut(string(l.Raw), "\n\n")
		if l.Reason != string(schemas.RejectUnknownPath) || l.ClickId != good ||
			!strings.Contains(want[head], l.LetterId) {
			t.Errorf("the letter of %q is %v", head, l)
		}
		if strings.HasPrefix(head, "GET /postbacks") && (l.PayoutMicros != 12_500_000 || l.Currency != "USD" ||
			l.Txid != "t1" || l.Event != "sale") {
			t.Errorf("what was at stake is %v", l)
		}
	}
	// Whoever has a click ID cannot make rows without end, and is told when to come again.
	over := 0
	for range 3 * burst {
		if got := send("203.0.113.99", "GET", "/nothing?click_id="+good, "", ""); got.status == 429 &&
			got.header.Get("Retry-After") != "" {
			over++
		}
	}
	if over != 2*burst || len(b.letters()) != len(want)+burst {
		t.Errorf("%d of %d were refused for their rate, %d dead letters", over, 3*burst, len(b.letters()))
	}
}

// TestSecretsInOddTargets holds that a right token is kept nowhere, also where it stands in what looks like a path.
func TestSecretsInOddTargets(t *testing.T) {
	cfg := testCatalog()
	cfg.Networks = append(cfg.Networks,
		catalog.NetworkConfig{Name: "tok",
			Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": theToken}}})
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	id, token := clickID(t, testSecret, 1, 1), url.QueryEscape(theToken)
	for path, status := range map[string]int{
		"/postback/tok&token=" + token + "&payout=1&click_id=" + id: 200, "//postback/tok?token=" + token +
			"&payout=2&txid=2&click_id=" + id: 200, "/postback/tok%3Ftoken=" + token + "&payout=3&txid=3&click_id=" +
			id: 200,
		"/postback/tok&token=" + token + "&payout=x&click_id=" + id: 400, "/postbacks/tok&token=" + token +
			"&click_id=" + id: 404, "/postbacks?token=" + token + "&click_id=" + id: 404,
	} {
		if got := b.get(path); got.status != status || strings.Contains(got.body, token) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	// Another tracker's secret, that nobody declared, behind a question mark that an ampersand stands before.
	if got := b.get("/postback/tok&payout=x?verification_token=theirsecret&token=" + token + "&click_id=" + id); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for topic, want := range map[string]int{schemas.TopicPostbacks: 3, schemas.TopicDeadLetters: 4} {
		records := b.records(topic)
		if len(records) != want {
			t.Errorf("%d records in %s", len(records), topic)
		}
		for _, r := range records {
			if bytes.Contains(r.Value, []byte(theToken)) || bytes.Contains(r.Value, []byte(token)) ||
				bytes.Contains(r.Value, []byte("theirsecret")) {
				t.Errorf("%s has the token: %q", topic, r.Value)
			}
		}
	}
}

// FuzzMeant holds that a target which was read as it is meant is meant as it is read, that nothing is written over, and that
// a path stays one.
func FuzzMeant(f *testing.F) {
	cfg := testCatalog()
	cfg.Networks = append(cfg.Networks, catalog.NetworkConfig{Name: "A&B"})
	cat, err := catalog.Build(cfg)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"/c/summer&sub1=x", "//postback//A&B", "/c/a%3Fb%3Dc%26d", "/Postback%20%20/", "/%26%20&%3f"} {
		f.Add(seed, "a=1")
	}
	f.Fuzz(func(t *testing.T, path, rawQuery string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
			return
		}
		p, q := []byte(path), []byte(rawQuery)
		one, first := Meant(cat, p, q)
		two, second := Meant(cat, one, first)
		if string(p) != path || string(q) != rawQuery {
			t.Fatalf("%q %q was written over", path, rawQuery)
		}
		if len(one) == 0 || one[0] != '/' || !bytes.Equal(one, two) || !bytes.Equal(bytes.TrimLeft(first, "?"), second) {
			t.Fatalf("%q %q is read as %q %q, that as %q %q", path, rawQuery, one, first, two, second)
		}
	})
}
