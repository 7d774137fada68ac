package report

import (
	"strings"

	"tributary/schemas"
)

// latestNames is the view of the latest name of each number.
const latestNames = "latest_names"

var nameFields = []field{
	{"kind", "String", "", "campaign, source, offer or landing."},
	{"id", "UInt32", "", "Its number in the catalog."},
	{"name", "String", "argMax(name, (at, name))", "Its latest name."},
}

// names is the view of the latest name of each number.
func names() view {
	return view{
		name: latestNames,
		comment: "The latest name of each campaign, source, offer and landing page, one row each: what every view " +
			"shows beside a number. It reads the projections by_names of clicks and impressions, which are in the same " +
			"parts as the rows, and names.",
		columns: shownAs(nameFields),
		query: "SELECT\n    " + selected(nameFields, ",\n    ") + "\nFROM\n(\n" + saidNames("", "    ") +
			"\n) AS named\nGROUP BY kind, id",
	}
}

// saidNames are all names that numbers of a kind have had, with the time at which each was last said; of all kinds where
// it is empty. The table names has those of rows that are gone.
func saidNames(only, indent string) string {
	where := ""
	if only != "" {
		where = "\nWHERE kind = " + quote(only)
	}
	parts := []string{"SELECT toString(kind) AS kind, id, toString(name) AS name, at\nFROM {database}.names" + where}
	fill := "SELECT '{kind}' AS kind, {kind}_id AS id, toString({kind}) AS name, max(received_at) AS at\n" +
		"FROM {database}.{table}\nWHERE {kind}_id != 0 AND {kind} != ''\nGROUP BY {kind}_id, {kind}"
	for _, f := range schemas.Facts {
		for _, kind := range f.Names {
			if only == "" || only == kind {
				parts = append(parts, strings.NewReplacer("{table}", f.Table, "{kind}", kind).Replace(fill))
			}
		}
	}
	return indent + strings.ReplaceAll(strings.Join(parts, "\nUNION ALL\n"), "\n", "\n"+indent)
}

// namesOf is what a query calls the numbers and the latest names of a kind.
func namesOf(kind string) string { return "names_of_" + kind }

// namesLists are what a query that shows names of numbers begins with: for each kind, one pair of lists of the numbers and
// their latest names. It is what latest_names says, of one kind: the others need not be planned. Lines but the first are
// indented.
func namesLists(by []*schemas.Dimension, indent string) []string {
	var lists []string
	for _, d := range by {
		if d.NameOf == "" {
			continue
		}
		lists = append(lists, "(\n"+indent+"        SELECT arraySort(groupArray((id, name)))\n"+
			indent+"        FROM\n"+indent+"        (\n"+
			indent+"            SELECT id, argMax(name, (at, name)) AS name\n"+
			indent+"            FROM\n"+indent+"            (\n"+
			saidNames(d.Name, indent+"                ")+"\n"+
			indent+"            )\n"+indent+"            GROUP BY id\n"+
			indent+"        )\n"+indent+"    ) AS "+namesOf(d.Name))
	}
	return lists
}

// withLists is the WITH of a query; empty for none.
func withLists(lists []string, indent string) string {
	if len(lists) == 0 {
		return ""
	}
	return "WITH\n" + indent + "    " + strings.Join(lists, ",\n"+indent+"    ") + "\n" + indent
}

// latestName is the latest name of a number, or where the catalog has none of it what the rows say. The query begins
// with namesLists.
func latestName(kind, number, said string) string {
	of := "tupleElement(" + namesOf(kind) + ", "
	return "transform(" + number + ", " + of + "1), " + of + "2), toString(" + said + "))"
}

// renamed is a query with the latest names in place of those that its rows say. It begins with the lists.
func renamed(by []*schemas.Dimension, query, as string, lists ...string) string {
	var names []string
	for _, d := range by {
		if d.NameOf != "" {
			names = append(names, "    "+latestName(d.Name, d.NameOf, d.Name)+" AS "+d.Name)
		}
	}
	return withLists(append(lists, namesLists(by, "")...), "") + "SELECT * REPLACE (\n" + strings.Join(names, ",\n") + ")\n" +
		"FROM\n(\n" + query + "\n) AS " + as
}
