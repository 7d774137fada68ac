package processor

import "tributary/processor/stage"

// What a stage of your own implements; see package stage, and example_test.go for a whole one.
type (
	Stage   = stage.Stage
	Task    = stage.Task
	Context = stage.Context
	Record  = stage.Record
)
