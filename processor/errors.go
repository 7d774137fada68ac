package processor

import "errors"

var (
	// ErrNotCoPartitioned says that the input topics do not have the same number of partitions.
	ErrNotCoPartitioned = errors.New("input topics are not co-partitioned")
	// ErrRepartitioned says that the inputs have another number of partitions than the state was built from, or than at the
	// start of the processor.
	ErrRepartitioned = errors.New("the topics have another number of partitions than the state")
	// ErrTopicMissing says that a topic does not exist.
	ErrTopicMissing = errors.New("topic does not exist")
	// ErrCommitUnknown says that a transaction ended without a known outcome. A new Processor finds it out.
	ErrCommitUnknown = errors.New("outcome of the transaction is unknown")
	// ErrOtherLog says that the topic cycles tells of more records than a topic has.
	ErrOtherLog = errors.New("cycles tell of another log")
	// ErrOtherGroup says that processors of another consumer group take the same records.
	ErrOtherGroup = errors.New("another group processes these topics")
	// ErrNewerDecisions says that a newer program decided by rules that this one does not know.
	ErrNewerDecisions = errors.New("a newer program decided here")
)
