package topics

import (
	"slices"

	"tributary/processor/stage"
	_ "tributary/processor/stages" // brings them into the program
	"tributary/schemas"
)

// All returns every topic: the product's, then those of your own stages.
func All() []schemas.Topic { return append(slices.Clone(schemas.Topics), own()...) }

// own is replaced by tests.
var own = stage.Topics
