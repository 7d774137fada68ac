package chdb

// CheckPart and Incomplete are for tests beside the engine.
var (
	CheckPart  = checkPart
	Incomplete = errIncomplete
)

// Sweep sets incomplete parts of a data directory aside, and Look looks for them.
func Sweep(dataDir string) ([]string, error) { return newParts(dataDir).sweep() }

// Looker is what a server looks at parts with.
func Looker(dataDir string) func() error { return newParts(dataDir).look }
