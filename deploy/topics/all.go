package topics

import (
	"slices"

	"tributary/processor/stages"
	"tributary/schemas"
)

// All returns every topic: the product's, then those of your own stages.
func All() []schemas.Topic { return append(slices.Clone(schemas.Topics), own()...) }

// own is replaced by tests.
var own = stages.Topics
