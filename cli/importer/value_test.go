package importer

import (
	"strings"
	"testing"
	"time"

	"tributary/catalog/moment"
	"tributary/catalog/money"
)

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		text    string
		decimal money.Decimal
		cents   bool
		want    string // a problem in parentheses
	}{
		{"0.0125", money.DecimalAuto, false, "0.0125"},
		{"$1.50", money.DecimalAuto, false, "1.5"},
		{"0.05 USD", money.DecimalAuto, false, "0.05"},
		{"1 234.50", money.DecimalAuto, false, "1234.5"},
		{"0,0125", money.DecimalAuto, false, "0.0125"},
		{"0,012", money.DecimalAuto, false, "0.012"},
		{"12,5", money.DecimalAuto, false, "12.5"},
		{"1,234.50", money.DecimalAuto, false, "1234.5"},
		{"1.234,50", money.DecimalAuto, false, "1234.5"},
		{"1,234", money.DecimalAuto, false, "(an amount whose comma may separate thousands or decimals)"},
		{"1,234", money.DecimalPoint, false, "1234"},
		{"1,234", money.DecimalComma, false, "1.234"},
		{"1.234", money.DecimalComma, false, "1234"},
		{"12,34", money.DecimalPoint, false, "(an amount whose marks separate no thousands)"},
		{"1.5e-05", money.DecimalAuto, false, "0.000015"},
		{"0.00000149", money.DecimalAuto, false, "0.000001"},
		{"1,5E-05", money.DecimalAuto, false, "0.000015"},
		{"1,5E-05", money.DecimalComma, false, "0.000015"},
		{"1.5e-05", money.DecimalComma, false, "0.000015"},
		{"1,5e+03", money.DecimalPoint, false, "1500"},
		{"12.50", money.DecimalComma, false, "(an amount whose marks separate no thousands)"},
		{"125", money.DecimalAuto, true, "1.25"},
		{"1.5", money.DecimalAuto, true, "0.015"},
		{"-1", money.DecimalAuto, false, "(an amount below 0)"},
		{"abc", money.DecimalAuto, false, "(not a decimal number"},
		{"1e99", money.DecimalAuto, false, "(not a decimal number"},
		{"NaN", money.DecimalAuto, true, "(not a decimal number"},
		{"1/2", money.DecimalAuto, true, "(not a decimal number"},
		{"2000000000", money.DecimalAuto, false, "(above 1000000000"},
	} {
		plain, _, _, problem, right := amount(c.text, c.decimal, c.cents)
		got := plain
		if problem != "" {
			got = "(" + problem + ")"
			if right == "" {
				t.Errorf("%q: nothing says what would be right", c.text)
			}
		}
		if got != c.want && !(strings.HasPrefix(c.want, "(") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%q (%d, cents %v): %q, want %q", c.text, c.decimal, c.cents, got, c.want)
		}
	}
}

func TestMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text  string
		order moment.Order
		want  string // RFC 3339 in UTC, or a problem in parentheses
	}{
		{"2026-01-31 12:00:00", 0, "2026-01-31T11:00:00Z"},
		{"2026-07-31 12:00:00", 0, "2026-07-31T10:00:00Z"}, // summer time
		{"2026-01-31T12:00:00.250", 0, "2026-01-31T11:00:00.25Z"},
		{"2026-01-31T12:00:00Z", 0, "2026-01-31T12:00:00Z"},
		{"2026-01-31 12:00:00+03:00", 0, "2026-01-31T09:00:00Z"},
		{"2026-01-31 12:00:00 UTC", 0, "2026-01-31T12:00:00Z"},
		{"2025-12-18 12:52:23 AM", 0, "2025-12-17T23:52:23Z"},
		{"2026/01/31 12:00", 0, "2026-01-31T11:00:00Z"},
		{"31.01.2026 12:00:00", 0, "2026-01-31T11:00:00Z"},
		{"31.01.2026, 12:00:00", 0, "2026-01-31T11:00:00Z"},
		{"2026-01-31", 0, "2026-01-30T23:00:00Z"},
		{"1769860800", 0, "2026-01-31T12:00:00Z"},
		{"1769860800.5", 0, "2026-01-31T12:00:00.5Z"},
		{"1769860800123", 0, "2026-01-31T12:00:00.123Z"},
		{"03/04/2026 10:00:00", moment.OrderUnknown, "(the day or the month may come first)"},
		{"03/04/2026 10:00:00", moment.DayFirst, "2026-04-03T08:00:00Z"},
		{"3/4/2026 10:00 PM", moment.MonthFirst, "2026-03-04T21:00:00Z"},
		{"13/04/2026 10:00:00", moment.MonthFirst, "(no time)"},
		{"noon", 0, "(no time)"},
		{"12345", 0, "(a number too small"},
		{"99999999999999999999", 0, "(a number with more digits"},
		{"0", 0, "(a number too small"},
		{"", 0, "(no time)"},
		{"2026-02-30 12:00:00", 0, "(no time)"},
	} {
		atMS, problem, _ := when(c.text, berlin, c.order)
		got := "(" + problem + ")"
		if problem == "" {
			got = time.UnixMilli(atMS).UTC().Format(time.RFC3339Nano)
		}
		if got != c.want && !(strings.HasPrefix(c.want, "(") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

// FuzzValues holds that nothing that is written in a file can crash, and that what is taken is within the edge's bounds.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"1,234.50", "1.234,5", "1.5e-05", "2026-01-31 12:00:00", "03/04/2026", "1769860800123", "$-,.", "31.01.2026, 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, decimal := range DecimalNames {
			for _, cents := range []bool{false, true} {
				plain, micros, _, problem, right := amount(text, decimal, cents)
				if (problem == "") == (plain == "") || (problem == "") != (right == "") || micros < 0 {
					t.Fatalf("%q: %q %d %q %q", text, plain, micros, problem, right)
				}
			}
		}
		for _, order := range []moment.Order{moment.OrderUnknown, moment.DayFirst, moment.MonthFirst} {
			atMS, problem, right := when(text, time.UTC, order)
			if (problem == "") != (right == "") || problem == "" && atMS <= 0 {
				t.Fatalf("%q: %d %q %q", text, atMS, problem, right)
			}
		}
	})
}
