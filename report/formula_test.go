package report

import (
	"testing"

	"tributary/schemas"
)

// TestFormulas: what is shown is used by its name, what is not is written out, and parentheses are where they must be.
func TestFormulas(t *testing.T) {
	beside := shown(figures("clicks cost revenue first=created"))
	for formula, want := range map[string]string{
		"clicks":                "clicks",
		"profit":                "revenue - cost",
		"clicks - profit":       "clicks - (revenue - cost)",
		"profit - clicks":       "revenue - cost - clicks",
		"profit * 1000":         "(revenue - cost) * 1000",
		"2 * (3 * clicks)":      "2 * (3 * clicks)",
		"clicks + approved + 1": "clicks + sum(part_approved) + 1",
		"flagged / created":     "toFloat64(sum(part_flagged)) / nullIf(toFloat64(first), 0)",
		"profit / (clicks + 1)": "toFloat64(revenue - cost) / nullIf(toFloat64(clicks + 1), 0)",
		"roi * 100":             "toFloat64(revenue - cost) / nullIf(toFloat64(cost), 0) * 100",
		"clicks / (revenue / cost)": "toFloat64(clicks) / nullIf(toFloat64(" +
			"toFloat64(revenue) / nullIf(toFloat64(cost), 0)), 0)",
		"clicks * (revenue / cost)":  "clicks * (toFloat64(revenue) / nullIf(toFloat64(cost), 0))",
		"revenue_hold - clicks * 2":  "sum(part_revenue_hold) - clicks * 2",
		"(revenue_hold - clicks) *2": "(sum(part_revenue_hold) - clicks) * 2",
	} {
		f, err := schemas.ParseFormula(formula)
		if err != nil {
			t.Fatal(err)
		}
		if got := beside.writer().sql(f); got != want {
			t.Errorf("%s is written %s, want %s", formula, got, want)
		}
	}
}
