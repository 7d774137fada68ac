package ingest

import (
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/catalog/trust"
	"tributary/schemas"
)

// packedTo sends a body with an encoding that is said or, where it is empty, not.
func (b *bench) packedTo(path, kind, coding, body string) reply {
	b.tb.Helper()
	r := b.request(http.MethodPost, path, kind, body)
	if coding != "" {
		r.Header.Set("Content-Encoding", coding)
	}
	return b.do(r)
}

// TestPackedPostback: a packed body says what its text says, through every door, whether a header says that it is
// packed or not.
func TestPackedPostback(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	id := clickID(t, testSecret, 1, 1)
	form, object := "click_id="+id+"&payout=12.5&status=rejected",
		`{"click_id":"`+id+`","payout":12.5,"status":"rejected"}`
	taken := 0
	for _, coding := range []string{"gzip", "", "x-gzip", "GZIP", "identity"} {
		for kind, body := range map[string]string{formType: form, jsonType: object} {
			for _, path := range []string{"/postback/acme", "/postback?network=acme"} {
				taken++
				if got := b.packedTo(path, kind, coding, gzipped(t, body)); got.status != 200 {
					t.Errorf("%s of %s, %q: %d %s", body, path, coding, got.status, got.body)
				}
			}
		}
	}
	signedBody := trust.Sign("signed", "network=signed", []byte(object), "k1", []byte(signingKey), testNow, "nonce-packed")
	if got := b.packedTo("/postback?"+signedBody, jsonType, "gzip", gzipped(t, object)); got.status != 200 {
		t.Errorf("signed: %d %s", got.status, got.body)
	}
	list := b.postbacks()
	for _, p := range list {
		if p.PayoutMicros != 12_500_000 || p.ClickId != id || p.OriginalStatus != "rejected" || !bytes.Contains(p.Raw,
			[]byte(id)) {
			t.Errorf("a packed postback is %s of %q", postbackFields(p), p.Raw)
		}
	}
	if len(list) != taken+1 {
		t.Errorf("%d of %d are booked", len(list), taken+1)
	}
	if got := b.packedTo("/v1/clicks", jsonType, "gzip", gzipped(t,
		`[{"campaign":"summer"},{"campaign":"summer"}]`)); got.status != 200 || len(b.clicks()) != 2 {
		t.Errorf("packed clicks: %d %s", got.status, got.body)
	}
}

// TestPackedLetter: what is kept of a refused packed postback is its text, which people read, in which secrets are
// hidden, and which is booked when it is looked at again.
func TestPackedLetter(t *testing.T) {
	cfg := testCatalog()
	cfg.Networks = append(cfg.Networks, catalog.NetworkConfig{Name: "tok",
		Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": theToken}}})
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	id := clickID(t, testSecret, 1, 1)
	text := "click_id=" + id + "&payout=5&conversion_state=x&my_status=rejected"
	if got := b.packedTo("/postback/acme", formType, "gzip", gzipped(t, text)); got.status != 400 ||
		!strings.Contains(got.body, "unread_parameter") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := b.packedTo("/postback/tok", jsonType, "gzip", gzipped(t,
		`{"click_id":"`+id+`","payout":"x","token":"`+theToken+`"}`)); got.status != 400 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	letters := b.letters()
	if len(letters) != 2 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, l := range letters {
		head, body, _ := strings.Cut(string(l.Raw), "\n\n")
		if !strings.HasPrefix(head, "POST /postback/") || strings.Contains(body, theToken) || !strings.Contains(body, id) {
			t.Errorf("kept is %q", l.Raw)
		}
		if !strings.Contains(head, "acme") {
			continue
		}
		cfg.Networks[0].Params = map[string]string{"my_status": "status"}
		mended, err := catalog.Build(cfg)
		if err != nil {
			t.Fatal(err)
		}
		j := JudgePostback(mended, PostbackRequest{Path: []byte(strings.TrimPrefix(head, "POST ")), Body: []byte(body),
			Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
		if j.Postback == nil || j.Postback.PayoutMicros != 5_000_000 || j.Postback.OriginalStatus != "rejected" {
			t.Errorf("looked at again it is %+v", j)
		}
		// One that was kept packed by an earlier version is read, too.
		j = JudgePostback(mended, PostbackRequest{Path: []byte("/postback/acme"), Body: []byte(gzipped(t, body)),
			Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
		if j.Postback == nil || j.Postback.PayoutMicros != 5_000_000 {
			t.Errorf("a packed one looked at again is %+v", j)
		}
	}
	// A path of nobody's.
	if got := b.packedTo("/conversion", formType, "", gzipped(t, "cid="+id+"&payout=3")); got.status != 404 ||
		!strings.Contains(got.body, "unknown_path") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestPackedBounds: what is damaged, packed twice or becomes too large is refused with a row that people can read,
// and no more is unpacked than shows it.
func TestPackedBounds(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	form := "click_id=" + id + "&payout=12.5"
	bomb := gzipped(t, form+"&x="+strings.Repeat("0", 8<<20))
	if len(bomb) > 2*schemas.MaxBodyBytes {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for name, c := range map[string]struct{ coding, body, reason string }{
		"a bomb": {"gzip", bomb, "too_long"}, "a bomb that nobody announces": {"", bomb, "too_long"},
		"cut off": {"gzip", gzipped(t, form)[:20], "bad_body"}, "damaged": {"gzip", gzipped(t, form)[:25] +
			"xxxxxxxxxxxxxxxx", "bad_body"},
		"twice": {"gzip, gzip", gzipped(t, gzipped(t, form)), "bad_body"}, "twice, said once": {"gzip", gzipped(t,
			gzipped(t, form)), "bad_body"},
		"none at all": {"gzip", form, "bad_body"}, "brotli": {"br", "\x1b\x0f\x00\xf8\x25\xc2\x82\x8c", "bad_body"},
		"gzip as brotli": {"br", gzipped(t, form), "bad_body"},
	} {
		got := b.packedTo("/postback/acme", formType, c.coding, c.body)
		if got.status != 400 || !strings.Contains(got.body, `"`+c.reason+`"`) || !strings.Contains(got.body, "receipt_id") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if c.reason == "too_long" && !strings.Contains(got.body, "the body has more than 16384 bytes") {
			t.Errorf("%s: more is unpacked than shows that it is too large: %s", name, got.body)
		}
	}
	if n := len(b.postbacks()); n != 0 {
		t.Errorf("%d are booked", n)
	}
	plain := 0
	for _, l := range b.letters() {
		if bytes.ContainsFunc(l.Raw, func(r rune) bool { return r == '\ufffd' || r < ' ' && r != '\n' }) {
			t.Errorf("nobody can read %q", l.Raw)
		}
		if strings.HasSuffix(string(l.Raw), "\n\n"+form) {
			plain++
		}
	}
	if plain != 1 {
		t.Errorf("a text that is said to be packed is kept %d times", plain)
	}
	small := newBench(t, func(c *Config, _ *Deps) { c.MaxBodyBytes = schemas.MaxBodyBytes })
	if got := small.packedTo("/v1/clicks", jsonType, "gzip", gzipped(t, `{"campaign":"`+strings.Repeat("x",
		8<<20)+`"}`)); got.status != 400 || !strings.Contains(got.body, "more than 16384 bytes") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
