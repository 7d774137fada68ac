package ingest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/fuzzbound"
)

const (
	csvType    = "text/csv"
	ndjsonType = "application/x-ndjson"
)

func uploadCatalog(tb testing.TB) *catalog.Catalog {
	return dialectCatalog(tb, &dialect.Affise, "", func(c *catalog.Config) {
		c.Networks[1].Params = map[string]string{"Click ID": "click_id", "Commission": "payout", "Date": "ts"}
		c.Networks = append(c.Networks,
			catalog.NetworkConfig{Name: "rebills", Currency: "USD", BlankTxIDIsNew: true},
			catalog.NetworkConfig{Name: "refunds", Currency: "USD", NegativePayout: "correct"},
			catalog.NetworkConfig{Name: "shared", Currency: "USD", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": theToken}, TokenHeader: "X-Token"}})
	})
}

func (b *bench) upload(network, kind, body string) (reply, uploadAnswer) {
	b.tb.Helper()
	got := b.send("POST", "/postback/"+network+"/batch", kind, body)
	var a uploadAnswer
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		b.tb.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	return got, a
}

// TestUpload holds that each line is a postback of its own: taken, or refused with its line, field and dead letter, which says
// the same when it is looked at again.
func TestUpload(t *testing.T) {
	cat := uploadCatalog(t)
	id := clickID(t, testSecret, 1, 1)
	type outcome struct {
		line          int
		reason, field string // "" for accepted
	}
	for _, c := range []struct {
		name, network, kind, body string
		want                      []outcome
		columns                   string
		first                     string // what the first accepted line says
	}{
		{"csv", "acme", csvType, "\ufeffclick_id,payout,txid,status,note\r\nCLICK,12.50,t1,ok,\"a \"\"word\"\", and more\"\r\nCLICK,abc,t2,ok,\r\nCLICK,1,t3,Hold,x\r\n",
			[]outcome{{2, "", ""}, {3, "bad_payout", "payout"}, {4, "", ""}}, "note", "network=acme event=sale status=approved txid=t1 payout=12500000 USD"},
		{"csv, lines in quotes", "acme", csvType, "click_id,note,payout\nCLICK,\"two\nlines\",1\nCLICK,x\n\nCLICK,x,2,3\nCLICK,\"open,1\nCLICK,x,3\n",
			[]outcome{{2, "", ""}, {4, "bad_body", ""}, {6, "bad_body", ""}, {7, "bad_body", ""},
				{8, "", ""}}, "note", "network=acme event=sale status=approved txid= payout=1000000 USD"},
		{"csv of a dialect, semicolons", "theirs", csvType + "; charset=utf-8", "Click ID;Commission;Date;status;goal;offer\nCLICK;3.5;2026-02-03T04:05:06+01:00;2;First Deposit;9\nCLICK;3.5;soon;1;;9\nCLICK;{payout};;1;;9\n",
			[]outcome{{2, "", ""}, {3, "bad_timestamp", "Date"}, {4, "unexpanded_macro", "Commission"}}, "offer", "network=theirs event=first_deposit status=pending txid= payout=3500000 USD"},
		{"csv of corrections", "refunds", csvType, "click_id,payout,txid\nCLICK,-5.00,t1\nCLICK,+5,t2\nCLICK,-0,t3\n",
			[]outcome{{2, "", ""}, {3, "bad_payout", "payout"}, {4, "", ""}}, "", "network=refunds event=conversion status=approved txid=t1 payout=-5000000 USD"},
		{"json lines of corrections", "refunds", ndjsonType, `{"click_id":"CLICK","payout":-5}` + "\n" +
			`{"click_id":"CLICK","payout":"-5.00","txid":"t"}` + "\n" + `{"click_id":"CLICK","payout":"-5e0"}`,
			[]outcome{{1, "", ""}, {2, "", ""}, {3, "bad_payout", "payout"}}, "", "network=refunds event=conversion status=approved txid= payout=-5000000 USD"},
		{"csv of corrections that are refused", "acme", csvType, "click_id,payout\nCLICK,-5.00\n", []outcome{{2, "bad_payout", "payout"}}, "", ""},
		{"csv, tabs", "acme", csvType, "payout\tclick_id\n2\tCLICK", []outcome{{2, "", ""}}, "", "network=acme event=sale status=approved txid= payout=2000000 USD"},
		{"json lines", "acme", ndjsonType, `{"click_id":"CLICK","payout":2.5,"more":[1]}` + "\n\n" + `{"click_id":"CLICK","payout":` + "\n" + `{"click_id":"CLICK","payout":{}}` + "\r\n" + `{"payout":1}` + "\n[]\n" + `{"click_id":"CLICK","txid":"\u0000"}`,
			[]outcome{{1, "", ""}, {3, "bad_body", ""}, {4, "bad_body", "payout"}, {5, "missing_click_id", "click_id"}, {6, "bad_body", ""}, {7, "bad_text", "txid"}}, "",
			"network=acme event=sale status=approved txid= payout=2500000 USD"},
		{"json lines of a dialect", "theirs", ndjsonType, `{"clickid":"CLICK","sum":"7","action_id":"m1","status":3}`, []outcome{{1, "", ""}}, "", "network=theirs event=conversion status=rejected txid=m1 payout=7000000 USD"},
		{"a line that is too long", "acme", ndjsonType, `{"click_id":"CLICK","x":"` + strings.Repeat("x", schemas.MaxBodyBytes) + `"}`, []outcome{{1, "too_long", ""}}, "", ""},
		{"a forged click ID", "acme", csvType, "click_id\n" + clickID(t, otherSecret, 1, 1), []outcome{{2, "forged_click_id", "click_id"}}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
			got, a := b.upload(c.network, c.kind, strings.ReplaceAll(c.body, "CLICK", id))
			if got.status != 200 || strings.Join(a.UnknownColumns, ",") != c.columns {
				t.Fatalf("answered %d %s", got.status, got.body)
			}
			letters := map[string]*events.DeadLetter{}
			for _, l := range b.letters() {
				letters[l.LetterId] = l
			}
			taken := map[string]*events.Postback{}
			for _, p := range b.postbacks() {
				taken[p.ReceiptId] = p
			}
			if len(a.Lines) != len(c.want) || a.Accepted+a.Refused != len(c.want) {
				t.Fatalf("answered %s", got.body)
			}
			first := true
			for i, want := range c.want {
				l := a.Lines[i]
				if l.Line != want.line || (l.Error == nil) != (want.reason == "") || l.Error != nil && (string(l.Error.Reason) != want.reason || l.Error.Field != want.field) {
					t.Errorf("line %+v %+v, want %+v", l, l.Error, want)
					continue
				}
				if l.Error == nil {
					p := taken[l.ReceiptID]
					if p == nil || l.Status != "accepted" || p.ClickId != id || first && postbackFields(p) != c.first {
						t.Errorf("line %d is the postback %v", l.Line, p)
					}
					first = false
					continue
				}
				letter := letters[l.ReceiptID]
				if letter == nil || letter.Reason != want.reason || !strings.HasPrefix(letter.Detail, fmt.Sprintf("line %d: ", l.Line)) || letter.Network != c.network {
					t.Errorf("line %d has the dead letter %v", l.Line, letter)
					continue
				}
				judgeLetter(t, cat, letter)
			}
		})
	}
}

// judgeLetter looks at a line's dead letter again as at a postback of its own.
func judgeLetter(t *testing.T, cat *catalog.Catalog, l *events.DeadLetter) {
	t.Helper()
	head, body, _ := strings.Cut(string(l.Raw), "\n\n")
	if len(l.Raw) == schemas.MaxRawBytes || body == "" {
		return // cut, or a line that nobody could read
	}
	j := JudgePostback(cat, PostbackRequest{Path: []byte(strings.TrimPrefix(head, "POST ")), Body: []byte(body), ReceiptID: l.LetterId, Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
	if j.Postback != nil || l.Reason != string(schemas.RejectBadBody) && string(j.Reason) != l.Reason {
		t.Errorf("looked at again the line %q is %+v, was %s", body, j, l.Reason)
	}
}

// TestUploadRefused holds what is refused as a whole: nothing of it is booked.
func TestUploadRefused(t *testing.T) {
	cat := uploadCatalog(t)
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	id := clickID(t, testSecret, 1, 1)
	for i, c := range []struct {
		name, network, kind, body, reason string
		status                            int
	}{
		{"empty", "acme", csvType, " \n", "bad_body", 400},
		{"no type", "acme", "", "click_id\n" + id, "bad_body", 400},
		{"another type", "acme", jsonType, `[{"click_id":"` + id + `"}]`, "bad_body", 400},
		{"no click ID column", "acme", csvType, "clickid,payout\n" + id + ",1\n", "bad_body", 400},
		{"two columns of a name", "acme", csvType, "click_id,payout,payout\n" + id + ",1,2\n", "bad_body", 400},
		{"broken header", "acme", csvType, "click_id,\"pay\"out\n" + id + ",1\n", "bad_body", 400},
		{"header that is no text", "acme", csvType, "click_id,\x01\n" + id + ",1\n", "bad_text", 400},
		{"too many columns", "acme", csvType, "click_id" + strings.Repeat(",", schemas.MaxBatchColumns) + "\n", "too_long", 400},
		{"too many lines", "acme", csvType, "click_id\n" + strings.Repeat(id+"\n", schemas.MaxBatchLines+1), "too_long", 400},
		{"too many lines of JSON", "acme", ndjsonType, strings.Repeat("{}\n", schemas.MaxBatchLines+1), "too_long", 400},
		{"unknown network", "nobody", csvType, "click_id\n" + id, "unknown_network", 400},
		{"unproved", "shared", csvType, "click_id\n" + id, "bad_token", 403},
	} {
		got := b.send("POST", "/postback/"+c.network+"/batch", c.kind, c.body)
		if got.status != c.status || !strings.Contains(got.body, `"reason":"`+c.reason+`"`) || receiptID.FindString(got.body) == "" {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
		if n := len(b.letters()); n != i+1 {
			t.Fatalf("%s: %d dead letters", c.name, n)
		}
	}
	if n := len(b.postbacks()); n != 0 {
		t.Errorf("%d postbacks of refused uploads", n)
	}
	// Without its body: the server answers by the length and closes, which may cut a client off that is still writing.
	if got := b.exchange(fmt.Sprintf("POST /postback/acme/batch HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n", schemas.MaxBatchBytes+1)); !strings.HasPrefix(got, "HTTP/1.1 413") || len(b.letters()) != 13 {
		t.Errorf("an upload beyond the server's limit: %s, %d dead letters", got, len(b.letters()))
	}
	for _, l := range b.letters() {
		if strings.HasSuffix(strings.SplitN(string(l.Raw), "\n", 2)[0], "/batch") {
			j := JudgePostback(cat, PostbackRequest{Path: []byte("/postback/acme/batch"), Body: l.Raw, IP: netip.MustParseAddr("127.0.0.1")}, testNow)
			if j.Postback != nil {
				t.Errorf("an upload was taken for a postback: %v", j.Postback)
			}
		}
	}
}

// TestUploadTwice holds that the same upload again makes no other conversions: the same transaction IDs, also where a line has
// none and is new each time, and a line that is there twice stays two.
func TestUploadTwice(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = uploadCatalog(t) })
	one, two := clickID(t, testSecret, 1, 1), clickID(t, testSecret, 2, 1)
	body := "click_id,payout,txid\n" + one + ",5,\n" + one + ",5,\n" + two + ",5,\n" + one + ",5,t1\n"
	identities := map[string]int{}
	for range 2 {
		if _, a := b.upload("rebills", csvType, body); a.Accepted != 4 {
			t.Fatalf("%+v", a)
		}
	}
	receipts := map[string]bool{}
	for _, p := range b.postbacks() {
		identities[p.ClickId+" "+p.Event+" "+p.Txid]++
		receipts[p.ReceiptId] = true
	}
	for identity, n := range identities {
		if n != 2 {
			t.Errorf("%s came %d times in two uploads", identity, n)
		}
	}
	if len(identities) != 4 || len(receipts) != 8 {
		t.Errorf("%d identities and %d receipts of 2 uploads with 4 lines: %v", len(identities), len(receipts), identities)
	}
}

// TestUploadChunks holds that no line is lost between chunks, and that a proof counts for the whole.
func TestUploadChunks(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = uploadCatalog(t) })
	id := clickID(t, testSecret, 1, 1)
	var body strings.Builder
	body.WriteString("click_id,txid,payout\n")
	const lines = 2*batchChunk + 7
	for i := range lines {
		fmt.Fprintf(&body, "%s,t%d,%d\n", id, i, i)
	}
	req := b.request("POST", "/postback/shared/batch", csvType, body.String())
	req.Header.Set("X-Token", theToken)
	got := b.do(req)
	var a uploadAnswer
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != 200 || a.Accepted != lines || len(a.Lines) != lines || a.Lines[lines-1].Line != lines+1 {
		t.Fatalf("%d %.300s %v", got.status, got.body, err)
	}
	seen := map[string]int64{}
	for _, p := range b.postbacks() {
		seen[p.Txid] = p.PayoutMicros
	}
	for i := range lines {
		if seen[fmt.Sprint("t", i)] != int64(i)*schemas.Micros {
			t.Fatalf("line %d has the payout %d", i+2, seen[fmt.Sprint("t", i)])
		}
	}
	if n := count(t, b.edge.metrics.uploaded[uploadAccepted]); n != lines {
		t.Errorf("%v lines are counted", n)
	}
}

// TestUploadUnavailable holds that an upload with a line that is not durable is answered 503, says which, and may be sent again.
func TestUploadUnavailable(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) { c.AckTimeout, d.Catalog = time.Second, uploadCatalog(t) })
	waitReady(t, b.edge)
	id := clickID(t, testSecret, 1, 1)
	body := "click_id,txid\n" + strings.Repeat(id+",t\n", batchChunk+3)
	mend := b.refuseProduce(kerr.NotEnoughReplicas)
	got, a := b.upload("acme", csvType, body)
	mend()
	if got.status != 503 || got.header.Get("Retry-After") == "" || a.Error == nil || a.Unavailable != batchChunk+3 || a.Lines[batchChunk+2].Status != "unavailable" || a.Lines[batchChunk+2].Line != batchChunk+4 {
		t.Fatalf("%d %.300s", got.status, got.body)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if got, _ = b.upload("acme", csvType, body); got.status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d %.300s", got.status, got.body)
		}
	}
}

// TestUploadSigned holds that a signature covers every line, and that a signed upload is taken once.
func TestUploadSigned(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	body := "click_id,payout,txid\n" + clickID(t, testSecret, 1, 1) + ",5,t1\n"
	path := "/postback/signed/batch?" + trust.Sign("signed", "", []byte(body), "k1", []byte(signingKey), testNow, "nonce-0101")
	for _, c := range []struct {
		name, body string
		status     int
		reason     string
	}{
		{"altered", strings.Replace(body, ",5,", ",9,", 1), 403, "bad_signature"},
		{"signed", body, 200, ""},
		{"the same again", body, 409, "replayed_request"},
	} {
		if got := b.send("POST", path, csvType, c.body); got.status != c.status || c.reason != "" && !strings.Contains(got.body, c.reason) {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	if list := b.postbacks(); len(list) != 1 || list[0].PayoutMicros != 5*schemas.Micros {
		t.Errorf("booked: %v", list)
	}
}

// TestUploadsAtOnce holds that uploads beyond what memory is meant for are sent away, and come in when others are done.
func TestUploadsAtOnce(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = uploadCatalog(t) })
	body := "click_id\n" + clickID(t, testSecret, 1, 1)
	b.edge.uploads.Store(maxUploads)
	if got := b.send("POST", "/postback/acme/batch", csvType, body); got.status != 503 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, errUploads.Error()) {
		t.Errorf("one too many is answered %d %s", got.status, got.body)
	}
	b.edge.uploads.Store(maxUploads - 1)
	for range 2 {
		if got, a := b.upload("acme", csvType, body); got.status != 200 || a.Accepted != 1 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// BenchmarkUpload is how long an upload of as many lines as one may have takes until all are durable.
func BenchmarkUpload(b *testing.B) {
	bench := newBench(b, func(_ *Config, d *Deps) { d.Now, d.Catalog = time.Now, uploadCatalog(b) })
	waitReady(b, bench.edge)
	id := clickID(b, testSecret, 1, 1)
	var body strings.Builder
	body.WriteString("click_id,txid,payout,status\n")
	for i := range schemas.MaxBatchLines {
		fmt.Fprintf(&body, "%s,t%d,%d.50,ok\n", id, i, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got, a := bench.upload("acme", csvType, body.String()); a.Accepted != schemas.MaxBatchLines {
			b.Fatalf("%d %.300s", got.status, got.body)
		}
	}
	b.ReportMetric(float64(schemas.MaxBatchLines*b.N)/b.Elapsed().Seconds(), "lines/s")
}

// FuzzUpload holds that every line of any upload is an event within the limits or refused with a listed reason, that lines are
// numbered as in the text, and that a line says the same as a postback of its own.
func FuzzUpload(f *testing.F) {
	e := deafEdge(f)
	cat := uploadCatalog(f)
	id := clickID(f, testSecret, 1, 1)
	for _, network := range []string{"acme", "theirs", "rebills"} {
		f.Add(network, true, "click_id,payout,txid\n"+id+",12.5,\"a\"\"b\"\n"+id+",{payout},\n")
		f.Add(network, true, "Click ID;Commission\n"+id+";1\n\"x\ny\";2\n\"open")
		f.Add(network, false, `{"click_id":"`+id+`","payout":1}`+"\n"+`{"clickid":"`+id+`","sum":"%7Bsum%7D","status":3}`+"\n[]\n{")
	}
	f.Fuzz(func(t *testing.T, network string, isCSV bool, body string) {
		n := cat.Network([]byte(network))
		if n == nil {
			return
		}
		kind := ndjsonType
		if isCSV {
			kind = csvType
		}
		type read struct {
			line    uploadLine
			raw     string
			p       *postback
			refused *refusal
		}
		var whole *refusal
		var list []read
		// What is kept of a line, and its parameters with the columns' names before each.
		text := strings.Count(body, "\n") + 1
		allowed := 8<<10*text + 1024*len(body)
		if strings.HasPrefix(body, "\x1f\x8b") {
			allowed += 16 * schemas.MaxBatchBytes // unpacked
		}
		fuzzbound.Hold(t, allowed, func() {
			list = nil
			var parser fastjson.Parser
			var lines uploadLines
			if lines, whole = uploadOf(typed(kind), []byte(body), n.Trust.Signed(), n.Postback, &parser); whole != nil {
				return
			}
			u := &upload{edge: e, cat: cat, whole: &postback{network: n, reader: n.Postback, sent: []byte(n.Name)}, now: testNow}
			var l uploadLine
			for p := u.begin(); lines.next(p, &l); p = u.begin() {
				r := read{line: l, raw: string(l.raw), p: p, refused: l.refused}
				if r.refused == nil {
					r.refused = p.resolve(cat, testNow)
				}
				list = append(list, r)
			}
		})
		if whole != nil {
			checkRefusal(t, e, whole)
			return
		}
		last := 0
		for _, r := range list {
			if r.line.number <= last || r.line.number > text {
				t.Fatalf("line %d comes behind line %d, of %d", r.line.number, last, text)
			}
			last = r.line.number
			if r.refused != nil {
				checkRefusal(t, e, r.refused)
			} else if v := &r.p.event; v.ClickId == "" || v.Event == "" || v.Status == events.Status_STATUS_UNSPECIFIED || outOfBounds(cat, v) || len(v.Txid) > schemas.MaxTxIDBytes {
				t.Fatalf("out of bounds: %v", v)
			}
			j := JudgePostback(cat, PostbackRequest{Path: []byte("/postback/" + network), Body: []byte(r.raw), Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
			switch {
			case r.line.refused != nil:
				if j.Postback != nil {
					t.Fatalf("the line %q was refused, %+v, and says %v as a postback", r.raw, r.line.refused, j.Postback)
				}
			case r.refused != nil && j.Reason != r.refused.Reason, r.refused == nil && (j.Postback == nil || postbackFields(j.Postback) != postbackFields(&r.p.event)):
				t.Fatalf("the line %q says %+v %v, as a postback %+v", r.raw, r.refused, &r.p.event, j)
			}
		}
	})
}

// TestUploadKeepsToTheRate holds that an upload makes no more dead letters than its sender's address may send postbacks, unless he
// proved who he is, and that every line is answered all the same.
func TestUploadKeepsToTheRate(t *testing.T) {
	for _, c := range []struct {
		network string
		letters int
	}{{"rebills", 1}, {"shared", 5}} { // the upload itself is the first of two
		b := newBench(t, func(cfg *Config, d *Deps) {
			d.Catalog = uploadCatalog(t)
			cfg.Trust.IPPostbacksPerSecond, cfg.Trust.IPBurst = 1, 2
		})
		req := b.request("POST", "/postback/"+c.network+"/batch", csvType, "click_id\n"+strings.Repeat("x\n", 5)+clickID(t, testSecret, 1, 1)+"\n")
		req.Header.Set("X-Token", theToken)
		var a uploadAnswer
		if err := json.Unmarshal([]byte(b.do(req).body), &a); err != nil {
			t.Fatal(err)
		}
		if a.Accepted != 1 || a.Refused != 5 || a.Error != nil || len(b.letters()) != c.letters {
			t.Errorf("%s: %+v with %d dead letters, want %d", c.network, a, len(b.letters()), c.letters)
		}
		for i, l := range a.Lines[:5] {
			if kept := i < c.letters; kept != (l.ReceiptID != "") || kept == strings.HasSuffix(l.Error.Detail, "this one is not") {
				t.Errorf("%s: line %d is answered %+v %+v", c.network, i, l, l.Error)
			}
		}
	}
}

// TestUploadKeepsNoToken holds that a token in a column, where it proves nothing, is kept neither of accepted lines nor of refused ones.
func TestUploadKeepsNoToken(t *testing.T) {
	cfg := testCatalog()
	cfg.Networks = append(cfg.Networks, catalog.NetworkConfig{Name: "shared", Currency: "USD", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": theToken}, TokenParameter: "tok"}})
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	good, query := clickID(t, testSecret, 1, 1), "/batch?tok="+url.QueryEscape(theToken)
	b.send("POST", "/postback/shared"+query, csvType, "click_id,tok\n"+good+","+theToken+"\nx,"+theToken+"\n")
	b.send("POST", "/postback/shared"+query, ndjsonType, `{"click_id":"`+good+`","tok":"`+theToken+`"}`+"\n"+`{"click_id":"x","tok":"`+theToken+`"}`)
	var kept []string
	for _, p := range b.postbacks() {
		kept = append(kept, string(p.Raw))
	}
	for _, l := range b.letters() {
		kept = append(kept, string(l.Raw))
	}
	if text, _ := url.QueryUnescape(strings.Join(kept, "\n")); len(kept) != 4 || strings.Contains(text, theToken) {
		t.Errorf("kept %q", kept)
	}
}

// typed is the header of an upload of a media type.
func typed(kind string) *fasthttp.RequestHeader {
	h := &fasthttp.RequestHeader{}
	h.SetContentType(kind)
	return h
}
