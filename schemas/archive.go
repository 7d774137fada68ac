package schemas

import (
	"regexp"
	"slices"
	"strings"
)

// The archive by month: what was summed of rows that may be dropped. `tributary archive` stamps the rows of a month with a
// run's number, sums them, and writes one row into the table archive_months; from then on the sums count, and the rows do
// not. A row that comes later has no stamp and counts. So a row is on one side or the other by its stamp alone.
const (
	// TableArchiveSums has the sums, TableArchiveMonths which of them count, TableArchiveOffsets of which records they are.
	TableArchiveSums    = "archive_sums"
	TableArchiveMonths  = "archive_months"
	TableArchiveOffsets = "archive_offsets"
	// StampColumn is the column of a fact's table with the run that has summed the row; 0 while none has.
	StampColumn = "_archived"
)

// Archived is what a query that adds up facts begins with, after WITH: the runs and the attempts that count, as
// two arrays. It is asked once a query, so that each of its parts sees the same side of every month. {database} is where
// the database's name goes.
const Archived = "(SELECT (groupArray(run), groupArray(attempt)) FROM {database}." + TableArchiveMonths + ") AS archived"

// Conditions on the rows of a query that begins with [Archived].
const (
	// RowsCount holds of a row of a fact's table that no archived month has.
	RowsCount = "NOT has(archived.1, " + StampColumn + ")"
	// SumsCount holds of a row of archive_sums that counts.
	SumsCount = "has(archived.2, attempt)"
)

// sumsOfRows are the bases that the sums of the archive are of, in the order of the facts.
func sumsOfRows() []*Fact {
	var list []*Fact
	for i := range Facts {
		if !Facts[i].Archive {
			list = append(list, &Facts[i])
		}
	}
	return list
}

// distinct tells a figure that counts different values: the archive keeps them, so that months are added up rightly.
var distinct = regexp.MustCompile(`^toInt64\(uniqExact\((\w+)\)\)$`)

// Over is the aggregate of a figure over the rows of a fact, {table} being its table; has is false where the fact has none of it.
func (m *Metric) Over(fact string) (of string, has bool) {
	if fact != FactSums || m.Sum == nil {
		of, has = m.Sum[fact]
		return of, has
	}
	for _, f := range sumsOfRows() {
		sum, ok := m.Sum[f.Name]
		if ok && distinct.MatchString(sum) {
			return "toInt64(uniqExactMerge({table}." + m.Name + "))", true
		}
		has = has || ok
	}
	if !has {
		return "", false
	}
	return "sum({table}." + m.Name + ")", true
}

// Archiving is the aggregate that the archive keeps of a figure, over the rows of a fact: what Over adds up again.
func (m *Metric) Archiving(fact string) (of string, has bool) {
	of, has = m.Sum[fact]
	if column := distinct.FindStringSubmatch(of); column != nil {
		return "uniqExactState(" + column[1] + ")", true
	}
	return of, has
}

// archivedType is the type of a figure's column in the archive.
func (m *Metric) archivedType() string {
	for _, sum := range m.Sum {
		if distinct.MatchString(sum) {
			return "AggregateFunction(uniqExact, " + TypeText + ")"
		}
	}
	return m.Type
}

// Layout of the archive's rows.
const layoutOne = "_layout >= 1"

// ArchiveKeys are the dimensions that the archive keeps, in its order.
func ArchiveKeys() []*Dimension {
	var keys []*Dimension
	for _, f := range sumsOfRows() {
		for word := range strings.FieldsSeq(f.Kept) {
			if d := DimensionNamed(word); !slices.Contains(keys, d) {
				keys = append(keys, d)
			}
		}
	}
	return keys
}

// ArchiveTables are the archive's tables, made as they are declared here: a dimension that a fact keeps and a figure that
// can be added up have their column by themselves.
func ArchiveTables() []Table {
	about := func(comment string) []Column {
		return []Column{
			{Name: "base", Type: TypeWord, Comment: "Table of the rows: clicks, conversions, impressions or landing_clicks."},
			{Name: "month", Type: TypeUint32, Comment: "UTC month of received_at of the rows: 202601 is January 2026."},
			{Name: "run", Type: TypeUint64, Comment: "Stamp of the rows: " + StampColumn + " of their table."},
			{Name: "attempt", Type: TypeUint64, Comment: comment},
		}
	}
	sums := Table{Name: TableArchiveSums, PartitionBy: "month", OrderBy: []string{"campaign_id", "source_id", "quarter", "base"},
		Comment: "Sums of rows of old months, by quarter of an hour and all dimensions, which may be dropped since. " +
			"What counts is what archive_months names.",
		Columns: append(about("Attempt to sum them: the one that archive_months names counts."),
			Column{Name: "ledger_day", Type: "Date", Comment: DimensionNamed("ledger_day").Comment},
			Column{Name: "layout", Type: TypeBool, Comment: "Of clicks: loaders from version 1 on wrote them (" + layoutOne + ")."})}
	for _, d := range ArchiveKeys() {
		sums.Columns = append(sums.Columns, Column{Name: d.Name, Type: d.Type, Comment: d.Comment})
	}
	for i := range Metrics {
		if m := &Metrics[i]; m.Sum != nil {
			sums.Columns = append(sums.Columns, Column{Name: m.Name, Type: m.archivedType(), Comment: m.Counted})
		}
	}
	months := Table{Name: TableArchiveMonths, PartitionBy: "tuple()", OrderBy: []string{"base", "month", "run"},
		Comment: "Which rows are counted from the archive: one row a run, and it decides. Never delete one.",
		Columns: append(about("Sums that count: attempt of archive_sums."),
			Column{Name: "rows", Type: TypeUint64, Comment: "How many rows the sums are of."},
			Column{Name: "committed_at", Type: TypeTime, Comment: "When the sums began to count in place of the rows, UTC."})}
	offsets := Table{Name: TableArchiveOffsets, PartitionBy: "month", OrderBy: []string{"base", "_partition", "day"},
		Comment: "Of which records the archived sums are: the loader and the auditor know by it which rows are not missing.",
		Columns: append(about("Attempt to sum them, as in archive_sums."),
			Column{Name: "day", Type: "Date", Comment: "UTC day of received_at."},
			Column{Name: "_partition", Type: TypeUint32, Comment: "Partition of the Kafka topic."},
			Column{Name: "offsets", Type: "AggregateFunction(groupBitmap, " + TypeUint64 + ")",
				Comment: "Offsets of the records: bitmapToArray(offsets)."})}
	return []Table{sums, months, offsets}
}

// An Archiving is how the rows of a fact are summed for archive_sums.
type Archiving struct {
	// Keys and Figures are the columns of archive_sums that are filled, in the query's order.
	Keys    []string
	Figures []*Metric
	// Query selects them as k_… and s_…. {database} and {where}, which tells the rows, are left in it.
	Query string
}

// ArchivingOf returns how the rows of a fact are summed.
func ArchivingOf(f *Fact) Archiving {
	a := Archiving{Keys: []string{"ledger_day"}}
	fill := strings.NewReplacer("{at}", f.At, "{table}", f.Table)
	selected, groups := []string{"toDate(received_at) AS k_ledger_day"}, []string{"k_ledger_day"}
	key := func(name, of string) {
		a.Keys = append(a.Keys, name)
		selected, groups = append(selected, of+" AS k_"+name), append(groups, "k_"+name)
	}
	if slices.Contains(f.Also, layoutOne) {
		key("layout", layoutOne)
	}
	for word := range strings.FieldsSeq(f.Kept) {
		if of := DimensionNamed(word).Of; of != "" {
			key(word, fill.Replace(of))
		} else {
			key(word, word)
		}
	}
	for i := range Metrics {
		if of, has := Metrics[i].Archiving(f.Name); has {
			a.Figures = append(a.Figures, &Metrics[i])
			selected = append(selected, fill.Replace(of)+" AS s_"+Metrics[i].Name)
		}
	}
	where := "{where}"
	if f.Where != "" {
		where += " AND " + f.Where
	}
	a.Query = "SELECT " + strings.Join(selected, ", ") + " FROM {database}." + f.Table + " WHERE " + where +
		" GROUP BY " + strings.Join(groups, ", ")
	return a
}

// Distinct: the archive keeps the values of the figure, so that it may be added up over months.
func (m *Metric) Distinct() bool { return m.archivedType() != m.Type }

// FactNamed returns the fact of a name, nil where there is none.
func FactNamed(name string) *Fact {
	for i := range Facts {
		if Facts[i].Name == name {
			return &Facts[i]
		}
	}
	return nil
}
