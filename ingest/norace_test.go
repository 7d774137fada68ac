//go:build !race

package ingest

// raceEnabled: sync.Pool drops items at random under the race detector.
const raceEnabled = false
