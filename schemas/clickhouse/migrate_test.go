package clickhouse

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
)

func open(t *testing.T) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestMigrate(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	applied, err := Migrate(ctx, conn, Options{})
	if err != nil || len(applied) != len(all) {
		t.Fatalf("the first run applied %d of %d: %v", len(applied), len(all), err)
	}
	if applied, err = Migrate(ctx, conn, Options{}); err != nil || len(applied) != 0 {
		t.Fatalf("the second run applied %v: %v", applied, err)
	}

	t.Run("a run that died in the middle goes on", func(t *testing.T) {
		first := all[0]
		broken := first
		broken.statements = append(append([]string{}, first.statements...), "CREATE TABLE {database}.broken (x NoSuchType) ENGINE = Memory")
		_, err := migrate(ctx, quiet(conn, "halfway"), []Migration{broken})
		if err == nil || !strings.Contains(err.Error(), "0001_clicks, statement 2 of 2") {
			t.Fatal(err)
		}
		if applied, err := migrate(ctx, quiet(conn, "halfway"), all); err != nil || len(applied) != len(all) {
			t.Fatal(applied, err)
		}
	})
	t.Run("an edited migration is named", func(t *testing.T) {
		edited := append([]Migration{}, all...)
		edited[1].Checksum = "0000000000000000"
		if _, err := migrate(ctx, quiet(conn, DefaultDatabase), edited); !errors.Is(err, ErrEdited) || !strings.Contains(err.Error(), "0002_conversions") {
			t.Error(err)
		}
	})
	t.Run("an older program is told", func(t *testing.T) {
		if _, err := migrate(ctx, quiet(conn, DefaultDatabase), all[:3]); !errors.Is(err, ErrNewer) {
			t.Error(err)
		}
	})
	t.Run("a hostile database name is refused", func(t *testing.T) {
		for _, name := range []string{"a-b", "x; DROP TABLE y", "1a", strings.Repeat("a", 70)} {
			if _, err := Migrate(ctx, conn, Options{Database: name}); err == nil {
				t.Errorf("%q is taken", name)
			}
		}
	})
	t.Run("retention is set, kept, changed and removed", func(t *testing.T) {
		for _, step := range []struct {
			days map[string]int
			want string
		}{
			{map[string]int{"anomalies": 30, "parked": 7}, "TTL toDateTime(received_at) + toIntervalDay(30)"},
			{nil, "TTL toDateTime(received_at) + toIntervalDay(30)"},
			{map[string]int{"anomalies": 90, "clicks": 0, "rollup_hour": 0}, "TTL toDateTime(received_at) + toIntervalDay(90)"},
			{map[string]int{"anomalies": 90, "clicks": 0, "rollup_hour": 0}, "TTL toDateTime(received_at) + toIntervalDay(90)"},
			{map[string]int{"anomalies": 0, "clicks": 30}, ""},
			{map[string]int{"anomalies": 0}, ""},
		} {
			if _, err := Migrate(ctx, conn, Options{RetentionDays: step.days}); err != nil {
				t.Fatal(err)
			}
			var engine string
			if err := conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = 'tributary' AND name = 'anomalies'").Scan(&engine); err != nil {
				t.Fatal(err)
			}
			if step.want == "" && strings.Contains(engine, "TTL") || !strings.Contains(engine, step.want) {
				t.Errorf("after %v: %s", step.days, engine)
			}
		}
		// Rows that money is made of are summed before they go: by `tributary archive`, by no TTL.
		if got := asText(t, conn, "SELECT name FROM system.tables WHERE database = 'tributary' AND name = 'clicks' AND engine_full LIKE '% TTL %'"); got != "" {
			t.Error("clicks has a TTL")
		}
		for _, bad := range []struct {
			table string
			days  int
			want  string
		}{{"click", 3, "want anomalies"}, {"anomalies", -1, "0 or more"}, {"rollup_hour", 9, "it is a view"}} {
			if _, err := Migrate(ctx, conn, Options{RetentionDays: map[string]int{bad.table: bad.days}}); err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("%d days of %s: %v, want %q", bad.days, bad.table, err, bad.want)
			}
		}
	})
}

func TestReadMigrations(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"gap":                {fstest.MapFS{"0001_a.sql": file("SELECT 1;"), "0003_c.sql": file("SELECT 1;")}, "0002"},
		"no number":          {fstest.MapFS{"a.sql": file("SELECT 1;")}, "four digits"},
		"short number":       {fstest.MapFS{"1_a.sql": file("SELECT 1;")}, "four digits"},
		"other ending":       {fstest.MapFS{"0001_a.txt": file("SELECT 1;")}, "four digits"},
		"no statements":      {fstest.MapFS{"0001_a.sql": file("\n\n")}, "no statement"},
		"a comment too late": {fstest.MapFS{"0001_a.sql": file("\n-- Why.\n")}, "no statement"},
	} {
		if _, err := readMigrations(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	got, err := readMigrations(fstest.MapFS{"0001_a.sql": file("SELECT 'a;b';\n\nSELECT 2;\n"), "0002_b.sql": file("-- Why.\n-- So.\n\nSELECT 3"), "0003_c.sql": file("-- Why it has none.\n")})
	if err != nil || len(got) != 3 || len(got[0].statements) != 2 || got[0].statements[0] != "SELECT 'a;b'" ||
		len(got[1].statements) != 1 || got[1].statements[0] != "SELECT 3" || got[2].statements != nil {
		t.Error(got, err)
	}
}

// quiet makes no views, for databases that are to be some way behind.
func quiet(conn driver.Conn, database string) *run {
	return &run{conn: conn, database: database, progress: func(Progress) {}, tables: schemas.Tables()}
}

// whole makes the views too, as the program does.
func whole(conn driver.Conn, database string) *run {
	r := quiet(conn, database)
	r.views = report.Views()
	return r
}

// TestInstallationOutlivesAClockThatWentBack: the newest value counts, whatever ClickHouse's clock said when the one before was written.
func TestInstallationOutlivesAClockThatWentBack(t *testing.T) {
	conn, ctx := open(t), t.Context()
	if _, err := Migrate(ctx, conn, Options{}); err != nil {
		t.Fatal(err)
	}
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.installation SELECT 'base_currency', 'EUR', now64(3, 'UTC') + 3600")
	for _, want := range []string{"USD", "GBP", ""} {
		before, err := ReadInstallation(ctx, conn, DefaultDatabase)
		if err != nil {
			t.Fatal(err)
		}
		now := map[string]string{"topic_prefix": "''"}
		if want != "" {
			now["base_currency"] = want
		}
		if err := WriteInstallation(ctx, conn, DefaultDatabase, before, now); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadInstallation(ctx, conn, DefaultDatabase); err != nil || got["base_currency"] != want || got["topic_prefix"] != "''" {
			t.Errorf("there is %v, want %q: %v", got, want, err)
		}
	}
}
