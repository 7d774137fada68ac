// Package figures is `tributary report`: it reads a question as people type it, and prints the answer.
//
// Place in the flow: cli gives it flags and an engine of package report, which plans and asks; the answer comes back as a
// table, CSV or JSON.
//
// Invariants: money is printed exactly, whatever the format; a name that nobody knows is answered with the nearest.
//
// Concurrency: functions of their arguments.
//
// Not responsible for: SQL and what a figure is (report, schemas), connections (cli).
package figures
