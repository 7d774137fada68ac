// Package stages lists the stages of your own, which run beside the built-in ones (its subfolders join and claims).
//
// Place in the flow: package processor runs what Own lists, on the same records as the built-in ones.
//
// Not responsible for: running them (processor), what a stage may do (processor/stage).
package stages

// A stage of your own registers itself (stage.Register in an init of its package), and this list brings it into the program. To add
// one: write it in a folder here (docs/stages.md has a whole one, of which processor/example_test.go is the running form), and add it:
//
//	import _ "tributary/processor/stages/ipalarm"
