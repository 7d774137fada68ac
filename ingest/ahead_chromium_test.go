package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/catalog"
)

// chromium is the browser's program; empty where there is none.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// site serves a page that has its browser ask for a click link ahead, and leads to the link once that was answered. It passes all
// else on to the edge, so that page and link have one origin.
type site struct {
	page string
	edge http.Handler

	mu sync.Mutex
	// ahead and came are the answers that the link got with and without a header that says ahead.
	ahead, came []int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/page":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, s.page)
	case "/asked":
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprint(w, len(s.ahead) > 0)
	default:
		seen := &statusOf{ResponseWriter: w}
		s.edge.ServeHTTP(seen, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose") != "" {
			s.ahead = append(s.ahead, seen.status)
		} else if strings.HasPrefix(r.URL.Path, "/c/") {
			s.came = append(s.came, seen.status)
		}
	}
}

type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// follow leads to the link once the server has answered the request ahead, or after 30 seconds without one.
const follow = `<script>
const began = Date.now();
const look = async () => {
  const asked = await (await fetch('/asked', {cache: 'no-store'})).text();
  if (asked === 'true' || Date.now() - began > 30000) setTimeout(() => location.href = '/c/summer?sub1=x', 300);
  else setTimeout(look, 50);
};
look();
</script>`

// TestAheadInChromium lets a real browser prefetch and prerender a click link and then follow it: the request ahead is answered 503, the
// visitor asks again, arrives at the offer, and is one click.
func TestAheadInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("most of it is the browser's work: make test holds it")
	}
	program := chromium()
	if program == "" {
		t.Skip("no Chromium is installed here (apt-get install chromium): what it does with a link that it prefetches was not tried")
	}
	for _, c := range []struct{ name, head, kind string }{
		{"prefetch",
			`<script type="speculationrules">{"prefetch": [{"source": "list", "urls": ["/c/summer?sub1=x"], "eagerness": "immediate"}]}</script>`, "prefetch"},
		{"prerender",
			`<script type="speculationrules">{"prerender": [{"source": "list", "urls": ["/c/summer?sub1=x"], "eagerness": "immediate"}]}</script>`, "prerender"},
		{"link", `<link rel="prefetch" href="/c/summer?sub1=x">`, "prefetch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			arrived := make(chan string, 16)
			offer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/offer" {
					arrived <- r.URL.RawQuery
				}
			}))
			defer offer.Close()
			b := newBench(t, func(_ *Config, d *Deps) {
				cfg := testCatalog()
				cfg.Offers[0].URL = offer.URL + "/offer?sub={click_id}"
				cat, err := catalog.Build(cfg)
				if err != nil {
					t.Fatal(err)
				}
				d.Catalog = cat
			})
			edge, err := url.Parse(b.url)
			if err != nil {
				t.Fatal(err)
			}
			s := &site{page: "<!doctype html><title>page</title>" + c.head + follow,
				edge: httputil.NewSingleHostReverseProxy(edge)}
			server := httptest.NewServer(s)
			defer server.Close()
			var said strings.Builder
			browser := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu",
				"--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
				"--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), server.URL+"/page")
			browser.Stdout, browser.Stderr = &said, &said
			browser.Env = append(os.Environ(), "HOME="+t.TempDir())
			if err := browser.Start(); err != nil {
				t.Skipf("%s cannot be started: %v", program, err)
			}
			ended := make(chan error, 1)
			go func() { ended <- browser.Wait() }()
			stop := func() {
				browser.Process.Kill()
				<-ended
			}
			var got string
			select {
			case got = <-arrived:
				stop()
			case err := <-ended:
				t.Fatalf("%s ended: %v\n%s", program, err, said.String())
			case <-time.After(2 * time.Minute):
				stop()
				t.Fatalf("no visitor arrived within two minutes: ahead %v, came %v\n%s", s.ahead, s.came, said.String())
			}
			s.mu.Lock()
			ahead, came := s.ahead, s.came
			s.mu.Unlock()
			t.Logf("asked ahead and was answered %v; came and was answered %v", ahead, came)
			clicks := b.clicks()
			if len(ahead) == 0 || len(came) != 1 || came[0] != 302 || len(clicks) != 1 ||
				got != "sub="+clicks[0].ClickId {
				t.Fatalf("%d clicks, the offer got %q", len(clicks), got)
			}
			for _, status := range ahead {
				if status != 503 {
					t.Errorf("a request ahead was answered %d", status)
				}
			}
			for i, name := range aheadNames {
				if n := count(t, b.edge.metrics.ahead[i]); (n > 0) != (name == c.kind) {
					t.Errorf("%v counted as %s", n, name)
				}
			}
		})
	}
}
