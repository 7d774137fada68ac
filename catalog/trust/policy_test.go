package trust

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tributary/schemas"
)

// TestRefusals holds every way in which a postback is not believed, and that the same one without the fault is.
func TestRefusals(t *testing.T) {
	const query = "network=acme&click_id=abc&payout=12.50"
	sign := func(query string) string { return Sign("acme", query, nil, "2025", oldKey, testNow, nonceOf(1)) }
	allow := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("2001:db8::/32")}
	signed, tokens := testRules(), Rules{Tokens: map[string][]byte{"a": []byte("a token of sixteen"), "b": []byte("another long token")}, TokenParameter: "security_token", TokenHeader: "X-Token"}
	addresses := Rules{Allow: allow}
	all := testRules()
	all.Tokens, all.TokenParameter, all.Allow = tokens.Tokens, "security_token", allow
	cases := []struct {
		name   string
		rules  Rules
		r      Request
		reason schemas.RejectReason // "" for believed
		field  string
	}{
		{"signed", signed, Request{Query: []byte(sign(query))}, "", ""},
		{"signed, encoded in another way", signed, Request{Query: []byte(strings.Replace(sign(query+"&s=a+b~%2f"), "a+b~%2f", "%61%20b%7E%2F", 1))}, "", ""},
		{"upper-case digits", signed, Request{Query: []byte(sign(query)[:len(sign(query))-64] + strings.ToUpper(sign(query)[len(sign(query))-64:]))}, "", ""},
		{"not signed", signed, Request{Query: []byte(query)}, schemas.RejectBadSignature, ParamSignature},
		{"nothing at all", signed, Request{}, schemas.RejectBadSignature, ParamSignature},
		{"payout altered", signed, Request{Query: []byte(strings.Replace(sign(query), "12.50", "99.50", 1))}, schemas.RejectBadSignature, ParamSignature},
		{"parameter added before", signed, Request{Query: []byte("payout=99&" + sign(query))}, schemas.RejectBadSignature, ParamSignature},
		{"parameter added behind", signed, Request{Query: []byte(sign(query) + "&status=approved")}, schemas.RejectBadSignature, ParamSignature},
		{"order changed", signed, Request{Query: []byte(strings.Replace(sign("payout=1&payout=2"), "payout=1&payout=2", "payout=2&payout=1", 1))}, schemas.RejectBadSignature, ParamSignature},
		{"body added", signed, Request{Query: []byte(sign(query)), Body: []byte("payout=99")}, schemas.RejectBadSignature, ParamSignature},
		{"timestamp altered", signed, Request{Query: []byte(strings.Replace(sign(query), "sig_ts=17", "sig_ts=18", 1))}, schemas.RejectBadSignature, ParamSignature},
		{"another network's", signed, Request{Query: []byte(Sign("other", query, nil, "2025", oldKey, testNow, nonceOf(1)))}, schemas.RejectBadSignature, ParamSignature},
		{"another secret", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", newerKey, testNow, nonceOf(1)))}, schemas.RejectBadSignature, ParamSignature},
		{"unknown key", signed, Request{Query: []byte(Sign("acme", query, nil, "2026", oldKey, testNow, nonceOf(1)))}, schemas.RejectBadSignature, ParamKey},
		{"two signatures", signed, Request{Query: []byte(sign(query) + "&sig=" + strings.Repeat("0", 64))}, schemas.RejectBadSignature, ""},
		{"two nonces", signed, Request{Query: []byte("sig_nonce=&" + sign(query))}, schemas.RejectBadSignature, ""},
		{"short signature", signed, Request{Query: []byte(strings.TrimRight(sign(query), "0123456789abcdef") + "00")}, schemas.RejectBadSignature, ParamSignature},
		{"no digits", signed, Request{Query: []byte(strings.TrimRight(sign(query), "0123456789abcdef") + strings.Repeat("z", 64))}, schemas.RejectBadSignature, ParamSignature},
		{"short nonce", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow, "seven77"))}, schemas.RejectBadSignature, ParamNonce},
		{"nonce with other characters", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow, "seven7%00"))}, schemas.RejectBadSignature, ParamNonce},
		{"no timestamp", signed, Request{Query: []byte(strings.Replace(sign(query), "sig_ts=", "x=", 1))}, schemas.RejectBadSignature, ParamTime},
		{"timestamp is no number", signed, Request{Query: []byte(strings.Replace(sign(query), "sig_ts=1", "sig_ts=-", 1))}, schemas.RejectBadSignature, ParamTime},
		{"oldest", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow.Add(-5*time.Minute), nonceOf(1)))}, "", ""},
		{"too old", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow.Add(-5*time.Minute-time.Second), nonceOf(1)))}, schemas.RejectStaleRequest, ParamTime},
		{"newest", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow.Add(5*time.Minute), nonceOf(1)))}, "", ""},
		{"ahead", signed, Request{Query: []byte(Sign("acme", query, nil, "2025", oldKey, testNow.Add(5*time.Minute+time.Second), nonceOf(1)))}, schemas.RejectStaleRequest, ParamTime},
		{"query too long", signed, Request{Query: []byte(sign(query + "&x=" + strings.Repeat("x", schemas.MaxURLBytes)))}, schemas.RejectTooLong, ""},

		{"token in the query", tokens, Request{Query: []byte(query + "&security_token=a+token%20of+sixteen")}, "", ""},
		{"the other token", tokens, Request{Query: []byte(query + "&security%5ftoken=another+long+token")}, "", ""},
		{"token in the form", tokens, Request{Query: []byte(query), Body: []byte("security_token=a+token+of+sixteen"), Form: true}, "", ""},
		{"token in a body that is no form", tokens, Request{Query: []byte(query), Body: []byte("security_token=a+token+of+sixteen")}, schemas.RejectBadToken, "security_token"},
		{"token in the header", tokens, Request{Query: []byte(query), Token: []byte("another long token")}, "", ""},
		{"no token", tokens, Request{Query: []byte(query)}, schemas.RejectBadToken, "security_token"},
		{"empty token", tokens, Request{Query: []byte(query + "&security_token=")}, schemas.RejectBadToken, "security_token"},
		{"part of a token", tokens, Request{Query: []byte(query + "&security_token=a+token+of+sixtee")}, schemas.RejectBadToken, "security_token"},
		{"more than a token", tokens, Request{Query: []byte(query + "&security_token=a+token+of+sixteen1")}, schemas.RejectBadToken, "security_token"},
		{"wrong header, right parameter", tokens, Request{Query: []byte(query + "&security_token=a+token+of+sixteen"), Token: []byte("wrong")}, schemas.RejectBadToken, "security_token"},
		{"a megabyte of token", tokens, Request{Body: []byte("security_token=" + strings.Repeat("%41", 1<<18)), Form: true}, schemas.RejectBadToken, "security_token"},

		{"allowed", addresses, Request{Client: netip.MustParseAddr("203.0.113.15")}, "", ""},
		{"allowed, as IPv6", addresses, Request{Client: netip.MustParseAddr("::ffff:203.0.113.15")}, "", ""},
		{"allowed IPv6", addresses, Request{Client: netip.MustParseAddr("2001:db8:1::1")}, "", ""},
		{"next to it", addresses, Request{Client: netip.MustParseAddr("203.0.113.16")}, schemas.RejectIPNotAllowed, ""},
		{"no address", addresses, Request{Client: netip.Addr{}}, schemas.RejectIPNotAllowed, ""},

		{"all three", all, Request{Query: []byte(sign(query + "&security_token=another+long+token"))}, "", ""},
		{"no token of three", all, Request{Query: []byte(sign(query))}, schemas.RejectBadToken, "security_token"},
		{"no signature of three", all, Request{Query: []byte(query + "&security_token=another+long+token")}, schemas.RejectBadSignature, ParamSignature},
		{"no address of three", all, Request{Query: []byte(sign(query + "&security_token=another+long+token")), Client: netip.MustParseAddr("192.0.2.1")}, schemas.RejectIPNotAllowed, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g, p := gateOf(Defaults(), c.rules)
			if c.r.Now = testNow; !c.r.Client.IsValid() && c.name != "no address" {
				c.r.Client = someone
			}
			a, refused := g.Admit("acme", p, &c.r)
			nonce, again := p.Prove(&c.r)
			if c.reason == "" {
				if refused != nil || again != nil {
					t.Fatalf("refused: %+v, %+v", refused, again)
				}
				if a.Nonce != nonce || (a.Nonce != "") != (len(c.rules.HMACKeys) > 0) || a.Shown != (len(c.rules.Tokens) > 0) {
					t.Errorf("admission %+v", a)
				}
				return
			}
			if refused == nil || again == nil {
				t.Fatal("believed")
			}
			if refused.Reason != c.reason || refused.Field != c.field || refused.Detail == "" || refused.WouldBeRight == "" || refused.Unkept || refused.Full {
				t.Errorf("refused with %+v", refused)
			}
			if *again != *refused {
				t.Errorf("looked at again it is refused with %+v", again)
			}
			if n := count(t, g.refusals.WithLabelValues("acme", string(c.reason))); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

// TestRotation holds that no postback is refused while a key or token is replaced, and that the counters tell when the old one
// is no longer used.
func TestRotation(t *testing.T) {
	old := testRules()
	old.Tokens = map[string][]byte{"2025": []byte("old token, long enough")}
	g, before := gateOf(Defaults(), old)
	both := old
	both.HMACKeys, both.Tokens = map[string][]byte{"2025": oldKey, "2026": newerKey}, map[string][]byte{"2025": old.Tokens["2025"], "2026": []byte("new token, long enough")}
	last := old
	last.HMACKeys, last.Tokens = map[string][]byte{"2026": newerKey}, map[string][]byte{"2026": both.Tokens["2026"]}
	send := func(p *Policy, id string, secret []byte, token []byte, nonce string) *Refusal {
		r := request("token="+strings.ReplaceAll(string(token), " ", "+"), id, secret, testNow, nonce)
		_, refused := g.Admit("acme", p, r)
		return refused
	}
	use := func(r Rules) *Policy {
		p := NewPolicy("acme", r)
		g.Use(networks(map[string]*Policy{"acme": p}))
		return p
	}
	must := func(refused *Refusal) {
		t.Helper()
		if refused != nil {
			t.Fatalf("refused: %+v", refused)
		}
	}
	must(send(before, "2025", oldKey, old.Tokens["2025"], nonceOf(1)))
	during := use(both)
	must(send(during, "2025", oldKey, old.Tokens["2025"], nonceOf(2)))
	must(send(during, "2026", newerKey, both.Tokens["2026"], nonceOf(3)))
	// A request that began under the catalog before ends under it.
	must(send(before, "2025", oldKey, old.Tokens["2025"], nonceOf(4)))
	after := use(last)
	must(send(after, "2026", newerKey, both.Tokens["2026"], nonceOf(5)))
	if refused := send(after, "2025", oldKey, both.Tokens["2026"], nonceOf(6)); refused == nil || refused.Reason != schemas.RejectBadSignature {
		t.Errorf("the retired key: %+v", refused)
	}
	// The nonces outlive the keys: whoever holds a request of before gets nothing for signing it anew.
	for i := 1; i <= 5; i++ {
		if refused := send(after, "2026", newerKey, both.Tokens["2026"], nonceOf(i)); refused == nil || refused.Reason != schemas.RejectReplayedRequest {
			t.Errorf("nonce %d after the rotation: %+v", i, refused)
		}
	}
	for _, kind := range []string{"hmac", "token"} {
		if a, b := count(t, g.proofs.WithLabelValues("acme", kind, "2025")), count(t, g.proofs.WithLabelValues("acme", kind, "2026")); a != 2 || b != 2 {
			t.Errorf("%s proofs by the old and the new key: %v and %v", kind, a, b)
		}
	}
}

func TestHide(t *testing.T) {
	p := NewPolicy("acme", Rules{Tokens: map[string][]byte{"a": []byte("sixteen bytes ab")}, TokenParameter: "token"})
	for in, want := range map[string]string{
		"a=1&token=secret&b=2": "a=1&token=******&b=2", "token=a&%74oken=bc&token": "token=*&%74oken=**&token", "xtoken=a": "xtoken=a", "": "",
	} {
		raw := []byte(in)
		if p.Hide(raw); string(raw) != want {
			t.Errorf("Hide(%q) = %q, want %q", in, raw, want)
		}
	}
	var none *Policy
	raw := []byte("token=a")
	if none.Hide(raw); string(raw) != "token=a" || none.TokenHeader() != "" {
		t.Error("a network without a policy is not left alone")
	}
}

func TestNoRulesNoPolicy(t *testing.T) {
	if p := NewPolicy("acme", Rules{MaxAge: time.Minute, TokenParameter: "token"}); p != nil {
		t.Errorf("%+v", p)
	}
}

// TestConstantTime holds how secrets are compared, as the source says it: digests only by their method equal, that one only by
// crypto/subtle, and no other comparison of bytes in the files that see a secret.
func TestConstantTime(t *testing.T) {
	for _, file := range []string{"secret.go", "policy.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		subtle := 0
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				if path := n.Path.Value; path == `"bytes"` || path == `"reflect"` || path == `"strings"` {
					t.Errorf("%s imports %s, whose comparisons stop at the first difference", file, path)
				}
			case *ast.SelectorExpr:
				if id, ok := n.X.(*ast.Ident); ok && id.Name == "subtle" {
					subtle++
				}
			case *ast.BinaryExpr:
				if n.Op != token.EQL && n.Op != token.NEQ {
					return true
				}
				for _, side := range []ast.Expr{n.X, n.Y} {
					ast.Inspect(side, func(n ast.Node) bool {
						if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "sum" || s.Sel.Name == "sums" || s.Sel.Name == "given") {
							if call, ok := side.(*ast.CallExpr); !ok || called(call) != "equal" && called(call) != "len" && called(call) != "EncodedLen" {
								t.Errorf("%s compares %s with an operator", file, s.Sel.Name)
							}
						}
						return true
					})
				}
			}
			return true
		})
		if file == "secret.go" && subtle != 2 {
			t.Errorf("%s uses crypto/subtle %d times", file, subtle)
		}
	}
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
