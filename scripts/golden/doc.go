// Command golden writes every golden file of the module anew: it runs the tests that do it under their flag -update.
//
// Place in the flow: `make generate`. What it runs it finds by itself, so that no list can be out of date: a package whose
// tests declare a flag "update", and of it the tests that come to read that flag, directly or through functions of the
// package.
//
// Invariants: a package with such a flag and no test that reads it is an error.
//
// Not responsible for: what buf generates from the .proto files, which the Makefile does itself.
package main
