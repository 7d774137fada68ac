package clickhouse

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// someViews are few, and quick to make.
func someViews(generation uint32) schemas.Views {
	view := func(name, query string) schemas.View {
		return schemas.View{Name: name, SQL: "CREATE OR REPLACE VIEW {database}." + name + " AS " + query}
	}
	return schemas.Views{Generation: generation, List: []schemas.View{
		view("days", "SELECT toDate(event_at) AS day, count() AS clicks FROM {database}.clicks GROUP BY day"),
		view("all_days", "SELECT sum(clicks) AS clicks FROM {database}.days WHERE true"),
		view("ones", "SELECT 1 AS one"),
	}}
}

// seeing keeps the statements that were run.
type seeing struct {
	driver.Conn
	statements []string
}

func (s *seeing) Exec(ctx context.Context, query string, arguments ...any) error {
	s.statements = append(s.statements, query)
	return s.Conn.Exec(ctx, query, arguments...)
}

// viewsWith migrates with views and returns the names of those that it made or dropped.
func viewsWith(t *testing.T, conn driver.Conn, database string, views schemas.Views) []string {
	t.Helper()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	seen := &seeing{Conn: conn}
	r := quiet(seen, database)
	r.views = views
	if _, err := r.bring(t.Context(), all[:1]); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, statement := range seen.statements {
		for _, what := range []string{"CREATE OR REPLACE VIEW ", "DROP VIEW IF EXISTS "} {
			if rest, ok := strings.CutPrefix(statement, what+database+"."); ok {
				names = append(names, strings.Fields(rest)[0])
			}
		}
	}
	return names
}

// TestViewsAreMadeOnce: a view is made when it is not there or its text changed, and else left alone.
func TestViewsAreMadeOnce(t *testing.T) {
	conn := open(t)
	const database = "once"
	check := func(what string, views schemas.Views, want ...string) {
		t.Helper()
		if got := viewsWith(t, conn, database, views); !slices.Equal(got, want) {
			t.Errorf("%s: %v were made or dropped, want %v", what, got, want)
		}
	}
	views := someViews(1)
	check("an empty database", views, "days", "all_days", "ones")
	check("a second run", views)
	views.List[1].SQL += " COMMENT 'Sums.'"
	check("a text that changed", views, "all_days")
	check("a second run after it", views)
	execIn(t, conn, database, "DROP VIEW {db}.ones")
	check("a view that somebody dropped", views, "ones")
	// The clock went back since the texts were written down.
	execIn(t, conn, database, "INSERT INTO {db}.schema_views SELECT name, checksum, generation, now64(3, 'UTC') + 3600 "+
		"FROM {db}.schema_views FINAL")
	views.List[1].SQL = someViews(1).List[1].SQL
	check("a text that changed back", views, "all_days")
	check("a second run after that", views)

	execIn(t, conn, database, "CREATE VIEW {db}.of_a_person AS SELECT 1")
	views.List = views.List[:2]
	check("a view that nobody wants", views)
	views.Retired = []string{"ones", "never_there", "schema_migrations"}
	check("a view that is retired", views, "ones")
	const there = "SELECT name FROM system.tables WHERE database = 'once' AND (engine = 'View' OR name = 'schema_migrations') " +
		"ORDER BY name"
	if got := asText(t, conn, there); got != "all_days\ndays\nof_a_person\nschema_migrations\n" {
		t.Errorf("there are %s", got)
	}
}

// TestViewsOfANewerProgram: an older program neither replaces them nor migrates; one of the same generation does.
func TestViewsOfANewerProgram(t *testing.T) {
	conn, ctx := open(t), t.Context()
	const database = "newer"
	viewsWith(t, conn, database, someViews(5))
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	seen := &seeing{Conn: conn}
	r := quiet(seen, database)
	r.views = someViews(4)
	r.views.List[0].SQL += " COMMENT 'Older.'"
	_, err = r.bring(ctx, all)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "generation 5") {
		t.Errorf("an older program is told %v", err)
	}
	for _, statement := range seen.statements {
		if !strings.HasPrefix(statement, "CREATE DATABASE IF NOT EXISTS") &&
			!strings.HasPrefix(statement, "CREATE TABLE IF NOT EXISTS "+database+".") {
			t.Errorf("it ran %s", statement)
		}
	}
	const comment = "SELECT comment FROM system.tables WHERE database = 'newer' AND name = 'days'"
	if got := asText(t, conn, comment); got != "\n" {
		t.Errorf("it made the view: %s", got)
	}
	other := someViews(5)
	other.List[0].SQL += " COMMENT 'Of another branch.'"
	if got := viewsWith(t, conn, database, other); !slices.Equal(got, []string{"days"}) {
		t.Errorf("of the same generation %v were made", got)
	}
}

// TestViewsBesideATable: a table that has a view's name is not replaced.
func TestViewsBesideATable(t *testing.T) {
	conn, ctx := open(t), t.Context()
	viewsWith(t, conn, "beside", schemas.Views{})
	execIn(t, conn, "beside", "CREATE TABLE {db}.ones ENGINE = MergeTree ORDER BY one AS SELECT 7 AS one")
	r := quiet(conn, "beside")
	r.views = someViews(1)
	err := r.applyViews(ctx)
	if err == nil || !strings.Contains(err.Error(), "ones is no view but has the engine MergeTree") {
		t.Errorf("it is told %v", err)
	}
	if got := asText(t, conn, "SELECT one FROM beside.ones"); got != "7\n" {
		t.Errorf("the table has %s", got)
	}
}

// TestViewsKilled dies after each statement, and several processes go on together.
func TestViewsKilled(t *testing.T) {
	conn, ctx := open(t), t.Context()
	const database = "killed"
	viewsWith(t, conn, database, schemas.Views{})
	died := map[string]bool{}
	for {
		r := quiet(&dying{Conn: conn, died: died}, database)
		r.views = someViews(1)
		err := r.applyViews(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errDied) {
			t.Fatal(err)
		}
	}
	if len(died) != 4 {
		t.Errorf("it was killed %d times: %v", len(died), died)
	}
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			r := quiet(conn, database)
			r.views = someViews(2)
			for i := range r.views.List {
				r.views.List[i].SQL += " COMMENT 'Again.'"
			}
			failed <- r.applyViews(ctx)
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	const comments = "SELECT name, comment FROM system.tables WHERE database = 'killed' AND engine = 'View' ORDER BY name"
	if got := asText(t, conn, comments); got != "all_days Again.\ndays Again.\nones Again.\n" {
		t.Errorf("there are %s", got)
	}
	if got := asText(t, conn, "SELECT clicks FROM killed.all_days"); got != "0\n" {
		t.Errorf("all_days shows %s", got)
	}
}
