package dlq

import (
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestReplayDialects holds that a postback as another tracker writes it is booked as its network means it once what was wrong is
// mended, from the edge's letter of the whole request, from a line of an upload, and from the processor's of what was accepted.
func TestReplayDialects(t *testing.T) {
	f := newFixture(t)
	built, err := catalog.Build(catalog.Config{BaseCurrency: "USD", ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: testSecret}},
		Networks: []catalog.NetworkConfig{
			{Name: "acme"},
			{Name: "k", Dialect: "keitaro", Statuses: map[string]string{"confirmed": "approved"}, Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": "e89bcbe"}}},
			{Name: "v", Dialect: "voluum"},
			{Name: "r", NegativePayout: "correct"},
			{Name: "t", Dialect: "tune", Params: map[string]string{"amount": "payout", "adv_sub": "txid"}, Events: map[string]string{"3": "ftd"}, AllowForeignClickIDs: true},
		}})
	if err != nil {
		t.Fatal(err)
	}
	click := signedClick(t, 1)
	line := "{\"transaction_id\":\"" + click + "\",\"amount\":2,\"goal_id\":3}"
	for name, c := range map[string]struct {
		letter  *events.DeadLetter
		verdict Verdict
		what    string // network, event, status, payout
	}{
		// The key of the path was right when it came, and is not kept.
		"keitaro":                  {refused("", "GET /xxxxxxx/postback?subid="+click+"&status=confirmed&payout=7", schemas.RejectUnknownStatus, 0), Send, "k conversion STATUS_APPROVED 7.00"},
		"keitaro, never proved":    {refused("", "GET /e89bcbf/postback?subid="+click+"&payout=8", schemas.RejectBadToken, 0), Refused, ""},
		"a dialect declared since": {refused("", "GET /aff_lsr?transaction_id="+click+"&amount=9&goal_id=3", schemas.RejectUnknownNetwork, 0), Send, "t ftd STATUS_APPROVED 9.00"},
		"by form":                  {refused("", "POST /aff_lsr\n\ntransaction_id="+click+"&amount=10", schemas.RejectUnknownNetwork, 0), Send, "t conversion STATUS_APPROVED 10.00"},
		"a line":                   {refused("", "POST /postback/t\n\n"+line, schemas.RejectBadEvent, 0), Send, "t ftd STATUS_APPROVED 2.00"},
		"an upload":                {refused("", "POST /postback/t/batch\n\n"+line, schemas.RejectBadToken, 0), Impossible, ""},
		"no postback":              {refused("", "GET /aff_c?offer_id=1", schemas.RejectUnknownNetwork, 0), Refused, ""},
		"refused before the network could correct": {refused("", "GET /postback?network=r&click_id="+click+"&payout=-12", schemas.RejectBadPayout, 0), Send, "r conversion STATUS_APPROVED -12.00"},
		"a line of a correction":                   {refused("", "POST /postback/v\n\n{\"cid\":\""+click+"\",\"payout\":-13}", schemas.RejectBadPayout, 0), Send, "v conversion STATUS_APPROVED -13.00"},
		"a network that refuses":                   {refused("", "GET /postback?network=acme&click_id="+click+"&payout=-14", schemas.RejectBadPayout, 0), Refused, ""},
		"a correction outside its window": {&events.DeadLetter{Kind: events.DeadLetter_KIND_POSTBACK, Reason: "outside_window", Place: "processor", Raw: []byte("x=1"), ReceivedMs: noon.UnixMilli(),
			Network: "r", ClickId: click, Event: "conversion", PayoutMicros: -15_000_000, Currency: "USD"}, Send, "r conversion STATUS_APPROVED -15.00"},
		"an orphan": {&events.DeadLetter{Kind: events.DeadLetter_KIND_POSTBACK, Reason: "orphan", Place: "processor", Raw: []byte("transaction_id=102abc&amount=11&goal_id=3"), ReceivedMs: noon.UnixMilli(),
			Network: "t", ClickId: "102abc", Event: "ftd", PayoutMicros: 11_000_000, Currency: "USD"}, Send, "t ftd STATUS_APPROVED 11.00"},
	} {
		c.letter.LetterId = name
		f.write("the key", c.letter)
		t.Run(name, func(t *testing.T) {
			out, _ := f.replay(func(o *ReplayOptions) { o.Catalog = built })
			for _, p := range out.Plans {
				if p.Letter.Event.LetterId != name {
					continue
				}
				if p.Verdict != c.verdict {
					t.Fatalf("%s %s, want %s", p.Verdict, p.Why, c.verdict)
				}
				if pb := p.postback; pb != nil && strings.Join([]string{pb.Network, pb.Event, pb.Status.String(), amount(pb.PayoutMicros)}, " ") != c.what {
					t.Errorf("%v, want %s", pb, c.what)
				}
				return
			}
			t.Error("no plan")
		})
	}
}
