// Package stage is what a data engineer implements to have the processor do something with the stream: read records of
// the input topics in order, remember things, set timers, and emit records, all exactly once. The built-in stages (join,
// claims) use this and nothing else.
//
// Place in the flow: the processor makes one Task for each stage and partition, and gives it the records of partition i of
// every input topic of the stage. What a Task writes to its State and what it emits become visible together, in one
// transaction with the input offsets; after a crash the same outputs come out, once.
//
// Concurrency: a Task is called by one goroutine at a time, tasks of different partitions at once. A Task may keep memory of
// its own for speed, rebuilt by Open; it must not share it.
//
// Not responsible for: consuming, committing, retrying. A Task that answers an error (or panics) loses the writes and outputs of that one
// record, which becomes a dead letter; the stream goes on.
package stage

// A Stage is one step of the processing. It is shared by all partitions and must be safe for concurrent use.
type Stage interface {
	// Name names the stage's state: 1 to 16 of a-z, 0-9 and _, and never changed while its state is to be kept.
	Name() string
	// Inputs lists the topics to read, without the deployment's prefix. All inputs of all stages have the same partition count.
	Inputs() []string
	// Outputs lists the topics that its tasks may emit to, without the prefix.
	Outputs() []string
	// Task makes the worker of one partition.
	Task(partition int32) Task
}

// A Task is a stage's worker for one partition.
type Task interface {
	// Open is called once before any record, with the state as of the last committed cycle, to rebuild what the task keeps in
	// memory. It may set timers, and must not emit. Its error stops the processor.
	Open(ctx *Context) error
	// Process takes one record of an input topic. The record is valid during the call.
	Process(ctx *Context, rec *Record) error
	// OnTimer is called when the watermark reaches a time that was set with SetTimer, once for each (atMS, key), in order of time.
	OnTimer(ctx *Context, key []byte, atMS int64) error
}

// A Closer is a Task that wants to know when its partition is given up. The state is no longer its to touch.
type Closer interface{ Close() }

// A Choosy is a Task that at times has no use for a topic's records: it is not called with them. What Wants answers may depend on
// settings and state alone.
type Choosy interface{ Wants(topic string) bool }

// A Record is one Kafka record of an input topic.
type Record struct {
	// Topic is without the deployment's prefix.
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte
	// TimestampMS is the record's Kafka timestamp, Unix milliseconds.
	TimestampMS int64
}
