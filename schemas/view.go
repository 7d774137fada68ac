package schemas

// A View is a stored query as it is made in the database.
type View struct {
	Name string
	// SQL is the statement that makes it, or makes it anew; {database} is where the database's name goes.
	SQL     string
	Comment string
	Columns []ViewColumn
}

// A ViewColumn is a column of a [View].
type ViewColumn struct{ Name, Type, Comment string }

// Views are all views of a program.
type Views struct {
	// Generation goes up with every change of their texts: a program does not replace the views of a later one.
	Generation uint32
	// List has each view after those that it reads.
	List []View
	// Retired are names of views that older programs made; they are dropped where they still are.
	Retired []string
}
