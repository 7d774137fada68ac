package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tributary/schemas"
)

// The projections that keep the sums of a fact's table, by quarter of an hour, by day of UTC and by few dimensions, are made from the
// definitions (schemas.Facts, schemas.Metrics), so that whatever is added up is read from them. The name has a checksum of its text: when a definition
// changes it, the new one is made in every part before the one before it goes, and queries have one of them all the time.

// Projection and DayProjection are how the names of these projections begin. A day has a small part of the rows that its
// quarters have: sums of a period are read from it, and only the days at the edges by quarters.
const (
	Projection    = "by_quarter"
	DayProjection = "by_day"
)

// ofSums finds the projections of a kind in a table's text.
func ofSums(kind string) *regexp.Regexp {
	return regexp.MustCompile(`PROJECTION ` + "`?(" + kind + `(?:_[0-9a-f]{8})?)` + "`?" + ` `)
}

// A summing is a projection of the sums of a fact's table, before it has its name.
type summing struct {
	kind string
	// kept are the dimensions, and also what else it tells apart.
	kept string
	also []string
	// few: it has the sums of schemas.FewSums alone.
	few bool
}

// summings of a fact's table: all dimensions by quarter and by day, and a few of them by quarter.
func summings(f *schemas.Fact) []summing {
	daily := strings.Join(slices.DeleteFunc(strings.Fields(f.Kept), func(word string) bool { return word == schemas.GrainQuarter }), " ")
	list := []summing{{kind: Projection, kept: f.Kept, also: f.Also}, {kind: DayProjection, kept: daily, also: f.Also}}
	for _, few := range f.Few {
		list = append(list, summing{kind: few.Name, kept: few.Kept, also: []string{schemas.StampColumn}, few: true})
	}
	return list
}

// sumsOf is a projection of a fact's table. All begin with the day, so that a period is a range of each part.
func sumsOf(f *schemas.Fact, s summing) (name, text string) {
	fill := strings.NewReplacer("{at}", f.At, "{table}.", "")
	keys := []string{fill.Replace(schemas.DimensionNamed("day").Of)}
	var sums []string
	for word := range strings.FieldsSeq(s.kept) {
		key := word
		if of := schemas.DimensionNamed(word).Of; of != "" {
			key = of
		}
		keys = append(keys, fill.Replace(key))
	}
	keys = append(keys, s.also...)
	for i := range schemas.Metrics {
		if s.few && !slices.Contains(schemas.FewSums, schemas.Metrics[i].Name) {
			continue
		}
		sum := fill.Replace(schemas.Metrics[i].Sum[f.Name])
		// A query makes the count a signed number of what the projection has.
		if inner, ok := strings.CutPrefix(sum, "toInt64("); ok {
			sum = strings.TrimSuffix(inner, ")")
		}
		if sum != "" && !slices.Contains(sums, sum) {
			sums = append(sums, sum)
		}
	}
	if !slices.Contains(sums, "count()") { // whether there is any row is asked, too
		sums = append(sums, "count()")
	}
	if !s.few {
		sums = append(sums, "max("+f.At+")") // by it a view chooses one of several names
	}
	text = "SELECT " + strings.Join(append(slices.Clone(keys), sums...), ", ") + " GROUP BY " + strings.Join(keys, ", ")
	checksum := sha256.Sum256([]byte(text))
	return s.kind + "_" + hex.EncodeToString(checksum[:4]), text
}

// Projections are those that each part of a table has, by the table's name.
var Projections = func() map[string][]string {
	all := map[string][]string{"clicks": {NamesProjection}, "impressions": {NamesProjection}}
	for i := range schemas.Facts {
		if f := &schemas.Facts[i]; !f.Archive {
			var names []string
			for _, s := range summings(f) {
				name, _ := sumsOf(f, s)
				names = append(names, name)
			}
			all[f.Table] = append(names, all[f.Table]...)
		}
	}
	return all
}()

// applySums makes the projections of sums as they are defined now. It may be killed anywhere, and several processes may be
// at it.
func (r *run) applySums(ctx context.Context) error {
	for i := range schemas.Facts {
		f := &schemas.Facts[i]
		if f.Archive {
			continue
		}
		for _, s := range summings(f) {
			if err := r.applySum(ctx, f, s); err != nil {
				return fmt.Errorf("making the projection %s of %s: %w", s.kind, f.Table, err)
			}
		}
	}
	return nil
}

func (r *run) applySum(ctx context.Context, f *schemas.Fact, s summing) error {
	var create string
	query := "SELECT create_table_query FROM system.tables WHERE database = ? AND name = ?"
	if err := r.conn.QueryRow(ctx, query, r.database, f.Table).Scan(&create); err != nil {
		return fmt.Errorf("looking for its projections: %w", err)
	}
	var there []string
	for _, m := range ofSums(s.kind).FindAllStringSubmatch(create, -1) {
		there = append(there, m[1])
	}
	name, text := sumsOf(f, s)
	if !slices.Contains(there, name) {
		if err := r.exec(ctx, "ALTER TABLE %[1]s.%[2]s ADD PROJECTION IF NOT EXISTS %[3]s (%[4]s)", f.Table, name, text); err != nil {
			return err
		}
	}
	if err := materializeTable(ctx, r, f.Table, name, ""); err != nil {
		return err
	}
	for _, old := range there {
		if old == name {
			continue
		}
		if err := r.exec(ctx, "ALTER TABLE %[1]s.%[2]s DROP PROJECTION IF EXISTS %[3]s", f.Table, old); err != nil {
			return err
		}
	}
	return nil
}
