package clickhouse

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/report"
	"tributary/schemas"
)

var update = flag.Bool("update", false, "write testdata/schema.golden.sql and ../DICTIONARY.md anew")

// golden holds a generated text against its committed file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(want, got) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s differs in line %d:\n%s\nwant\n%s\nRun go test ./schemas/clickhouse -update after a deliberate change", path, i+1, append(b, make([]string, len(a))...)[i], a[i])
		}
	}
	t.Fatalf("%s is shorter than what is generated; run go test ./schemas/clickhouse -update after a deliberate change", path)
}

// TestGolden migrates an empty engine and holds what it then says of itself against the committed DDL and the data
// dictionary. Every table and every column must have a comment.
func TestGolden(t *testing.T) {
	conn := open(t)
	if _, err := Migrate(t.Context(), conn, Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	tables := readTables(t, conn)
	var ddl, dictionary bytes.Buffer
	for _, table := range tables {
		fmt.Fprintf(&ddl, "%s;\n\n", table.ddl)
		if table.comment == "" {
			t.Errorf("%s has no comment", table.name)
		}
		for _, c := range table.columns {
			if c.comment == "" {
				t.Errorf("%s.%s has no comment", table.name, c.name)
			}
		}
	}
	golden(t, "testdata/schema.golden.sql", ddl.Bytes())
	writeDictionary(t, &dictionary, tables)
	golden(t, "../DICTIONARY.md", dictionary.Bytes())
}

// TestFlagScore: the number in the SQL is the one in the program.
func TestFlagScore(t *testing.T) {
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	threshold := regexp.MustCompile(`score >= (\d+)`)
	found := 0
	for _, m := range all {
		for _, statement := range m.statements {
			for _, match := range threshold.FindAllStringSubmatch(statement, -1) {
				if found++; match[1] != fmt.Sprint(schemas.FlagScore) {
					t.Errorf("%04d_%s has %s, FlagScore is %d", m.Version, m.Name, match[0], schemas.FlagScore)
				}
			}
		}
	}
	for _, table := range schemas.Tables() {
		for _, c := range table.Columns {
			if match := threshold.FindStringSubmatch(c.Alias); match != nil && match[1] != fmt.Sprint(schemas.FlagScore) {
				t.Errorf("%s.%s has %s, FlagScore is %d", table.Name, c.Name, match[0], schemas.FlagScore)
			}
		}
	}
	if found == 0 {
		t.Error("no threshold found")
	}
}

type tableInfo struct {
	name, engine, comment, ddl string
	columns                    []columnInfo
}

type columnInfo struct{ name, kind, defaultKind, comment string }

func readTables(t *testing.T, conn driver.Conn) []*tableInfo {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT name, engine, comment, formatQuery(create_table_query) FROM system.tables WHERE database = 'tributary' AND name NOT LIKE '.inner%' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	var tables []*tableInfo
	byName := make(map[string]*tableInfo)
	for rows.Next() {
		table := new(tableInfo)
		if err := rows.Scan(&table.name, &table.engine, &table.comment, &table.ddl); err != nil {
			t.Fatal(err)
		}
		tables, byName[table.name] = append(tables, table), table
	}
	if rows, err = conn.Query(t.Context(), "SELECT table, name, type, default_kind, comment FROM system.columns WHERE database = 'tributary' AND table NOT LIKE '.inner%' ORDER BY table, position"); err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		var c columnInfo
		if err := rows.Scan(&name, &c.name, &c.kind, &c.defaultKind, &c.comment); err != nil {
			t.Fatal(err)
		}
		byName[name].columns = append(byName[name].columns, c)
	}
	return tables
}

const dictionaryHead = `<!-- Generated from the tables, the definitions of views, events.proto, rows.proto and the Go lists in schemas: go test ./schemas/clickhouse -update. Do not edit. -->
# Data dictionary

Database ` + "`tributary`" + `. The same texts are in ClickHouse: ` + "`DESCRIBE tributary.clicks`" + `, ` + "`SELECT name, comment FROM system.columns WHERE database = 'tributary'`" + `.

- Money is in the base currency of the configuration, converted once at the dated exchange rate, exact to 0.000001; a column that ends in
  ` + "`_original`" + ` is in the currency of its row.
- Times are UTC. ` + "`event_at`" + ` is when something happened, ` + "`received_at`" + ` when Tributary learned of it, ` + "`click_at`" + ` when the click of a conversion happened.
- Views book revenue on the time of its click: an hour's EPC changes while its conversions arrive.
- A ratio whose denominator is 0 is NULL.
- ` + "`conversions`" + ` is a ledger. Figures as they were known at a time are sums over what had been received by then:

` + "```sql" + `
SELECT
    c.campaign_id,
    c.clicks,
    r.revenue / c.clicks AS epc
FROM (SELECT campaign_id, count() AS clicks FROM tributary.clicks WHERE received_at <= '2026-11-01 12:00:00' GROUP BY campaign_id) AS c
LEFT JOIN (SELECT campaign_id, sum(revenue_hold_delta + revenue_confirmed_delta) AS revenue FROM tributary.conversions WHERE received_at <= '2026-11-01 12:00:00' GROUP BY campaign_id) AS r USING campaign_id
` + "```" + `

`

func writeDictionary(t *testing.T, w *bytes.Buffer, tables []*tableInfo) {
	t.Helper()
	w.WriteString(dictionaryHead)
	for _, part := range []struct {
		title string
		has   func(*tableInfo) bool
	}{
		{"Tables", func(i *tableInfo) bool { return strings.HasSuffix(i.engine, "MergeTree") }},
		{"Views", func(i *tableInfo) bool { return i.engine == "View" }},
	} {
		fmt.Fprintf(w, "## %s\n\n", part.title)
		for _, table := range tables {
			if !part.has(table) {
				continue
			}
			fmt.Fprintf(w, "### %s\n\n%s\n\n| column | type | meaning |\n|---|---|---|\n", table.name, table.comment)
			for _, c := range table.columns {
				kind := c.kind
				switch c.defaultKind {
				case kindAlias:
					kind += ", computed"
				case kindStored:
					kind += ", stored"
				}
				fmt.Fprintf(w, "| `%s` | %s | %s |\n", c.name, kind, cell(c.comment))
			}
			w.WriteString("\n")
		}
	}
	w.WriteString("## Kafka topics\n\nA deployment may put a prefix before every name. Values are protobuf, see Events.\n\n| topic | event | key | kept for | transactional |\n|---|---|---|---|---|\n")
	for _, topic := range schemas.Topics {
		kept := fmt.Sprintf("%d days", topic.RetentionMS/(24*60*60*1000))
		if topic.State {
			kept = "the last of a key for ever"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s | %s |\n", topic.Name, strings.TrimPrefix(topic.Message, "tributary.v1."), topic.Key,
			kept, map[bool]string{true: "yes", false: "no"}[topic.Transactional])
	}
	writeEvents(t, w)
	w.WriteString("\n## Reject reasons\n\n`dead_letters.reason`; the list is closed.\n\n| reason | where | means | what to do |\n|---|---|---|---|\n")
	for _, r := range schemas.RejectReasons {
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", r.Reason, r.Place, cell(r.Means), cell(r.Mend))
	}
	fmt.Fprintf(w, "\n## Signals\n\n`reason_codes` and `anomalies.code`. A score of %d or more is flagged. In one family the strongest signal counts; families add up.\n\n| signal | family | means |\n|---|---|---|\n", schemas.FlagScore)
	for _, s := range schemas.Signals {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", s.Code, s.Family, cell(s.Means))
	}
	writeLimits(t, w)
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "\n", " ")
}

// writeEvents lists the messages of events.proto and rows.proto with the comments above their fields.
func writeEvents(t *testing.T, w *bytes.Buffer) {
	t.Helper()
	w.WriteString("\n## Events\n")
	for _, name := range []string{"events", "rows"} {
		text, err := os.ReadFile("../proto/tributary/v1/" + name + ".proto")
		if err != nil {
			t.Fatal(err)
		}
		writeMessages(w, string(text))
	}
}

func writeMessages(w *bytes.Buffer, text string) {
	field := regexp.MustCompile(`^(repeated )?([A-Za-z0-9]+) ([a-z0-9_]+) = (\d+)(;$| \[)`) // what an option says is in the tables
	value := regexp.MustCompile(`^([A-Z0-9_]+) = (\d+);$`)
	var comment []string
	var sections, open []*bytes.Buffer // in the order they start; the ones that have not ended
	var names []string                 // of the open ones
	inOption := ""
	for line := range strings.SplitSeq(text, "\n") {
		if inOption != "" {
			if line == inOption {
				inOption = ""
			}
			continue
		}
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "option ("):
			inOption = "  };"
			continue
		case strings.HasSuffix(line, "["):
			inOption = "  ];"
		}
		said, isComment := strings.CutPrefix(line, "//")
		words := strings.Fields(line)
		about := strings.Join(comment, " ")
		switch {
		case isComment:
			comment = append(comment, strings.TrimSpace(said))
			continue
		case len(words) == 3 && (words[0] == "message" || words[0] == "enum"):
			section := new(bytes.Buffer)
			sections, open = append(sections, section), append(open, section)
			names = append(names, words[1])
			fmt.Fprintf(section, "\n### %s\n\n", strings.Join(names, "."))
			if about != "" {
				fmt.Fprintf(section, "%s\n\n", cell(about))
			}
			fmt.Fprintf(section, "| %s | type | number | meaning |\n|---|---|---|---|\n", map[string]string{"message": "field", "enum": "value"}[words[0]])
		case line == "}":
			open, names = open[:len(open)-1], names[:len(names)-1]
		case field.MatchString(line):
			m := field.FindStringSubmatch(line)
			fmt.Fprintf(open[len(open)-1], "| `%s` | %s%s | %s | %s |\n", m[3], m[1], m[2], m[4], cell(about))
		case value.MatchString(line):
			m := value.FindStringSubmatch(line)
			fmt.Fprintf(open[len(open)-1], "| `%s` | | %s | %s |\n", m[1], m[2], cell(about))
		}
		comment = nil
	}
	for _, section := range sections {
		w.Write(section.Bytes())
	}
}

// writeLimits lists the constants of limits.go.
func writeLimits(t *testing.T, w *bytes.Buffer) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "../limits.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	checked, err := (&types.Config{Importer: importer.Default()}).Check("schemas", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.WriteString("\n## Limits\n\nLengths are in bytes.\n\n| limit | value | meaning |\n|---|---|---|\n")
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range spec.Names {
			exact := checked.Scope().Lookup(name.Name).(*types.Const).Val()
			about := strings.TrimSpace(spec.Doc.Text() + spec.Comment.Text())
			fmt.Fprintf(w, "| %s | %s | %s |\n", name.Name, constant.ToInt(exact).ExactString(), cell(about))
		}
		return true
	})
}
