// Package cli is the command line: one file a command, each of which reads the configuration, has deploy/wiring make
// what it needs, and runs it.
//
// Place in the flow: main calls Main and exits with the code that it returns.
//
// Invariants: what a person asked for goes to standard output, everything else (logs, errors) to standard error; no
// command reads standard input, but sql without a query and clickhouse-embedded, whose parent holds it; exit codes are those of ExitOK and its
// neighbours.
//
// Concurrency: Main may be called once at a time; it takes the process's signals while a role runs.
//
// Not responsible for: anything a test could want without a command line; that is in deploy/wiring.
package cli
