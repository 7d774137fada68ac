package clickhouse

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/report"
)

// allOf is what a database is: what ClickHouse says of its tables and views and of their columns, and the rows that the
// migration runner wrote.
func allOf(t *testing.T, conn driver.Conn, database string) map[string]string {
	t.Helper()
	all := ddl(t, conn, database)
	for what, query := range map[string]string{
		"columns": "SELECT table, position, name, type, default_kind, default_expression, comment, compression_codec, " +
			"is_in_partition_key, is_in_sorting_key FROM system.columns WHERE database = '" + database + "' ORDER BY table, position",
		"projections": "SELECT table, name, type, query, sorting_key FROM system.projections WHERE database = '" + database +
			"' ORDER BY table, name",
		"rows of tables": "SELECT name, total_rows FROM system.tables WHERE database = '" + database +
			"' AND name NOT LIKE 'schema_%' ORDER BY name",
		"schema_migrations": "SELECT version, name, checksum FROM " + database + ".schema_migrations FINAL ORDER BY version",
		"schema_views":      "SELECT name, checksum, generation FROM " + database + ".schema_views FINAL ORDER BY name",
		"schema_fills":      "SELECT DISTINCT name, month, rows, gone FROM " + database + ".schema_fills ORDER BY ALL",
	} {
		all["("+what+")"] = asText(t, conn, query)
	}
	return all
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if g, w := got[name], want[name]; g != w {
			i := 0
			for i < min(len(g), len(w)) && g[i] == w[i] {
				i++
			}
			t.Errorf("%s: %s differs: …%.200s, want …%.200s", what, name, g[max(0, i-40):], w[max(0, i-40):])
		}
	}
}

// TestFreshIsTheMigratedOne: an empty database gets at once what all migrations end in, also where the run that makes it
// is killed or is not alone.
func TestFreshIsTheMigratedOne(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := whole(conn, "migrated").bring(ctx, all); err != nil || len(applied) != len(all) {
		t.Fatal(applied, err)
	}
	want := allOf(t, conn, "migrated")
	fresh := &seeing{Conn: conn}
	applied, err := Migrate(ctx, fresh, Options{Database: "fresh", Views: report.Views()})
	if err != nil || len(applied) != len(all) || applied[3].Version != 4 || applied[3].Name != all[3].Name {
		t.Fatal(applied, err)
	}
	same(t, "a fresh database", allOf(t, conn, "fresh"), want)
	if applied, err := Migrate(ctx, conn, Options{Database: "fresh", Views: report.Views()}); err != nil || len(applied) != 0 {
		t.Errorf("the next run applied %v: %v", applied, err)
	}
	altered := slices.DeleteFunc(fresh.statements, func(s string) bool { return !strings.HasPrefix(s, "ALTER") })
	if len(altered) > 1 {
		t.Errorf("tables were not made at once: %.100q", altered)
	}

	// Views are the same whoever made the tables.
	if _, err := Migrate(ctx, conn, Options{Database: "quiet"}); err != nil {
		t.Fatal(err)
	}
	want = allOf(t, conn, "quiet")
	whole := len(declaredWhole(all, "x")) + len(undeclared(all))
	const prepared = 5
	kills := []int{0, prepared + whole/2, prepared + whole}
	if *everyVersion {
		kills = kills[:0]
		for n := range prepared + whole + 1 {
			kills = append(kills, n)
		}
	}
	for _, n := range kills {
		database := fmt.Sprint("killed_", n)
		if _, err := Migrate(ctx, &killable{conn, n}, Options{Database: database}); !errors.Is(err, errKilled) {
			t.Fatalf("after %d statements: %v", n, err)
		}
		if _, err := Migrate(ctx, conn, Options{Database: database}); err != nil {
			t.Errorf("after %d statements the next run failed: %v", n, err)
		}
		same(t, fmt.Sprintf("killed after %d statements", n), allOf(t, conn, database), want)
	}
	var two sync.WaitGroup
	for range 2 {
		two.Go(func() {
			if _, err := Migrate(ctx, conn, Options{Database: "two"}); err != nil {
				t.Error(err)
			}
		})
	}
	two.Wait()
	same(t, "two at once", allOf(t, conn, "two"), want)
}
