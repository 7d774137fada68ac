package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tributary/schemas"
)

// A Place says where a value was written. The zero Place is "nowhere": a built-in default.
type Place struct {
	// Source is the file's path, a variable's name, or "--set".
	Source string
	// Line and Column count from 1; 0 when the source has no lines.
	Line, Column int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.Source
	}
	return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
}

// A Problem is one thing that is wrong with the configuration.
type Problem struct {
	Place
	// Path is the key's full path, such as "ingest.listen"; empty when the whole source is unreadable.
	Path string
	// Text says what is wrong and what would be right.
	Text string
}

func (p Problem) Error() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{p.Place.String(), p.Path, p.Text} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Problems is every problem of one reading, at least one.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].Error()
	}
	lines := make([]string, 0, len(p)+1)
	lines = append(lines, fmt.Sprintf("the configuration has %d problems:", len(p)))
	for _, problem := range p {
		lines = append(lines, "  "+problem.Error())
	}
	return strings.Join(lines, "\n")
}

// inFileOrder sorts by source as first seen, then by line.
func (p Problems) inFileOrder() {
	first := map[string]int{}
	for i, problem := range p {
		if _, seen := first[problem.Source]; !seen {
			first[problem.Source] = i
		}
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(first[a.Source], first[b.Source]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// fieldErrors takes the *schemas.FieldError out of a role's joined error. Anything else becomes a problem of the whole
// section: better a problem without a line than one swallowed.
func fieldErrors(err error) []*schemas.FieldError {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*schemas.FieldError
		for _, one := range joined.Unwrap() {
			all = append(all, fieldErrors(one)...)
		}
		return all
	}
	var field *schemas.FieldError
	if errors.As(err, &field) {
		return []*schemas.FieldError{field}
	}
	return []*schemas.FieldError{{Problem: err.Error()}}
}
