// Package stages lists the stages of your own, which run beside the built-in ones (its subfolders join and claims).
package stages

import "tributary/processor/stage"

// Own answers the stages to run beside join and claims. To add one: write it in a folder of its own here (see
// processor/example_test.go for a whole one), add it to this list, and add the topics it emits to schemas.Topics, so that
// `tributary migrate` makes them.
func Own() []stage.Stage {
	return nil
}
