package wiring_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/deploy"
	"tributary/deploy/meaning"
	"tributary/deploy/wiring"
)

// ownCatalog is the example's catalog as somebody's own, in a file.
type ownCatalog struct {
	t          *testing.T
	file, text string
}

const (
	firstKey  = "0123456789abcdef0123456789abcdef"
	secondKey = "fedcba9876543210fedcba9876543210"
)

func newOwnCatalog(t *testing.T) *ownCatalog {
	_, text, _ := strings.Cut(string(deploy.ExampleConfig), "\ncatalog:")
	c := &ownCatalog{t: t, file: filepath.Join(t.TempDir(), "tributary.yaml"), text: "catalog:\n  click_id_keys: {active: 1, keys: {1: " + firstKey + "}}" + text}
	c.put(c.text)
	return c
}

func (c *ownCatalog) put(text string) {
	c.t.Helper()
	if err := os.WriteFile(c.file+".new", []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		c.t.Fatal(err)
	}
}

// with puts the text with replacements.
func (c *ownCatalog) with(oldnew ...string) {
	c.t.Helper()
	text := strings.NewReplacer(oldnew...).Replace(c.text)
	if text == c.text {
		c.t.Fatalf("%q is not in the catalog", oldnew)
	}
	c.put(text)
}

// inEuro is the catalog with another base currency, right in itself.
func (c *ownCatalog) inEuro() {
	c.with("base_currency: USD", "base_currency: EUR", "currency: EUR, date: 2026-01-01, rate: \"1.10\"", "currency: USD, date: 2026-01-01, rate: \"0.90\"")
}

func (u *up) readyz() string {
	u.t.Helper()
	response, err := http.Get("http://" + u.ops + "/readyz")
	if err != nil {
		u.t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// says waits until /readyz has a text.
func (u *up) says(want string) {
	u.t.Helper()
	eventually(u.t, "/readyz with "+want, func() (bool, string) { got := u.readyz(); return strings.Contains(got, want), got })
}

// refuses holds that a start is refused for what its error says.
func refuses(t *testing.T, what, dir, file string, want string, set ...string) {
	t.Helper()
	u, err := tryStart(t, dir, file, zap.NewNop(), set...)
	if err == nil { // a role that starts last may refuse when all have begun
		select {
		case err = <-u.ended:
			u.stop()
		case <-time.After(time.Minute):
			u.end()
		}
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// What is stored keeps its base currency, its topics' prefix and its keys: nothing else is added to it, by a reload or at a
// start, and what the refusals advise works.
func TestMeaningIsKeptWithTheData(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := start(t, dir, c.file)
	_, first := u.click("summer")
	if got := u.postback(first, "t1"); got != "accepted" {
		t.Fatalf("postback: %s", got)
	}
	eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == "1,1,11", got })

	// A reload.
	c.inEuro()
	u.says("catalog.base_currency: is EUR, and the amounts of what is stored in " + dir + " are in USD")
	if got := u.postback(first, "t2"); got != "accepted" {
		t.Fatalf("postback: %s", got)
	}
	eventually(t, "figures in the old base currency", func() (bool, string) { got := u.query(figures); return got == "1,2,22", got })
	c.with("1: "+firstKey, "1: "+secondKey)
	u.says("catalog.click_id_keys.keys.1: is another one")
	c.with("active: 1, keys: {1: "+firstKey, "active: 2, keys: {2: "+secondKey)
	u.says("catalog.click_id_keys.keys.1: is not there")
	c.put("kafka: {topic_prefix: other.}\n" + c.text)
	u.says("kafka.topic_prefix: is \\\"other.\\\"")
	// A rotation.
	c.with("active: 1, keys: {1: "+firstKey, "active: 2, keys: {1: "+firstKey+", 2: "+secondKey)
	eventually(t, "the rotation", func() (bool, string) { got := u.readyz(); return !strings.Contains(got, "refused"), got })
	_, second := u.click("summer")
	if a, b := u.postback(first, "t3"), u.postback(second, "t4"); a != "accepted" || b != "accepted" {
		t.Fatalf("postbacks after the rotation: %s, %s", a, b)
	}
	tables := u.query("SELECT name, value FROM tributary.installation FINAL WHERE value != '' ORDER BY name FORMAT CSV")
	for _, want := range []string{`"base_currency","USD"`, `"topic_prefix",""""""`, `"click_id_key.1","`, `"click_id_key.2","`, `"click_id_key.2.signed_until_ms","4294967296000"`} {
		if !strings.Contains(tables, want) {
			t.Errorf("the tables do not say %s:\n%s", want, tables)
		}
	}
	u.end()

	// A start.
	rotated := strings.Replace(c.text, "active: 1, keys: {1: "+firstKey, "active: 2, keys: {1: "+firstKey+", 2: "+secondKey, 1)
	c.text = rotated
	c.inEuro()
	refuses(t, "another base currency", dir, c.file, "catalog.base_currency: is EUR")
	c.with("1: "+firstKey+", ", "")
	refuses(t, "a lost key", dir, c.file, "catalog.click_id_keys.keys.1: is not there")
	c.put(rotated)
	refuses(t, "another prefix", dir, c.file, `kafka.topic_prefix: is "other.", and what is stored in `+dir+` came through topics with ""`, "kafka.topic_prefix=other.")
	refuses(t, "another group", dir, c.file,
		`processor.group: is "other", and what is stored in `+dir+` was processed by the group "tributary-processor"`, "processor.group=other")
	// Whatever of the three is left knows it: the tables,
	if err := os.Remove(filepath.Join(dir, meaning.FileName)); err != nil {
		t.Fatal(err)
	}
	c.inEuro()
	refuses(t, "another base currency, tables", dir, c.file, "the amounts of ClickHouse's database tributary are in USD")
	c.put(rotated)
	refuses(t, "another prefix, tables", dir, c.file, "ClickHouse's database tributary came through topics", "kafka.topic_prefix=other.")
	refuses(t, "another group, tables", dir, c.file,
		"ClickHouse's database tributary was processed by the group", "processor.group=other", "processor.state_dir="+t.TempDir())
	// and the processor's state.
	if err := os.RemoveAll(filepath.Join(dir, "clickhouse")); err != nil {
		t.Fatal(err)
	}
	c.inEuro()
	refuses(t, "another base currency, state", dir, c.file, "the amounts of the processor's state in "+filepath.Join(dir, "processor")+" are in USD")
	c.put(rotated)

	// The ways that the refusals name: a second installation beside this, with the same keys,
	c.inEuro()
	other := t.TempDir()
	u = startLogged(t, other, c.file, zap.NewNop(), "kafka.topic_prefix=euro.", "clickhouse.database=euro")
	if got := u.postback(second, "e1"); got != "accepted" {
		t.Errorf("a postback for a click ID of the first installation: %s", got)
	}
	u.end()
	// and a key that is given up.
	c.with("1: "+firstKey+", 2: "+secondKey+"}", "2: "+secondKey+"}, given_up: [1]")
	c.text = strings.Replace(c.text, "1: "+firstKey+", 2: "+secondKey+"}", "2: "+secondKey+"}, given_up: [1]", 1)
	c.inEuro()
	u = startLogged(t, other, c.file, zap.NewNop(), "kafka.topic_prefix=euro.", "clickhouse.database=euro")
	defer u.end()
	if got := u.postback(second, "e2"); got != "accepted" {
		t.Errorf("a postback under the key that is left: %s", got)
	}
	if got := u.postback(first, "e3"); got == "accepted" {
		t.Errorf("a postback under the key that was given up: %s", got)
	}
}

// The example is nobody's catalog: it serves without a file, on no data but its own.
func TestExampleServesNothingButItsOwnData(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := start(t, dir, c.file)
	u.click("summer")
	for what, text := range map[string]string{"an empty file": "", "comments": "# nothing\n"} {
		c.put(text)
		u.says("no campaigns are declared")
		if code, _ := u.click("summer"); code != http.StatusFound {
			t.Errorf("%s: a click of the catalog before: %d", what, code)
		}
		c.put(c.text)
		eventually(t, "the file as it was", func() (bool, string) { got := u.readyz(); return !strings.Contains(got, "refused"), got })
	}
	if err := os.Remove(c.file); err != nil {
		t.Fatal(err)
	}
	u.hangups <- struct{}{}
	u.says("there is no configuration file")
	u.end()
	refuses(t, "no file any more", dir, "", "where the data came with a configuration file, name it")
	keys := []string{"catalog.click_id_keys.active=1", "catalog.click_id_keys.keys=1=" + firstKey}
	refuses(t, "no file any more, keys elsewhere", dir, "", "no catalog is configured, and the data in "+filepath.Join(dir, "kafka")+" came with another one", keys...)
	// The way out that it names.
	example := filepath.Join(t.TempDir(), "example.yaml")
	key := "catalog:\n  click_id_keys: {active: 1, keys: {1: " + firstKey + "}}\n"
	if err := os.WriteFile(example, []byte(strings.Replace(string(deploy.ExampleConfig), "catalog:\n", key, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	u = start(t, dir, example)
	u.end()
}

// A lost key of the data folder is given up in the words of its refusal, and found again.
func TestLostKeyIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	u := start(t, dir, "")
	_, first := u.click("summer")
	u.end()
	path := filepath.Join(dir, wiring.KeyFile)
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refuses(t, "no key", dir, "", "given_up: [1]")
	if err := os.WriteFile(path, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, "another key", dir, "", "catalog.click_id_keys.keys.1: is another one")
	u = startLogged(t, dir, "", zap.NewNop(), "catalog.click_id_keys.active=2", "catalog.click_id_keys.keys=2="+secondKey, "catalog.click_id_keys.given_up=1")
	if got := u.postback(first, "t1"); got == "accepted" {
		t.Errorf("a postback under the lost key: %s", got)
	}
	u.end()
	both := "catalog.click_id_keys.keys=2=" + secondKey + ",1=" + strings.TrimSpace(string(key))
	u = startLogged(t, dir, "", zap.NewNop(), "catalog.click_id_keys.active=2", both)
	defer u.end()
	if got := u.postback(first, "t1"); got != "accepted" {
		t.Errorf("a postback under the key that was found: %s", got)
	}
}

// Data from before anything was kept take what the first start has, and it says so.
func TestOlderDataTakeWhatIsInForce(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	fresh, logger := recorded()
	u := startLogged(t, dir, c.file, logger)
	u.end()
	if fresh.FilterMessageSnippet("is kept with them").Len() == 0 || fresh.FilterMessageSnippet("from before").Len() != 0 {
		t.Errorf("a first start says %v", fresh.FilterMessageSnippet("is kept with them").All())
	}
	if err := os.Remove(filepath.Join(dir, meaning.FileName)); err != nil {
		t.Fatal(err)
	}
	lines, logger := recorded()
	u = startLogged(t, dir, c.file, logger)
	u.end()
	said := false
	for _, entry := range lines.All() {
		said = said || strings.Contains(entry.Message, "is kept with them: base currency USD") && strings.Contains(entry.Message, "from before")
	}
	kept, err := meaning.ReadFile(dir)
	if err != nil || kept == nil || kept.BaseCurrency != "USD" || !said {
		t.Errorf("%+v %v, said %v", kept, err, said)
	}
}

func recorded() (*observer.ObservedLogs, *zap.Logger) {
	core, logs := observer.New(zap.InfoLevel)
	return logs, zap.New(core)
}

// A campaign that is renamed by a reload is one row in every view, under its latest name; its clicks keep the name of their time.
func TestRenamedCampaignIsOneRow(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := start(t, dir, c.file)
	defer u.end()
	_, clickID := u.click("summer")
	u.postback(clickID, "t1")
	c.with("name: summer", "name: spring", "casino-de", "casino-at")
	eventually(t, "the new name", func() (bool, string) {
		code, _ := u.click("spring")
		return code == http.StatusFound, fmt.Sprint(code)
	})
	want := `"spring",2,1`
	for _, view := range []string{"epc_roi_by_campaign", "epc_roi_by_campaign_day", "totals_by_hour", "rollup_hour"} {
		query := "SELECT campaign, sum(clicks), sum(conversions) FROM tributary." + view + " WHERE campaign_id = 1 GROUP BY campaign FORMAT CSV"
		eventually(t, view, func() (bool, string) { got := u.query(query); return got == want, got })
	}
	if got := u.query("SELECT offer FROM tributary.epc_roi_by_offer WHERE offer_id = 1"); got != "casino-at" {
		t.Errorf("the offer is called %s", got)
	}
	if got := u.query("SELECT campaign FROM tributary.conversions_current"); got != "spring" {
		t.Errorf("the conversion's campaign is called %s", got)
	}
	if got := u.query("SELECT groupUniqArray(campaign) = ['spring', 'summer'] OR groupUniqArray(campaign) = ['summer', 'spring'] FROM tributary.clicks"); got != "1" {
		t.Errorf("the rows have %s", u.query("SELECT groupUniqArray(campaign) FROM tributary.clicks"))
	}
}
