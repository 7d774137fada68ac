package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/trust"
	"tributary/schemas"
)

// publicCases are what public pages, guides and issue lists show of what real senders send. Each says what becomes of
// it: a reason, or what is booked. CLICK is a click ID of ours.
var publicCases = []struct {
	source             string
	target, kind, body string
	reason             schemas.RejectReason
	want               string
}{
	{"n8n-io/n8n#522, windmill-labs/windmill#3529 (Jotform), RocketChat.Apps-engine#202, PHP's CURLOPT_POSTFIELDS with an array: multipart/form-data", "/postback/acme",
		"multipart/form-data; boundary=----x1",
		"------x1\r\nContent-Disposition: form-data; name=\"click_id\"\r\n\r\nCLICK\r\n------x1\r\nContent-Disposition: form-data; name=\"payout\"\r\n\r\n12.5\r\n" +
			"------x1\r\nContent-Disposition: form-data; name=\"txid\"\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\na+b &payout=9\r\n------x1--\r\n", schemas.RejectJoined, ""},
	{"the same, a plain one", "/postback/acme", "multipart/form-data; boundary=x",
		"--x\r\nContent-Disposition: form-data; name=\"click_id\"\r\n\r\nCLICK\r\n--x\r\nContent-Disposition: form-data; name=\"payout\"\r\n\r\n12.5\r\n--x\r\n" +
			"Content-Disposition: form-data; name=\"txid\"\r\n\r\na+b c\r\n--x\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\x00\r\n--x--\r\n",
		"", "network=acme event=sale status=approved txid=a+b c payout=12500000 USD"},
	{"the same, said to be a form", "/postback/acme", formType, "--x\r\nContent-Disposition: form-data; name=\"click_id\"\r\n\r\nCLICK\r\n--x--",
		"", "network=acme event=sale status=approved txid= payout=none"},
	{"the same as JSON", "/postback/acme", jsonType, "--x\r\nContent-Disposition: form-data; name=\"click_id\"\r\n\r\nCLICK\r\n--x--",
		schemas.RejectBadBody, ""},
	{"the same, cut off", "/postback/acme", "multipart/form-data; boundary=x",
		"--x\r\nContent-Disposition: form-data; name=\"click_id\"\r\n\r\nCLICK\r\n", schemas.RejectBadBody, ""},
	{"enactsoft.com/resources/cashbackos-postback-setup: the page itself shows what HTML makes of &currency=",
		"/postback/acme?click_id=CLICK&payout=44&aff_sub2=2¤cy=EUR", "", "", "",
		"network=acme event=sale status=approved txid= payout=44000000 EUR"},
	{"enactsoft.com: the commission under its own name, beside what the customer paid",
		"/postback/acme?click_id=CLICK&sale_amount=10&base_commission=44", "", "", schemas.RejectUnread, ""},
	{"enactsoft.com: status=confirmed, a word of the network's", "/postback/acme?click_id=CLICK&status=confirmed", "",
		"", schemas.RejectUnknownStatus, ""},
	{"kuala.com/support/affiliate-postback-tracking: JSON with macros without quotes and a comma too many",
		"/postback/acme", jsonType, "{\"click_id\" : CLICK, \"payout\" : 0.99,}", schemas.RejectBadBody, ""},
	{"posh-partners.com/faq/what-is-a-postback: a template without its question mark",
		"/postback/acme/click_id=CLICK&payout=5", "", "", schemas.RejectUnknownPath, ""},
	{"a URL to which ?payout= was appended although it had a query", "/postback/acme?click_id=CLICK&txid=T1?payout=5", "",
		"", schemas.RejectJoined, ""},
	{"posh-partners.com: the same behind the network", "/postback/acme&click_id=CLICK&payout=5", "", "", "",
		"network=acme event=sale status=approved txid= payout=5000000 USD"},
	{"woocommerce/woocommerce#11663: a float to its last digit", "/postback/acme", jsonType,
		`{"click_id":"CLICK","payout":12.3000000000000007105427357601001858711242675781250}`, "",
		"network=acme event=sale status=approved txid= payout=12300000 USD"},
	{"webhooksite/webhook.site#76: an order number beyond 2^53", "/postback/acme", jsonType,
		`{"click_id":"CLICK","payout":1,"txid":1152921506151679042}`, "",
		"network=acme event=sale status=approved txid=1152921506151679042 payout=1000000 USD"},
	{"forkdelta/backend-replacement#35: amounts as texts with an exponent", "/postback/acme", jsonType,
		`{"click_id":"CLICK","payout":"2.00e+1"}`, schemas.RejectBadPayout, ""},
	{"java.math.BigDecimal.stripTrailingZeros().toString(): payout=1E+2, whose plus comes as a space",
		"/postback/acme?click_id=CLICK&payout=1E+2", "", "", schemas.RejectBadPayout, ""},
	{"PHP http_build_query of an array", "/postback/acme?click_id=CLICK&payout[0]=5", "", "", schemas.RejectUnread, ""},
	{"adnanh/webhook#335 (Mailgun): broken percent escapes in a text", "/postback/acme", formType,
		"click_id=CLICK&payout=2&note=50%\xf3\xdb&x=%zz", "",
		"network=acme event=sale status=approved txid= payout=2000000 USD"},
	{"matomo-org/plugin-MarketingCampaignsReporting#27: IDs lose their case; ours have none",
		"/postback/acme?click_id=UPPER&payout=3", "", "", "",
		"network=acme event=sale status=approved txid= payout=3000000 USD"},
	{"curl -d @file with a line end behind the last value", "/postback/acme", formType,
		"click_id=CLICK&payout=4&txid=T4\r\n", "", "network=acme event=sale status=approved txid=T4 payout=4000000 USD"},
	{"a trailing ampersand and empty parameters, as template engines leave them",
		"/postback/acme?&click_id=CLICK&&payout=6&currency=&txid=&", "", "", "",
		"network=acme event=sale status=approved txid= payout=6000000 USD"},
	{"AppsFlyer's guides: (event-name) where nothing was filled in",
		"/postback/acme?click_id=CLICK&event=(event-name)&payout=1", "", "", schemas.RejectUnexpandedMacro, ""},
	{"pandas: an order number that became a float", "/postback/acme", jsonType,
		`{"click_id":"CLICK","payout":1.0,"txid":"1001.0"}`, "",
		"network=acme event=sale status=approved txid=1001.0 payout=1000000 USD"},
	{"Content-Type: text/plain of navigator.sendBeacon", "/postback/acme", "text/plain;charset=UTF-8",
		"click_id=CLICK&payout=5", schemas.RejectBadBody, ""},
	{"Content-Type: text/json and the like", "/postback/acme", "text/json", `{"click_id":"CLICK","payout":5}`,
		schemas.RejectBadBody, ""},
}

func TestPublicCases(t *testing.T) {
	id := clickID(t, testSecret, 1, 1)
	fill := strings.NewReplacer("CLICK", id, "UPPER", strings.ToUpper(id))
	for _, c := range publicCases {
		b := newBench(t, nil)
		method := http.MethodGet
		if c.body != "" {
			method = http.MethodPost
		}
		got := b.send(method, fill.Replace(c.target), c.kind, fill.Replace(c.body))
		list, letters := b.postbacks(), b.letters()
		if c.reason == "" {
			if got.status != 200 || len(list) != 1 || len(letters) != 0 || postbackFields(list[0]) != c.want ||
				list[0].ClickId != id {
				t.Errorf("%s: answered %d %s, booked %v", c.source, got.status, got.body, list)
			}
			continue
		}
		var answer answer
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Error == nil {
			t.Errorf("%s: answered %d %s", c.source, got.status, got.body)
			continue
		}
		if answer.Error.Reason != c.reason || answer.Error.WouldBeRight == "" || len(list) != 0 || len(letters) != 1 ||
			letters[0].LetterId != answer.ReceiptID {
			t.Errorf("%s: answered %d %s, %d postbacks, %d dead letters", c.source, got.status, got.body, len(list),
				len(letters))
		}
	}
}

// TestSignedPartsAreOneThing: a signed body in parts that holds what looks like a form is no other postback, whatever
// its type says.
func TestSignedPartsAreOneThing(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	id := clickID(t, testSecret, 1, 1)
	body := "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n&click_id=" + id + "&payout=999&\r\n--x--\r\n"
	for i, kind := range []string{"", formType, jsonType, "multipart/form-data; boundary=x",
		"multipart/form-data; boundary=y"} {
		query := trust.Sign("signed", "network=signed&click_id="+id+"&payout=1", []byte(body), "k1", []byte(signingKey),
			testNow, fmt.Sprintf("nonce-parts-%d", i))
		if got := b.send("POST", "/postback?"+query, kind, body); got.status == 200 {
			t.Errorf("%q is answered %s", kind, got.body)
		}
	}
	if n := len(b.postbacks()); n != 0 {
		t.Errorf("%d are booked", n)
	}
}

// FuzzFormOfParts holds that nothing in parts can crash, and that what is read has the parts' values and no other
// parameter.
func FuzzFormOfParts(f *testing.F) {
	for _, c := range publicCases {
		if strings.HasPrefix(c.body, "--") {
			f.Add([]byte(c.body))
		}
	}
	f.Add([]byte("--\r\n\r\n----\r\n"))
	reader := catalog.DialectPostback(&dialect.Native)
	f.Fuzz(func(t *testing.T, body []byte) {
		form, ok := formOfParts(body)
		if !ok {
			return
		}
		n := 0
		for scan := reader.Scan(form); ; n++ {
			if _, _, more := scan.Next(); !more {
				break
			}
		}
		if n > strings.Count(string(body), "--") {
			t.Fatalf("%q has %d parameters: %q", body, n, form)
		}
	})
}
