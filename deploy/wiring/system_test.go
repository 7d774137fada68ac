package wiring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tributary/deploy"
	"tributary/deploy/config"
	_ "tributary/deploy/embedded/chdb/chdbtest" // makes this executable the engine's child too
	"tributary/deploy/wiring"
)

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// up is a whole Tributary on a folder.
type up struct {
	t                    *testing.T
	config               config.Config
	edge, sql, ops, file string
	hangups              chan struct{}
	stop                 context.CancelFunc
	ended                chan error
}

func start(t *testing.T, dir, file string) *up {
	t.Helper()
	logger := zap.NewNop()
	if testing.Verbose() {
		logger = zaptest.NewLogger(t)
	}
	return startLogged(t, dir, file, logger)
}

func startLogged(t *testing.T, dir, file string, logger *zap.Logger, set ...string) *up {
	t.Helper()
	u, err := tryStart(t, dir, file, logger, set...)
	if err != nil {
		t.Fatalf("did not start: %v", err)
	}
	return u
}

// tryStart answers the error of a start that is refused.
func tryStart(t *testing.T, dir, file string, logger *zap.Logger, set ...string) (*up, error) {
	t.Helper()
	u := &up{t: t, file: file, edge: freeAddress(t), sql: freeAddress(t), ops: freeAddress(t), hangups: make(chan struct{}), ended: make(chan error, 1)}
	from := config.Sources{
		File: file, Catalog: deploy.ExampleConfig,
		Set: append([]string{"data_dir=" + dir, "ingest.listen=" + u.edge, "clickhouse.addr=" + u.sql, "ops.listen=" + u.ops, "kafka.brokers=" + freeAddress(t)}, set...),
		Complete: func(c *config.Config, _ func(string) bool) error {
			return errors.Join(wiring.RestrictData(c), wiring.MakePasswords(c), wiring.MakeKafkaLogin(c), wiring.CompleteKey(c))
		},
	}
	loaded, err := config.Load(from)
	if err != nil {
		return nil, err
	}
	u.config = loaded.Config
	s := wiring.New(loaded, logger)
	s.AddOps()
	s.AddEngines()
	s.AddSetup()
	s.AddControl()
	s.AddRoles()
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	started := make(chan struct{})
	go func() { u.ended <- s.Run(ctx, from, u.hangups, func() { close(started) }) }()
	select {
	case <-started:
	case err := <-u.ended:
		stop()
		return nil, err
	case <-time.After(5 * time.Minute):
		t.Fatal("did not start within 5 minutes")
	}
	return u, nil
}

// end stops it as a signal does.
func (u *up) end() {
	u.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	u.stop()
	if err := <-u.ended; err != nil {
		u.t.Errorf("stopping: %v", err)
	}
}

// eventually asks until the condition holds.
func eventually(t *testing.T, what string, holds func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, seen := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %s", what, seen)
		}
		<-tick.C
	}
}

func (u *up) query(sql string) string {
	u.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+u.sql+"/", strings.NewReader(sql))
	if err != nil {
		u.t.Fatal(err)
	}
	request.SetBasicAuth(u.config.ClickHouse.User, u.config.ClickHouse.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		u.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(bytes.TrimSpace(body))
}

// asksForPasswords holds that the tables are read with the passwords of the data folder only.
func (u *up) asksForPasswords(dir string) {
	u.t.Helper()
	for _, test := range []struct {
		user, file string
		status     int
	}{{"analyst", "analyst_password", 200}, {"default", "clickhouse_password", 200}, {"default", "analyst_password", 403}, {"", "", 401}} {
		request, err := http.NewRequest(http.MethodGet, "http://"+u.sql+"/?query=SELECT+count()+FROM+tributary.clicks", nil)
		if err != nil {
			u.t.Fatal(err)
		}
		if test.file != "" {
			path := filepath.Join(dir, test.file)
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 {
				u.t.Fatalf("%s: %v %v", path, info, err)
			}
			password, err := os.ReadFile(path)
			if err != nil {
				u.t.Fatal(err)
			}
			request.SetBasicAuth(test.user, strings.TrimSpace(string(password)))
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			u.t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status {
			u.t.Errorf("%s with %q: %d, want %d", test.user, test.file, response.StatusCode, test.status)
		}
	}
}

// click follows a campaign's link and answers the status and the click ID.
func (u *up) click(campaign string) (int, string) {
	u.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get("http://" + u.edge + "/c/" + campaign + "?source=pushads")
	if err != nil {
		u.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header.Get("X-Click-Id")
}

func (u *up) postback(clickID, txid string) string {
	u.t.Helper()
	response, err := http.Get("http://" + u.edge + "/postback?" + url.Values{"network": {"acme"}, "click_id": {clickID}, "payout": {"10"}, "txid": {txid}}.Encode())
	if err != nil {
		u.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Status string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		u.t.Fatal(err)
	}
	return answer.Status
}

const figures = "SELECT clicks, conversions, revenue FROM tributary.epc_roi_by_campaign WHERE campaign = 'summer' FORMAT CSV"

// A click and its postback reach the figures; after a stop and a start the same data goes on, and click IDs given out
// before are still known.
func TestUpCountsAndGoesOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	u := start(t, dir, "")
	code, first := u.click("summer")
	if code != http.StatusFound || first == "" {
		t.Fatalf("click: %d %q", code, first)
	}
	if got := u.postback(first, "t1"); got != "accepted" {
		t.Fatalf("postback: %s", got)
	}
	// EUR 10 at 1.10.
	eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == "1,1,11", got })
	eventually(t, "readiness", func() (bool, string) {
		response, err := http.Get("http://" + u.ops + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode == http.StatusOK, string(body)
	})
	u.asksForPasswords(dir)
	u.end()

	u = start(t, dir, "")
	defer u.end()
	if got := u.postback(first, "t2"); got != "accepted" {
		t.Fatalf("postback to a click of the run before: %s", got)
	}
	if code, _ := u.click("summer"); code != http.StatusFound {
		t.Fatalf("click: %d", code)
	}
	eventually(t, "figures after the restart", func() (bool, string) { got := u.query(figures); return got == "2,2,22", got })
}

// A changed catalog is in force without a restart; a wrong one keeps the old and says why.
func TestCatalogReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	_, catalog, _ := strings.Cut(string(deploy.ExampleConfig), "\ncatalog:")
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("catalog:" + catalog)
	u := start(t, t.TempDir(), file)
	defer u.end()
	if code, _ := u.click("autumn"); code != http.StatusNotFound {
		t.Fatalf("an undeclared campaign: %d, want 404", code)
	}
	declares := func(name string, code int) {
		t.Helper()
		eventually(t, "campaign "+name, func() (bool, string) { got, _ := u.click(name); return got == code, fmt.Sprint(got) })
	}
	readyz := func(want string) {
		t.Helper()
		eventually(t, "readyz", func() (bool, string) {
			response, err := http.Get("http://" + u.ops + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			return strings.Contains(string(body), want), string(body)
		})
	}
	put("catalog:" + strings.Replace(catalog, "name: winter", "name: autumn", 1))
	declares("autumn", http.StatusFound)
	declares("winter", http.StatusNotFound)

	put("catalog:" + strings.Replace(catalog, "name: winter", "nam: winter", 1))
	readyz(`unknown key; did you mean \"name\"?`)
	declares("autumn", http.StatusFound)
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	metrics, err := http.Get("http://" + u.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(metrics.Body)
	metrics.Body.Close()
	if !strings.Contains(string(body), `tributary_process_config_reloads_total{outcome="refused"}`) {
		t.Error("/metrics does not count refused reloads")
	}

	put("log: {level: debug}\ncatalog:" + catalog)
	declares("winter", http.StatusFound)
	readyz("changes of log need a restart")
}

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	keyOf := func() string {
		c := config.Defaults()
		c.DataDir = dir
		if err := wiring.CompleteKey(&c); err != nil {
			t.Fatal(err)
		}
		return string(c.Catalog.ClickIDKeys.Keys[c.Catalog.ClickIDKeys.Active])
	}
	first := keyOf()
	if len(first) != 64 || keyOf() != first {
		t.Error("the key is not the same at the second start")
	}
	info, err := os.Stat(filepath.Join(dir, wiring.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, wiring.KeyFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Defaults()
	c.DataDir = dir
	if err := wiring.CompleteKey(&c); err == nil || !strings.Contains(err.Error(), "from a copy; where the data came with a configuration file") {
		t.Errorf("a damaged key: %v", err)
	}
}
