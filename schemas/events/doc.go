// Package events is what travels through Kafka: the messages of schemas/proto/tributary/v1/events.proto as Go types, with
// fast marshalling (vtprotobuf).
//
// Place in the flow: every record of every topic is one of these; schemas.Topics says which topic has which.
//
// All but this file is generated (`make generate`): change the .proto. A field is added, never renumbered or reused;
// `make lint-schemas` holds that, and golden bytes hold what old records mean (schemas/golden).
//
// A message belongs to one goroutine at a time. UnmarshalVTUnsafe leaves texts and bytes in the memory that was read.
//
// Not responsible for: what values may be (schemas, limits.go), and what they mean together (attributor).
package events
