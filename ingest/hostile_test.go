package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// exchange writes raw to a connection of its own, sends no more, and answers all that comes back.
func (b *bench) exchange(raw string) string {
	b.tb.Helper()
	conn, err := net.Dial("tcp", b.edge.Addr().String())
	if err != nil {
		b.tb.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	// A server that has refused the request already may close while the rest is on its way.
	_, _ = io.WriteString(conn, raw)
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.tb.Errorf("%.80q is answered %q and then kept waiting", raw, answer)
	}
	return string(answer)
}

// readAnswers splits what came over one connection.
func readAnswers(tb testing.TB, text string) (statuses []int, list []*http.Response) {
	tb.Helper()
	r := bufio.NewReader(strings.NewReader(text))
	for {
		if _, err := r.Peek(1); err != nil {
			return statuses, list
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			tb.Fatalf("the answer %q: %v", text, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			tb.Fatalf("the answer %q: %v", text, err)
		}
		statuses, list = append(statuses, answer.StatusCode), append(list, answer)
	}
}

const smuggled = "GET /c/summer?sub1=smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// TestHostileRequests writes what no honest client does. Whatever is answered, one request makes one answer and at most one
// click, and nothing that stands in it becomes a header of the answer.
func TestHostileRequests(t *testing.T) {
	b := newBench(t, nil)
	waitReady(t, b.edge)
	const get, post = "GET /c/summer HTTP/1.1\r\nHost: x\r\n", "POST /postback?network=legacy HTTP/1.1\r\nHost: x\r\n"
	for _, c := range []struct {
		name, raw string
		want      string // statuses
	}{
		{"length and chunks", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"two lengths", post + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled, "400"},
		{"a list of lengths", post + "Content-Length: 0, 44\r\n\r\n" + smuggled, "400"},
		{"negative length", post + "Content-Length: -1\r\n\r\n" + smuggled, "400"},
		{"signed length", post + "Content-Length: +5\r\n\r\nhello" + smuggled, "400"},
		{"hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello" + smuggled, "400"},
		{"length beyond 64 bits", post + "Content-Length: 99999999999999999999999\r\n\r\nhello", "400"},
		{"length not of the GET", get + "Content-Length: 48\r\n\r\n" + smuggled, "302"},
		{"unknown coding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"two codings", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"coding twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"coding behind a vertical tab", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"coding with a blank before its colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		// A folded line is read as one line, as RFC 9112, 5.2, has it.
		{"coding on a folded line", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400"},
		{"length on a folded line", post + "Content-Length:\r\n 5\r\n\r\nhello", "400"},
		{"coding folded into another header", get + "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n", "302"},
		{"chunk beyond 64 bits", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx", "400"},
		{"negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", "400"},
		{"chunk cut short", post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "400"},
		{"chunk without its line end", post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n" + smuggled, "400"},
		{"body cut short", post + "Content-Length: 10\r\n\r\nhello", "400"},
		{"null in a header", get + "X-A: a\x00b\r\n\r\n", "400"},
		{"null in the path", "GET /c/sum\x00mer HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"blank in a header's name", get + "X A: b\r\n\r\n", "302"},
		{"header without a colon", get + "nonsense\r\n\r\n", "400"},
		{"no version", "GET /c/summer\r\n\r\n", "400"},
		{"another version", "GET /c/summer HTTP/3.7\r\nHost: x\r\n\r\n", "302"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"},
		{"binary", strings.Repeat("\x00\xff\r\n", 4000), "400"},
		{"lone CR", "GET /c/summer HTTP/1.1\rHost: x\r\r", "400"},
		{"CR in the target", "GET /c/summer?keyword=a\rX-Evil:1 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"method of null", "G\x00T /c/summer HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"long method", strings.Repeat("A", 10_000) + " /c/summer HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"unknown method", "BREW /c/summer HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"method in lower case", "get /c/summer HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"TRACE", "TRACE /c/summer HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"CONNECT", "CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
		{"URL of another host", "GET http://evil.example/c/summer HTTP/1.1\r\nHost: evil.example\r\n\r\n", "302"},
		{"many headers", get + strings.Repeat("A:\r\n", 3000) + "\r\n", "302"},
		{"headers without end", get + strings.Repeat("A: b\r\n", 20_000), "431"},
		{"long line", "GET /c/summer?keyword=" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		{"large body", post + "Content-Length: 2000000\r\n\r\n" + strings.Repeat("a", 100_000), "413"},
		{"large chunks", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("a", 1<<16)+"\r\n", 20) + "0\r\n\r\n", "413"},
		{"deep JSON", "POST /v1/clicks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("[", 100_000), "400"},
		{"two of everything", get + "Cookie: a=b\r\nCookie: \x80=\xff\r\nUser-Agent: \xff\xfe\r\nReferer: \xc0\x80\r\nX-Forwarded-For: \xff, ::1, ' OR 1=1\r\n\r\n", "302"},
		{"expectation", post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b", "100 400"},
		{"expectation of too much", post + "Expect: 100-continue\r\nContent-Length: 30000000\r\n\r\n", "100 413"},
		{"one after the other", strings.Repeat(get+"\r\n", 50), strings.TrimSpace(strings.Repeat("302 ", 50))},
		{"one bad in the row", get + "\r\n" + get + "X: a\x00b\r\n\r\n" + get + "\r\n", "302 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(b.records(topicNames[topicClicks]))
			text := b.exchange(c.raw)
			statuses, list := readAnswers(t, text)
			if got := strings.Trim(fmt.Sprint(statuses), "[]"); got != c.want {
				t.Errorf("answered %s, want %s: %.600q", got, c.want, text)
			}
			clicks := 0
			for _, a := range list {
				checkAnswer(t, a)
				if a.StatusCode == http.StatusFound {
					clicks++
				}
			}
			if got := len(b.records(topicNames[topicClicks])) - before; got != clicks {
				t.Errorf("%d redirects, %d clicks", clicks, got)
			}
		})
	}
	for _, click := range b.clicks() {
		if len(click.Subs) > 0 && click.Subs[0] == "smuggled" {
			t.Error("a request within a request was served")
		}
	}
	if got := b.get("/c/summer"); got.status != http.StatusFound {
		t.Errorf("afterwards a visitor is answered %+v", got)
	}
}

// checkAnswer holds that nothing of a request became a header, and that a redirect leads to a declared offer.
func checkAnswer(t *testing.T, a *http.Response) {
	t.Helper()
	for name := range a.Header {
		switch name {
		case "Access-Control-Allow-Origin", "Allow", "Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "Location", "Retry-After", "Www-Authenticate", "X-Click-Id":
		default:
			t.Errorf("the answer has the header %q", name)
		}
	}
	if where := a.Header.Get("Location"); where != "" {
		if u, err := url.Parse(where); err != nil || u.Scheme != "https" || u.Host != "offer.example" && u.Host != "other.example" || u.User != nil {
			t.Errorf("a redirect to %q", where)
		}
	}
}

// TestHostileParameters puts into each value what could leave its place: the header, the URL's host, the JSON, the log.
func TestHostileParameters(t *testing.T) {
	b := newBench(t, nil)
	waitReady(t, b.edge)
	values := []string{
		"%0d%0aX-Evil:%201", "%0aSet-Cookie:a=b", "%00", "%ff%fe", "%c0%ae%c0%ae/", "..%2f..%2f", "%2e%2e%2fetc", "//evil.example", "%5c%5cevil.example", "@evil.example", "%23", "%26sub=forged",
		"%e2%80%a8", "%ed%a0%80", "%f4%90%80%80", "%25%30%64", "%250d%250a", "%", "%4", "%zz", "%u0041", "+", "%2b", ";a=b", "{click_id}", "%7Bclick_id%7D", "${jndi:x}", "'%22%3e%3cscript%3e", strings.Repeat("%0d%0a", 500), strings.Repeat("%f0%9f%92%a9", 300),
	}
	for _, value := range values {
		for _, name := range []string{"source", "external_id", "keyword", "creative", "cost", "currency", "sub1", "sub2", "sub20", "%73ub1", "unknown"} {
			text := b.exchange("GET /c/summer?" + name + "=" + value + " HTTP/1.1\r\nHost: x\r\n\r\n")
			statuses, list := readAnswers(t, text)
			if len(statuses) != 1 || statuses[0] != http.StatusFound {
				t.Fatalf("%s=%.40s is answered %q", name, value, text)
			}
			checkAnswer(t, list[0])
			u, err := url.Parse(list[0].Header.Get("Location"))
			if err != nil || u.Query()["sub"] == nil || len(u.Query()["sub"]) != 1 || u.Query().Get("sub") != list[0].Header.Get("X-Click-Id") || u.Fragment != "" {
				t.Errorf("%s=%.40s leads to %s, %v", name, value, list[0].Header.Get("Location"), err)
			}
		}
		for _, path := range []string{"/c/" + value, "/c/summer/" + value, "/c/summer%2f" + value, "/r/" + value, "/postback?network=" + value + "&click_id=" + value, "/postback?network=legacy&click_id=a&payout=" + value} {
			text := b.exchange("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
			statuses, list := readAnswers(t, text)
			if len(statuses) != 1 || statuses[0] < 200 || statuses[0] >= 500 {
				t.Fatalf("%.60s is answered %q", path, text)
			}
			checkAnswer(t, list[0])
		}
	}
	checkRecorded(t, b)
}

// checkRecorded holds that what was recorded of it is text.
func checkRecorded(t *testing.T, b *bench) {
	t.Helper()
	for _, click := range b.clicks() {
		checkClick(t, click)
	}
	for _, letter := range b.letters() {
		if bytes.ContainsRune([]byte(letter.Detail), 0) || strings.ContainsAny(letter.Detail, "\r\n") {
			t.Errorf("the dead letter's detail is %q", letter.Detail)
		}
	}
}
