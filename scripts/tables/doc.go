// Command tables writes the loader's code for each table that an event declares (schemas.Tables):
// sink/clickhouse/*_gen.go. Of each table that is a struct with a buffer a column, and how one record fills them.
//
// Place in the flow: `make generate`, after buf. TestGenerated holds the files against the declarations.
//
// Not responsible for: DDL, which schemas/clickhouse makes when it is needed; tables that stages declare, whose rows
// one piece of code loads (sink/clickhouse/rows.go).
package main
