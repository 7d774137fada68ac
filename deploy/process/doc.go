// Package process is the shell around the roles: logger, memory limit, signals, operations server, and the supervisor
// that starts the roles in order, starts one again that failed, and stops them in the opposite order.
//
// Place in the flow: deploy/wiring makes [Unit]s out of the configuration; a command runs them here.
//
// Invariants:
//   - A unit starts after the ones added before it are ready, and stops before them: the edge first, the engines last.
//   - A unit that fails is made anew after a back-off that doubles from 0.2 s to 30 s; the others go on. A failure
//     wrapped by [Permanent] (a wrong configuration) ends the process instead.
//   - A drain that outlives its limit ends the process with an error that names the unit.
//   - Each making of a unit has a metrics registry of its own, gathered while it lives: nothing registers twice.
//   - The first SIGINT or SIGTERM drains, the second ends the process at once with code 130 or 143.
//
// Concurrency: a Supervisor's Ready and Gather may be called from anywhere; Run once.
//
// Not responsible for: what a role does with ctx (its own package), reading the configuration (deploy/config).
package process
