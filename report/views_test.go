package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tributary/schemas"
)

var update = flag.Bool("update", false, "write testdata/views.golden.sql and generation.txt anew")

// TestViews holds the texts against the committed ones, and their generation, which goes up when a text changes.
func TestViews(t *testing.T) {
	const golden, generation = "testdata/views.golden.sql", "generation.txt"
	var text bytes.Buffer
	for _, v := range Views().List {
		text.WriteString(v.SQL + ";\n\n")
	}
	sum := sha256.Sum256(text.Bytes())
	number, was, _ := strings.Cut(strings.TrimSpace(generationText), " ")
	if is := hex.EncodeToString(sum[:]); is != was {
		if !*update {
			t.Fatalf("the views' texts changed: go test ./report -update counts the change in %s and shows it in %s",
				generation, golden)
		}
		next := fmt.Sprintf("%d %s\n", Views().Generation+1, is)
		if err := os.WriteFile(generation, []byte(next), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("generation %s is followed by %s", number, next)
	}
	if *update {
		if err := os.WriteFile(golden, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, text.Bytes()) {
		t.Errorf("%s differs from what is generated: go test ./report -update", golden)
	}
}

// TestDefinitions: what the views are made of is right, and each view says what its columns are.
func TestDefinitions(t *testing.T) {
	if err := schemas.CheckMetrics(schemas.Metrics); err != nil {
		t.Error(err)
	}
	if err := schemas.CheckDimensions(schemas.Dimensions); err != nil {
		t.Error(err)
	}
	for _, v := range Views().List {
		if v.Comment == "" || len(v.Columns) == 0 {
			t.Errorf("%s has no comment or no columns", v.Name)
		}
		for _, c := range v.Columns {
			if c.Comment == "" || c.Type == "" {
				t.Errorf("%s.%s has no comment or no type", v.Name, c.Name)
			}
		}
		if left := regexp.MustCompile(`\{(table|at|grain|name)\}|  *\n`).FindString(v.SQL); left != "" {
			t.Errorf("the text of %s has %q left", v.Name, left)
		}
	}
}

// TestOrder: no view comes before one that it reads, none is there twice, and none that is retired is made.
func TestOrder(t *testing.T) {
	views := Views()
	reads := regexp.MustCompile(`\{database\}\.(\w+)`)
	var before []string
	for _, v := range views.List {
		for _, m := range reads.FindAllStringSubmatch(v.SQL, -1)[1:] {
			later := slices.ContainsFunc(views.List, func(o schemas.View) bool { return o.Name == m[1] })
			if later && !slices.Contains(before, m[1]) {
				t.Errorf("%s reads %s, which comes after it", v.Name, m[1])
			}
		}
		if slices.Contains(before, v.Name) || slices.Contains(views.Retired, v.Name) {
			t.Errorf("%s is made twice, or retired too", v.Name)
		}
		before = append(before, v.Name)
	}
}

// TestANewMetric counts the places: a definition at the end of schemas.Metrics is a column of every view of figures by
// dimensions, one that can be added up a column of the views of all sums too.
func TestANewMetric(t *testing.T) {
	was := schemas.Metrics
	defer func() { schemas.Metrics = was }()
	schemas.Metrics = append(slices.Clone(was),
		schemas.Metric{Name: "late", Unit: schemas.UnitCount, Type: schemas.FigureCount,
			Sum:     schemas.By{schemas.FactConversions: "toInt64(countIf(received_at > click_at + 86400))"},
			Comment: "Entries a day after the click.", Counted: "Count of entries a day after the click."},
		schemas.Metric{Name: "late_share", Unit: schemas.UnitFraction, Type: schemas.FigureRatio, Null: schemas.NullDividing,
			Formula: "late / (conversions + rejected)", Comment: "late / (conversions + rejected), a fraction."})
	if err := schemas.CheckMetrics(schemas.Metrics); err != nil {
		t.Fatal(err)
	}
	for _, v := range Views().List {
		last := v.Columns[len(v.Columns)-1]
		switch {
		case strings.HasPrefix(v.Name, "epc_roi_by_"):
			const want = "toFloat64(late) / nullIf(toFloat64(conversions + rejected), 0) AS late_share"
			const comment = "late / (conversions + rejected), a fraction. NULL while the denominator is 0."
			if last.Name != "late_share" || last.Comment != comment || !strings.Contains(v.SQL, want) ||
				!strings.Contains(v.SQL, "sum(part_late) AS late") {
				t.Errorf("%s ends with %v:\n%s", v.Name, last, v.SQL)
			}
		case strings.HasPrefix(v.Name, "totals_by_"):
			if last.Name != "late" || last.Comment != "Count of entries a day after the click." {
				t.Errorf("%s ends with %v", v.Name, last)
			}
		}
	}
}

// TestANewView counts the places: one line of moneyViews.
func TestANewView(t *testing.T) {
	line := money("offer country hour")
	v := line.stored()
	if v.Name != "epc_roi_by_offer_country_hour" || v.Columns[0].Name != "offer_id" || v.Columns[3].Name != "hour" ||
		!strings.Contains(v.SQL, "GROUP BY offer_id, if(offer_id = 0, toString(said_offer), ''), country, hour") {
		t.Errorf("%v\n%s", v.Columns[:4], v.SQL)
	}
}
