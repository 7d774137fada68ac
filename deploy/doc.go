// Package deploy holds the example configuration; how roles run is in its folders: config (the file), process (the
// shell), embedded (the engines), topics, secret, meaning, receipts, backup, wiring (configuration in, running roles out).
//
// Place in the flow: nowhere: a command that is given no configuration reads this one (deploy/config).
//
// Not responsible for: running anything: see its folders.
package deploy

import _ "embed"

// ExampleConfig is tributary.example.yaml, whose catalog `tributary up` uses when none is configured.
//
//go:embed tributary.example.yaml
var ExampleConfig []byte
