package destination

// A Destination is a declared destination, checked and compiled.
type Destination struct {
	Name string
}
