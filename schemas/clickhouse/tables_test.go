package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// created are the tables that the loader fills, as the database says it would make them, with {db} for its name.
func created(t *testing.T, conn driver.Conn, database string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, table := range schemas.Tables() {
		var text string
		if err := conn.QueryRow(t.Context(),
			"SELECT formatQuery(create_table_query) FROM system.tables WHERE database = ? AND name = ?",
			database, table.Name).Scan(&text); err != nil {
			t.Fatalf("%s.%s: %v", database, table.Name, err)
		}
		texts[table.Name] = strings.ReplaceAll(text, database+".", "{db}.")
	}
	return texts
}

func differ(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	for name := range want {
		a, b := strings.Split(want[name], "\n"), strings.Split(got[name], "\n")
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Errorf("%s: table %s differs in line %d:\n%s\nwant\n%s", what, name, i+1, append(b, "(none)")[min(i,
					len(b))], append(a, "(none)")[min(i, len(a))])
				break
			}
		}
	}
}

// TestDeclaredTablesAreTheMigratedOnes: it is all one whether the migrations make the tables and the declarations add
// what came later, or the declarations make them and the migrations find them.
func TestDeclaredTablesAreTheMigratedOnes(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, "way_a"), all); err != nil {
		t.Fatal(err)
	}
	changed, err := applyTables(ctx, quiet(conn, "way_a"), schemas.Tables())
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range changed {
		if (!strings.Contains(what, ": new columns ") || strings.Contains(what, "comment")) &&
			!strings.HasSuffix(what, ": codecs of stored columns") && !strings.HasSuffix(what, " is new") {
			t.Errorf("what the migrations made is changed: %s", what)
		}
	}
	migrated := created(t, conn, "way_a")
	if err := conn.Exec(ctx, "CREATE DATABASE way_b"); err != nil {
		t.Fatal(err)
	}
	changed, err = applyTables(ctx, quiet(conn, "way_b"), schemas.Tables())
	if err != nil || len(changed) != len(schemas.Tables()) {
		t.Fatalf("it made %q: %v", changed, err)
	}
	if changed, err := applyTables(ctx, quiet(conn, "way_b"), schemas.Tables()); err != nil || len(changed) > 0 {
		t.Errorf("what it made itself is changed: %q, %v", changed, err)
	}
	if _, err := migrate(ctx, quiet(conn, "way_b"), all); err != nil {
		t.Fatal(err)
	}
	differ(t, "the declarations first", migrated, created(t, conn, "way_b"))
}

// altered is a copy of the declarations that may be changed.
func altered() []schemas.Table {
	tables := slices.Clone(schemas.Tables())
	for i := range tables {
		tables[i].Columns = slices.Clone(tables[i].Columns)
	}
	return tables
}

// TestApplyTables: what a declaration gains is made, what it says otherwise is set, and it cannot turn into another.
func TestApplyTables(t *testing.T) {
	conn, ctx := open(t), t.Context()
	if _, err := Migrate(ctx, conn, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, "CREATE VIEW tributary.receipts AS SELECT 1 AS one"); err != nil {
		t.Fatal(err)
	}
	before := created(t, conn, DefaultDatabase)
	tables := altered()
	anomalies := slices.IndexFunc(tables, func(t schemas.Table) bool { return t.Name == "anomalies" })
	grown := &tables[anomalies]
	grown.Columns = slices.Insert(grown.Columns, 1,
		schemas.Column{Name: "rank", Type: schemas.TypeUint32, Comment: "It's the rank: \\1."})
	grown.Columns = append(grown.Columns,
		schemas.Column{Name: "double", Type: schemas.TypeUint64, Alias: "n * 2", Comment: "Twice n.",
			Fill: schemas.FillNone})
	grown.Column("n").Comment = "How many."
	grown.Comment = "Findings."
	added := altered()[anomalies]
	added.Name = "more_anomalies"
	tables = append(tables, added)

	t.Run("two at once", func(t *testing.T) {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if _, err := applyTables(ctx, quiet(conn, DefaultDatabase), tables); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	})
	got := created(t, conn, DefaultDatabase)
	for _, want := range []string{"`anomaly_id` String", "`rank` UInt32 COMMENT 'It\\'s the rank: \\\\1.',\n    `code`",
		"`double` UInt64 ALIAS n * 2 COMMENT 'Twice n.'",
		"`n` UInt64 COMMENT 'How many.'", "COMMENT 'Findings.'"} {
		if !strings.Contains(got["anomalies"], want) {
			t.Errorf("%s is not in\n%s", want, got["anomalies"])
		}
	}
	got["anomalies"] = before["anomalies"]
	differ(t, "tables that did not change", before, got)
	if changed, err := applyTables(ctx, quiet(conn, DefaultDatabase), tables); err != nil || len(changed) > 0 {
		t.Errorf("a second run changes %q: %v", changed, err)
	}
	if _, err := conn.Query(ctx, "SELECT anomaly_id FROM tributary.more_anomalies"); err != nil {
		t.Error(err)
	}

	for _, bad := range []struct {
		turn func(*schemas.Table)
		want string
	}{
		{func(t *schemas.Table) { t.Column("points").Type = schemas.TypeUint64 },
			"anomalies.points is UInt32, declared is UInt64; a type is changed by a migration"},
		{func(t *schemas.Table) { t.Column("points").Alias = "n" },
			`anomalies.points is stored as "", declared is "ALIAS"`},
		{func(t *schemas.Table) { t.Name = "receipts" }, "receipts is a View, declared is a table"},
	} {
		tables := altered()
		bad.turn(&tables[anomalies])
		tables[0].Comment = "Never set."
		changed, err := applyTables(ctx, quiet(conn, DefaultDatabase), tables)
		if !errors.Is(err, ErrUnlike) || !strings.Contains(err.Error(), bad.want) || len(changed) > 0 {
			t.Errorf("%v after %q, want %q", err, changed, bad.want)
		}
	}
}

// killable is a connection of a process that is killed after so many statements.
type killable struct {
	driver.Conn
	left int
}

var errKilled = errors.New("killed")

func (d *killable) Exec(ctx context.Context, query string, arguments ...any) error {
	if d.left == 0 {
		return errKilled
	}
	d.left--
	return d.Conn.Exec(ctx, query, arguments...)
}

// TestApplyTablesIsKilledAnywhere: whoever comes next finishes it.
func TestApplyTablesIsKilledAnywhere(t *testing.T) {
	conn, ctx := open(t), t.Context()
	before := []schemas.Table{schemas.Tables()[5], schemas.Tables()[7]}
	now := altered()
	now = []schemas.Table{now[5], now[7], now[6]}
	now[0].Columns = append(now[0].Columns, schemas.Column{Name: "rank", Type: schemas.TypeUint32, Comment: "Rank."})
	now[0].Column("n").Comment = "How many."
	now[1].Comment = "Waiting."
	want := ""
	for killed := range 4 {
		database := fmt.Sprint("killed_", killed)
		if err := conn.Exec(ctx, "CREATE DATABASE "+database); err != nil {
			t.Fatal(err)
		}
		if _, err := applyTables(ctx, quiet(conn, database), before); err != nil {
			t.Fatal(err)
		}
		if _, err := applyTablesOnce(ctx, quiet(&killable{conn, killed}, database), now); (killed < 3) != errors.Is(err,
			errKilled) {
			t.Fatalf("after %d statements: %v", killed, err)
		}
		if changed, err := applyTables(ctx, quiet(conn, database), now); err != nil || len(changed) != 3-killed {
			t.Errorf("killed after %d statements, the next did %q: %v", killed, changed, err)
		}
		var got string
		if err := conn.QueryRow(ctx,
			"SELECT arrayStringConcat(groupArray(create_table_query), '\n') FROM (SELECT create_table_query FROM system.tables WHERE database = ? ORDER BY name)", database).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got = strings.ReplaceAll(got, database, "db"); want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, "rank") {
			t.Errorf("killed after %d statements, the tables are\n%s\nwant\n%s", killed, got, want)
		}
	}
}
