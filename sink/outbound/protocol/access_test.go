package protocol

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas/events"
)

// authority stands in for who hands out tokens: it takes refresh tokens that it knows and may hand out another.
type authority struct {
	mu     sync.Mutex
	knows  map[string]bool
	rotate bool
	asked  int
	status int // answered in place of a token, unless 0
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	w.Header().Set("Content-Type", "application/json")
	if a.status != 0 {
		w.WriteHeader(a.status)
		return
	}
	_ = r.ParseForm()
	refresh := r.Form.Get("refresh_token")
	if r.Form.Get("grant_type") == "refresh_token" && !a.knows[refresh] {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`)
		return
	}
	answer := map[string]any{"access_token": fmt.Sprintf("access-%d", a.asked), "expires_in": 3600, "token_type": "Bearer"}
	if a.rotate {
		a.knows["rotated"] = true
		answer["refresh_token"] = "rotated"
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// keeper keeps in a map.
type keeper map[string]string

func (k keeper) Load(name string) (string, error) { return k[name], nil }
func (k keeper) Save(name, token string) error    { k[name] = token; return nil }

func openAuthority(t *testing.T, knows ...string) (*authority, string) {
	a := &authority{knows: map[string]bool{}}
	for _, k := range knows {
		a.knows[k] = true
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, server.URL
}

func dataManagerOf(t *testing.T, url string, secrets map[string]trust.Secret) *destination.Destination {
	return build(t, destination.Config{Template: "google_data_manager", Params: map[string]string{"customer_id": "1234567890", "token_url": url}, Secrets: secrets,
		Events: map[string]string{"ftd": "987"}})
}

// tell tells one conversion to a platform whose answers are to what it gets.
func tell(t *testing.T, c *Credentials, d *destination.Destination, answers func(call *Call) *Answer) ([]Verdict, error) {
	t.Helper()
	p := protocols[d.Template.Protocol]
	event := "987"
	if e := platforms[d.Template.Name]; e != "" && d.Template.Name != "google_data_manager" {
		event = e
	}
	reqs := []*events.OutboundRequest{conversion(0, event, created)}
	call, err := p.Call(d, reqs, c.Now())
	if err != nil {
		t.Fatal(err)
	}
	verdicts, _, err := c.Tell(t.Context(), p, d, reqs, call, func(_ context.Context, call *Call) (*Answer, error) { return answers(call), nil })
	return verdicts, err
}

func dataManagerAnswers(good ...string) func(*Call) *Answer {
	return func(call *Call) *Answer {
		for _, token := range good {
			if call.Header.Get("Authorization") == "Bearer "+token {
				return &Answer{Status: 200, Body: []byte(`{"requestId":"r"}`)}
			}
		}
		return &Answer{Status: 401, Body: []byte(`{"error":{"code":401,"status":"UNAUTHENTICATED","message":"expired"}}`)}
	}
}

// TestTokens are renewed before they end, once for all, and anew when the platform refuses the kept one.
func TestTokens(t *testing.T) {
	a, url := openAuthority(t, "r1")
	now := time.Now()
	c := &Credentials{Client: http.DefaultClient, Now: func() time.Time { return now }}
	d := dataManagerOf(t, url, map[string]trust.Secret{"client_id": "id", "client_secret": "s", "refresh_token": "r1"})
	for range 3 {
		if v, err := tell(t, c, d, dataManagerAnswers("access-1")); err != nil || letters(v) != "D" {
			t.Fatal(v, err)
		}
	}
	if a.asked != 1 {
		t.Fatalf("the authority was asked %d times for one token", a.asked)
	}
	now = now.Add(time.Hour - renewBefore + time.Second) // near its end
	if v, err := tell(t, c, d, dataManagerAnswers("access-2")); err != nil || letters(v) != "D" || a.asked != 2 {
		t.Fatal(v, err, a.asked)
	}
	// The platform revokes the token early: a fresh one is tried at once.
	if v, err := tell(t, c, d, dataManagerAnswers("access-3")); err != nil || letters(v) != "D" || a.asked != 3 {
		t.Fatal(v, err, a.asked)
	}
	// A fresh one that is refused too is a refusal.
	if v, err := tell(t, c, d, dataManagerAnswers("another")); err != nil || letters(v) != "P" || a.asked != 4 {
		t.Fatal(v, err, a.asked)
	}
}

// TestRefreshTokens: a declared one that takes over is used when the first is refused, and one that was handed out is kept across a restart.
func TestRefreshTokens(t *testing.T) {
	a, url := openAuthority(t, "r2")
	k := keeper{}
	c := &Credentials{Client: http.DefaultClient, Now: time.Now, Keeper: k}
	d := dataManagerOf(t, url, map[string]trust.Secret{"client_id": "id", "client_secret": "s", "refresh_token": "r1", "refresh_token_next": "r2"})
	a.rotate = true
	if v, err := tell(t, c, d, dataManagerAnswers("access-2")); err != nil || letters(v) != "D" {
		t.Fatal(v, err)
	}
	a.knows = map[string]bool{"rotated": true} // as Microsoft does: the old one is no more
	restarted := &Credentials{Client: http.DefaultClient, Now: time.Now, Keeper: k}
	if v, err := tell(t, restarted, d, dataManagerAnswers("access-3")); err != nil || letters(v) != "D" {
		t.Fatal(v, err)
	}
	a.knows = map[string]bool{}
	lost := &Credentials{Client: http.DefaultClient, Now: time.Now}
	_, err := tell(t, lost, d, dataManagerAnswers())
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Verdict.Outcome != Paused || !strings.Contains(refusal.Verdict.Reason, "invalid_grant") {
		t.Fatal(err)
	}
	if strings.Contains(err.Error(), "r1") || strings.Contains(err.Error(), "r2") {
		t.Errorf("the error has a secret: %v", err)
	}
	a.status = 503
	if _, err = tell(t, lost, d, dataManagerAnswers()); !errors.As(err, &refusal) || refusal.Verdict.Outcome != Again {
		t.Errorf("an authority that is away is no refusal: %v", err)
	}
}

// TestServiceAccount signs with its own key.
func TestServiceAccount(t *testing.T) {
	_, url := openAuthority(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "private_key_id": "k",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &Credentials{Client: http.DefaultClient, Now: time.Now}
	d := dataManagerOf(t, url, map[string]trust.Secret{"service_account": trust.Secret(base64.StdEncoding.EncodeToString(account))})
	if v, err := tell(t, c, d, dataManagerAnswers("access-1")); err != nil || letters(v) != "D" {
		t.Fatal(v, err)
	}
	d = dataManagerOf(t, url, map[string]trust.Secret{"service_account": "bm90IGpzb24="})
	var refusal *Refusal
	if _, err := tell(t, c, d, dataManagerAnswers()); !errors.As(err, &refusal) || refusal.Verdict.Outcome != Paused {
		t.Error(err)
	}
}

// TestKeysRotateWithoutAGap: while two tokens are declared, whichever the platform takes is used, and the one that was taken first.
func TestKeysRotateWithoutAGap(t *testing.T) {
	c := &Credentials{Now: time.Now}
	d := build(t, destination.Config{Template: "meta", Params: map[string]string{"pixel_id": "1234567890"}, Secrets: map[string]trust.Secret{"access_token": "oldToken", "access_token_next": "newToken"},
		Fields: map[string]string{"page_url": "https://shop.example/"}})
	good, sent := "oldToken", 0
	answers := func(call *Call) *Answer {
		sent++
		if strings.HasSuffix(call.URL, "/events?access_token="+good) {
			return &Answer{Status: 200, Body: []byte(`{"events_received":1}`)}
		}
		return &Answer{Status: 400, Body: []byte(`{"error":{"code":190,"message":"expired"}}`)}
	}
	for i, step := range []struct {
		good  string
		calls int
		want  string
	}{{"oldToken", 1, "D"}, {"newToken", 2, "D"}, {"newToken", 1, "D"}, {"neither", 2, "P"}, {"newToken", 1, "D"}} {
		good, sent = step.good, 0
		if v, err := tell(t, c, d, answers); err != nil || letters(v) != step.want || sent != step.calls {
			t.Errorf("step %d: %v %v in %d calls", i, v, err, sent)
		}
	}
}

// TestOAuth1 has the header of a signed call; nothing is sent while signing.
func TestOAuth1(t *testing.T) {
	c := &Credentials{Now: time.Now}
	d := declared(t, "x")
	v, err := tell(t, c, d, func(call *Call) *Answer {
		header := call.Header.Get("Authorization")
		for _, part := range []string{"OAuth ", `oauth_consumer_key="secret-consumer_key"`, `oauth_token="secret-token"`, "oauth_signature=", `oauth_signature_method="HMAC-SHA1"`} {
			if !strings.Contains(header, part) {
				t.Errorf("Authorization: %s has no %s", header, part)
			}
		}
		if strings.Contains(header, "secret-token_secret") {
			t.Error("a secret is in the header")
		}
		return &Answer{Status: 200, Body: []byte(`{"data":{"conversions_processed":1}}`)}
	})
	if err != nil || letters(v) != "D" {
		t.Error(v, err)
	}
}
