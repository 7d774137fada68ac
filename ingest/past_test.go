package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tributary/catalog"
)

// History that is brought in at once looks like a flood of one address: it must neither be taken for one, nor use up the cap
// of today.
func TestPastClicksAreNotOfNow(t *testing.T) {
	b := newBench(t, func(_ *Config, deps *Deps) {
		cfg := testCatalog()
		cfg.Offers[1].ClicksPerDay = 1 // that of the campaign "migrated"
		built, err := catalog.Build(cfg)
		if err != nil {
			t.Fatal(err)
		}
		deps.Catalog = built
	})
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"campaign":"migrated","click_id":"their%d","event_ms":%d,"ip":"::"}`, i, testNow.UnixMilli()-pastMS-1)
	}
	if got := b.send(http.MethodPost, "/v1/clicks", jsonType, "["+strings.Join(lines, ",")+"]"); got.status != http.StatusOK {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	for _, c := range b.clicks() {
		if c.IpClicksPerMinute != 0 || c.Offer != "other" || c.Country != "" {
			t.Errorf("a past click has %d clicks of its IP in a minute, offer %q, country %q", c.IpClicksPerMinute, c.Offer, c.Country)
		}
	}
	if capped := count(t, b.edge.metrics.capped[cappedInSpite]); capped != 0 {
		t.Errorf("%v past clicks were sent in spite of the cap", capped)
	}
	if got := b.get("/c/migrated"); got.status != http.StatusFound || count(t, b.edge.metrics.capped[cappedInSpite]) != 0 {
		t.Errorf("after them the cap has no room: %d", got.status)
	}
}
