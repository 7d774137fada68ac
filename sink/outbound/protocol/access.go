package protocol

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dghubble/oauth1"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// Access is the kind of credential that a call needs beside what it has.
type Access uint8

// The kinds, with the names of the secrets that they take.
const (
	// AccessNone: the call has all that it needs.
	AccessNone Access = iota
	// AccessBearer: access_token in the header Authorization.
	AccessBearer
	// AccessHeader: access_token in the header Access-Token.
	AccessHeader
	// AccessQuery: access_token in the URL.
	AccessQuery
	// AccessOAuth2: a token that is renewed by refresh_token with client_id and client_secret, or by service_account, at token_url.
	AccessOAuth2
	// AccessOAuth1: the call is signed with consumer_key, consumer_secret, token and token_secret.
	AccessOAuth1
)

// renewBefore is how long before its end a token is renewed.
const renewBefore = 5 * time.Minute

// Send sends a call and returns what came back; the error is the network's.
type Send func(ctx context.Context, call *Call) (*Answer, error)

// A Refusal is an error of which a Verdict can be told at once: the authority that hands out tokens refuses ours.
type Refusal struct{ Verdict Verdict }

func (r *Refusal) Error() string { return r.Verdict.Reason }

// A Keeper keeps the refresh token that an authority handed out in place of the declared one, so that it is not lost at a restart. What
// it keeps is a secret. Load returns an empty text for a name that it does not know.
type Keeper interface {
	Load(name string) (string, error)
	Save(name, token string) error
}

// Credentials adds to calls what opens the destination. It is safe for use by several goroutines.
type Credentials struct {
	// Client asks the authorities for tokens; it is the one that sends calls, so that the same addresses are refused.
	Client *http.Client
	Now    func() time.Time
	Keeper Keeper // nil keeps in memory only

	mu   sync.Mutex
	kept map[string]*access
}

// access is what is known of a destination's credentials; its mutex makes one request to an authority of many at a time.
type access struct {
	name  string // of the secrets
	mu    sync.Mutex
	good  int // index of the secret that was taken last
	token *oauth2.Token
}

// Tell sends call and judges the answer. A credential that is refused is followed by the next one that is declared, and a token of an
// authority by a fresh one, before the refusal is the verdict: so keys are rotated without a gap. The error is the network's, or a
// *Refusal; answer is nil then.
func (c *Credentials) Tell(ctx context.Context, p Protocol, d *destination.Destination, reqs []*events.OutboundRequest, call *Call, send Send) (
	verdicts []Verdict, answer *Answer, err error,
) {
	tries := 1
	switch call.Access {
	case AccessNone, AccessOAuth1:
	case AccessOAuth2:
		tries = 2
	default:
		tries = max(len(secrets(d, "access_token")), 1)
	}
	a := c.of(d)
	a.mu.Lock()
	first := a.good
	a.mu.Unlock()
	for i := range tries {
		index := (first + i) % tries
		opened, fresh, err := c.open(ctx, d, a, call, index, i > 0)
		if err != nil {
			return nil, nil, err
		}
		if answer, err = send(ctx, opened); err != nil {
			return nil, nil, err
		}
		verdicts = p.Judge(d, reqs, answer)
		if !paused(verdicts) {
			a.mu.Lock()
			a.good = index
			a.mu.Unlock()
			break
		}
		if fresh {
			break
		}
	}
	return verdicts, answer, nil
}

func paused(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Outcome == Paused {
			return true
		}
	}
	return false
}

// of returns what is known of d's credentials as they are declared now: other secrets begin anew.
func (c *Credentials) of(d *destination.Destination) *access {
	key := credentialName(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.kept[d.Name]
	if a == nil || a.name != key {
		if c.kept == nil {
			c.kept = map[string]*access{}
		}
		a = &access{name: key}
		c.kept[d.Name] = a
	}
	return a
}

// credentialName names the credentials of a destination as they are declared now, without giving them away.
func credentialName(d *destination.Destination) string {
	sum := sha256.New()
	for _, name := range []string{"access_token", "refresh_token", "client_secret", "service_account"} {
		for _, secret := range secrets(d, name) {
			fmt.Fprintf(sum, "%s %d %s\n", name, len(secret), secret)
		}
	}
	return d.Name + "-" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// open returns call with a credential; fresh says that no other one could be better.
func (c *Credentials) open(ctx context.Context, d *destination.Destination, a *access, call *Call, index int, again bool) (
	opened *Call, fresh bool, err error,
) {
	if call.Access == AccessNone {
		return call, true, nil
	}
	with := *call
	with.Header = call.Header.Clone()
	if with.Header == nil {
		with.Header = http.Header{}
	}
	switch call.Access {
	case AccessOAuth1:
		return &with, true, sign1(d, &with)
	case AccessOAuth2:
		token, fresh, err := c.token(ctx, d, a, again)
		if err != nil {
			return nil, false, err
		}
		with.Header.Set("Authorization", "Bearer "+token)
		return &with, fresh, nil
	}
	declared := secrets(d, "access_token")
	if index >= len(declared) {
		return nil, false, &Refusal{Verdict{Outcome: Paused, Reason: "access_token is not declared"}}
	}
	switch token := declared[index]; call.Access {
	case AccessBearer:
		with.Header.Set("Authorization", "Bearer "+token)
	case AccessHeader:
		with.Header.Set("Access-Token", token)
	case AccessQuery:
		separator := "?"
		if strings.Contains(with.URL, "?") {
			separator = "&"
		}
		with.URL += separator + "access_token=" + url.QueryEscape(token)
	}
	return &with, len(declared) == 1, nil
}

// token returns an authority's token: the one that is kept, or a new one where that is near its end or was refused.
func (c *Credentials) token(ctx context.Context, d *destination.Destination, a *access, refused bool) (token string, fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !refused && a.token != nil && a.token.Expiry.Sub(c.Now()) > renewBefore {
		return a.token.AccessToken, false, nil
	}
	a.token = nil
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.Client)
	renewed, err := c.renew(ctx, d)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return "", false, refusal
		}
		var said *oauth2.RetrieveError
		if !errors.As(err, &said) {
			return "", false, fmt.Errorf("renew the token of %s: %w", d.Name, err)
		}
		status := 0
		if said.Response != nil {
			status = said.Response.StatusCode
		}
		verdict := byStatus(&Answer{Status: status})
		if verdict.Outcome != Again {
			verdict.Outcome = Paused
		}
		verdict.Reason = short(fmt.Sprintf("%s refuses to renew the token: %s %s", setting(d, "token_url"), said.ErrorCode, said.ErrorDescription))
		return "", false, &Refusal{verdict}
	}
	if renewed.Expiry.IsZero() { // none was told: an hour is what authorities give
		renewed.Expiry = c.Now().Add(time.Hour)
	}
	a.token = renewed
	return renewed.AccessToken, true, nil
}

func (c *Credentials) renew(ctx context.Context, d *destination.Destination) (*oauth2.Token, error) {
	if account := first(secrets(d, "service_account")); account != "" {
		var key struct {
			Email        string `json:"client_email"`
			PrivateKey   string `json:"private_key"`
			PrivateKeyID string `json:"private_key_id"`
		}
		raw, err := base64.StdEncoding.DecodeString(account)
		if err != nil || json.Unmarshal(raw, &key) != nil {
			return nil, &Refusal{Verdict{Outcome: Paused, Reason: "service_account is no JSON key of a Google service account in base64"}}
		}
		config := jwt.Config{
			Email: key.Email, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID,
			Scopes: strings.Fields(setting(d, "scope")), TokenURL: setting(d, "token_url"),
		}
		return config.TokenSource(ctx).Token()
	}
	config := oauth2.Config{
		ClientID: first(secrets(d, "client_id")), ClientSecret: first(secrets(d, "client_secret")),
		Endpoint: oauth2.Endpoint{TokenURL: setting(d, "token_url"), AuthStyle: oauth2.AuthStyleInParams},
	}
	declared := secrets(d, "refresh_token")
	name, candidates := credentialName(d), declared
	if c.Keeper != nil {
		handed, err := c.Keeper.Load(name)
		if err != nil {
			return nil, fmt.Errorf("read the kept token: %w", err)
		}
		if handed != "" {
			candidates = append([]string{handed}, declared...)
		}
	}
	if len(candidates) == 0 {
		return nil, &Refusal{Verdict{Outcome: Paused, Reason: "refresh_token is not declared"}}
	}
	var err error
	for _, candidate := range candidates {
		var token *oauth2.Token
		if token, err = config.TokenSource(ctx, &oauth2.Token{RefreshToken: candidate}).Token(); err != nil {
			var said *oauth2.RetrieveError
			if errors.As(err, &said) && said.ErrorCode == "invalid_grant" {
				continue
			}
			return nil, err
		}
		if c.Keeper != nil && token.RefreshToken != "" && token.RefreshToken != candidate {
			if err := c.Keeper.Save(name, token.RefreshToken); err != nil {
				return nil, fmt.Errorf("keep the token: %w", err)
			}
		}
		return token, nil
	}
	return nil, err
}

// sign1 adds the signature of OAuth 1.0a to a call. The library signs what goes through its transport: here it goes nowhere.
func sign1(d *destination.Destination, call *Call) error {
	config := oauth1.NewConfig(first(secrets(d, "consumer_key")), first(secrets(d, "consumer_secret")))
	if config.ConsumerKey == "" {
		return &Refusal{Verdict{Outcome: Paused, Reason: "consumer_key is not declared"}}
	}
	req, err := http.NewRequest(call.Method, call.URL, http.NoBody)
	if err != nil {
		return &Refusal{Verdict{Outcome: Refused, Reason: "no URL: " + call.Masked}}
	}
	ctx := context.WithValue(context.Background(), oauth1.HTTPClient, &http.Client{Transport: nowhere{}})
	signing := config.Client(ctx, oauth1.NewToken(first(secrets(d, "token")), first(secrets(d, "token_secret")))).Transport
	answer, err := signing.RoundTrip(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	call.Header.Set("Authorization", answer.Request.Header.Get("Authorization"))
	return nil
}

// nowhere answers every request with itself.
type nowhere struct{}

func (nowhere) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: req}, nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
