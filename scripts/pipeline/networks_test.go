package pipeline

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/cli/loadgen"
)

// TestNetworksOfOneClick: two networks pay for one click, and one of them takes its conversion back; networks
// number the conversions of each click, or send words. What each says counts, and honest conversions are not called
// duplicates of each other.
func TestNetworksOfOneClick(t *testing.T) {
	system := Start(t, Options{Scenario: loadgen.DefaultScenario(time.Now()), Grace: time.Second, Declare: func(c *catalog.Config) {
		c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 9001, Name: "shared", Offers: c.Campaigns[0].Offers})
		c.Networks = append(c.Networks,
			catalog.NetworkConfig{Name: "usd"}, catalog.NetworkConfig{Name: "af"},
			catalog.NetworkConfig{Name: "numbers", Dialect: "keitaro"}, catalog.NetworkConfig{Name: "words", TxIDScope: "click"},
			catalog.NetworkConfig{Name: "orders", Dialect: "voluum", TxIDScope: "network"})
	}})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	get := func(path string) *http.Response {
		t.Helper()
		response, err := client.Get("http://" + system.Edge.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode >= 400 {
			t.Fatalf("%s is answered %s", path, response.Status)
		}
		return response
	}
	click := func() string { return get("/c/shared").Header.Get("X-Click-Id") }
	money := func(network, want string) {
		t.Helper()
		// Conversions, revenue, and conversions that are called duplicates.
		query := `SELECT concat(toString(sum(conversions_delta)), ' ', toString(sum(revenue_confirmed_delta)), ' ', toString(countIf(kind = 'rescored')))
FROM tributary.conversions WHERE network IN (` + network + `)`
		Await(t, drained, "the money of "+network, func() error {
			var got string
			err := system.ClickHouse.QueryRow(t.Context(), query).Scan(&got)
			if err == nil && got != want {
				err = fmt.Errorf("it is %s, want %s", got, want)
			}
			return err
		})
	}

	shared := click()
	get("/postback/usd?payout=30&click_id=" + shared)
	get("/postback/af?payout=8&click_id=" + shared)
	money("'usd', 'af'", "2 38 0")
	get("/postback/af?status=rejected&click_id=" + shared)
	money("'usd', 'af'", "1 30 0")

	for range 4 {
		id := click()
		get("/postback/numbers?payout=5&tid=1&subid=" + id)
		get("/postback/numbers?payout=5&tid=2&subid=" + id)
		get("/postback/words?payout=5&txid=SIGNUP&click_id=" + id)
		get("/postback/words?payout=5&txid=PURCHASE&click_id=" + id)
		get("/postback/orders?payout=5&txid=order-1&cid=" + id)
	}
	money("'orders'", "4 20 3") // one order on four clicks: its IDs are its network's
	money("'numbers', 'words'", "16 80 0")

	var ids []string
	rows, err := system.ClickHouse.Query(t.Context(), "SELECT DISTINCT conversion_id FROM tributary.conversions WHERE network IN ('usd', 'af')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if len(ids) != 2 || rows.Err() != nil {
		t.Errorf("the click's two conversions have the IDs %s (%v)", strings.Join(ids, ", "), rows.Err())
	}
}
