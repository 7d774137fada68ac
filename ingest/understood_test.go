package ingest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
)

// onWire sends a request line as it stands: an HTTP client would cut what looks like a fragment.
func (b *bench) onWire(target string) (status int) {
	b.tb.Helper()
	conn, err := net.Dial("tcp", b.edge.Addr().String())
	if err != nil {
		b.tb.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: t.example\r\nConnection: close\r\n\r\n", target)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.tb.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// counted answers the counter of a family with these labels, in the family's order.
func (b *bench) counted(family string, labels ...string) float64 {
	b.tb.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		b.tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			if slices.EqualFunc(m.GetLabel(), labels, func(l *dto.LabelPair, want string) bool { return l.GetValue() == want }) {
				return m.GetCounter().GetValue()
			}
		}
	}
	b.tb.Fatalf("no counter %s %v", family, labels)
	return 0
}

// TestEscapedPostback: a postback whose ampersands HTML escaped says all that it says, through every door.
func TestEscapedPostback(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	const want = "network=acme event=sale status=rejected txid=T2 payout=12500000 EUR"
	taken := 0
	check := func(name string, status int) {
		t.Helper()
		list := b.postbacks()
		if taken++; status != 200 || len(list) != taken {
			t.Fatalf("%s is answered %d: %d postbacks, %d dead letters", name, status, len(list), len(b.letters()))
		}
		for _, p := range list {
			if got := postbackFields(p); got != want || p.ClickId != id {
				t.Errorf("%s is %s of %s, want %s", name, got, p.ClickId, want)
			}
		}
	}
	for _, amp := range []string{"&amp;", "&amp%3B", "&AMP;", "&amp;amp;", ";", "&#38;", "&#x26;", "&#038;", "&%2338;", `\u0026`, `\\u0026`, `\x26`} {
		query := strings.Join([]string{"click_id=" + id, "payout=12.5", "currency=EUR", "status=rejected", "txid=T2"}, amp)
		check("the path with "+amp, b.onWire("/postback/acme?"+query))
		check("the parameter with "+amp, b.onWire("/postback?"+query+amp+"network=acme"))
		if !strings.Contains(amp, "#") {
			check("the form with "+amp, b.send("POST", "/postback/acme", formType, query).status)
		}
	}
	check("an entity without a semicolon", b.onWire("/postback/acme?click_id="+id+"&txid=T2\u00a4cy=EUR&payout=12.5&status=rejected"))
	check("the same, encoded", b.onWire("/postback/acme?click_id="+id+"&txid=T2%C2%A4cy=EUR&payout=12.5&status=rejected"))
	check("JSON", b.send("POST", "/postback/acme", jsonType, `{"click_id":"`+id+`","amp;payout":12.5,"amp;currency":"EUR","amp;status":"rejected","txid":"T2"}`).status)
	if got, a := b.upload("acme", csvType, "click_id,amp;payout,amp;currency,amp;status,amp;txid\n"+id+",12.5,EUR,rejected,T2\n"); got.status == 200 {
		check("an upload", got.status)
	} else {
		t.Errorf("the upload is answered %d %+v", got.status, a)
	}
}

// TestEscapedLink: so does a link, and its landing page's button.
func TestEscapedLink(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		d.Catalog = dialectCatalog(t, &dialect.Voluum, "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90", nil)
	})
	for i, target := range []string{
		"/c/summer?sub1=a&amp;cost=0.5&amp;external_id=x%2Fy", "/c/summer?sub1=a;cost=0.5;external_id=x/y", "/c/summer?sub1=a&#38;cost=0.5&#38;external_id=x/y",
		"/c/summer?sub1=a&amp;cost=0.5&amp%3Bexternal_id=x/y", `/c/summer?sub1=a\u0026cost=0.5\u0026external_id=x/y`, `/c/summer\u0026sub1=a\u0026cost=0.5&external_id=x/y`,
		"/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?var1=a&amp;cost=0.5;externalid=x/y",
	} {
		if status := b.onWire(target); status != http.StatusFound {
			t.Errorf("%s is answered %d", target, status)
		}
		clicks := b.clicks()
		if len(clicks) != i+1 {
			t.Fatalf("%d clicks", len(clicks))
		}
		for _, c := range clicks {
			if got := clickFields(c); got != "source=pushads external_id=x/y keyword= creative= cost=500000 sub1=a" {
				t.Errorf("%s is %s", target, got)
			}
		}
	}
	// A number sign in a query is a macro's, or text.
	if b.onWire("/c/summer?sub1=##ZONE##&cost=0.5&external_id=e") != http.StatusFound {
		t.Error("a link with a macro in number signs is refused")
	}
	if last := b.clicks(); !slices.ContainsFunc(last, func(c *events.Click) bool { return c.ExternalId == "e" && c.CostMicros == 500_000 && len(c.Subs) == 0 }) {
		t.Error("what stands behind a macro in number signs is lost")
	}
}

// TestNotTaken: what was left out is in the answer, in the event and in the counter of its network, by why.
func TestNotTaken(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		d.Catalog = dialectCatalog(t, &dialect.Keitaro, "", func(c *catalog.Config) { c.Networks[1].Params = map[string]string{"mine": "ignored"} })
	})
	id := clickID(t, testSecret, 1, 1)
	for _, got := range []reply{
		b.get("/postback/theirs?subid=" + id + "&payout=1&foo=1&cost=2&mine=3&foo=4&b%22ar=5&empty="),
		b.send("POST", "/postback/theirs", jsonType, `{"subid":"`+id+`","payout":1,"foo":[1],"cost":2,"mine":true,"b\"ar":5}`),
	} {
		var answer struct {
			Status   string   `json:"status"`
			NotTaken []string `json:"not_taken"`
		}
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != 200 || answer.Status != "accepted" || strings.Join(answer.NotTaken, " ") != `foo cost b"ar` {
			t.Errorf("answered %d %s: %v", got.status, got.body, err)
		}
	}
	for _, p := range b.postbacks() {
		if strings.Join(p.NotTaken, " ") != `foo cost b"ar` {
			t.Errorf("the event has %q", p.NotTaken)
		}
	}
	const family = "tributary_ingest_postback_params_not_taken_total"
	if unknown, known, declared := b.counted(family, "theirs", "unknown"), b.counted(family, "theirs", "no_place"), b.counted(family, "theirs", "declared"); unknown != 5 || known != 2 || declared != 2 {
		t.Errorf("counted %v unknown, %v without a place, %v declared", unknown, known, declared)
	}
	b.get("/postback/nobody?click_id=" + id + "&foo=1")
	if n := b.counted(family, "", "unknown"); n != 1 {
		t.Errorf("a stranger's are counted %v times", n)
	}
	_, a := b.upload("theirs", ndjsonType, `{"subid":"`+id+`","payout":2,"foo":1}`)
	if len(a.Lines) != 1 || strings.Join(a.Lines[0].NotTaken, " ") != "foo" || b.counted(family, "theirs", "unknown") != 6 {
		t.Errorf("the upload's answer is %+v", a)
	}
	if got := b.get("/postback/theirs?subid=" + id + "&payout=3&payout:5&status%3Drejected=&status=lead"); !strings.Contains(got.body, `"not_taken":["payout:5","status=rejected"]`) || b.counted(family, "theirs", "unknown") != 8 {
		t.Errorf("a colon for the equals sign is answered %+v", got)
	}
	b.get("/c/summer?utm_x=1&foo=2&sub1=a")
	b.get("/c/summer?cost:0.5&sub1%3Da&debug")
	if n := b.counted("tributary_ingest_link_params_not_taken_total", "pushads"); n != 4 {
		t.Errorf("the link's are counted %v times", n)
	}
}

// TestNotUnderstood: what is understood in part is a dead letter with its reason, and nothing is booked.
func TestNotUnderstood(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	id := clickID(t, testSecret, 1, 1)
	const signedQuery = "signed" // the target is a query that the network signs
	for i, c := range []struct {
		target, kind, body string
		reason             schemas.RejectReason
		field              string
	}{
		{"/postback/acme?click_id=CLICK&payout=1&payout=2", "", "", schemas.RejectTwoValues, "payout"},
		{"/postback/acme?click_id=CLICK&payout=1", formType, "payout=2", schemas.RejectTwoValues, "payout"},
		{"/postback/acme?click_id=CLICK", jsonType, `{"payout":1,"payout":2}`, schemas.RejectTwoValues, "payout"},
		{"/postback/acme?click_id=CLICK&network=legacy", "", "", schemas.RejectTwoValues, "network"},
		{"/postback?click_id=CLICK&network=acme&network=legacy", "", "", schemas.RejectTwoValues, "network"},
		{"/postback/acme?click_id=CLICK&amount=12.5", "", "", schemas.RejectUnread, "amount"},
		{"/postback/acme?click_id=CLICK&payout:12.5", "", "", schemas.RejectUnread, "payout:12.5"},
		{"/postback/acme?click_id=CLICK&payout=%3E12.5", "", "", schemas.RejectBadPayout, "payout"},
		{"/postback/acme", formType, "click_id=CLICK&payout=1&status:rejected", schemas.RejectUnread, "status:rejected"},
		{"/postback/acme?click_id=CLICK&conversion_status=rejected&payout=1", "", "", schemas.RejectUnread, "conversion_status"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","payout":10,"currency_code":"EUR"}`, schemas.RejectUnread, "currency_code"},
		{"/postback/acme?click_id=CLICK&txid=(transaction_id)", "", "", schemas.RejectUnexpandedMacro, "txid"},
		{"/postback/acme?click_id=CLICK&txid=null", "", "", schemas.RejectUnexpandedMacro, "txid"},
		{"/postback/acme?click_id=CLICK&payout=undefined", "", "", schemas.RejectUnexpandedMacro, "payout"},
		{"/postback/legacy?click_id=%7B0%7D&payout=1", "", "", schemas.RejectUnexpandedMacro, "click_id"},
		{"/postback/acme?click_id=CLICK&txid=1.23457E%2B15", "", "", schemas.RejectRoundedID, "txid"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","txid":1e21}`, schemas.RejectRoundedID, "txid"},
		{"/postback/acme?click_id=CLICK&txid=T1%26payout%3D12.5", "", "", schemas.RejectJoined, "txid"},
		{"/postback/acme?click_id=CLICK%26payout=12.5%26status=rejected", "", "", schemas.RejectJoined, "click_id"},
		{"/postback/acme?click_id=CLICK&txid=T1%26amp;status=rejected", "", "", schemas.RejectJoined, "txid"},
		{"/postback/acme?click_id=CLICK&payout=1&txid=&lt;TX&gt;&status=rejected", "", "", schemas.RejectJoined, "txid"},
		{"/postback/acme?click_id=CLICK&payout=1&txid=T1&quot;", "", "", schemas.RejectJoined, "txid"},
		{"/postback/acme?click_id=CLICK&payout=1&QUOT;&txid=T1", "", "", schemas.RejectJoined, "payout"},
		{"/postback/acme", formType, "click_id=CLICK&#39;&payout=1", schemas.RejectJoined, "click_id"},
		{`/postback/acme?click_id=CLICK&txid=T1%5Cu0026status=rejected`, "", "", schemas.RejectJoined, "txid"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","txid":"T1\\u0026status=rejected"}`, schemas.RejectJoined, "txid"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","payout":4,"data":{"status":"rejected"}}`, schemas.RejectUnread, "data.status"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","payout":4,"a":[1,{"b":{"txid":"T1"}}]}`, schemas.RejectUnread, "a.b.txid"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","conversion":{"amount":4,"approved":true}}`, schemas.RejectUnread, "conversion.amount"},
		{"/postback/acme?click_id=CLICK&payout=1&data[txid]=T1", "", "", schemas.RejectUnread, "data[txid]"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","payout":1e10}`, schemas.RejectBadPayout, "payout"},
		{"/postback/acme", jsonType, `{"click_id":"CLICK","txid":1.23457E+15,"payout":1}`, schemas.RejectRoundedID, "txid"},
		{"click_id=CLICK;payout=5", signedQuery, "", schemas.RejectJoined, "click_id"},
		{"click_id=CLICK&note=x;payout=5", signedQuery, "", schemas.RejectJoined, "note"},
	} {
		method := http.MethodGet
		if c.body != "" {
			method = http.MethodPost
		}
		target, kind := strings.ReplaceAll(c.target, "CLICK", id), c.kind
		if kind == signedQuery {
			target, kind = "/postback?"+signed(target, fmt.Sprintf("nonce-%04d", i)), ""
		}
		got := b.send(method, target, kind, strings.ReplaceAll(c.body, "CLICK", id))
		var answer answer
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Error == nil {
			t.Fatalf("%s is answered %d %s", c.target, got.status, got.body)
		}
		if got.status != 400 || answer.Error.Reason != c.reason || answer.Error.Field != c.field || answer.Error.WouldBeRight == "" || answer.ReceiptID == "" {
			t.Errorf("%s is answered %d %s, want %s of %s", c.target, got.status, got.body, c.reason, c.field)
		}
		if n := len(b.letters()); n != i+1 {
			t.Fatalf("%s: %d dead letters", c.target, n)
		}
	}
	if n := len(b.postbacks()); n != 0 {
		t.Errorf("%d of them are booked", n)
	}
	// Of a parameter that is left out nobody minds.
	if got := b.get("/postback/acme?click_id=" + id + "&foo=&lt;b&gt;&txid=T9&lt=1"); got.status != 200 || !strings.Contains(got.body, `"lt;b"`) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	// A path names the network; a parameter of that name that is none's says something else.
	if got := b.get("/postback/acme?click_id=" + id + "&network=facebook"); got.status != 200 || !strings.Contains(got.body, `"not_taken":["network"]`) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

// TestMembersOfMembers: of JSON within JSON, too, what a network's params name is taken, and what is left out is named by its path.
func TestMembersOfMembers(t *testing.T) {
	cat := testCatalog()
	cat.Networks[0].Params = map[string]string{"data.order.status": "status", "data.order.id": "txid", "data.sum": "payout"}
	built, err := catalog.Build(cat)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = built })
	id := clickID(t, testSecret, 1, 1)
	got := b.send("POST", "/postback/acme", jsonType,
		`{"click_id":"`+id+`","data":{"sum":12.5,"order":{"status":"rejected","id":"T2","items":[{"n":1},{"n":2},null,[]]},"x":{}},"y":[]}`)
	if got.status != 200 || !strings.Contains(got.body, `"not_taken":["data.order.items.n","data.order.items","data.x","y"]`) {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if fields := postbackFields(b.postbacks()[0]); fields != "network=acme event=sale status=rejected txid=T2 payout=12500000 USD" {
		t.Errorf("it is %s", fields)
	}
	// A long name is not repeated for each of its members.
	long := strings.Repeat("n", schemas.MaxNameBytes+1)
	got = b.send("POST", "/postback/acme", jsonType, `{"click_id":"`+id+`","data":{"sum":1},"`+long+`":{"status":"x","y":1}}`)
	if got.status != 200 || strings.Count(got.body, "nnn") > len(long) || strings.Contains(got.body, ".y") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

// TestUploadUnderstood: two orders that a spreadsheet gave one ID are two dead letters, not one conversion with another's payout; a
// column that says status and is not read refuses the file.
func TestUploadUnderstood(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	_, a := b.upload("acme", csvType, "click_id,txid,payout,note\n"+id+",1.23457E+15,2.5,a\n"+id+",1.23457E+15,4.5,b\n"+id+",N/A,3,c\n"+id+",\"T1;payout=9\",3,d\n"+id+",T1+2,3,e\n")
	if a.Accepted != 1 || a.Refused != 4 || strings.Join(a.UnknownColumns, " ") != "note" {
		t.Fatalf("the answer is %+v", a)
	}
	for i, reason := range []schemas.RejectReason{schemas.RejectRoundedID, schemas.RejectRoundedID, schemas.RejectUnexpandedMacro, schemas.RejectJoined} {
		if e := a.Lines[i].Error; e == nil || e.Reason != reason || e.Field != "txid" {
			t.Errorf("line %d is %+v", i+2, a.Lines[i])
		}
	}
	if list := b.postbacks(); len(list) != 1 || list[0].Txid != "T1+2" || strings.Join(list[0].NotTaken, " ") != "note" {
		t.Errorf("booked are %v", list)
	}
	got := b.send("POST", "/postback/acme/batch", csvType, "click_id,payout,conversion_status\n"+id+",5,rejected\n")
	if got.status != 400 || !strings.Contains(got.body, `"unread_parameter"`) || !strings.Contains(got.body, "params: {conversion_status: status}") || len(b.postbacks()) != 1 {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	_, a = b.upload("acme", ndjsonType, `{"click_id":"`+id+`","txid":"8.9E+19","payout":1}`+"\n"+`{"click_id":"`+id+`","payout":1,"payout":2}`+"\n"+`{"click_id":"`+id+`","amount":1}`)
	if a.Refused != 3 || a.Lines[0].Error.Reason != schemas.RejectRoundedID || a.Lines[1].Error.Reason != schemas.RejectTwoValues || a.Lines[2].Error.Reason != schemas.RejectUnread {
		t.Errorf("the answer is %+v", a)
	}
}

// TestIDsAreNotText: a source's click ID comes and goes as it is, whole or not at all; a plus in another tracker's is one.
func TestIDsAreNotText(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		c := testCatalog()
		c.Offers[0].URL = "https://offer.example/land?sub={click_id}&e={external_id}&s1={sub1}"
		cat, err := catalog.Build(c)
		if err != nil {
			t.Fatal(err)
		}
		d.Catalog = cat
	})
	for _, c := range []struct{ query, id, sub string }{
		{"external_id=" + strings.Repeat("E_C-", 82) + "xy", strings.Repeat("E_C-", 82) + "xy", ""},                   // 330 bytes
		{"external_id=" + strings.Repeat("a", schemas.MaxExternalID), strings.Repeat("a", schemas.MaxExternalID), ""}, // the longest
		{"external_id=" + strings.Repeat("a", schemas.MaxExternalID+1), "", ""},
		{"external_id=a+b%3D%3D", "a+b==", ""}, {"external_id=a%2Bb", "a+b", ""}, {"sub1=red+shoes", "", "red shoes"}, {"sub1=null", "", "null"},
		{"sub1=" + strings.Repeat("s", schemas.MaxSubBytes+1) + "&external_id=x", "x", ""}, {"external_id=null", "", ""}, {"external_id=(click_id)", "", ""},
	} {
		got := b.get("/c/summer?" + c.query)
		to, err := url.Parse(got.header.Get("Location"))
		if err != nil || got.status != http.StatusFound {
			t.Fatalf("answered %d %s: %v", got.status, got.body, err)
		}
		if to.Query().Get("e") != c.id || to.Query().Get("s1") != c.sub {
			t.Errorf("%.40s… goes on as %q, %q", c.query, to.Query().Get("e"), to.Query().Get("s1"))
		}
	}
	// The click came by JSON, the postback by a query whose sender encoded nothing.
	foreign := "Zm9v+YmFy/w=="
	brought := b.send("POST", "/v1/clicks", jsonType, `{"campaign":"migrated","click_id":"`+foreign+`"}`)
	posted := b.get("/postback/legacy?payout=2&click_id=" + foreign)
	if brought.status != 200 || posted.status != 200 {
		t.Fatalf("answered %d %s, %d %s", brought.status, brought.body, posted.status, posted.body)
	}
	if list := b.postbacks(); len(list) != 1 || list[0].ClickId != foreign {
		t.Errorf("the postback is %v", list)
	}
	for body, reason := range map[string]schemas.RejectReason{
		`{"campaign":"migrated","click_id":"1.23457E+15"}`: schemas.RejectRoundedID, `{"campaign":"migrated","click_id":"undefined"}`: schemas.RejectUnexpandedMacro,
		`{"campaign":"migrated","external_id":"1.2E+15"}`: schemas.RejectRoundedID, `{"campaign":"migrated","click_id":"{click_id}"}`: schemas.RejectUnexpandedMacro,
		`{"campaign":"migrated","external_id":"` + strings.Repeat("a", schemas.MaxExternalID+1) + `"}`: schemas.RejectTooLong,
	} {
		if got := b.send("POST", "/v1/clicks", jsonType, body); got.status != 400 || !strings.Contains(got.body, string(reason)) {
			t.Errorf("%.60s is answered %d %s", body, got.status, got.body)
		}
	}
}

// TestOneIDThroughEveryDoor: a transaction ID with a space or a plus is the same one in a table, in JSON and in a query.
func TestOneIDThroughEveryDoor(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	for _, txid := range []string{"Order 17", "Zm9v+YmFy==", "a b+c", "100%"} {
		before := len(b.postbacks())
		if _, a := b.upload("acme", csvType, "click_id,payout,txid\n"+id+",1,"+txid+"\n"); a.Accepted != 1 {
			t.Fatalf("%s in a table: %+v", txid, a)
		}
		if _, a := b.upload("acme", ndjsonType, `{"click_id":"`+id+`","payout":1,"txid":"`+txid+`"}`); a.Accepted != 1 {
			t.Fatalf("%s in JSON: %+v", txid, a)
		}
		if got := b.get("/postback/acme?payout=1&click_id=" + id + "&txid=" + query.EncodeID(txid)); got.status != 200 {
			t.Fatalf("%s in a query: %d %s", txid, got.status, got.body)
		}
		for i, p := range b.postbacks()[before:] {
			if p.Txid != txid {
				t.Errorf("%q came as %q through door %d", txid, p.Txid, i)
			}
		}
	}
}

// TestSignedIDIsOne: a signature's message has a space for a plus. Whoever sends a signed request on in another encoding, to an edge
// that does not know its nonce, must not make another transaction of it.
func TestSignedIDIsOne(t *testing.T) {
	id := clickID(t, testSecret, 1, 1)
	target := "/postback?" + signed("click_id="+id+"&payout=1&txid=ab+cd", "nonce-0001")
	for _, sent := range []string{target, strings.Replace(target, "ab+cd", "ab%20cd", 1)} {
		b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
		if got := b.get(sent); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if list := b.postbacks(); len(list) != 1 || list[0].Txid != "ab cd" {
			t.Errorf("%s is %v", sent, list)
		}
	}
}

// TestStrangersLettersProveNothing: what was refused before it was known whose it is has to be proved when its network is declared.
func TestStrangersLettersProveNothing(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	queries := []string{"click_id=CLICK&payout=1", "click_id=1.23457E%2B15", "click_id=CLICK&txid=a%2526payout=5", "click_id=CLICK&txid=A%253Bpayout=5",
		"click_id=CLICK&txid=a%26payout%3D5", "click_id=%7Bclick_id%7D", "click_id=CLICK&txid=%FF", "click_id=CLICK&payout=1&payout=2", "click_id=CLICK&amount=1",
		"click_id=CLICK&txid=" + strings.Repeat("x", schemas.MaxTxIDBytes+1), "click_id=CLICK&payout=abc"}
	for _, q := range queries {
		b.get("/postback/tomorrow?" + strings.ReplaceAll(q, "CLICK", id))
	}
	for _, body := range []string{`{"click_id":1e21}`, `{"click_id":[1]}`, `{`} {
		b.send("POST", "/postback/tomorrow", jsonType, body)
	}
	letters := b.letters()
	if len(letters) != len(queries)+3 {
		t.Errorf("%d dead letters of %d requests", len(letters), len(queries)+3)
	}
	for _, l := range letters {
		if trust.Proves(schemas.RejectReason(l.Reason)) {
			t.Errorf("%s proves whose %q is", l.Reason, l.Raw)
		}
	}
}

// TestVisitorsTextIsNoParameter: what a visitor typed comes back half encoded, and changes nothing of what is booked,
// signed or not; in a link it is a text and no cost.
func TestVisitorsTextIsNoParameter(t *testing.T) {
	id := clickID(t, testSecret, 1, 1)
	for i, text := range []string{"Tom%26payout=999%26status=rejected%26currency=JPY%26txid=T9%26event=x",
		"Tom%26amp;payout=999", "Tom%3Bpayout=999", "Tom%26amp%3Bstatus=rejected",
		"Tom%2526payout=999", "%26network=legacy", "Tom%26Jerry"} {
		b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
		for _, got := range []reply{
			b.get("/postback/acme?click_id=" + id + "&payout=1&name=" + text), b.send("POST", "/postback/acme", formType,
				"name="+text+"&click_id="+id+"&payout=1"),
			b.get("/postback?" + signed("click_id="+id+"&payout=1&name="+text, fmt.Sprintf("nonce-%04d", i))),
		} {
			if got.status != 200 {
				t.Errorf("%s is answered %d %s", text, got.status, got.body)
			}
		}
		for _, p := range b.postbacks() {
			if p.PayoutMicros != 1_000_000 || p.Currency != "USD" || p.Status != events.Status_STATUS_APPROVED ||
				p.Txid != "" && !strings.HasPrefix(p.Txid, "nonce-") || strings.Join(p.NotTaken, " ") != "name" {
				t.Errorf("%s becomes %s, %q", text, postbackFields(p), p.NotTaken)
			}
		}
		if b.get("/c/summer?cost=0.5&sub1="+text+"&external_id=e%26cost=9").status != http.StatusFound {
			t.Errorf("the link with %s is refused", text)
		}
		for _, c := range b.clicks() {
			plain, err := url.QueryUnescape(text)
			if err != nil || len(c.Subs) != 1 || c.Subs[0] != plain || c.CostMicros != 500_000 || c.ExternalId != "" {
				t.Errorf("%s becomes %s %q", text, clickFields(c), c.Subs)
			}
		}
		if n := b.counted("tributary_ingest_sanitized_total", "external_id"); n != 1 {
			t.Errorf("an ID with another parameter in it is counted %v times", n)
		}
	}
}

// TestExponents: a program that writes 100 as 1e2 has lost nothing of it, through any door that takes JSON.
func TestExponents(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	for number, micros := range map[string]int64{"1e2": 100_000_000, "1.5E1": 15_000_000, "1.25e-2": 12_500,
		"1E+2": 100_000_000, "0.5e0": 500_000, "1e9": 1_000_000_000_000_000} {
		before := len(b.postbacks())
		one := `{"click_id":"` + id + `","payout":` + number + `,"ts":1.7723592e9}`
		if got := b.send("POST", "/postback/acme", jsonType, one); got.status != 200 {
			t.Errorf("%s is answered %d %s", number, got.status, got.body)
		}
		if _, a := b.upload("acme", ndjsonType, one+"\n"); a.Accepted != 1 {
			t.Errorf("%s in an upload is answered %+v", number, a)
		}
		list := b.postbacks()[before:]
		for _, p := range list {
			if p.PayoutMicros != micros || p.EventMs != 1772359200000 {
				t.Errorf("%s is booked as %d at %d", number, p.PayoutMicros, p.EventMs)
			}
		}
		if len(list) != 2 {
			t.Errorf("%s is booked %d times", number, len(list))
		}
	}
	if got := b.send("POST", "/v1/clicks", jsonType,
		`{"campaign":"summer","cost":2.5e-1,"event_ms":1.7723592e12}`); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if c := b.clicks(); len(c) != 1 || c[0].CostMicros != 250_000 || c[0].EventMs != 1772359200000 {
		t.Errorf("the click is %v", c)
	}
	for _, number := range []string{"1e1.5", "1e999", "1.5e12"} {
		if got := b.send("POST", "/postback/acme", jsonType, `{"click_id":"`+id+`","payout":`+number+`}`); got.status != 400 {
			t.Errorf("%s is answered %d %s", number, got.status, got.body)
		}
	}
}
