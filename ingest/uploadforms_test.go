package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"tributary/catalog"
	"tributary/schemas"
)

func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestUploadForms holds that a table says the same in every form that a spreadsheet or a program writes it in, and that a form which leaves
// something open is refused for what it leaves open.
func TestUploadForms(t *testing.T) {
	cfg := testCatalog()
	cfg.Networks = append(cfg.Networks, catalog.NetworkConfig{Name: "sheet", Currency: "USD", Decimal: "comma",
		TimeZone: "Europe/Berlin", Params: map[string]string{"Größe": "payout"}})
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	id := clickID(t, testSecret, 1, 1)
	must := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	little := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	big := unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)
	latin, cyrillic := charmap.Windows1252, charmap.Windows1251
	const semicolons = "click_id;payout;txid;Stadt\r\nCLICK;1\u00a0234,50;001;Zürich\r\n"
	const plain = "click_id,payout,txid\nCLICK,\"1234,50\",001\n"
	for name, c := range map[string]struct {
		network, kind, coding, body string
		refused                     schemas.RejectReason // of the line, or of the whole
		right                       string
	}{
		"plain":     {"sheet", csvType, "", plain, "", ""},
		"sep=":      {"sheet", csvType, "", "sep=;\r\n" + semicolons, "", ""},
		"BOM, sep=": {"sheet", csvType, "", "\ufeffsep=;\r\n" + semicolons, "", ""},
		"UTF-16LE, tabs": {"sheet", "text/tab-separated-values", "",
			must(little.NewEncoder().String(strings.ReplaceAll(semicolons, ";", "\t"))), "", ""},
		"UTF-16BE":     {"sheet", csvType, "", must(big.NewEncoder().String(semicolons)), "", ""},
		"windows-1252": {"sheet", csvType, "", must(latin.NewEncoder().String(semicolons)), "", ""},
		"windows-1252, declared": {"sheet", csvType + "; charset=Windows-1252", "",
			must(latin.NewEncoder().String(strings.ReplaceAll(semicolons, "001", "größe"))), "", ""},
		"windows-1252, identity": {"sheet", csvType, "", must(latin.NewEncoder().String(strings.ReplaceAll(semicolons,
			"001", "größe"))), schemas.RejectBadBody, "charset="},
		"windows-1252, header": {"sheet", csvType, "",
			must(latin.NewEncoder().String("click_id;Größe;txid\nCLICK;1234,5;001\n")), "", ""},
		"windows-1251, declared": {"sheet", csvType + `; charset="windows-1251"`, "",
			must(cyrillic.NewEncoder().String(strings.ReplaceAll(semicolons, "Zürich", "Москва"))), "", ""},
		"unknown charset": {"sheet", csvType + "; charset=gbk", "", plain, schemas.RejectBadBody,
			"windows-1250"},
		"gzip":               {"sheet", csvType, "", gzipped(t, plain), "", ""},
		"gzip, said":         {"sheet", csvType, "gzip", gzipped(t, plain), "", ""},
		"gzip, its own type": {"sheet", "application/gzip", "", gzipped(t, semicolons), "", ""},
		"gzip, said and not": {"sheet", csvType, "gzip", plain, schemas.RejectBadBody, "without Content-Encoding"},
		"another coding": {"sheet", csvType, "br", gzipped(t, plain), schemas.RejectBadBody,
			"without Content-Encoding"},
		"gzip, cut off": {"sheet", csvType, "", gzipped(t, plain)[:30], schemas.RejectBadBody,
			"the whole file"},
		"gzip of too much": {"sheet", csvType, "", gzipped(t, plain+strings.Repeat("x", schemas.MaxBatchBytes)),
			schemas.RejectTooLong, "unpacked"},
		"old Macs": {"sheet", csvType, "", strings.ReplaceAll(plain, "\n", "\r"), "", ""},
		"numbers kept as text": {"sheet", csvType, "", "click_id,payout,txid\nCLICK,=\"1234,50\",=\"001\"\n", "",
			""},
		"numbers kept as text, 2": {"sheet", csvType, "",
			"click_id;payout;txid\n\"=\"\"CLICK\"\"\";1234,50;\"=\"\"001\"\"\"\n", "", ""},
		"lines in quotes": {"sheet", csvType, "",
			"note,click_id,payout,txid\r\n\"a\r\nb;;;\",CLICK,\"1234,50\",001\r\n", "", ""},
		"Excel's type": {"sheet", "application/vnd.ms-excel", "", semicolons, "", ""},
		"xlsx": {"sheet", "application/vnd.ms-excel", "", "PK\x03\x04…", schemas.RejectBadBody,
			"an export as CSV"},
		"JSON lines, BOM": {"sheet", ndjsonType, "", "\ufeff" +
			`{"click_id":"CLICK","payout":1234.5,"txid":"001"}`, "", ""},
		"JSON lines, UTF-16": {"sheet", ndjsonType, "",
			must(little.NewEncoder().String(`{"click_id":"CLICK","payout":1234.5,"txid":"001"}`)), "", ""},
		"JSON lines, gzip": {"sheet", "application/x-gzip", "",
			gzipped(t, `{"click_id":"CLICK","payout":"1.234,5","txid":"001"}`), "", ""},
		"JSON lines, old Macs": {"sheet", ndjsonType, "",
			"{\"click_id\":\"CLICK\",\"payout\":1234.5,\"txid\":\"001\"}\r", "", ""},
		"a time without a zone": {"acme", csvType, "", "click_id,ts,txid\nCLICK,2026-02-20 05:40:00,001\n",
			schemas.RejectBadTimestamp, "time_zone"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
			body := c.body
			for _, form := range []func(string) string{func(s string) string { return s }, little2} {
				body = strings.ReplaceAll(body, form("CLICK"), form(id))
			}
			if strings.HasPrefix(body, "\x1f\x8b") && !strings.Contains(name, "cut off") {
				body = gzipped(t, strings.ReplaceAll(unzipped(t, body), "CLICK", id))
			}
			body = strings.ReplaceAll(body, big2("CLICK"), big2(id))
			r := b.request(http.MethodPost, "/postback/"+c.network+"/batch", c.kind, body)
			if c.coding != "" {
				r.Header.Set("Content-Encoding", c.coding)
			}
			got := b.do(r)
			taken := b.postbacks()
			if c.refused != "" {
				if len(taken) != 0 || !strings.Contains(got.body, `"`+string(c.refused)+`"`) ||
					!strings.Contains(got.body, c.right) || len(b.letters()) != 1 {
					t.Errorf("%d %s, %d taken", got.status, got.body, len(taken))
				}
				return
			}
			txid := "001"
			if strings.HasSuffix(name, "1252, declared") {
				txid = "größe"
			}
			if says := strings.Contains(got.body, `"read_as":"windows-1252"`); says != (name == "windows-1252" ||
				strings.HasSuffix(name, "header")) {
				t.Errorf("%s", got.body)
			}
			if got.status != 200 || len(taken) != 1 || taken[0].ClickId != id ||
				taken[0].PayoutMicros != 1_234_500_000 || taken[0].Txid != txid {
				t.Errorf("%d %s: %v", got.status, got.body, taken)
			}
		})
	}
}

func little2(s string) string { return widened(s, 0) }
func big2(s string) string    { return widened(s, 1) }

// widened is ASCII as UTF-16, the zero bytes before or behind.
func widened(s string, before int) string {
	out := make([]byte, 2*len(s))
	for i := range len(s) {
		out[2*i+before] = s[i]
	}
	return string(out)
}

func unzipped(tb testing.TB, packed string) string {
	tb.Helper()
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestSignedUploadNamesNoCharset holds that no header changes what a signed upload says.
func TestSignedUploadNamesNoCharset(t *testing.T) {
	for charset, right := range map[string]bool{"": true, "; charset=utf-8": true, "; charset=windows-1251": false} {
		_, _, refused := uploadText(typed(csvType+charset), []byte("click_id\nx\n"), true)
		if (refused == nil) != right {
			t.Errorf("charset %q: %+v", charset, refused)
		}
	}
}

// TestByteOrderMark holds that a mark before JSON or a form is none of it.
func TestByteOrderMark(t *testing.T) {
	b := newBench(t, nil)
	id := clickID(t, testSecret, 1, 1)
	for kind, body := range map[string]string{"application/json": `{"click_id":"` + id + `","payout":2}`,
		"application/x-www-form-urlencoded": "click_id=" + id + "&payout=2&txid=f"} {
		if got := b.send(http.MethodPost, "/postback/acme", kind, "\ufeff"+body); got.status != 200 {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
	}
	got := b.send(http.MethodPost, "/v1/clicks", "application/json", "\ufeff"+`{"campaign":"summer"}`)
	var one line
	if err := json.Unmarshal([]byte(got.body), &one); err != nil || got.status != 200 || one.ClickID == "" {
		t.Errorf("clicks: %d %s", got.status, got.body)
	}
	for _, p := range b.postbacks() {
		if p.ClickId != id || p.PayoutMicros != 2_000_000 {
			t.Errorf("the postback is %v", p)
		}
	}
	if n := len(b.postbacks()); n != 2 {
		t.Errorf("%d postbacks", n)
	}
}

// TestUploadBomb holds that of a packed upload no more is unpacked than shows that it is too large.
func TestUploadBomb(t *testing.T) {
	for name, text := range map[string]string{"ASCII": "x", "UTF-16": "x\x00"} {
		body := gzipped(t, strings.Repeat(text, 64*schemas.MaxBatchBytes/len(text)))
		_, file, refused := uploadText(&fasthttp.RequestHeader{}, []byte(body), false)
		if refused == nil || refused.Reason != schemas.RejectTooLong {
			t.Fatalf("%s: %+v", name, refused)
		}
		if taken := file.Taken(); taken > int64(len(body))/4 {
			t.Errorf("%s: %d of %d bytes were unpacked", name, taken, len(body))
		}
	}
}

// TestUploadSecrets holds that a token is kept of no upload that is refused as a whole, in whatever form it is written.
func TestUploadSecrets(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = trustCatalog(t) })
	text := "payout,token\n1," + theToken + "\n"
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzipped(t, text)
	for _, body := range []string{text, wide, packed} {
		if got := b.send("POST", "/postback/acme/batch", csvType, body); got.status != http.StatusBadRequest {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	letters := b.letters()
	if len(letters) != 3 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, l := range letters {
		plain := bytes.ReplaceAll(l.Raw, []byte{0}, nil)
		if bytes.Contains(plain, []byte(theToken)) || bytes.Contains(l.Raw, []byte(packed[20:])) {
			t.Errorf("the token is kept: %q", l.Raw)
		}
	}
}
