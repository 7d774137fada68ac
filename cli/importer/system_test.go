package importer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/cli/importer"
	"tributary/cli/loadgen"
	"tributary/scripts/pipeline"
)

// History goes through edge, Kafka, processor and sink into the days where it belongs, once however often it is imported, and
// a postback that names the other tracker's click ID finds its click.
func TestImportIntoTheWholeSystem(t *testing.T) {
	built, err := catalog.Build(catalog.Config{
		BaseCurrency: "USD",
		ClickIDKeys:  catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the tests, 32 bytes."}},
		Sources:      []catalog.SourceConfig{{ID: 1, Name: "pushads"}},
		Offers:       []catalog.OfferConfig{{ID: 1, Name: "offer", URL: "https://offer.example/?s={click_id}"}},
		Campaigns:    []catalog.CampaignConfig{{ID: 1, Name: "summer", Offers: []string{"offer"}, Cost: "0.02", AllowForeignClickIDs: true}},
		Networks:     []catalog.NetworkConfig{{Name: "legacy", AllowForeignClickIDs: true}},
		// The clicks of the first day cost euros.
		ExchangeRates: []catalog.RateConfig{{Currency: "EUR", Date: "2020-01-01", Rate: "1.20"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := pipeline.Start(t, pipeline.Options{Scenario: loadgen.DefaultScenario(time.Now()), Partitions: 2, Grace: time.Second})
	s.Edge.SetCatalog(built)

	const clicks, days = 1500, 5
	first := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)
	var file strings.Builder
	file.WriteString("sub_id,datetime,campaign,ts,cost,currency,ip,sub_id_1\n")
	for i := range clicks {
		day := i % days
		currency := ""
		if day == 0 {
			currency = "EUR"
		}
		fmt.Fprintf(&file, "theirs%05d,%s,DE Summer,pushads,\"0,010\",%s,8.8.8.%d,zone%d\n", i, first.AddDate(0, 0, day).Add(time.Hour+time.Duration(i)*time.Second).Format(time.DateTime), currency, i%8, day)
	}
	path := filepath.Join(t.TempDir(), "clicks.csv")
	if err := os.WriteFile(path, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	edge := "http://" + s.Edge.Addr().String()
	for range 2 {
		var out bytes.Buffer
		o := importer.Options{File: path, Tracker: importer.TrackerByName("keitaro"), CampaignMap: map[string]string{"DE Summer": "summer"}, Catalog: built, Campaigns: []string{"summer"},
			Window: 30 * 24 * time.Hour, Send: true, Restart: true, Edge: edge, Parallel: 3, RetryFor: time.Minute, Out: &out}
		if err := importer.Run(t.Context(), o); err != nil || !strings.Contains(out.String(), "1,500 clicks sent") {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	response, err := http.Get(edge + "/postback?network=legacy&click_id=theirs00004&payout=3&currency=USD&txid=1")
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", response.Status, answer)
	}

	type day struct {
		Day        string
		Clicks     int64
		CostMicros int64
		Flagged    int64
		Revenue    int64
	}
	var got []day
	pipeline.Await(t, time.Minute, "the days of the history", func() error {
		rows, err := s.ClickHouse.Query(t.Context(), `SELECT toString(toDate(day)), clicks, toInt64(cost * 1000000), flagged_clicks, toInt64(revenue * 1000000)
			FROM tributary.epc_roi_by_campaign_day WHERE campaign = 'summer' ORDER BY 1`)
		if err != nil {
			return err
		}
		defer rows.Close()
		got = got[:0]
		total, revenue := int64(0), int64(0)
		for rows.Next() {
			var d day
			if err := rows.Scan(&d.Day, &d.Clicks, &d.CostMicros, &d.Flagged, &d.Revenue); err != nil {
				return err
			}
			total, revenue = total+d.Clicks, revenue+d.Revenue
			got = append(got, d)
		}
		if total < clicks || revenue == 0 {
			return fmt.Errorf("%v", got)
		}
		return errors.Join(rows.Err())
	})
	if len(got) != days {
		t.Fatalf("%d days: %v", len(got), got)
	}
	for i, d := range got {
		want := day{Day: first.AddDate(0, 0, i).Format(time.DateOnly), Clicks: clicks / days, CostMicros: clicks / days * 10_000}
		if i == 0 {
			want.CostMicros = clicks / days * 12_000
		}
		if i == 4 {
			want.Revenue = 3_000_000 // the conversion lies on the day of its click
		}
		if d != want {
			t.Errorf("%+v, want %+v", d, want)
		}
	}
	var conversion struct{ match, sub1, source string }
	row := s.ClickHouse.QueryRow(t.Context(), "SELECT match, subs[1], source FROM tributary.conversions WHERE click_id = 'theirs00004'")
	if err := row.Scan(&conversion.match, &conversion.sub1, &conversion.source); err != nil || conversion.match != "click" || conversion.sub1 != "zone4" || conversion.source != "pushads" {
		t.Errorf("%v: %+v", err, conversion)
	}
	var rows, distinct uint64
	if err := s.ClickHouse.QueryRow(t.Context(), "SELECT count(), uniqExact(click_id) FROM tributary.clicks WHERE foreign").Scan(&rows, &distinct); err != nil || rows != clicks || distinct != clicks {
		t.Errorf("%v: %d rows of %d clicks", err, rows, distinct)
	}
}
