// Package stages lists the stages of your own, which run beside the built-in ones (its subfolders join and claims).
//
// Place in the flow: package processor runs what Own lists, on the same records as the built-in ones.
//
// Not responsible for: running them (processor), what a stage may do (processor/stage).
package stages

import (
	"tributary/processor/stage"
	"tributary/schemas"
)

// Own answers the stages to run beside join and claims. To add one: write it in a folder of its own here (see
// processor/example_test.go for a whole one), add it to this list, and the topics it emits to Topics.
func Own() []stage.Stage {
	return nil
}

// Topics answers the topics of your own stages: `tributary up` and `tributary migrate` make them, `tributary tail` reads
// them. One that a stage reads has the partition count of clicks, as every topic here. Message is the full name of a
// protobuf message that is linked into the program, or empty for text and whatever else; Transactional is true, for what
// a stage emits is.
//
//	{Name: "alarms", Key: "the visitor's address", RetentionMS: 7 * 24 * 60 * 60 * 1000, Transactional: true}
func Topics() []schemas.Topic {
	return nil
}
