package report

// latestNames is the view that every other takes names from.
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
			"shows beside a number.",
		columns: shownAs(nameFields),
		query: "SELECT\n    " + selected(nameFields, ",\n    ") + `
FROM {database}.names
GROUP BY kind, id`,
	}
}

// latestName is the latest name of a number, or where the catalog has none of it what the rows say. The subquery is
// there twice, and ClickHouse asks it once.
func latestName(kind, number, said string) string {
	names := "(SELECT arraySort(groupArray((id, name))) FROM {database}." + latestNames +
		" WHERE kind = " + quote(kind) + ")"
	return "transform(" + number + ", tupleElement(" + names + ", 1), tupleElement(" + names + ", 2), " +
		"toString(" + said + "))"
}
