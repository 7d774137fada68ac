package moment

import (
	"errors"
	"testing"
	"time"
	_ "time/tzdata"

	"tributary/schemas/fuzzbound"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	if name == "" {
		return nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text, zone string
		order      Order
		want       string // RFC 3339 in UTC
		err        error
	}{
		{"1769860800", "", 0, "2026-01-31T12:00:00Z", nil},
		{" 1769860800.5 ", "", 0, "2026-01-31T12:00:00.5Z", nil},
		{"1769860800123", "", 0, "2026-01-31T12:00:00.123Z", nil},
		{"1769860800123456", "", 0, "2026-01-31T12:00:00.123Z", nil},
		{"1769860800123456789", "", 0, "2026-01-31T12:00:00.123Z", nil},
		{"2026-01-31T12:00:00Z", "", 0, "2026-01-31T12:00:00Z", nil},
		{"2026-01-31T12:00:00+01:00", "Asia/Kolkata", 0, "2026-01-31T11:00:00Z", nil},
		{"2026-01-31t12:00:00.25z", "", 0, "2026-01-31T12:00:00.25Z", nil},
		{"2026-01-31T12:00:00 01:00", "", 0, "2026-01-31T11:00:00Z", nil}, // a plus sign that came as a space
		{"2026-01-31T12:00:00+0300", "", 0, "2026-01-31T09:00:00Z", nil},  // PHP
		{"2026-01-31 12:00:00+03", "", 0, "2026-01-31T09:00:00Z", nil},    // PostgreSQL
		{"2026-01-31 12:00:00 UTC", "Asia/Kolkata", 0, "2026-01-31T12:00:00Z", nil},
		{"2026-01-31 12:00:00 +05:45", "", 0, "2026-01-31T06:15:00Z", nil},
		{"Sat, 31 Jan 2026 12:00:00 GMT", "", 0, "2026-01-31T12:00:00Z", nil},
		{"Sat Jan 31 2026 12:00:00 GMT+0300 (Moscow Standard Time)", "", 0, "2026-01-31T09:00:00Z", nil}, // JavaScript
		{"2026-11-30 05:40:00", "", 0, "", ErrZone},
		{"2026-11-30 05:40:00", "Europe/Moscow", 0, "2026-11-30T02:40:00Z", nil},
		{"2026-11-30 05:40:00.250", "Asia/Kolkata", 0, "2026-11-30T00:10:00.25Z", nil},
		{"2026-11-30T05:40", "Asia/Kathmandu", 0, "2026-11-29T23:55:00Z", nil},
		{"30.11.2026 05:40", "Europe/Berlin", 0, "2026-11-30T04:40:00Z", nil},
		{"30.11.2026, 05:40:00", "Europe/Berlin", 0, "2026-11-30T04:40:00Z", nil},
		{"11.30.2026 05:40", "UTC", MonthFirst, "2026-11-30T05:40:00Z", nil},
		{"11.30.2026 05:40", "UTC", 0, "", ErrSyntax},
		{"11/30/2026 05:40", "UTC", 0, "2026-11-30T05:40:00Z", nil}, // one reading only
		{"30/11/2026 05:40", "UTC", 0, "2026-11-30T05:40:00Z", nil},
		{"11/11/2026 05:40", "UTC", 0, "2026-11-11T05:40:00Z", nil},
		{"03/04/2026 05:40", "UTC", 0, "", ErrOrder},
		{"03-04-2026 05:40", "UTC", 0, "", ErrOrder},
		{"03/04/2026 05:40", "UTC", DayFirst, "2026-04-03T05:40:00Z", nil},
		{"3/4/2026 5:40 PM", "America/New_York", MonthFirst, "2026-03-04T22:40:00Z", nil},
		{"3/4/2026 5:40\u202fPM", "UTC", MonthFirst, "2026-03-04T17:40:00Z", nil}, // ICU 72
		{"11/30/2026 05:40", "UTC", DayFirst, "", ErrSyntax},                      // it contradicts the order
		{"03/04/26 05:40", "UTC", DayFirst, "2026-04-03T05:40:00Z", nil},
		{"30/11/26 05:40", "UTC", 0, "", ErrOrder},
		{"30-Nov-2026 12:05 AM", "UTC", 0, "2026-11-30T00:05:00Z", nil},
		{"30-Nov-26 05:40", "UTC", 0, "2026-11-30T05:40:00Z", nil}, // Oracle
		{"Nov 30, 2026 at 5:40 p.m.", "UTC", 0, "2026-11-30T17:40:00Z", nil},
		{"November 30th, 2026 05:40", "UTC", 0, "2026-11-30T05:40:00Z", nil},
		{"20261130054000", "UTC", 0, "2026-11-30T05:40:00Z", nil},
		{"2026/11/30 05:40", "UTC", 0, "2026-11-30T05:40:00Z", nil},
		{"2026-11/30 05:40", "UTC", 0, "", ErrSyntax},
		{"2026-11-30 05:40:00 MSK", "UTC", 0, "", ErrLetters},
		{"2026-11-30 05:40 EST", "UTC", 0, "", ErrLetters},
		{"2026-11-30 25:00", "UTC", 0, "", ErrSyntax}, {"2026-11-30 13:00 PM", "UTC", 0, "",
			ErrSyntax}, {"2026-02-30 12:00", "UTC", 0, "", ErrSyntax},
		{"2026-11-30 05:40 +19:00", "UTC", 0, "", ErrSyntax}, {"noon", "UTC", 0, "", ErrSyntax}, {"", "UTC", 0, "",
			ErrSyntax}, {"1969-12-31 00:00", "UTC", 0, "", ErrSyntax},
		{"46356.236", "UTC", 0, "", ErrSmall}, {"12345", "UTC", 0, "", ErrSmall}, {"0", "UTC", 0, "", ErrSmall},
		{"99999999999999999999", "UTC", 0, "", ErrLarge}, {"99999999999999999", "UTC", 0, "", ErrLarge}, {".", "UTC", 0,
			"", ErrSyntax},
		// The hour that Berlin repeats: the first of the two. The one that it leaves out: an hour later.
		{"2026-10-25 02:30", "Europe/Berlin", 0, "2026-10-25T00:30:00Z", nil},
		{"2026-10-25 03:00", "Europe/Berlin", 0, "2026-10-25T02:00:00Z", nil},
		{"2026-03-29 02:30", "Europe/Berlin", 0, "2026-03-29T01:30:00Z", nil},
		// Lord Howe changes by half an hour.
		{"2026-04-05 01:45", "Australia/Lord_Howe", 0, "2026-04-04T14:45:00Z", nil},
		{"2026-10-04 02:15", "Australia/Lord_Howe", 0, "2026-10-03T15:45:00Z", nil},
		{"2026-10-04 12:00", "Australia/Lord_Howe", 0, "2026-10-04T01:00:00Z", nil},
		// Kathmandu was at +05:30 before 1986.
		{"1985-06-01 12:00", "Asia/Kathmandu", 0, "1985-06-01T06:30:00Z", nil},
		{"1986-06-01 12:00", "Asia/Kathmandu", 0, "1986-06-01T06:15:00Z", nil},
	} {
		got, err := Read(c.text, Rules{zone(t, c.zone), c.order})
		if !errors.Is(err, c.err) || err == nil && time.UnixMilli(got.MS).UTC().Format(time.RFC3339Nano) != c.want ||
			got.MS != got.EndMS {
			t.Errorf("%q in %q: %s, %v; want %s, %v", c.text, c.zone,
				time.UnixMilli(got.MS).UTC().Format(time.RFC3339Nano), err, c.want, c.err)
		}
	}
}

// TestPublicFormats reads what senders and importers document, with the settings that docs/formats.md names.
func TestPublicFormats(t *testing.T) {
	for _, c := range []struct {
		page, zone string
		order      Order
		texts      []string
		want       string
	}{
		{"https://help.klaviyo.com/hc/en-us/articles/115005253428", "UTC", MonthFirst,
			[]string{"2014-09-30 13:34:08", "2014-09-30 13:34:08+00:00", "09/30/2014 13:34:08", "09/30/14 13:34:08",
				"2014-09-30T13:34:08", "2014-09-30 13:34:08.000001", "2014-09-30T13:34:08.000001", "2014-09-30 09:34:08.000001-04:00", "1412084048"}, "2014-09-30T13:34:08Z"},
		{"https://help.klaviyo.com/hc/en-us/articles/115005253428", "UTC", MonthFirst,
			[]string{"09/30/2014 13:34", "09/30/14 13:34"}, "2014-09-30T13:34:00Z"},
		{"https://yandex.ru/dev/metrika/ru/data-import/date.md", "Europe/Moscow", DayFirst,
			[]string{"21.04.2020 11:59:21", "21.04.20 11:59:21", "2020-04-21 11:59:21"}, "2020-04-21T08:59:21Z"},
		{"https://yandex.ru/dev/metrika/ru/data-import/date.md", "Europe/Moscow", DayFirst,
			[]string{"21.04.20 11:59", "21.04.2020 11:59", "2020-04-21 11:59"}, "2020-04-21T08:59:00Z"},
		{"https://developers.google.com/google-ads/api/reference/rpc/v25/ClickConversion", "", OrderUnknown,
			[]string{"2019-01-01 12:32:45-08:00"}, "2019-01-01T20:32:45Z"},
		{"https://docs.x.com/x-ads-api/fundamentals/timezones", "", OrderUnknown,
			[]string{"2017-07-10T08:00:00-0800", "2017-07-10T16:00:00Z",
				"2017-07-10T16:00:00+00:00"}, "2017-07-10T16:00:00Z"},
		{"https://developer.cybersource.com (reporting guide)", "", OrderUnknown, []string{"2002-05-13T10:00:00-07:00"},
			"2002-05-13T17:00:00Z"},
		{"https://developers.criteo.com (transactions report)", "", OrderUnknown,
			[]string{"2024-01-01T00:00:00.0000000+00:00"}, "2024-01-01T00:00:00Z"},
		{"https://developers.everflow.io/user-guide/timezones", "America/New_York", OrderUnknown,
			[]string{"2026-04-01 23:30", "1775100600"}, "2026-04-02T03:30:00Z"},
	} {
		for _, text := range c.texts {
			got, err := Read(text, Rules{zone(t, c.zone), c.order})
			if err != nil || time.UnixMilli(got.MS).UTC().Format(time.RFC3339) != c.want {
				t.Errorf("%s: %q is %s, %v; want %s", c.page, text, time.UnixMilli(got.MS).UTC().Format(time.RFC3339),
					err, c.want)
			}
		}
	}
}

// TestReadDay holds that a day without a time has the length that it has in its zone.
func TestReadDay(t *testing.T) {
	for _, c := range []struct {
		text, zone, from string
		hours            float64
	}{
		{"2026-11-30", "UTC", "2026-11-30T00:00:00Z", 24}, {"30.11.2026", "Asia/Kolkata", "2026-11-29T18:30:00Z",
			24}, {"20261130", "Asia/Kathmandu", "2026-11-29T18:15:00Z", 24},
		{"2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", 23}, {"2026-10-25", "Europe/Berlin",
			"2026-10-24T22:00:00Z", 25}, {"11/1/2026", "America/New_York", "", 0},
		{"2026-04-05", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 24.5}, {"2026-10-04", "Australia/Lord_Howe",
			"2026-10-03T13:30:00Z", 23.5},
		// Cairo's day began at one o'clock.
		{"2024-04-26", "Africa/Cairo", "2024-04-25T22:00:00Z", 23},
	} {
		got, err := Read(c.text, Rules{Zone: zone(t, c.zone)})
		if c.hours == 0 {
			if !errors.Is(err, ErrOrder) {
				t.Errorf("%s: %v", c.text, err)
			}
			continue
		}
		if from := time.UnixMilli(got.MS).UTC().Format(time.RFC3339); err != nil || from != c.from ||
			float64(got.EndMS+1-got.MS)/3_600_000 != c.hours {
			t.Errorf("%s in %s begins %s and has %v hours, %v", c.text, c.zone, from,
				float64(got.EndMS+1-got.MS)/3_600_000, err)
		}
		if _, err := Read(c.text, Rules{}); !errors.Is(err, ErrZone) {
			t.Errorf("%s without a zone: %v", c.text, err)
		}
	}
}

// FuzzRead holds that no text crashes, and that a time that is written out in the zone is read back as it was, or the hour is one that
// comes twice.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"2026-11-30 05:40:00", "30.11.2026, 5:40 PM", "03/04/26",
		"Nov 30, 2026 05:40 GMT+0300 (x)", "20261130054000", "1769860800.5", "2026-10-25 02:30"} {
		f.Add(seed, int64(1769860800123))
	}
	zones := []*time.Location{zone(f, "Europe/Berlin"), zone(f, "Asia/Kolkata"), zone(f, "Asia/Kathmandu"),
		zone(f, "Australia/Lord_Howe"), zone(f, "America/St_Johns")}
	f.Fuzz(func(t *testing.T, text string, ms int64) {
		for _, order := range []Order{OrderUnknown, DayFirst, MonthFirst} {
			fuzzbound.Hold(t, len(text), func() { _, _ = Read(text, Rules{zones[0], order}) })
			if got, err := Read(text, Rules{zones[0], order}); err == nil && (got.MS <= 0 || got.EndMS < got.MS) {
				t.Fatalf("%q: %+v", text, got)
			}
		}
		if ms = ms % 4_000_000_000_000; ms < 86_400_000 {
			return
		}
		for _, z := range zones {
			want := time.UnixMilli(ms).In(z)
			got, err := Read(want.Format("02.01.2006 15:04:05.000"), Rules{Zone: z})
			if err != nil {
				t.Fatalf("%s: %v", want, err)
			}
			if read := time.UnixMilli(got.MS).In(z); got.MS != ms &&
				read.Format("15:04:05.000") != want.Format("15:04:05.000") {
				t.Fatalf("%s is read as %s", want, read)
			}
		}
	})
}
