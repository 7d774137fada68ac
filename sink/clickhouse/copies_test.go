package clickhouse

import (
	"fmt"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

type marshaler = interface {
	MarshalVT() ([]byte, error)
}

func newImpression(id string, at int64, resent bool) *events.Impression {
	return &events.Impression{ImpressionId: id, EventMs: baseMS + at, ReceivedMs: baseMS + at, CampaignId: 1, Campaign: "summer", SourceId: 1, Source: "source1",
		Country: "DE", Device: "mobile", Os: "iOS", Browser: "Safari", CostBaseMicros: 1500, CostMicros: 1000, Currency: "EUR", Subs: []string{"a", "b"}, Resent: resent}
}

// traffic checks what the table and the views of sums have of impressions.
func (p *pipeline) traffic(rows, impressions, copies int) {
	p.t.Helper()
	if got, want := p.text("SELECT concat(toString(count()), ' ', toString(countIf(NOT copy)), ' ', toString(countIf(copy)), ' ', toString(uniqExact(impression_id))) FROM %s.impressions"), fmt.Sprintf("%d %d %d %d", rows, impressions, copies, impressions); got != want {
		p.t.Errorf("the table has %s, want %s", got, want)
	}
	for _, table := range []string{"rollup_minute_traffic", "rollup_hour_traffic", "epc_roi_by_campaign"} {
		got := p.text("SELECT concat(toString(sum(impressions)), ' ', toString(toInt64(sum(impression_cost) * 1000000))) FROM %s." + table)
		if want := fmt.Sprintf("%d %d", impressions, impressions*1500); got != want {
			p.t.Errorf("%s has %s, want %s", table, got, want)
		}
	}
}

// TestCopiesCountOnce: of an impression that the topic has several times one row counts, whether the copies come in one batch, in a later one,
// after a restart or after a death, and in whatever month it came in.
func TestCopiesCountOnce(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	var first, second []marshaler
	for i := range 1000 {
		// The base time is a minute before a month ends.
		first = append(first, newImpression(fmt.Sprintf("id%d", i), int64(i)*120, false))
		if i%10 == 3 {
			first = append(first, newImpression(fmt.Sprintf("id%d", i), int64(i)*120, true)) // in the same batch, mostly
		}
		if i%10 == 5 {
			second = append(second, newImpression(fmt.Sprintf("id%d", i), int64(i)*120, true))
		}
	}
	// Marked, but the first all the same: an edge died before it had sent them. And a foreign writer's ID.
	second = append(second, newImpression("new1", 5, true), newImpression("new1", 5, true), newImpression("it's\\", 6, true), newImpression("it's\\", 6, true))
	p.produce(schemas.TopicImpressions, first...)
	r := p.start()
	p.awaitRows("impressions", len(first))
	r.end(t)
	p.traffic(1100, 1000, 100)
	p.produce(schemas.TopicImpressions, second...)
	r = p.start()
	p.awaitRows("impressions", len(first)+len(second))
	if got := value(t, r.loader.metrics.copies); got != 102 {
		t.Errorf("%v copies are counted, want 102", got)
	}
	r.end(t)
	p.traffic(1204, 1002, 202)
	for _, at := range []point{pointPlanned, pointInserted, pointLanded} {
		t.Run(fmt.Sprint("death at ", at), func(t *testing.T) {
			p := newPipeline(t, 1)
			p.produce(schemas.TopicImpressions, first...)
			p.produce(schemas.TopicImpressions, second...)
			p.dies(at, 2)
			r := p.start()
			p.awaitRows("impressions", len(first)+len(second))
			r.end(t)
			p.traffic(1204, 1002, 202)
		})
	}
}

// TestLandingClicksLand: presses and their copies, booked on the time of their click.
func TestLandingClicksLand(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	var all []marshaler
	for i := range 300 {
		all = append(all, &events.LandingClick{LandingClickId: fmt.Sprintf("press%d", i/2), ClickId: fmt.Sprint("click", i/4), EventMs: baseMS + 3_600_000, ReceivedMs: baseMS + 3_600_000, ClickMs: baseMS, CampaignId: 1, Campaign: "summer",
			SourceId: 1, Source: "source1", OfferId: 3, Offer: "o", LandingId: 4, Landing: "page", Button: 2, Country: "DE", Resent: i%2 == 1})
	}
	p.produce(schemas.TopicLandingClicks, all...)
	r := p.start()
	p.awaitRows("landing_clicks", len(all))
	r.end(t)
	got := p.text("SELECT concat(toString(sum(landing_clicks)), ' at ', toString(any(hour))) FROM %s.rollup_hour_traffic")
	if want := "150 at 2026-10-31 23:00:00"; got != want {
		t.Errorf("the view has %s, want %s", got, want)
	}
	if got := p.text("SELECT toString(groupUniqArray((offer, landing_id, landing, button, country))) FROM %s.landing_clicks WHERE NOT copy"); got != "[('o',4,'page',2,'DE')]" {
		t.Errorf("the rows are %s", got)
	}
}
