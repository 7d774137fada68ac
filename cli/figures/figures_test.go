package figures

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"tributary/cli/misuse"
	"tributary/report"
	"tributary/schemas"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestWhere(t *testing.T) {
	for text, want := range map[string]report.Filter{
		"country=DE":                      {Dimension: "country", Op: report.Is, Values: []string{"DE"}},
		" source != push ads ":            {Dimension: "source", Op: report.IsNot, Values: []string{"push ads"}},
		"source<>x":                       {Dimension: "source", Op: report.IsNot, Values: []string{"x"}},
		"keyword=":                        {Dimension: "keyword", Op: report.Is, Values: []string{""}},
		"keyword='a=b'":                   {Dimension: "keyword", Op: report.Is, Values: []string{"a=b"}},
		"keyword=it's":                    {Dimension: "keyword", Op: report.Is, Values: []string{"it's"}},
		"country in (DE, AT)":             {Dimension: "country", Op: report.In, Values: []string{"DE", "AT"}},
		"Country NOT  IN DE,AT":           {Dimension: "country", Op: report.NotIn, Values: []string{"DE", "AT"}},
		`campaign in ("a, b", c)`:         {Dimension: "campaign", Op: report.In, Values: []string{"a, b", "c"}},
		"keyword like %shoes%":            {Dimension: "keyword", Op: report.Like, Values: []string{"%shoes%"}},
		"keyword not like '%shoes%'":      {Dimension: "keyword", Op: report.NotLike, Values: []string{"%shoes%"}},
		"zone=1' OR '1'='1":               {Dimension: "zone", Op: report.Is, Values: []string{"1' OR '1'='1"}},
		"campaign in ('summer','winter')": {Dimension: "campaign", Op: report.In, Values: []string{"summer", "winter"}},
	} {
		if got, err := Where(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "country", "=DE", "country ~ DE", `country in ("DE`, "1=1"} {
		if got, err := Where(text); !misuse.Is(err) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestHavingAndSort(t *testing.T) {
	for text, want := range map[string]report.Having{
		"clicks>50":         {Metric: "clicks", Op: ">", Value: "50"},
		" profit <= -10.5 ": {Metric: "profit", Op: "<=", Value: "-10.5"},
		"roi>20%":           {Metric: "roi", Op: ">", Value: "0.2"},
		"cr_delta<>0":       {Metric: "cr_delta", Op: "!=", Value: "0"},
	} {
		if got, err := Having(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "clicks", "clicks > ", "clicks>5 or 1", "roi>x%"} {
		if got, err := Having(text); !misuse.Is(err) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	want := []report.Sort{{Name: "profit", Descending: true}, {Name: "country"}}
	if got := Sort(" -Profit, +country,"); !reflect.DeepEqual(got, want) {
		t.Errorf("sorted by %+v", got)
	}
}

func answer(compared bool) *report.Table {
	money := func(text string) decimal.Decimal { return decimal.RequireFromString(text) }
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		panic(err)
	}
	from := time.Date(2026, 11, 29, 0, 0, 0, 0, zone)
	t := &report.Table{Zone: zone, Basis: report.ByClick, Groups: 3, Asked: from, Reads: []string{"projection of clicks"},
		Period: report.Period{From: from, To: from.AddDate(0, 0, 1)},
		Keys: []report.KeyColumn{{Name: "source_id", Type: "UInt32", Number: true}, {Name: "source", Type: "String"},
			{Name: "day", Type: "Date"}, {Name: "hour", Type: "DateTime('UTC')"}},
		Notes: []string{`No source of the catalog is called "x"`}}
	for _, name := range []string{"clicks", "cost", "roi", "epc"} {
		t.Metrics = append(t.Metrics, schemas.MetricNamed(name))
	}
	row := func(source string, clicks int64, cost string, roi, epc any) report.Row {
		r := report.Row{Keys: []any{uint32(7), source, report.Date("2026-11-29"), from.UTC()},
			Figures: []any{clicks, money(cost), roi, epc}}
		if compared {
			r.Before = []any{int64(10), money("2.5"), nil, 0.5}
		}
		return r
	}
	t.Rows = []report.Row{row("=push\x1b[31m", 1234, "1234567890123.123456", 0.256, 1.5), row("", 5, "-0.1", nil, nil)}
	t.Totals = row("", 1239, "1234567890123.023456", 0.25, 1.25)
	t.Totals.Keys = nil
	if compared {
		t.Before = report.Period{From: from.AddDate(0, 0, -1), To: from}
	}
	return t
}

// TestPrinted holds each format against what is committed: money to the last place, numbers to the right, nothing that steers a
// terminal or is a formula to a spreadsheet.
func TestPrinted(t *testing.T) {
	var b bytes.Buffer
	for i, compared := range []bool{false, true} {
		if err := Table(&b, answer(compared), "EUR"); err != nil {
			t.Fatal(err)
		}
		if i == 0 && strings.Contains(b.String(), "\x1b") {
			t.Error("a name steers the terminal")
		}
		b.WriteString("\n")
		if err := CSV(&b, answer(compared)); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
		if err := JSON(&b, answer(compared)); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	const golden = "testdata/printed.golden.txt"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("printed is\n%s\nwant\n%s", b.Bytes(), want)
	}
}

// TestKnown: each dimension and figure has its line.
func TestKnown(t *testing.T) {
	var b bytes.Buffer
	if err := Known(&b); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sub20", "keyword", "hour_of_day", "ad_name", "landing_pressed", "roi"} {
		if !strings.Contains(b.String(), "\n "+name+" ") {
			t.Errorf("%s is not listed:\n%s", name, b.String())
		}
	}
}
