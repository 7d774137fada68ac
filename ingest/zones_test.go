package ingest

import (
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/lease"
)

// oddZones are those whose days begin between UTC's hours, or have 23, 23.5, 24.5 or 25 hours, or a midnight that comes twice or never.
var oddZones = []string{"Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Eucla", "America/St_Johns",
	"Pacific/Chatham", "Europe/Berlin", "America/New_York",
	"America/Havana", "Africa/Cairo", "Asia/Beirut", "America/Sao_Paulo", "Pacific/Apia", "Asia/Tehran", "UTC"}

// TestDaysOfZones holds that a cap's day is the calendar's day of its zone at every quarter of an hour of two years with all their changes, and that
// it never goes back but where the calendar does.
func TestDaysOfZones(t *testing.T) {
	for _, name := range oddZones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, year := range []int{1985, 2011, 2018,
			2026} { // Kathmandu's change to :45, Apia's lost day, Sao Paulo's changes at midnight, now
			from := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			for at := from; at.Before(from.AddDate(1, 0, 2)); at = at.Add(15 * time.Minute) {
				for _, exact := range []time.Time{at, at.Add(-time.Millisecond)} {
					local := exact.In(zone)
					want := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
					if got := lease.Day(exact.UnixMilli(), zone); int64(got) != want {
						t.Fatalf("%s, %s: day %d, want %d", name, local, got, want)
					}
				}
			}
		}
	}
}

// TestCapsOfOddDays holds that a cap lasts exactly as long as the day of its zone: 24 hours from :30 or :45, 23, 25, 23.5 or 24.5 where the clock
// changes.
func TestCapsOfOddDays(t *testing.T) {
	for _, c := range []struct {
		zone, begins string
		hours        float64
	}{
		{"Asia/Kolkata", "2026-02-28T18:30:00Z", 24}, {"Asia/Kathmandu", "2026-02-28T18:15:00Z",
			24}, {"Pacific/Chatham", "2026-02-28T10:15:00Z", 24},
		{"Europe/Berlin", "2026-03-28T23:00:00Z", 23}, {"Europe/Berlin", "2026-10-24T22:00:00Z",
			25}, {"America/St_Johns", "2026-03-08T03:30:00Z", 23},
		{"Australia/Lord_Howe", "2026-04-04T13:00:00Z", 24.5}, {"Australia/Lord_Howe", "2026-10-03T13:30:00Z", 23.5},
		// Havana's clock goes from 1:00 back to midnight, Cairo's from midnight to 23:00 of the day that was ending.
		{"America/Havana", "2026-11-01T04:00:00Z", 25}, {"Africa/Cairo", "2026-10-28T21:00:00Z", 25},
	} {
		begins, err := time.Parse(time.RFC3339, c.begins)
		if err != nil {
			t.Fatal(err)
		}
		now := begins
		b := newBench(t, func(_ *Config, d *Deps) {
			d.Catalog = rotationCatalog(t, func(cfg *catalog.Config) {
				cfg.Offers[0].ClicksPerDay, cfg.Offers[0].TimeZone = 1, c.zone
				cfg.Campaigns[0].Offers, cfg.Campaigns[0].Weights, cfg.Campaigns[0].FallbackOffer = []string{"a"}, nil, "safe"
			})
			d.Now = func() time.Time { return now }
		})
		ends := begins.Add(time.Duration(c.hours * float64(time.Hour)))
		for i, step := range []struct {
			at    time.Time
			offer string
		}{
			{begins.Add(-2 * time.Minute), "a"}, {begins.Add(-time.Millisecond), "safe"}, {begins,
				"a"}, {begins.Add(time.Hour), "safe"}, {begins.Add(12 * time.Hour), "safe"},
			{ends.Add(-time.Millisecond), "safe"}, {ends, "a"},
		} {
			now = step.at
			if got := offerOf(t, b.get("/c/c")); got != step.offer {
				t.Errorf("%s, step %d at %s: sent to %s, want %s", c.zone, i, step.at.Format(time.RFC3339Nano), got,
					step.offer)
			}
		}
	}
}

// TestHoursOfOddZones holds that a rule's hours are those of the clock on the wall of the campaign's zone.
func TestHoursOfOddZones(t *testing.T) {
	for _, c := range []struct {
		zone, from string
		minutes    int // how long 2:00 to 3:00 lasts on that day
	}{
		{"Asia/Kolkata", "2026-02-28T20:30:00Z", 60}, {"Asia/Kathmandu", "2026-02-28T20:15:00Z", 60},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", 0}, {"Europe/Berlin", "2026-10-25T00:00:00Z",
			120}, {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 30},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		campaign := rotationCatalog(t, func(cfg *catalog.Config) {
			cfg.Campaigns[0].TimeZone = c.zone
			cfg.Campaigns[0].Rules = []catalog.RuleConfig{{Hours: []string{"2"}, Offers: []string{"safe"}}}
		}).Campaign([]byte("c"))
		minutes := 0
		usual := campaign.Rotation(&catalog.Visitor{AtMS: from.Add(12 * time.Hour).UnixMilli()})
		for at := from.Add(-6 * time.Hour); at.Before(from.Add(6 * time.Hour)); at = at.Add(time.Minute) {
			if inside := campaign.Rotation(&catalog.Visitor{AtMS: at.UnixMilli()}) != usual; inside {
				minutes++
				if at.Before(from) {
					t.Errorf("%s: %s is within the hour", c.zone, at)
				}
			}
		}
		if minutes != c.minutes {
			t.Errorf("%s: the hour has %d minutes, want %d", c.zone, minutes, c.minutes)
		}
	}
}
