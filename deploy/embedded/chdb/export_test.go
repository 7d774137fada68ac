package chdb

import "time"

// CheckPart and Incomplete are for tests beside the engine.
var (
	CheckPart  = checkPart
	Incomplete = errIncomplete
)

// Sweep sets incomplete parts of a data directory aside, and Look looks for them.
func Sweep(dataDir string) ([]string, error) { return newParts(dataDir).sweep() }

// Looker is what a server looks at parts with.
func Looker(dataDir string) func() error { return newParts(dataDir).look }

// WholeDefinition tells a definition that has its end.
var WholeDefinition = wholeDefinition

// Restore puts definitions of a data directory back, and Keep keeps them.
func Restore(dataDir string) ([]string, error) { return newDefinitions(dataDir).restore(time.Now()) }
