package dlq

import (
	"net/netip"
	"testing"

	"tributary/catalog"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestReplayProves holds that a replay books nothing that was refused because nobody proved to be the network, unless it can be
// proved by now.
func TestReplayProves(t *testing.T) {
	f := newFixture(t)
	const token = "a token of the tests"
	built, err := catalog.Build(catalog.Config{BaseCurrency: "USD", ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: testSecret}},
		Networks: []catalog.NetworkConfig{
			{Name: "signed", Trust: catalog.TrustConfig{HMACKeys: map[string]catalog.Secret{"new": testSecret}}},
			{Name: "shared", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": token}}},
			{Name: "near", Trust: catalog.TrustConfig{Allow: []string{"203.0.113.0/24"}}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	click := signedClick(t, 1)
	query := func(n string) string { return "network=signed&payout=3&txid=" + n + "&click_id=" + click }
	from := func(address string, l *events.DeadLetter) *events.DeadLetter {
		ip := netip.MustParseAddr(address).As16()
		l.Ip = ip[:]
		return l
	}
	sent := "GET /postback?" + trust.Sign("signed", query("1"), nil, "new", []byte(testSecret), noon, "nonce-01")
	cases := map[string]struct {
		letter  *events.DeadLetter
		verdict Verdict
	}{
		"signed by a key declared since": {refused("", sent, schemas.RejectBadSignature, 0), Send},
		"stale when it came":             {refused("", sent, schemas.RejectStaleRequest, 60), Refused},
		"forged":                         {refused("", "GET /postback?"+query("2"), schemas.RejectBadSignature, 0), Refused},
		"a replay":                       {refused("", "GET /postback?"+trust.Sign("signed", query("3"), nil, "new", []byte(testSecret), noon, "nonce-03"), schemas.RejectReplayedRequest, 0), Done},
		"believed, wrong otherwise":      {refused("", "GET /postback?"+query("4"), schemas.RejectUnknownStatus, 0), Send},
		"a token declared since":         {refused("", "GET /postback?network=shared&token=a+token+of+the+tests&txid=5&payout=3&click_id="+click, schemas.RejectBadToken, 0), Send},
		"a wrong token":                  {refused("", "GET /postback?network=shared&token=wrong&txid=6&payout=3&click_id="+click, schemas.RejectBadToken, 0), Refused},
		"an address allowed since":       {from("203.0.113.7", refused("", "GET /postback?network=near&txid=7&payout=3&click_id="+click, schemas.RejectIPNotAllowed, 0)), Send},
		"another address":                {from("198.51.100.7", refused("", "GET /postback?network=near&txid=8&payout=3&click_id="+click, schemas.RejectIPNotAllowed, 0)), Refused},
		"too fast":                       {from("203.0.113.7", refused("", "GET /postback?network=near&txid=9&payout=3&click_id="+click, schemas.RejectRateLimited, 0)), Send},
	}
	for name, c := range cases {
		c.letter.LetterId = name
		f.write("the key", c.letter)
	}
	out, _ := f.replay(func(o *ReplayOptions) { o.Catalog = built })
	if len(out.Plans) != len(cases) {
		t.Errorf("%d plans for %d letters", len(out.Plans), len(cases))
	}
	for _, p := range out.Plans {
		if name := p.Letter.Event.LetterId; p.Verdict != cases[name].verdict {
			t.Errorf("%s: %s %s, want %s", name, p.Verdict, p.Why, cases[name].verdict)
		}
	}
}
