// Package broker names what the engines behind the Kafka protocol can do.
//
// The pipeline relies on what Apache Kafka promises. The embedded broker (deploy/embedded) speaks the same protocol and
// keeps a few of those promises less well. Each of them is an [Ability] here, with what goes wrong without it. Code
// that depends on one asks the [Abilities] it was given; it never asks which engine it talks to.
//
// EachVisible and EachLeft read to a given end on any of them, which a consumer cannot where nothing follows what was
// aborted.
//
// Place in the flow: deploy/config says which engine is meant and makes the value; deploy/wiring hands it to the roles.
//
// Invariant: the zero value is Apache Kafka's, which can do everything.
//
// Values are immutable and safe for concurrent use. Not responsible for: who starts the engine, its address, encryption
// and logins (deploy), ClickHouse (schemas/clickhouse).
package broker
