package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
)

// deliveries are ways to deliver one signed body that a signature does not cover.
var deliveries = []http.Header{
	{},
	{"Content-Type": {jsonType}},
	{"Content-Type": {formType}},
	{"Content-Type": {"APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8"}},
	{"Content-Type": {"application/json; charset=utf-16"}},
	{"Content-Type": {formType + "; charset=iso-8859-1"}},
	{"Content-Type": {"text/plain"}},
	{"Content-Type": {"multipart/form-data; boundary=x"}},
	{"Content-Type": {"text/csv"}},
	{"Content-Type": {"application/x-ndjson"}},
	{"Content-Type": {jsonType}, "Content-Encoding": {"gzip"}},
	{"Content-Type": {formType}, "Content-Encoding": {"identity"}},
	{"X-Http-Method-Override": {"GET"}, "Content-Type": {formType}},
}

// TestSignedBodyIsReadAsOneThing delivers bodies that are money under every type: each delivery is the signer's
// postback or none.
func TestSignedBodyIsReadAsOneThing(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	good := clickID(t, testSecret, 1, 1)
	n := 0
	for _, body := range []string{
		`{"click_id":"` + good + `","payout":"1","txid":"t","note":"&payout=999&click_id=` + good + `&txid=u&"}`,
		" \n" + `{"note":"&payout=999&click_id=` + good + `&txid=u&","click_id":"` + good + `","payout":"1","txid":"t"}`,
		`click_id=` + good + `&payout=1&txid=t&note={"click_id":"` + good + `","payout":"999"}`,
	} {
		taken := 0
		for _, header := range deliveries {
			for _, path := range []string{"/postback", "/postback/signed", "/postback/signed/batch"} {
				n++
				query := trust.Sign("signed", "network=signed&payout=1.0&txid=t", []byte(body), "k1", []byte(signingKey), testNow, fmt.Sprintf("nonce-%06d", n))
				req := b.request(http.MethodPost, path+"?"+query, "", body)
				for name, values := range header {
					req.Header[name] = values
				}
				got := b.do(req)
				if got.status == http.StatusOK && strings.HasSuffix(path, "/batch") {
					t.Errorf("%v to %s is answered %s", header, path, got.body)
				}
				if got.status == http.StatusOK {
					taken++
				} else if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"receipt_id"`) {
					t.Errorf("%v to %s is answered %d %s", header, path, got.status, got.body)
				}
			}
		}
		if taken < 8 {
			t.Errorf("%s is taken %d times", body, taken)
		}
	}
	for _, r := range b.records(schemas.TopicPostbacks) {
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if p.PayoutMicros != 1_000_000 || p.Txid != "t" || p.ClickId != good {
			t.Errorf("a delivery became %+v", p)
		}
	}
}

// TestSignedUploadIsReadAsOneThing is the same of uploads.
func TestSignedUploadIsReadAsOneThing(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	good := clickID(t, testSecret, 1, 1)
	n := 0
	for right, body := range map[string]string{
		"text/csv":             "click_id,payout,txid,note\n" + good + ",1,t,\"\n{}\n\"\n",
		"application/x-ndjson": `{"click_id":"` + good + `","payout":"1","txid":"t"}` + "\n",
	} {
		for _, header := range deliveries {
			n++
			query := trust.Sign("signed", "", []byte(body), "k1", []byte(signingKey), testNow, fmt.Sprintf("nonce-%06d", n))
			req := b.request(http.MethodPost, "/postback/signed/batch?"+query, "", body)
			for name, values := range header {
				req.Header[name] = values
			}
			got := b.do(req)
			if want := header.Get("Content-Type") == right; (got.status == http.StatusOK) != want {
				t.Errorf("%s as %v is answered %d %s", right, header, got.status, got.body)
			}
		}
	}
	for _, r := range b.records(schemas.TopicPostbacks) {
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if p.PayoutMicros != 1_000_000 || p.Txid != "t" || p.ClickId != good {
			t.Errorf("a delivery became %+v", p)
		}
	}
}

// FuzzBodyKind holds that whatever the type, a body that is read is read in one way.
func FuzzBodyKind(f *testing.F) {
	for _, body := range []string{"", " ", "{", `{"a":1}`, "a=1", "\ufeff{}", "\u00a0{}", "[{}]"} {
		f.Add([]byte(body), "application/json", "")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, coding string) {
		read := map[string]bool{}
		for _, kind := range []string{"", mediaJSON, mediaForm, contentType} {
			for _, encoding := range []string{"", coding} {
				ctx := &fasthttp.RequestCtx{}
				ctx.Request.SetBody(body)
				ctx.Request.Header.SetNoDefaultContentType(true)
				ctx.Request.Header.SetContentType(kind)
				ctx.Request.Header.SetContentEncoding(encoding)
				form, object, refused := bodyOf(ctx, new(fastjson.Parser))
				switch {
				case refused != nil:
				case object != nil:
					read["json"] = true
				case form != nil:
					read["form"] = true
				default:
					read["empty"] = true
				}
				if refused == nil && isForm(ctx) != (form != nil) {
					t.Fatalf("%q as %q: isForm is %v, the form is %q", body, kind, isForm(ctx), form)
				}
			}
		}
		if len(read) > 1 {
			t.Fatalf("%q is read as %v", body, read)
		}
	})
}
