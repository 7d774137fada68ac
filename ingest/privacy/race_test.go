//go:build race

package privacy

// The race detector allocates for itself.
const raceEnabled = true
