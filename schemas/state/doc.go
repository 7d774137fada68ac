// Package state is what the processor's state is made of: the messages of schemas/proto/tributary/state/v1/state.proto as
// Go types, with fast marshalling (vtprotobuf).
//
// Place in the flow: attributor takes and returns them, processor/state keeps their bytes. They never travel.
//
// All but this file is generated (`make generate`): change the .proto. A field is added, never renumbered or reused, for a
// newer program reads what an older one kept.
//
// A message belongs to one goroutine at a time. Not responsible for: keys, and when what is forgotten (the stages).
package state
