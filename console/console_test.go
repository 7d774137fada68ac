package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/console"
	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
	"tributary/schemas/events"
)

var update = flag.Bool("update", false, "write the golden files")

const password = "four words make sense"

// standInReports stands in for report.Engine: it answers with nothing, and remembers what it was asked.
type standInReports struct {
	mu   sync.Mutex
	last report.Question
	rows report.RowQuestion
}

func (r *standInReports) Ask(_ context.Context, q report.Question) (*report.Table, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = q
	t, err := report.Preview(q)
	if err == nil && len(q.By) == 1 && q.By[0] == "sub1" { // hostile texts
		for _, text := range []string{"=1+2", "-5", "+cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u202eevil", "plain"} {
			row := report.Row{Keys: []any{text}, Figures: t.Totals.Figures}
			t.Rows = append(t.Rows, row)
		}
		t.Groups = len(t.Rows)
	}
	return t, err
}

func (r *standInReports) SQL(context.Context, report.Question) (string, error) {
	return "SELECT 1", nil
}

func (r *standInReports) Rows(_ context.Context, q report.RowQuestion) (*report.Rows, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = q
	return &report.Rows{Columns: []string{"click_id", "received_at"}, Rows: [][]any{{"c1", time.UnixMilli(5)}}}, nil
}

// standInBlocks stands in for what writes to the topic control.
type standInBlocks struct {
	mu    sync.Mutex
	added []*events.Block
}

func (b *standInBlocks) Add(_ context.Context, _, _ string, v *events.Block) (string, int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = append(b.added, v)
	return fmt.Sprintf("b%d", len(b.added)), int64(len(b.added)), nil
}

func (b *standInBlocks) Remove(context.Context, string, string, string) (int64, error) { return 1, nil }

var campaigns = []catalog.CampaignConfig{
	{ID: 1, Name: "summer", Offers: []string{"casino"}, Source: "push", Buyer: "anna", Tags: []string{"de"}},
	{ID: 2, Name: "winter", Offers: []string{"loan"}, Source: "native", Buyer: "ben"},
}

var declared = catalog.Config{BaseCurrency: "USD", Campaigns: campaigns,
	Sources:  []catalog.SourceConfig{{ID: 1, Name: "push"}, {ID: 2, Name: "native"}},
	Offers:   []catalog.OfferConfig{{ID: 1, Name: "casino"}, {ID: 2, Name: "loan"}},
	Networks: []catalog.NetworkConfig{{Name: "acme"}, {Name: "other"}},
}

// house is a console that runs, with its stand-ins.
type house struct {
	t       *testing.T
	store   *store.Store
	reports *standInReports
	blocks  *standInBlocks
	server  *console.Server
	base    string
	client  *http.Client
}

func newHouse(t *testing.T, change func(*console.Config, *console.Deps)) *house {
	t.Helper()
	s, err := store.Open(t.Context(), "", filepath.Join(t.TempDir(), "c", "console.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: s, reports: &standInReports{}, blocks: &standInBlocks{}}
	cfg := console.Defaults()
	cfg.Listen = "127.0.0.1:0"
	deps := console.Deps{Store: s, Reports: h.reports, Blocks: h.blocks, BaseCurrency: "USD", Version: "test",
		Catalog: func() *catalog.Config { return &declared }, Control: func() *control.State { return &control.State{} },
		Health: func(yield func(string, error) bool) { yield("sink", nil) }}
	if change != nil {
		change(&cfg, &deps)
	}
	if h.server, err = console.New(t.Context(), cfg, deps); err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + h.server.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.server.Run(ctx) }()
	h.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.Close()
		h.client.CloseIdleConnections()
	})
	return h
}

// request is one of somebody: by a session's cookie or a token, or of nobody.
type request struct {
	method, path, body string
	cookie, token      string
	header             http.Header
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (h *house) do(r request) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), r.method, h.base+r.path, strings.NewReader(r.body))
	if err != nil {
		h.t.Fatal(err)
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.cookie != "" {
		req.Header.Set("Cookie", "__Host-tributary="+r.cookie)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
		if !strings.HasPrefix(r.path, "/api/") {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	got, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer got.Body.Close()
	var body []byte
	if strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		body = make([]byte, 2048)
		n, _ := got.Body.Read(body)
		body = body[:n]
	} else if body, err = io.ReadAll(got.Body); err != nil {
		h.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(body)}
}

// user makes one and signs him in.
func (h *house) user(login string, role access.Role, scope access.Scope) (cookie string, u *store.User) {
	h.t.Helper()
	u = &store.User{Login: login, Role: role, Scope: scope, Zone: "UTC"}
	if err := h.store.Change(h.t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) (err error) {
		if err := tx.AddUser(u, ""); err != nil {
			return err
		}
		cookie, _, err = tx.AddSession(u, true, "test", "127.0.0.1", time.Hour)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return cookie, u
}

func (h *house) token(u *store.User, role access.Role, scope access.Scope) (shown string) {
	h.t.Helper()
	if err := h.store.Change(h.t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) (err error) {
		shown, err = tx.AddToken(&store.Token{UserID: u.ID, Name: "test", Role: role, Scope: scope}, time.Hour)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return shown
}

func decode[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

var summer = access.Scope{Campaigns: []string{"summer"}}

// asked are the requests with which the routes are walked: ID: path with what stands in it, and body.
var asked = map[string]struct{ path, body string }{
	"query":                 {"", `{"dimensions":["campaign"]}`},
	"page-account-password": {"", "old=x"}, "page-account-factor": {"", "code=1"},
	"page-token-make":  {"", "name=x&days=1"},
	"page-user-invite": {"", "login=page@example.com&role=viewer&campaigns=summer"},
	"user-invite":      {"", `{"login":"new@example.com","role":"viewer","scope":{"campaigns":["summer"]}}`},
	"token-make":       {"", `{"name":"x","days":1}`},
	"view-make":        {"", `{"name":"x","question":{"dimensions":["source"]}}`},
	"view-change":      {"/api/v1/views/v_x", `{"name":"x","question":{}}`},
	"user-change":      {"/api/v1/users/u_x", `{"name":"x","role":"viewer","scope":{"campaigns":["summer"]},"zone":"UTC","disabled":false}`},
	"share-make":       {"", `{"name":"x","days":1,"question":{"metrics":["clicks"]}}`},
	"block-add":        {"", `{"agent":"headless","campaign":"summer","reason":"r"}`},
	"logs":             {"/api/v1/logs/clicks", ""},
	"catalog":          {"/api/v1/catalog/campaigns", ""},
	"catalog-one":      {"/api/v1/catalog/campaigns/summer", ""},
	"timeline":         {"/api/v1/timeline/c1", ""},
}

// emptyScope are routes that answer a scope of nothing with nothing.
var emptyScope = map[string]bool{"catalog": true, "blocks": true, "logs": true, "timeline": true, "live": true}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func requestOf(r *console.Route) request {
	q := request{method: r.Method, path: placeholder.ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), "none"), header: http.Header{}}
	if a, there := asked[r.ID]; there {
		if q.body = a.body; a.path != "" {
			q.path = a.path
		}
	}
	if r.Method == http.MethodPut {
		q.header.Set("If-Match", `"1"`)
	}
	return q
}

// TestRoutes walks every route as everybody: who has its right comes in, and nobody else.
func TestRoutes(t *testing.T) {
	h := newHouse(t, nil)
	owner, _ := h.user("owner0", access.Owner, access.Everything)
	if len(console.Routes) < 40 {
		t.Fatalf("there are %d routes", len(console.Routes))
	}
	type somebody struct {
		role                  access.Role
		name                  string
		cookie, leaves, token string
	}
	var people []somebody
	for _, role := range access.Roles {
		for name, scope := range map[string]access.Scope{"all": access.Everything, "summer": summer, "none": {}} {
			cookie, u := h.user(fmt.Sprintf("%s-%s", role, name), role, scope)
			leaves, _ := h.user(fmt.Sprintf("%s-%s-leaves", role, name), role, scope)
			people = append(people, somebody{role, name, cookie, leaves, h.token(u, access.Viewer, scope)})
		}
	}
	for i := range console.Routes {
		r := &console.Routes[i]
		if r.Public != (r.Right == "") {
			t.Errorf("%s: it is either public or needs a right", r.ID)
		}
		q := requestOf(r)
		got := h.do(q)
		switch page := !strings.HasPrefix(r.Path, "/api/"); {
		case r.Public:
			if got.status == 401 && r.ID != "page-signin-post" || got.status == 403 {
				t.Errorf("%s: nobody gets %d", r.ID, got.status)
			}
			continue
		case page && r.Method == http.MethodGet:
			if got.status != 303 || !strings.HasPrefix(got.header.Get("Location"), "/signin?to=") {
				t.Errorf("%s: nobody gets %d %s", r.ID, got.status, got.header.Get("Location"))
			}
		case got.status != 401 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json"):
			t.Errorf("%s: nobody gets %d %s", r.ID, got.status, got.body)
		}
		for _, who := range people {
			q := requestOf(r)
			if q.cookie = who.cookie; r.ID == "page-signout" {
				q.cookie = who.leaves
			}
			may := who.role.May(r.Right)
			got := h.do(q)
			switch {
			case !may && got.status != 403:
				t.Errorf("%s as %s of %s: %d, want 403", r.ID, who.role, who.name, got.status)
			case may && got.status == 401, may && got.status >= 500:
				t.Errorf("%s as %s of %s: %d %s", r.ID, who.role, who.name, got.status, got.body)
			case may && got.status == 403 && !strings.Contains(got.body, "than yours") && !strings.Contains(got.body, "cannot make one"):
				t.Errorf("%s as %s of %s: %d %s", r.ID, who.role, who.name, got.status, got.body)
			case may && who.name == "none" && r.Scoped && got.status < 300 && !emptyScope[r.ID]:
				t.Errorf("%s as %s of nothing: %d %s", r.ID, who.role, got.status, got.body)
			}
			// A token has at most its own rights and its maker's.
			q = requestOf(r)
			q.token = who.token
			if got := h.do(q); (!may || !access.Viewer.May(r.Right) || r.Session) && got.status != 403 {
				t.Errorf("%s by a viewer's token of %s: %d", r.ID, who.role, got.status)
			}
		}
	}
	for _, path := range []string{"/api/v1/nothing", "/api", "/debug/pprof/", "/metrics", "/openapi.json", "/docs", "/schemas/Answer.json", "/../etc/passwd", "/style.css/x"} {
		if got := h.do(request{method: "GET", path: path, cookie: owner}); got.status != 404 && got.status != 307 && got.status != 301 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := h.do(request{method: "DELETE", path: "/api/v1/me", cookie: owner}); got.status != 404 && got.status != 405 {
		t.Errorf("DELETE of me: %d", got.status)
	}
}

// TestScope: what is asked of the engine has the scope of who asks, whatever he sends; what is not his is 404.
func TestScope(t *testing.T) {
	h := newHouse(t, nil)
	cookie, _ := h.user("anna", access.Buyer, access.Scope{Buyers: []string{"anna"}, Tags: []string{"de"}})
	want := report.Scope{Buyers: []string{"anna"}, Campaigns: []uint32{1}}
	ask := func(path, body string) answer {
		return h.do(request{method: "POST", path: path, body: body, cookie: cookie})
	}
	for _, body := range []string{`{}`, `{"filters":[{"dimension":"campaign","op":"=","values":["winter"]}]}`} {
		if got := ask("/api/v1/reports/query", body); got.status != 200 || !reflect.DeepEqual(h.reports.last.Scope, want) {
			t.Errorf("%s: %d, scope %+v", body, got.status, h.reports.last.Scope)
		}
	}
	if got := ask("/api/v1/reports/query", `{"scope":{"all":true}}`); got.status != 422 {
		t.Errorf("a scope in a question: %d", got.status)
	}
	h.do(request{method: "GET", path: "/?by=source&scope=all", cookie: cookie})
	if !reflect.DeepEqual(h.reports.last.Scope, want) {
		t.Errorf("the page asks with %+v", h.reports.last.Scope)
	}
	h.do(request{method: "GET", path: "/api/v1/logs/clicks?where=campaign=winter", cookie: cookie})
	if !reflect.DeepEqual(h.reports.rows.Scope, want) || h.reports.rows.Addresses {
		t.Errorf("logs are asked with %+v, addresses %v", h.reports.rows.Scope, h.reports.rows.Addresses)
	}
	for path, status := range map[string]int{
		"/api/v1/catalog/campaigns/summer": 200, "/api/v1/catalog/campaigns/winter": 404, "/api/v1/catalog/offers/casino": 200, "/api/v1/catalog/offers/loan": 404,
		"/api/v1/catalog/networks/acme": 404, "/api/v1/catalog/networks/other": 404, "/api/v1/catalog/sources/push": 200, "/api/v1/catalog/sources/native": 404, "/api/v1/catalog/keys/1": 404,
	} {
		if got := h.do(request{method: "GET", path: path, cookie: cookie}); got.status != status {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, status)
		}
	}
	for body, status := range map[string]int{
		`{"agent":"headless","campaign":"winter","reason":"r"}`: 404, `{"agent":"headless","reason":"r"}`: 404, `{"agent":"headless","campaign":"summer","reason":"r"}`: 200,
		`{"agent":"no such","campaign":"summer","reason":"r"}`: 422, `{"source":"push","network":"10.0.0.0/8","campaign":"summer","reason":"r"}`: 422,
	} {
		if got := ask("/api/v1/blocks", body); got.status != status {
			t.Errorf("%s: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	if n := len(h.blocks.added); n != 1 || h.blocks.added[0].CampaignId != 1 {
		t.Errorf("blocks are %v", h.blocks.added)
	}
	_ = block.Kind
}

// TestFigures: of a scope with figures no other is answered, not by an order or a bound either.
func TestFigures(t *testing.T) {
	h := newHouse(t, nil)
	cookie, _ := h.user("adv", access.Viewer, access.Scope{All: true, Figures: []string{"clicks", "conversions"}})
	for body, status := range map[string]int{
		`{}`: 200, `{"metrics":["clicks"]}`: 200, `{"metrics":["cost"]}`: 404, `{"sort":["-profit"]}`: 404, `{"having":[{"metric":"cost","op":">","value":"1"}]}`: 404,
		`{"compare":"previous","sort":["-cost_change"]}`: 404, `{"compare":"previous","sort":["-clicks_change"]}`: 200, `{"metrics":["nothing"]}`: 404,
	} {
		if got := h.do(request{method: "POST", path: "/api/v1/reports/query", body: body, cookie: cookie}); got.status != status {
			t.Errorf("%s: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	names := h.do(request{method: "GET", path: "/api/v1/reports/names", cookie: cookie}).body
	if strings.Contains(names, `"name":"cost"`) || !strings.Contains(names, `"name":"clicks"`) {
		t.Error("the names tell of others")
	}
}

// TestFirstStart: the link makes one owner, once; then there is none.
func TestFirstStart(t *testing.T) {
	h := newHouse(t, nil)
	link := strings.TrimPrefix(h.server.Link(), h.base)
	if !strings.HasPrefix(link, "/link/") {
		t.Fatalf("the link is %s", h.server.Link())
	}
	form := func(login, password, again string) string {
		return url.Values{"login": {login}, "password": {password}, "again": {again}, "zone": {"Europe/Berlin"}}.Encode()
	}
	if got := h.do(request{method: "GET", path: link}); got.status != 200 || !strings.Contains(got.body, "Make the first owner") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, bad := range []string{form("ann", "short", "short"), form("ann", password, "another sentence"), form("a b", password, password), form("", password, password)} {
		if got := h.do(request{method: "POST", path: link, body: bad}); got.status != 422 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	if got := h.do(request{method: "POST", path: link, body: form("ann", password, password), header: http.Header{"Sec-Fetch-Site": {"cross-site"}}}); got.status != 403 {
		t.Errorf("from another site: %d", got.status)
	}
	made := h.do(request{method: "POST", path: link, body: form("ann", password, password)})
	cookie := made.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-tributary=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q has no %s", cookie, part)
		}
	}
	if made.status != 303 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "__Host-tributary="), ";")
	if me := decode[console.Me](t, h.do(request{method: "GET", path: "/api/v1/me", cookie: value})); me.Role != access.Owner || me.Zone != "Europe/Berlin" || !me.Scope.All {
		t.Errorf("he is %+v", me)
	}
	for _, method := range []string{"GET", "POST"} {
		if got := h.do(request{method: method, path: link, body: form("eve", password, password)}); got.status != 404 {
			t.Errorf("used again by %s: %d", method, got.status)
		}
	}
	kept := console.Deps{Store: h.store, Reports: h.reports, Catalog: func() *catalog.Config { return &declared }, Demo: true}
	cfg := console.Config{Listen: "127.0.0.1:0", SessionAge: time.Hour}
	first, err := console.New(t.Context(), cfg, kept)
	if err != nil {
		t.Fatal(err)
	}
	cfg.PublicURL, kept.Link = strings.TrimSuffix(first.Link(), first.Link()[strings.Index(first.Link(), "/link/"):]), first.Link()
	if second, err := console.New(t.Context(), cfg, kept); err != nil || second.Link() != first.Link() {
		t.Errorf("a console of the same process has another link: %v", err)
	}
	again, err := console.New(t.Context(), console.Config{Listen: "127.0.0.1:0", SessionAge: time.Hour}, console.Deps{Store: h.store, Reports: h.reports,
		Catalog: func() *catalog.Config { return &declared }})
	if err != nil || strings.Contains(again.Link(), "/link/") {
		t.Errorf("the next start: %v", err)
	}

	// A sign-in makes another session, whatever the browser brings; a sign-out ends it.
	sign := h.do(request{method: "POST", path: "/signin", body: url.Values{"login": {"ann"}, "password": {password}, "to": {"//evil.example/"}}.Encode(), cookie: value})
	second, _, _ := strings.Cut(strings.TrimPrefix(sign.header.Get("Set-Cookie"), "__Host-tributary="), ";")
	if sign.status != 303 || second == value || sign.header.Get("Location") != "/" {
		t.Fatalf("%d to %s", sign.status, sign.header.Get("Location"))
	}
	if got := h.do(request{method: "GET", path: "/api/v1/me", cookie: value}); got.status != 401 {
		t.Errorf("the session of before: %d", got.status)
	}
	if got := h.do(request{method: "POST", path: "/signout", body: "x=1", cookie: second}); got.status != 303 {
		t.Errorf("sign out: %d", got.status)
	}
	if got := h.do(request{method: "GET", path: "/api/v1/me", cookie: second}); got.status != 401 {
		t.Errorf("after the sign-out: %d", got.status)
	}
	if got := h.do(request{method: "POST", path: "/signin", body: "login=ann&password=wrong"}); got.status != 401 || strings.Contains(got.body, "ann@") {
		t.Errorf("a wrong password: %d", got.status)
	}
}

// TestSecondFactor: beyond loopback an owner sees his account alone until he has one.
func TestSecondFactor(t *testing.T) {
	h := newHouse(t, func(c *console.Config, _ *console.Deps) {
		c.PublicURL, c.Proxies = "https://console.example", []string{"127.0.0.1"}
	})
	_, u := h.user("ann", access.Owner, access.Everything)
	var cookie string
	if err := h.store.Change(t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) (err error) {
		if err := tx.SetPassword(u, password, ""); err != nil {
			return err
		}
		cookie, _, err = tx.AddSession(u, false, "test", "127.0.0.1", time.Hour)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	get := func(path string) answer { return h.do(request{method: "GET", path: path, cookie: cookie}) }
	if got := get("/api/v1/users"); got.status != 403 {
		t.Errorf("users: %d", got.status)
	}
	if got := get("/"); got.status != 303 || got.header.Get("Location") != "/account" {
		t.Errorf("the report: %d", got.status)
	}
	page := get("/account")
	secret := regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`).FindStringSubmatch(page.body)
	if secret == nil {
		t.Fatalf("%d %s", page.status, page.body)
	}
	set := func(code, password string) answer {
		return h.do(request{method: "POST", path: "/account/factor", cookie: cookie, body: url.Values{"secret": {secret[1]}, "code": {code}, "password": {password}}.Encode()})
	}
	code := codeNow(t, secret[1])
	if got := set(code, "wrong"); got.status != 422 {
		t.Errorf("without the password: %d", got.status)
	}
	if got := set("000000x", password); got.status != 422 {
		t.Errorf("a wrong code: %d", got.status)
	}
	if got := set(code, password); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := get("/api/v1/users"); got.status != 200 {
		t.Errorf("users afterwards: %d", got.status)
	}
	for host, status := range map[string]int{"console.example": 200, "127.0.0.1": 200, "localhost:1": 200, "evil.example": 421} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/signin", nil)
		req.Host = host
		got, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if got.StatusCode != status {
			t.Errorf("as %s: %d, want %d", host, got.StatusCode, status)
		}
	}
}

// TestManagers: nobody makes somebody with more than he has, nor changes one.
func TestManagers(t *testing.T) {
	h := newHouse(t, nil)
	owner, _ := h.user("owner", access.Owner, access.Everything)
	admin, _ := h.user("admin", access.Admin, summer)
	_, wide := h.user("wide", access.Buyer, access.Everything)
	_, near := h.user("near", access.Buyer, summer)
	_, boss := h.user("boss", access.Owner, access.Everything)
	invite := func(who, role, scope string) int {
		return h.do(request{method: "POST", path: "/api/v1/users", cookie: who, body: `{"login":"x` + role + `@example.com","role":"` + role + `","scope":` + scope + `}`}).status
	}
	for _, c := range []struct {
		who, role, scope string
		status           int
	}{
		{owner, "owner", `{"all":true}`, 200}, {admin, "owner", `{"campaigns":["summer"]}`, 403}, {admin, "admin", `{"campaigns":["summer"]}`, 403},
		{admin, "buyer", `{"all":true}`, 403}, {admin, "buyer", `{"campaigns":["summer","winter"]}`, 403}, {admin, "buyer", `{"campaigns":["summer"]}`, 200},
		{owner, "viewer", `{"all":true,"campaigns":["summer"]}`, 422}, {owner, "king", `{"all":true}`, 422}, {owner, "viewer", `{"all":true,"figures":["nothing"]}`, 422},
	} {
		if got := invite(c.who, c.role, c.scope); got != c.status {
			t.Errorf("%s %s: %d, want %d", c.role, c.scope, got, c.status)
		}
	}
	for id, status := range map[string]int{wide.ID: 404, near.ID: 200, boss.ID: 404, "u_none": 404} {
		for _, path := range []string{"/api/v1/users/" + id} {
			if got := h.do(request{method: "GET", path: path, cookie: admin}); got.status != status {
				t.Errorf("%s: %d, want %d", path, got.status, status)
			}
		}
		if got := h.do(request{method: "POST", path: "/api/v1/users/" + id + "/reset", cookie: admin}); got.status != status {
			t.Errorf("reset of %s: %d, want %d", id, got.status, status)
		}
	}
	read := h.do(request{method: "GET", path: "/api/v1/users/" + near.ID, cookie: admin})
	change := func(match string) answer {
		q := request{method: "PUT", path: "/api/v1/users/" + near.ID, cookie: admin, header: http.Header{}, body: `{"name":"N","role":"viewer","scope":{"campaigns":["summer"]},"zone":"UTC","disabled":false}`}
		if match != "" {
			q.header.Set("If-Match", match)
		}
		return h.do(q)
	}
	if got := change(""); got.status != 428 {
		t.Errorf("without If-Match: %d", got.status)
	}
	if got := change(read.header.Get("ETag")); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := change(read.header.Get("ETag")); got.status != 412 {
		t.Errorf("a second time: %d", got.status)
	}
}

// TestTokens: a token is shown once, and has at most what its maker has now.
func TestTokens(t *testing.T) {
	h := newHouse(t, nil)
	cookie, u := h.user("anna", access.Buyer, summer)
	make := func(body string) answer {
		return h.do(request{method: "POST", path: "/api/v1/tokens", cookie: cookie, body: body})
	}
	for body, status := range map[string]int{
		`{"name":"x","days":1,"role":"admin"}`: 403, `{"name":"x","days":1,"role":"buyer","scope":{"all":true}}`: 403, `{"name":"x","days":0}`: 422, `{"name":"","days":1}`: 422,
		`{"name":"x","days":1,"role":"viewer","scope":{"campaigns":["winter"]}}`: 403,
	} {
		if got := make(body); got.status != status {
			t.Errorf("%s: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	made := decode[console.MadeToken](t, make(`{"name":"x","days":1,"role":"buyer"}`))
	me := func() answer { return h.do(request{method: "GET", path: "/api/v1/me", token: made.Secret}) }
	if got := decode[console.Me](t, me()); got.Role != access.Buyer || !reflect.DeepEqual(got.Scope, summer) || got.Token != made.ID {
		t.Errorf("it is %+v", got)
	}
	if list := h.do(request{method: "GET", path: "/api/v1/tokens", cookie: cookie}).body; strings.Contains(list, made.Secret) || !strings.Contains(list, made.ID) {
		t.Errorf("the list is %s", list)
	}
	u.Role = access.Viewer
	if err := h.store.Change(t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) error { return tx.SetUser(u) }); err != nil {
		t.Fatal(err)
	}
	if got := h.do(request{method: "GET", path: "/api/v1/blocks", token: made.Secret}); got.status != 403 {
		t.Errorf("after its maker became a viewer: %d", got.status)
	}
	if got := h.do(request{method: "GET", path: "/api/v1/me", token: made.Secret, cookie: cookie}); got.status != 200 {
		t.Errorf("token and cookie: %d", got.status)
	}
	for _, bad := range []string{"x", "trb_", made.Secret + "x", strings.ToUpper(made.Secret)} {
		if got := h.do(request{method: "GET", path: "/api/v1/me", token: bad}); got.status != 401 {
			t.Errorf("%q: %d", bad, got.status)
		}
	}
}

// TestSentAgain: a write with a key is made once, also when it is sent at the same time.
func TestSentAgain(t *testing.T) {
	h := newHouse(t, nil)
	cookie, u := h.user("anna", access.Buyer, access.Everything)
	send := func(path, key, body string) answer {
		return h.do(request{method: "POST", path: path, cookie: cookie, body: body, header: http.Header{"Idempotency-Key": {key}}})
	}
	const view = `{"name":"mine","question":{"dimensions":["source"]}}`
	var wait sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for range 6 {
		wait.Go(func() {
			got := send("/api/v1/views", "k1", view)
			mu.Lock()
			defer mu.Unlock()
			if got.status == 200 {
				ids[decode[console.ShownView](t, got).ID]++
			} else if got.status != 409 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	wait.Wait()
	if len(ids) != 1 {
		t.Errorf("made %v", ids)
	}
	if views, err := h.store.Views(t.Context(), u.ID); err != nil || len(views) != 1 {
		t.Errorf("there are %d views: %v", len(views), err)
	}
	again := send("/api/v1/views", "k1", view)
	if again.status != 200 || again.header.Get("Idempotency-Replayed") != "true" || ids[decode[console.ShownView](t, again).ID] == 0 {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	if got := send("/api/v1/views", "k1", `{"name":"other","question":{}}`); got.status != 422 {
		t.Errorf("another request under the key: %d", got.status)
	}
	if got := send("/api/v1/views", "k2", `{"name":"","question":{}}`); got.status != 422 {
		t.Errorf("a wrong one: %d", got.status)
	}
	if got := send("/api/v1/views", "k2", view); got.status != 200 {
		t.Errorf("the right one under the key of the wrong one: %d", got.status)
	}
	const token = `{"name":"x","days":1}`
	if got := send("/api/v1/tokens", "k3", token); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send("/api/v1/tokens", "k3", token); got.status != 409 || strings.Contains(got.body, "trb_") {
		t.Errorf("a secret again: %d %s", got.status, got.body)
	}
}

// TestShares: a share shows its one question, whatever is added to its address, and ends with its maker's rights.
func TestShares(t *testing.T) {
	h := newHouse(t, nil)
	cookie, u := h.user("anna", access.Buyer, summer)
	make := func(body string) answer {
		return h.do(request{method: "POST", path: "/api/v1/shares", cookie: cookie, body: body})
	}
	if got := make(`{"name":"n","days":1,"question":{}}`); got.status != 422 {
		t.Errorf("without figures: %d", got.status)
	}
	made := decode[console.MadeShare](t, make(`{"name":"For <b>Acme</b>","days":1,"question":{"dimensions":["sub1"],"metrics":["clicks"],"filters":[{"dimension":"country","op":"=","values":["DE"]}]}}`))
	path := strings.TrimPrefix(made.Link, h.base)
	got := h.do(request{method: "GET", path: path + "?by=campaign&metric=cost&where=&period=all"})
	if got.status != 200 || !strings.Contains(got.body, "For &lt;b&gt;Acme&lt;/b&gt;") || strings.Contains(got.body, "<script>") || strings.Contains(got.body, "cost") {
		t.Errorf("%d %s", got.status, got.body)
	}
	q := h.reports.last
	if !reflect.DeepEqual(q.By, []string{"sub1"}) || !reflect.DeepEqual(q.Metrics, []string{"clicks"}) || len(q.Where) != 1 || !reflect.DeepEqual(q.Scope, report.Scope{Campaigns: []uint32{1}}) {
		t.Errorf("it asks %+v", q)
	}
	for _, bad := range []string{path + "x", "/shared/"} {
		if got := h.do(request{method: "GET", path: bad}); got.status != 404 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	other, _ := h.user("ben", access.Buyer, access.Everything)
	if got := h.do(request{method: "DELETE", path: "/api/v1/shares/" + made.ID, cookie: other}); got.status != 404 {
		t.Errorf("ended by another buyer: %d", got.status)
	}
	u.Disabled = true
	if err := h.store.Change(t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) error { return tx.SetUser(u) }); err != nil {
		t.Fatal(err)
	}
	if got := h.do(request{method: "GET", path: path}); got.status != 404 {
		t.Errorf("after its maker has gone: %d", got.status)
	}
}

// TestForms: the answers of a question, and that nothing a visitor sent is a formula or a script.
func TestForms(t *testing.T) {
	h := newHouse(t, nil)
	cookie, _ := h.user("anna", access.Viewer, access.Everything)
	ask := func(accept string) answer {
		return h.do(request{method: "POST", path: "/api/v1/reports/query", cookie: cookie, body: `{"dimensions":["sub1"],"metrics":["clicks","revenue"]}`, header: http.Header{"Accept": {accept}}})
	}
	want := "sub1,clicks,revenue\n'=1+2,0,0\n-5,0,0\n'+cmd|' /C calc'!A0,0,0\n<script>alert(1)</script>,0,0\n\u202eevil,0,0\nplain,0,0\n"
	if got := ask("text/csv"); got.status != 200 || got.body != want || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
		t.Errorf("CSV: %d %q", got.status, got.body)
	}
	if got := ask("application/x-ndjson"); strings.Count(got.body, "\n") != 6 || !strings.HasPrefix(got.body, `{"clicks":0,"revenue":"0","sub1":"=1+2"}`+"\n") {
		t.Errorf("NDJSON: %q", got.body)
	}
	if got := ask("application/sql"); got.body != "SELECT 1\n" {
		t.Errorf("SQL: %q", got.body)
	}
	if got := ask("image/png"); got.status != 406 {
		t.Errorf("a picture: %d", got.status)
	}
	if a := decode[console.Answer](t, ask("*/*")); len(a.Rows) != 6 || a.Groups != 6 || a.Currency != "USD" || a.Metrics[1].Type != "Decimal(18, 6)" && a.Metrics[1].Name != "revenue" {
		t.Errorf("JSON: %+v", a)
	}
	page := h.do(request{method: "GET", path: "/?by=sub1&where=%3Cscript%3E%3Dx", cookie: cookie})
	if strings.Contains(page.body, "<script") {
		t.Error("the page has a script of a visitor")
	}
	page = h.do(request{method: "GET", path: "/?by=sub1", cookie: cookie})
	if page.status != 200 || !strings.Contains(page.body, "&lt;script&gt;") || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %s", page.status, page.body)
	}
	for _, bad := range []string{`{"period":"never"}`, `{"dimensions":["nothing"]}`, `{"tz":"Mars/Base"}`, `{`, `[]`, `{"limit":-1}`, ``} {
		got := h.do(request{method: "POST", path: "/api/v1/reports/query", cookie: cookie, body: bad, header: http.Header{"Content-Type": {"application/json"}}})
		if got.status != 422 && got.status != 400 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%q: %d %s", bad, got.status, got.body)
		}
	}
	big := `{"tz":"` + strings.Repeat("x", 2<<20) + `"}`
	if got := h.do(request{method: "POST", path: "/api/v1/reports/query", cookie: cookie, body: big}); got.status != 413 && got.status != 422 && got.status != 400 {
		t.Errorf("2 MiB: %d", got.status)
	}
}

// TestLive: figures come by themselves.
func TestLive(t *testing.T) {
	h := newHouse(t, nil)
	cookie, _ := h.user("anna", access.Viewer, access.Everything)
	got := h.do(request{method: "GET", path: "/api/v1/live?tz=Asia/Kolkata", cookie: cookie})
	if got.status != 200 || !strings.Contains(got.body, "data: {") || !strings.Contains(got.body, `"tz":"Asia/Kolkata"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestOpenAPI holds the description of the API, which programs are written against.
func TestOpenAPI(t *testing.T) {
	h := newHouse(t, nil)
	cookie, _ := h.user("anna", access.Viewer, access.Everything)
	got := h.do(request{method: "GET", path: "/api/v1/openapi.json", cookie: cookie})
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(got.body), "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	const file = "testdata/openapi.golden.json"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Error("the API is not what testdata/openapi.golden.json says; look at the difference, and run make generate")
	}
	for i := range console.Routes {
		if r := &console.Routes[i]; strings.HasPrefix(r.Path, "/api/") && r.ID != "openapi" && !strings.Contains(got.body, `"operationId":"`+r.ID+`"`) {
			t.Errorf("%s is not described", r.ID)
		}
	}
}

func TestConfig(t *testing.T) {
	set := func(change func(*console.Config)) string {
		c := console.Defaults()
		change(&c)
		if err := c.Validate(); err != nil {
			return err.Error()
		}
		return ""
	}
	for name, c := range map[string]struct {
		change func(*console.Config)
		wrong  string
	}{
		"defaults":    {func(*console.Config) {}, ""},
		"none":        {func(c *console.Config) { c.Listen = "" }, ""},
		"open":        {func(c *console.Config) { c.Listen = ":8082" }, "in the clear"},
		"open, TLS":   {func(c *console.Config) { c.Listen, c.TLS = ":8082", console.TLS{CertFile: "a", KeyFile: "b"} }, ""},
		"half of TLS": {func(c *console.Config) { c.TLS.CertFile = "a" }, "one of them is missing"},
		"proxy": {func(c *console.Config) {
			c.Listen, c.PublicURL, c.Proxies = "10.0.0.1:80", "https://c.example", []string{"10.0.0.0/8"}
		}, ""},
		"plain name":   {func(c *console.Config) { c.PublicURL = "http://c.example" }, "not encrypted"},
		"path":         {func(c *console.Config) { c.PublicURL = "https://c.example/x" }, "without a path"},
		"no proxy":     {func(c *console.Config) { c.Proxies = []string{"nginx"} }, "neither a network"},
		"no address":   {func(c *console.Config) { c.Listen = "here" }, "not an address"},
		"database":     {func(c *console.Config) { c.Database = "mysql://secret@h/d" }, "postgres://"},
		"age":          {func(c *console.Config) { c.SessionAge = 0 }, "session_age"},
		"no questions": {func(c *console.Config) { c.Questions = 0 }, "questions"},
	} {
		got := set(c.change)
		if c.wrong == "" && got != "" || !strings.Contains(got, c.wrong) || strings.Contains(got, "secret") {
			t.Errorf("%s: %q, want %q", name, got, c.wrong)
		}
	}
}

// codeNow is what an authenticator shows.
func codeNow(t *testing.T, secret string) string {
	t.Helper()
	code, err := store.CodeAt(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}
