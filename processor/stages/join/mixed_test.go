package join

import (
	"testing"

	dto "github.com/prometheus/client_model/go"

	"tributary/schemas/events"
)

// TestOffersWithoutGoal: an offer is counted once, when a second event type of it comes.
func TestOffersWithoutGoal(t *testing.T) {
	m := newMixed()
	without, with := &events.Click{}, &events.Click{Goals: []string{"ftd"}}
	for i, c := range []struct {
		click *events.Click
		offer uint32
		event string
		kind  events.Conversion_Kind
		want  float64
	}{
		{without, 1, "reg", events.Conversion_KIND_CREATED, 0},
		{without, 1, "reg", events.Conversion_KIND_CREATED, 0},
		{with, 2, "reg", events.Conversion_KIND_CREATED, 0},
		{with, 2, "ftd", events.Conversion_KIND_CREATED, 0},
		{without, 1, "chargeback", events.Conversion_KIND_STATUS, 0},
		{without, 3, "sale", events.Conversion_KIND_CREATED, 0},
		{without, 1, "ftd", events.Conversion_KIND_CREATED, 1},
		{without, 1, "reg", events.Conversion_KIND_CREATED, 1},
		{without, 1, "redep", events.Conversion_KIND_CREATED, 1},
		{nil, 3, "lead", events.Conversion_KIND_CREATED, 1},
		{without, 0, "sale", events.Conversion_KIND_CREATED, 1},
		{without, 0, "lead", events.Conversion_KIND_CREATED, 1},
		{without, 3, "lead", events.Conversion_KIND_CREATED, 2},
		{without, 4, "sale", events.Conversion_KIND_CREATED, 2},
		{without, 4, "rebill", events.Conversion_KIND_CREATED, 2}, // money, and no conversion
		{without, 4, "lead", events.Conversion_KIND_CREATED, 3},
	} {
		m.see(c.click, &events.Conversion{OfferId: c.offer, Event: c.event, Kind: c.kind})
		var written dto.Metric
		if err := m.offers.Write(&written); err != nil {
			t.Fatal(err)
		}
		if got := written.GetGauge().GetValue(); got != c.want {
			t.Errorf("after %d conversions it is %v, %v would be right", i+1, got, c.want)
		}
	}
}
