package schemas

// FieldError is one problem of a role's configuration. A role answers all of its problems at once (errors.Join); whoever
// read the file adds the line.
type FieldError struct {
	// Field is the path inside the role's section, as in the file: "listen", "state.cache_bytes".
	Field string
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }
