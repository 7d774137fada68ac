// Package deploy holds the example configuration; how roles run is in its folders: config (the file), process (the
// shell), embedded (the engines), topics, wiring (configuration in, running roles out), cli (the commands).
package deploy

import _ "embed"

// ExampleConfig is tributary.example.yaml, whose catalog `tributary up` uses when none is configured.
//
//go:embed tributary.example.yaml
var ExampleConfig []byte
