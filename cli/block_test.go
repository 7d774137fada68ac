package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const blockCatalog = `
catalog:
  base_currency: USD
  campaigns:
    - {id: 1, name: summer, offers: [casino], source: pushads, cost: "0.5", fallback_offer: safe}
    - {id: 2, name: winter, offers: [casino], source: pushads, cost: "0.5"}
  sources: [{id: 1, name: pushads}]
  offers:
    - {id: 1, name: casino, url: "https://offer.example/?sub={click_id}", payout: "10"}
    - {id: 2, name: safe, url: "https://safe.example/?sub={click_id}", payout: "3"}
  networks: [{name: acme}]
`

// TestBlockIsWalked does what docs/blocks.md promises, with real processes: a block is written, the edge keeps clicks away, figures leave
// them out of clicks and epc and not of cost and roi, their conversions are money told apart, and an undo ends it.
func TestBlockIsWalked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte(blockCatalog), 0o600); err != nil {
		t.Fatal(err)
	}
	up := newInstallation(t, filepath.Join(t.TempDir(), "data"), file)
	up.start()
	defer up.stop()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(path string) (status int, location, id string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, "http://"+up.edge+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode, response.Header.Get("Location"), response.Header.Get("X-Click-Id")
	}
	command := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(append(args, "--json"), up.flags...)...)
		if code != ExitOK {
			t.Fatalf("%q ends with %d: %s", args, code, stderr)
		}
		return stdout
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after 30 s: %s", what)
			}
		}
	}
	book := func(id, txid string) {
		t.Helper()
		if status, _, _ := ask("/postback/acme?click_id=" + id + "&txid=" + txid); status != http.StatusOK {
			t.Fatalf("the postback is answered %d", status)
		}
	}

	_, location, good := ask("/c/summer?sub1=good")
	if !strings.HasPrefix(location, "https://offer.example/") {
		t.Fatalf("sent to %q", location)
	}
	book(good, "1")
	var done struct{ ID string }
	said := command("block", "add", "--source", "pushads", "--sub", "sub1=bad", "--reason", "bots", "--author", "ann")
	if err := json.Unmarshal([]byte(said), &done); err != nil || done.ID == "" {
		t.Fatalf("block add printed %s", said)
	}
	before := 0 // clicks of sub1=bad that went by before the edge had it
	var blocked string
	until("the block is not applied", func() bool {
		_, location, blocked = ask("/c/summer?sub1=bad")
		if strings.HasPrefix(location, "https://offer.example/") {
			before++
			return false
		}
		return true
	})
	if !strings.HasPrefix(location, "https://safe.example/") {
		t.Fatalf("a blocked click is sent to %q", location)
	}
	book(blocked, "2")
	if status, location, id := ask("/c/winter?sub1=bad"); status != http.StatusOK || location != "" || id != "" {
		t.Errorf("a campaign without fallback: %d %q %q", status, location, id)
	}
	sql := func(query string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append([]string{"sql", query}, up.flags...)...)
		if code != ExitOK {
			t.Fatalf("%s: %s", query, stderr)
		}
		return strings.TrimRight(stdout, "\n")
	}
	until("the rows are not there", func() bool {
		return sql("SELECT (SELECT countIf(blocked) FROM clicks), (SELECT count() FROM conversions)") == "2\t2"
	})
	// With the clicks that went by, too, there is one click more for each of them, of 0.5.
	if got := sql("SELECT clicks - " + toText(before) + ", clicks_blocked, cost_blocked, toFloat64(cost) - 0.5 * " + toText(before) +
		", conversions, conversions_blocked, toFloat64(revenue), toFloat64(revenue_blocked), epc * clicks, roi * toFloat64(cost) + toFloat64(cost), cr * clicks FROM epc_roi_by_source"); got !=
		"1\t2\t1\t1.5\t2\t1\t13\t3\t10\t13\t1" {
		t.Errorf("figures: %s", got)
	}
	if got := sql("SELECT offer, clicks, clicks_blocked, toFloat64(revenue), isNull(epc) FROM epc_roi_by_offer ORDER BY offer"); got !=
		"\t0\t1\t0\t1\ncasino\t"+toText(before+1)+"\t0\t10\t0\nsafe\t0\t1\t3\t1" {
		t.Errorf("by offer: %s", got)
	}
	if got := sql("SELECT DISTINCT block, blocked FROM conversions ORDER BY block"); got != "\tfalse\n"+done.ID+"\ttrue" {
		t.Errorf("conversions: %s", got)
	}
	if got := command("block", "list"); !strings.Contains(got, `"id":"`+done.ID+`"`) || !strings.Contains(got, `"author":"ann"`) {
		t.Errorf("list: %s", got)
	}
	command("block", "undo", "--author", "ann")
	until("the undo is not applied", func() bool {
		_, location, _ = ask("/c/summer?sub1=bad")
		return strings.HasPrefix(location, "https://offer.example/")
	})
	if got := command("block", "list"); got != "" {
		t.Errorf("list after the undo: %s", got)
	}
	var history string
	until("the history lacks a change", func() bool {
		history = command("block", "history", done.ID)
		return strings.Count(history, "\n") == 2
	})
	if !strings.Contains(history, `"says":"source pushads sub1=bad, in all, fallback"`) || !strings.Contains(history, `"reason":"bots"`) ||
		strings.Count(history, `"ended":true`) != 1 {
		t.Errorf("history: %s", history)
	}
	if code, stdout, stderr := run(t, nil, append([]string{"verify"}, up.flags...)...); code != ExitOK {
		t.Errorf("verify: %s %s", stdout, stderr)
	}
}

func toText(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}
