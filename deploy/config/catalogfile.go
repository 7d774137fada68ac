package config

import (
	"errors"
	"fmt"

	"tributary/catalog"
	"tributary/schemas"
)

// A CatalogFile is a file that declares a catalog to be published: the section "catalog" of a configuration.
type CatalogFile struct {
	Catalog catalog.Config
	reading *reading
}

// ReadCatalog reads such a file; what else a configuration may have is read, and ignored. The error is Problems where the file is wrong.
// What the catalog's rules say of it is found by who publishes it.
func ReadCatalog(path string) (*CatalogFile, error) {
	r := newReading(path)
	c := Defaults()
	if _, err := r.readFile(path, &c); err != nil {
		return nil, err
	}
	if len(r.problems) == 0 && !isSet(r.places, campaignsPath) {
		r.problem(Place{Source: path}, campaignsPath, "no campaigns are declared: applied, every campaign in force would be gone; right would be "+
			"a section catalog with campaigns, or campaigns: [] for none")
	}
	if len(r.problems) > 0 {
		r.problems.inFileOrder()
		return nil, r.problems
	}
	return &CatalogFile{c.Catalog, r}, nil
}

// Located gives each *schemas.FieldError in an error, whose paths are inside the catalog, its place in the file: the error is then Problems. Any
// other stays as it is.
func (f *CatalogFile) Located(err error) error {
	var field *schemas.FieldError
	if !errors.As(err, &field) {
		return err
	}
	f.reading.problems = nil
	for _, one := range fieldErrors(unwrapJoined(err)) {
		f.reading.ruleBroken(join(SectionCatalog, one.Field), one.Problem)
	}
	f.reading.problems.inFileOrder()
	return fmt.Errorf("nothing is applied: %w", f.reading.problems)
}

// unwrapJoined returns the joined errors within an error.
func unwrapJoined(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if _, is := inner.(interface{ Unwrap() []error }); is {
			return inner
		}
	}
	return err
}
