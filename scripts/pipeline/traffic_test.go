package pipeline

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
	"tributary/cli/loadgen"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestFunnel sends impressions, clicks, presses of landing pages' buttons and postbacks, and what an edge that died would send again: the
// views show what was sent, and the auditor agrees.
func TestFunnel(t *testing.T) {
	const impressions, clicks, pressed, conversions, copied = 1200, 300, 120, 12, 40
	system := Start(t, Options{Scenario: loadgen.DefaultScenario(time.Now()), Declare: func(c *catalog.Config) {
		c.Landings = []catalog.LandingConfig{{ID: 1, Name: "quiz", URL: "https://land.example/quiz?c={click_id}"}, {ID: 2, Name: "story", URL: "https://land.example/story?c={click_id}"}}
		c.Sources = append(c.Sources, catalog.SourceConfig{ID: 9001, Name: "banners"})
		c.Offers = append(c.Offers, catalog.OfferConfig{ID: 9001, Name: "one", URL: "https://one.example/"}, catalog.OfferConfig{ID: 9002, Name: "two", URL: "https://two.example/"})
		c.Campaigns = append(c.Campaigns, catalog.CampaignConfig{ID: 9001, Name: "funnel", Offers: []string{"one", "two"}, Landings: []string{"quiz", "story"}, Source: "banners", Cost: "0.01", CostPerMille: "2"})
		c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "funnelnet"})
	}})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	get := func(path string, visitor int) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+system.Edge.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36")
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", visitor))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode >= 400 {
			t.Fatalf("%s is answered %d", path, response.StatusCode)
		}
		return response
	}
	for i := range impressions {
		get("/i/funnel", i%200)
	}
	// Two clicks of each visitor: one of them is unique.
	for i := range clicks {
		response := get("/c/funnel", i/2)
		clickID := response.Header.Get("X-Click-Id")
		if !strings.HasPrefix(response.Header.Get("Location"), "https://land.example/") {
			t.Fatalf("the click leads to %s", response.Header.Get("Location"))
		}
		if i < pressed {
			get("/l/"+clickID, i/2)
		}
		if i < conversions {
			get("/postback?network=funnelnet&payout=5&click_id="+clickID, 250)
		}
	}
	// The same again, as another edge finds it in the spool of one that died.
	sendCopies(t, system, copied)
	const want = "1200 300 150 300 120 12 5.4 60 2.4 0.25 0.4 0.2 0.4 50 4.5"
	Await(t, drained, "the views to show what was sent", func() error {
		var got string
		err := system.ClickHouse.QueryRow(t.Context(), `SELECT concat(toString(impressions), ' ', toString(clicks), ' ', toString(unique_clicks), ' ', toString(landing_views), ' ', toString(landing_clicks), ' ', toString(conversions), ' ',
toString(cost), ' ', toString(revenue), ' ', toString(impression_cost), ' ', toString(round(ctr, 6)), ' ', toString(round(uepc, 6)), ' ', toString(round(epc, 6)), ' ', toString(round(lp_ctr, 6)), ' ', toString(round(ecpm, 6)), ' ', toString(round(cpm, 6)))
FROM tributary.epc_roi_by_campaign WHERE campaign_id = 9001`).Scan(&got)
		if err == nil && got != want {
			err = fmt.Errorf("the campaign has %s, want %s", got, want)
		}
		return err
	})
	one := func(query, want string) {
		t.Helper()
		var got string
		if err := system.ClickHouse.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", query, got, err, want)
		}
	}
	for _, view := range []string{"epc_roi_by_source", "epc_roi_by_campaign_source", "epc_roi_by_hour", "epc_roi_by_minute", "epc_roi_by_device"} {
		one("SELECT concat(toString(sum(impressions)), ' ', toString(sum(unique_clicks)), ' ', toString(sum(landing_clicks)), ' ', toString(sum(cost))) FROM tributary."+view, "1200 150 120 5.4")
	}
	one("SELECT concat(toString(count()), ' ', toString(countIf(copy))) FROM tributary.impressions", fmt.Sprintf("%d %d", impressions+copied, copied))
	one("SELECT concat(toString(count()), ' ', toString(countIf(copy))) FROM tributary.landing_clicks", fmt.Sprintf("%d %d", pressed+copied, copied))
	// The press led to the offer that the click has.
	one("SELECT toString(countIf(l.offer_id != c.offer_id OR l.landing_id != c.landing_id OR c.landing = '')) FROM tributary.landing_clicks AS l INNER JOIN tributary.clicks AS c USING click_id", "0")
	audit(t, system, nil)

	exec := func(query string) {
		t.Helper()
		if err := system.ClickHouse.Exec(t.Context(), query+" SETTINGS mutations_sync = 2"); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	// Asked beforehand: a subquery would be answered for each part of the table, and anew once the row is gone.
	var shown string
	if err := system.ClickHouse.QueryRow(t.Context(), "SELECT toString(min(_offset)) FROM tributary.impressions WHERE NOT copy AND _partition = 0").Scan(&shown); err != nil {
		t.Fatal(err)
	}
	exec("ALTER TABLE tributary.impressions DELETE WHERE _partition = 0 AND _offset = " + shown)
	exec("ALTER TABLE tributary.landing_clicks UPDATE copy = false WHERE copy")
	audit(t, system, [][]string{
		{"table impressions", "1 row missing"}, {"table landing_clicks", "not exactly one row counts"},
	})
}

// sendCopies sends the first n impressions and presses once more, marked as the edge's spool marks them.
func sendCopies(t *testing.T, system *System, n int) {
	t.Helper()
	for _, topic := range []string{schemas.TopicImpressions, schemas.TopicLandingClicks} {
		client, err := kgo.NewClient(kgo.SeedBrokers(system.Brokers...), kgo.ConsumeTopics(system.Prefix+topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
		if err != nil {
			t.Fatal(err)
		}
		var copies []*kgo.Record
		for len(copies) < n {
			fetches := client.PollFetches(t.Context())
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			for _, r := range fetches.Records() {
				var value []byte
				var err error
				if topic == schemas.TopicImpressions {
					var e events.Impression
					err = e.UnmarshalVT(r.Value)
					e.Resent = true
					value, _ = e.MarshalVT()
				} else {
					var e events.LandingClick
					err = e.UnmarshalVT(r.Value)
					e.Resent = true
					value, _ = e.MarshalVT()
				}
				if err != nil {
					t.Fatal(err)
				}
				copies = append(copies, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: value})
			}
		}
		if err := client.ProduceSync(t.Context(), copies[:n]...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
}

// trafficOnce holds what truth.Compare counts against the views and the identities: nobody died, so that nothing is marked as a copy.
func trafficOnce(t *testing.T, system *System, truth *loadgen.Truth) {
	total := truth.Total()
	if total.Impressions == 0 || total.LandingClicks == 0 || total.LandingViews < total.LandingClicks {
		t.Fatalf("the generator made %d impressions, %d landing views and %d landing clicks", total.Impressions, total.LandingViews, total.LandingClicks)
	}
	for table, want := range map[string]int64{"impressions": total.Impressions, "landing_clicks": total.LandingClicks} {
		id := strings.TrimSuffix(table, "s") + "_id"
		var rows, identities, copies uint64
		err := system.ClickHouse.QueryRow(t.Context(), fmt.Sprintf("SELECT count(), uniqExact(%s), countIf(copy) FROM tributary.%s", id, table)).Scan(&rows, &identities, &copies)
		if err != nil {
			t.Fatal(err)
		}
		if rows != uint64(want) || identities != rows || copies != 0 {
			t.Errorf("%s has %d rows with %d identities, %d of them copies; %d were acknowledged", table, rows, identities, copies, want)
		}
	}
	for _, view := range []string{"epc_roi_by_campaign", "epc_roi_by_source", "epc_roi_by_hour"} {
		var impressions, views, presses int64
		err := system.ClickHouse.QueryRow(t.Context(), "SELECT toInt64(sum(impressions)), toInt64(sum(landing_views)), toInt64(sum(landing_clicks)) FROM tributary."+view).Scan(&impressions, &views, &presses)
		if err != nil {
			t.Fatal(err)
		}
		if impressions != total.Impressions || views != total.LandingViews || presses != total.LandingClicks {
			t.Errorf("%s has %d impressions, %d landing views and %d landing clicks, want %d, %d and %d", view, impressions, views, presses, total.Impressions, total.LandingViews, total.LandingClicks)
		}
	}
}

// truthBites removes an impression and doubles a landing click behind the pipeline's back; the comparison must name both.
func truthBites(t *testing.T, system *System, truth *loadgen.Truth) {
	// Asked beforehand: a subquery would be answered for each part of the table, and anew once the row is gone.
	var shown string
	if err := system.ClickHouse.QueryRow(t.Context(), "SELECT min(impression_id) FROM tributary.impressions").Scan(&shown); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"ALTER TABLE tributary.impressions DELETE WHERE impression_id = '" + shown + "' SETTINGS mutations_sync = 2",
		"INSERT INTO tributary.landing_clicks SELECT * FROM tributary.landing_clicks ORDER BY landing_click_id LIMIT 1",
	} {
		if err := system.ClickHouse.Exec(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	total := truth.Total()
	err := compare(t.Context(), system, truth)
	for _, want := range []string{
		fmt.Sprintf("impressions: ClickHouse has %d, the truth is %d (-1)", total.Impressions-1, total.Impressions),
		fmt.Sprintf("landing_clicks: ClickHouse has %d, the truth is %d (+1)", total.LandingClicks+1, total.LandingClicks),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}
