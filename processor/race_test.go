//go:build race

package processor

// raceEnabled: the race detector allocates on its own.
const raceEnabled = true
