//go:build race

package trust

// The race detector allocates for itself.
const raceEnabled = true
