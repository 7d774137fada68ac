package ingest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
)

const (
	signingKey = "the signing key of the tests, 32."
	theToken   = "the shared token of the tests"
)

func trustCatalog(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	c := testCatalog()
	c.Networks = append(c.Networks,
		catalog.NetworkConfig{Name: "signed", Currency: "USD", BlankTxIDIsNew: true, Trust: catalog.TrustConfig{HMACKeys: map[string]catalog.Secret{"k1": signingKey}}},
		catalog.NetworkConfig{Name: "shared", Currency: "USD", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": theToken}, TokenParameter: "security_token", TokenHeader: "X-Token"}},
		catalog.NetworkConfig{Name: "near", Currency: "USD", Trust: catalog.TrustConfig{Allow: []string{"203.0.113.0/24"}}},
		catalog.NetworkConfig{Name: "slow", Currency: "USD", Trust: catalog.TrustConfig{PostbacksPerSecond: 1, PostbacksBurst: 1}},
	)
	cat, err := catalog.Build(c)
	if err != nil {
		tb.Fatal(err)
	}
	return cat
}

func signed(query, nonce string) string {
	return trust.Sign("signed", "network=signed&"+query, nil, "k1", []byte(signingKey), testNow, nonce)
}

// TestTrust sends a postback that is right in every other way: whether it is believed decides what it is worth.
func TestTrust(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) {
		c.TrustedProxies, d.Catalog = []string{"127.0.0.0/8"}, trustCatalog(t)
	})
	good := clickID(t, testSecret, 1, 1)
	token := strings.ReplaceAll(theToken, " ", "+")
	once := signed("payout=5&click_id="+good, "nonce-0001")
	cases := []struct {
		name, query, header, value string
		reason                     schemas.RejectReason // "" for taken
		status                     int
	}{
		{"signed", once, "", "", "", 200},
		{"the same again", once, "", "", schemas.RejectReplayedRequest, 409},
		{"payout altered", strings.Replace(signed("payout=5&click_id="+good, "nonce-0002"), "payout=5", "payout=9", 1), "", "", schemas.RejectBadSignature, 403},
		{"not signed", "network=signed&payout=5&click_id=" + good, "", "", schemas.RejectBadSignature, 403},
		{"signed yesterday", trust.Sign("signed", "network=signed&payout=5&click_id="+good, nil, "k1", []byte(signingKey), testNow.Add(-24*time.Hour), "nonce-0003"), "", "", schemas.RejectStaleRequest, 403},
		{"no token", "network=shared&payout=5&click_id=" + good, "", "", schemas.RejectBadToken, 403},
		{"wrong token", "network=shared&payout=5&security_token=wrong&click_id=" + good, "", "", schemas.RejectBadToken, 403},
		{"token", "network=shared&payout=5&security_token=" + token + "&click_id=" + good, "", "", "", 200},
		{"token in the header", "network=shared&payout=6&click_id=" + good, "X-Token", theToken, "", 200},
		{"token behind Bearer", "network=shared&payout=7&click_id=" + good, "X-Token", "Bearer " + theToken, "", 200},
		{"right token, wrong payout", "network=shared&payout=x&security_token=" + token + "&click_id=" + good, "", "", schemas.RejectBadPayout, 400},
		{"another address", "network=near&payout=5&click_id=" + good, "", "", schemas.RejectIPNotAllowed, 403},
		{"the network's address", "network=near&payout=5&click_id=" + good, "X-Forwarded-For", "203.0.113.7", "", 200},
		{"the network's address, spoofed", "network=near&payout=5&click_id=" + good, "X-Forwarded-For", "203.0.113.7, 198.51.100.1", schemas.RejectIPNotAllowed, 403},
		{"slow", "network=slow&payout=5&click_id=" + good, "", "", "", 200},
		{"too fast", "network=slow&payout=5&click_id=" + good, "", "", schemas.RejectRateLimited, 429},
	}
	taken, letters := 0, 0
	for _, c := range cases {
		req, err := http.NewRequest(http.MethodGet, b.url+"/postback?"+c.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header.Set(c.header, c.value)
		}
		got := b.do(req)
		if got.status != c.status || c.reason != "" && !strings.Contains(got.body, `"reason":"`+string(c.reason)+`"`) {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
		if c.reason == "" {
			taken++
			continue
		}
		letters++
		if receiptID.FindString(got.body) == "" {
			t.Errorf("%s: no receipt in %s", c.name, got.body)
		}
		if wait := got.header.Get("Retry-After"); (c.status == 429) != (wait == "1") {
			t.Errorf("%s: Retry-After %q", c.name, wait)
		}
	}
	records, rows := b.records(schemas.TopicPostbacks), b.letters()
	if len(records) != taken || len(rows) != letters {
		t.Errorf("%d postbacks and %d dead letters, want %d and %d", len(records), len(rows), taken, letters)
	}
	for _, r := range records {
		if bytes.Contains(r.Value, []byte(token)) || bytes.Contains(r.Value, []byte(theToken)) {
			t.Errorf("the token is kept: %s", r.Value)
		}
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if p.Network == "signed" && p.Txid != "nonce-0001" {
			t.Errorf("a signed conversion without a transaction ID is called %q", p.Txid)
		}
	}
	for _, l := range rows {
		if bytes.Contains(l.Raw, []byte(token)) {
			t.Errorf("the token is kept: %s", l.Raw)
		}
	}
}

// TestUnavailableIsNoReplay holds that a signed postback that was answered 503 may be sent again as it is, taken or refused.
func TestUnavailableIsNoReplay(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) { c.AckTimeout, d.Catalog = time.Second, trustCatalog(t) })
	waitReady(t, b.edge)
	good := clickID(t, testSecret, 1, 1)
	requests := map[string]int{signed("payout=5&click_id="+good, "nonce-0009"): 200, signed("payout=x&click_id="+good, "nonce-0010"): 400}
	stop := b.refuseProduce(kerr.TopicAuthorizationFailed)
	for query := range requests {
		if got := b.get("/postback?" + query); got.status != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	stop()
	deadline := time.Now().Add(20 * time.Second)
	for query, want := range requests {
		for {
			got := b.get("/postback?" + query)
			if got.status == want {
				break
			}
			if got.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
				t.Fatalf("sent again it is answered %d %s, want %d", got.status, got.body, want)
			}
		}
		if got := b.get("/postback?" + query); got.status != http.StatusConflict {
			t.Errorf("sent once more it is answered %d %s", got.status, got.body)
		}
	}
}

// TestNoncesFull holds that a network whose nonces are used up is asked to come again, and nothing is taken or filed.
func TestNoncesFull(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		c := testCatalog()
		c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "signed", Currency: "USD", Trust: catalog.TrustConfig{HMACKeys: map[string]catalog.Secret{"k1": signingKey}, HMACMaxNonces: 1}})
		var err error
		if d.Catalog, err = catalog.Build(c); err != nil {
			t.Fatal(err)
		}
	})
	good := clickID(t, testSecret, 1, 1)
	if got := b.get("/postback?" + signed("click_id="+good, "nonce-0001")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := b.get("/postback?" + signed("click_id="+good, "nonce-0002")); got.status != 503 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "hmac_max_nonces") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n, m := len(b.records(schemas.TopicPostbacks)), len(b.letters()); n != 1 || m != 0 {
		t.Errorf("%d postbacks, %d dead letters", n, m)
	}
}

func TestAddressLimit(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) {
		d.Catalog = trustCatalog(t)
		c.Trust.IPPostbacksPerSecond, c.Trust.IPBurst, c.Trust.RateLimitedLetters = 1, 2, 1
	})
	query := "/postback?network=acme&payout=5&click_id=" + clickID(t, testSecret, 1, 1)
	for i, want := range []int{200, 200, 429, 429} {
		got := b.get(query)
		if got.status != want {
			t.Fatalf("request %d: %d %s", i, got.status, got.body)
		}
		if kept := receiptID.FindString(got.body) != ""; kept != (i < 3) {
			t.Errorf("request %d has a receipt: %v, %s", i, kept, got.body)
		}
	}
	if n := len(b.letters()); n != 1 {
		t.Errorf("%d dead letters, want the one that was sampled", n)
	}
	if got := b.get("/c/summer"); got.status != http.StatusFound {
		t.Errorf("a click is answered %d", got.status)
	}
}

// TestPROXYProtocol holds that a click has the address that a declared proxy names, and that nobody else can name one.
func TestPROXYProtocol(t *testing.T) {
	for _, declared := range []bool{true, false} {
		b := newBench(t, func(c *Config, _ *Deps) {
			c.Trust.ProxyProtocol = true
			if declared {
				c.TrustedProxies = []string{"127.0.0.1"}
			}
		})
		conn, err := net.Dial("tcp", b.edge.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		conn.Write([]byte("PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\nGET /c/summer HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n"))
		answer := make([]byte, 12)
		n, _ := conn.Read(answer)
		conn.Close()
		clicks := b.clicks()
		if !declared {
			if len(clicks) != 0 || strings.Contains(string(answer[:n]), "302") {
				t.Errorf("an undeclared peer's header is believed: %s, %v", answer[:n], clicks)
			}
			continue
		}
		if len(clicks) != 1 || netip.AddrFrom16([16]byte(clicks[0].Ip)).Unmap() != netip.MustParseAddr("203.0.113.7") {
			t.Errorf("the click is %v, answered %s", clicks, answer[:n])
		}
	}
}

// TestJudgeProves holds that what never proved itself is not booked by looking at it again.
func TestJudgeProves(t *testing.T) {
	cat, good := trustCatalog(t), clickID(t, testSecret, 1, 1)
	judge := func(query string, proved bool, ip string, arrived time.Time) Judgement {
		return JudgePostback(cat, PostbackRequest{Query: []byte(query), ReceiptID: "r", Arrived: arrived, IP: netip.MustParseAddr(ip), Proved: proved}, testNow.Add(240*time.Hour))
	}
	for _, c := range []struct {
		name   string
		got    Judgement
		reason schemas.RejectReason
	}{
		{"signed, days later", judge(signed("payout=5&click_id="+good, "nonce-0001"), false, "127.0.0.1", testNow), ""},
		{"not signed", judge("network=signed&click_id="+good, false, "127.0.0.1", testNow), schemas.RejectBadSignature},
		{"not signed, believed before", judge("network=signed&click_id="+good, true, "127.0.0.1", testNow), ""},
		{"stale already then", judge(signed("payout=5&click_id="+good, "nonce-0001"), false, "127.0.0.1", testNow.Add(time.Hour)), schemas.RejectStaleRequest},
		{"a token that was not kept", judge("network=shared&security_token=***&click_id="+good, false, "127.0.0.1", testNow), schemas.RejectBadToken},
		{"an address that is allowed by now", judge("network=near&click_id="+good, false, "203.0.113.9", testNow), ""},
		{"an address that is not", judge("network=near&click_id="+good, false, "127.0.0.1", testNow), schemas.RejectIPNotAllowed},
	} {
		if c.got.Reason != c.reason || (c.got.Postback != nil) != (c.reason == "") {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
	if p := judge(signed("payout=5&click_id="+good, "nonce-0001"), false, "127.0.0.1", testNow).Postback; p == nil || p.Txid != "nonce-0001" {
		t.Errorf("a signed conversion looked at again is not the one of its nonce: %v", p)
	}
}

// certify writes a self-signed certificate with that serial number.
func certify(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"edge"}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHTTPS sends clicks over connections that were open while the certificate was replaced, behind a PROXY header too.
func TestHTTPS(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "edge.crt"), filepath.Join(t.TempDir(), "edge.key")
	certify(t, certFile, keyFile, 1)
	b := newBench(t, func(c *Config, _ *Deps) {
		c.Trust.TLSCertFile, c.Trust.TLSKeyFile, c.Trust.ProxyProtocol, c.TrustedProxies = certFile, keyFile, true, []string{"127.0.0.1"}
	})
	open := func() (*tls.Conn, int64) {
		raw, err := net.Dial("tcp", b.edge.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw.SetDeadline(time.Now().Add(20 * time.Second))
		raw.Write([]byte("PROXY TCP6 2a00::7 2001:db8::1 1 2\r\n"))
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		t.Cleanup(func() { conn.Close() })
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return conn, conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	click := func(conn *tls.Conn) {
		t.Helper()
		if _, err := conn.Write([]byte("GET /c/summer HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusFound {
			t.Fatalf("a click is answered %d", resp.StatusCode)
		}
	}
	old, serial := open()
	click(old)
	certify(t, certFile, keyFile, 2)
	if err := b.edge.ReloadCertificate(); err != nil {
		t.Fatal(err)
	}
	now, newSerial := open()
	click(old)
	click(now)
	if serial != 1 || newSerial != 2 {
		t.Errorf("certificates %d and %d", serial, newSerial)
	}
	clicks := b.clicks()
	for _, c := range clicks {
		if netip.AddrFrom16([16]byte(c.Ip)) != netip.MustParseAddr("2a00::7") {
			t.Errorf("the click came from %v", c.Ip)
		}
	}
	if len(clicks) != 3 {
		t.Errorf("%d clicks", len(clicks))
	}
}

// TestPostbackAllocations holds what proofs cost a postback beyond reading it: nothing for an address, a token or a rate, the
// text of its nonce for a signature, and now and then the growth of the nonces.
func TestPostbackAllocations(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) {
		c.Trust.IPPostbacksPerSecond, c.Trust.IPBurst, d.Catalog = 1_000_000, 1_000_000, trustCatalog(t)
	})
	const runs = 200
	good, cat := clickID(t, testSecret, 1, 1), b.edge.catalog.Load()
	reading := func(query func(i int) string) float64 {
		var queries [runs + 1][]byte
		for i := range queries {
			queries[i] = []byte(query(i))
		}
		ctx, i := &fasthttp.RequestCtx{}, 0
		return testing.AllocsPerRun(runs, func() {
			p := &postback{addr: netip.AddrFrom4([4]byte{203, 0, 113, 7})}
			p.event.EventMs = testNow.UnixMilli()
			if refused := b.edge.readPostback(ctx, p, cat, queries[i], testNow); refused != nil {
				t.Fatal(refused)
			}
			i++
		})
	}
	rest := "&txid=T1&payout=12.50&click_id=" + good
	open := reading(func(int) string { return "network=acme" + rest })
	near := reading(func(int) string { return "network=near" + rest })
	shared := reading(func(int) string {
		return "network=shared&security_token=" + strings.ReplaceAll(theToken, " ", "+") + rest
	})
	hmac := reading(func(i int) string { return signed(rest[1:], fmt.Sprintf("nonce-%06d", i)) })
	t.Logf("allocations of reading a postback: %v without proofs, %v by address, %v by token, %v by signature", open, near, shared, hmac)
	if !raceEnabled && (near > open || shared > open || hmac > open+2) {
		t.Errorf("allocations of reading a postback: %v without proofs, %v by address, %v by token, %v by signature", open, near, shared, hmac)
	}
}

// TestForwardedInTrailer holds that a client behind a declared proxy cannot name an address behind its body, where it would stand
// right of what the proxy wrote.
func TestForwardedInTrailer(t *testing.T) {
	b := newBench(t, func(c *Config, d *Deps) { c.TrustedProxies, d.Catalog = []string{"127.0.0.1"}, trustCatalog(t) })
	conn, err := net.Dial("tcp", b.edge.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST /postback?network=near&payout=5&click_id=%s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-For\r\nConnection: close\r\n\r\n"+
		"3\r\na=b\r\n0\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n", clickID(t, testSecret, 1, 1))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n := len(b.records(schemas.TopicPostbacks)); resp.StatusCode < 400 || n != 0 {
		t.Errorf("answered %d, %d postbacks were taken", resp.StatusCode, n)
	}
}
