package ingest

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary/schemas"
)

// TestStrangersLetters: a stranger fills the dead letters no faster than its address may, and no money is refused for its noise.
func TestStrangersLetters(t *testing.T) {
	const burst = 4
	var clock atomic.Int64
	clock.Store(testNow.UnixNano())
	b := newBench(t, func(c *Config, d *Deps) {
		c.TrustedProxies, d.Catalog = []string{"127.0.0.0/8"}, trustCatalog(t)
		c.Trust.IPUnprovedLetters, c.Trust.IPUnprovedBurst = 1, burst
		d.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	})
	send := func(client, method, path, kind, body string) reply {
		req := b.request(method, path, kind, body)
		if client != "" {
			req.Header.Set("X-Forwarded-For", client)
		}
		return b.do(req)
	}
	good, forged := clickID(t, testSecret, 1, 1), clickID(t, otherSecret, 1, 1)
	token := strings.ReplaceAll(theToken, " ", "+")
	letters := 0
	// Each kind of request from an address of its own: as many as fit at once, then none.
	for i, path := range []string{
		"/c/nobody", "/i/nobody", "/l/nothing", "/l/" + good + "/99", "/l/" + forged,
		"/postback?network=nobody&payout=5&click_id=" + good,
		"/postback/shared?payout=5&click_id=" + good,
		"/postback/near?payout=5&click_id=" + good,
		"/postback?network=signed&payout=5&click_id=" + good,
		"/postback/acme?payout=5&click_id=" + forged,
		"/postback/acme?payout=5",
	} {
		client := "198.51.100." + string(rune('1'+i%9)) + string(rune('1'+i/9))
		for n := range burst + 2 {
			got := send(client, http.MethodGet, path, "", "")
			if over := n >= burst; over != (got.status == http.StatusTooManyRequests) || over != (got.header.Get("Retry-After") == "1") || over == strings.Contains(got.body, "receipt_id") {
				t.Fatalf("%s, the %d. time: %d, Retry-After %q, %s", path, n+1, got.status, got.header.Get("Retry-After"), got.body)
			}
		}
		letters += burst
	}
	// The same noise before each, then what proves itself.
	noisy := "203.0.113.9"
	for range burst {
		send(noisy, http.MethodGet, "/c/nobody", "", "")
	}
	letters += burst
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"a paid click":                                     {"/c/summer", 302},
		"a postback with a token":                          {"/postback/shared?payout=5&security_token=" + token + "&click_id=" + good, 200},
		"a postback from its network's address":            {"/postback/near?payout=5&click_id=" + good, 200},
		"a postback of a network without proofs":           {"/postback/acme?payout=5&click_id=" + good, 200},
		"another tracker's click":                          {"/postback/legacy?payout=5&click_id=abc", 200},
		"a proved postback that is wrong":                  {"/postback/shared?payout=x&security_token=" + token + "&click_id=" + good, 400},
		"a postback from its network's address, wrong":     {"/postback/near?payout=x&click_id=" + good, 400},
		"a wrong postback about a click that was ours":     {"/postback/acme?payout=x&click_id=" + good, 400},
		"a wrong postback that another status would be ok": {"/postback/acme?payout=5&status=perhaps&click_id=" + good, 400},
	} {
		for range burst + 1 {
			got := send(noisy, http.MethodGet, c.path, "", "")
			if got.status != c.status {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
			if c.status == 400 {
				letters++
			}
		}
	}
	// Not one of those counted.
	clock.Add(int64(time.Second))
	if got := send(noisy, http.MethodGet, "/c/nobody", "", ""); got.status != http.StatusNotFound {
		t.Errorf("a second later: %d %s", got.status, got.body)
	}
	letters++
	// An upload to a network without proofs has rows as its sender has room.
	upload := "click_id,payout\n" + strings.Repeat(forged+",5\n", 20) + good + ",x\n"
	if got := send("203.0.113.20", http.MethodPost, "/postback/acme/batch", "text/csv", upload); got.status != 200 || strings.Count(got.body, "receipt_id") != burst+1 {
		t.Errorf("an upload: %d %s", got.status, got.body)
	}
	letters += burst + 1
	// This machine is nobody's stranger.
	for range 2 * burst {
		if got := send("", http.MethodGet, "/c/nobody", "", ""); got.status != http.StatusNotFound {
			t.Errorf("from this machine: %d %s", got.status, got.body)
		}
		letters++
	}
	rows := b.letters()
	if len(rows) != letters {
		t.Errorf("%d dead letters, want %d", len(rows), letters)
	}
	for _, l := range rows {
		if l.Reason == string(schemas.RejectRateLimited) {
			t.Errorf("a row about the rate: %v", l)
		}
	}
	if clicks, postbacks := count(t, b.edge.unproved.clicks), count(t, b.edge.unproved.postbacks); clicks != 5*2 || postbacks != 6*2+16 {
		t.Errorf("%v clicks and %v postbacks are counted as not kept", clicks, postbacks)
	}
}
