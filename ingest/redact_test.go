package ingest

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog/trust"
	"tributary/schemas"
)

// TestSecretsAreNotKept: a secret of the configuration stands in no record, wherever somebody wrote it.
func TestSecretsAreNotKept(t *testing.T) {
	const bearer = "the clicks' token of the tests"
	b := newBench(t, func(c *Config, d *Deps) {
		d.Catalog = trustCatalog(t)
		c.Trust.ClicksTokens = map[string]trust.Secret{"a": bearer}
	})
	good := clickID(t, testSecret, 1, 1)
	escaped := func(secret string) string { return strings.ReplaceAll(url.QueryEscape(secret), "e", "%65") }
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		name, path, kind, body string
		status                 int
	}{
		{"to an unknown network", "/postback?network=nobody&security_token=" + escaped(theToken), "", "", 400},
		{"to a network that knows no token", "/postback/acme?payout=x&security_token=" + escaped(theToken) + "&click_id=" + good, "", "", 400},
		{"and taken there", "/postback/acme?payout=5&token=" + escaped(theToken) + "&click_id=" + good, "", "", 200},
		{"to a signed network", "/postback/signed?token=" + escaped(theToken) + "&click_id=" + good, "", "", 403},
		{"in another parameter", "/postback/shared?secret=" + escaped(theToken) + "&click_id=" + good, "", "", 403},
		{"as a name", "/postback/shared?" + escaped(theToken) + "&click_id=" + good, "", "", 403},
		{"as a status", "/postback/acme?status=" + escaped(theToken) + "&click_id=" + good, "", "", 400},
		{"in a form", "/postback/signed", form, "token=" + escaped(theToken) + "&click_id=" + good, 403},
		{"in an object", "/postback/signed", object, `{"click_id":"` + good + `","token":"` + theToken + `"}`, 403},
		{"in an object that is none", "/postback/acme", object, `{"token":"` + theToken + `"`, 400},
		{"a signing key", "/postback/signed?token=" + escaped(signingKey) + "&click_id=" + good, "", "", 403},
		{"with a click", "/c/nobody?token=" + escaped(theToken), "", "", 404},
		{"the clicks' token", "/c/nobody?token=" + escaped(bearer), "", "", 404},
		{"an upload's line", "/postback/acme/batch", "text/csv", "click_id,payout,memo\n" + good + ",x," + theToken + "\n" + good + ",7," + theToken + "\n", 200},
		{"a body too large", "/postback/acme?x=" + escaped(theToken), form, "click_id=" + good + "&x=" + strings.Repeat("x", 2*schemas.MaxBodyBytes), 413},
	} {
		method := http.MethodPost
		if c.kind == "" {
			method = http.MethodGet
		}
		if got := b.send(method, c.path, c.kind, c.body); got.status != c.status {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	// What another tracker calls its token, at a network that reads one elsewhere.
	if got := b.get("/postback/shared?secure=retired-token-of-old&security_token=not-declared-yet&click_id=" + good); got.status != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
	kept := 0
	for _, topic := range []string{schemas.TopicPostbacks, schemas.TopicDeadLetters, schemas.TopicClicks, schemas.TopicAnomalies} {
		for _, r := range b.records(topic) {
			for _, secret := range []string{theToken, signingKey, bearer, escaped(theToken), escaped(signingKey), escaped(bearer), "retired-token-of-old"} {
				if bytes.Contains(r.Value, []byte(secret)) {
					t.Errorf("%s keeps %q: %q", topic, secret, r.Value)
				}
			}
			if bytes.Contains(r.Value, []byte("not-declared-yet")) {
				kept++
			}
		}
	}
	if kept != 1 {
		t.Errorf("a token that may be declared later is kept %d times, want once", kept)
	}
}
