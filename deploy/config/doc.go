// Package config reads Tributary's one configuration file into typed structs, and says everything that is wrong with it
// at once, each problem with its line.
//
// Place in the flow: the first thing every command does. A value comes from a flag (--set kafka.partitions=8), else from
// a variable (TRIBUTARY_KAFKA_PARTITIONS), else from the file, else from the role's Defaults. Each role declares its own
// section; this package knows the sections' structs only through their `yaml`, `doc` and `secret` tags, so a new setting
// of a role needs no line here: its key, variable, reference row and printout follow from the struct.
//
// Invariants:
//   - Strict: an unknown key, a key twice, a value of the wrong type or an unknown TRIBUTARY_ variable is an error that
//     names the place and the nearest thing that would be right. Nothing is guessed.
//   - All problems of one reading come in one [Problems], in the order of the file.
//   - A secret (tag `secret:"true"`) is never printed, logged or put into an error.
//   - A [Loaded] is immutable once returned; a reload makes a new one.
//
// Concurrency: Load and Print may be called from anywhere; a Watcher calls its callback from one goroutine.
//
// Not responsible for: what a setting means (its role's Validate says), making engines or clients out of it
// (deploy/wiring), the built-in demonstration catalog's use (deploy/wiring decides).
package config
