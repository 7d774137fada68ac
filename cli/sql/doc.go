// Package sql asks the pipeline's ClickHouse one question and prints what it returns.
//
// Place in the flow: `tributary sql`. Against the embedded engine it asks as the guest analyst, whom the engine lets read
// and nothing else; against a server as the configured user, read-only for this query. Whether that user is read-only
// already, and may not say so again, is asked before: no error of the query itself has it sent without that setting.
//
// Invariants: only the result goes to the writer; a result that breaks off is an error, and the error's text is not part
// of what is printed.
//
// Concurrency: the functions may be called from anywhere.
//
// Not responsible for: finding the configuration (cli), what a guest may do (deploy/embedded/chdb).
package sql
