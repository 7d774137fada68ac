package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Limits of what comes in at the broker's port. Kafka's own brokers take 100 MiB (socket.request.max.bytes), and
// franz-go's clients write no more (BrokerMaxWriteBytes).
const (
	// MaxProduceFrameBytes bounds a request that brings records.
	MaxProduceFrameBytes = 100 << 20
	// MaxFrameBytes bounds any other request.
	MaxFrameBytes = 8 << 20
	// MaxBufferedBytes bounds the requests that are being received or wait for their turn, all connections together.
	MaxBufferedBytes = 512 << 20
	// MaxConnections bounds the connections.
	MaxConnections = 1000

	// Where the broker asks for a login: what may come from whoever has not shown it yet.

	// MaxStrangerFrameBytes bounds a request.
	MaxStrangerFrameBytes = 64 << 10
	// MaxStrangers bounds the connections; one too many ends the oldest of them, so that the login's clients get in.
	MaxStrangers = 100
	// StrangerLimit is how long the login may take.
	StrangerLimit = 10 * time.Second
)

const (
	framePrefixBytes   = 4
	frameHeadBytes     = 8                    // key, version, correlation ID
	answerHeadBytes    = framePrefixBytes + 4 // correlation ID
	latestFutureAnswer = int16(kmsg.ApiVersions)
)

// A request is one that was handed to the broker and whose response is not yet there.
type request struct {
	kmsg     kmsg.Request // its kind and version; of the end of a transaction and of its offsets all it says
	answered bool         // by the gate: the broker does not see it
	mended   []byte       // its frame, where the broker is to get another than came

	correlation int32
	silent      bool // it has no response
	mutates     bool
	binds       bool            // its response acknowledges something
	produced    []producedBatch // transactional ones
	commit      uint64          // the entry's number in the journal of transactions
}

// producedBatch is a batch of a transaction.
type producedBatch struct {
	topic    string
	id       [16]byte
	part     int32
	producer int64
	epoch    int16
	count    int32
}

var errUnreadable = errors.New("no request that can be read")

// readRequest reads a frame without its length as the broker does. What the broker cannot read, or what would make it
// panic, is an error.
func readRequest(body []byte) (r *request, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("%w: %v", errUnreadable, p)
		}
	}()
	if len(body) < frameHeadBytes {
		return nil, fmt.Errorf("%w: %d bytes", errUnreadable, len(body))
	}
	reader := kbin.Reader{Src: body}
	key, version := reader.Int16(), reader.Int16()
	correlation := reader.Int32()
	reader.NullableString()
	if why, is := withheld[kmsg.Key(key)]; is {
		return nil, fmt.Errorf("%w: %s is not offered: %s", errUnreadable, kmsg.NameForKey(key), why)
	}
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, fmt.Errorf("%w: there is no API key %d", errUnreadable, key)
	}
	// To a version of ApiVersions that it does not know a broker answers which it does.
	if version < 0 || version > req.MaxVersion() && key != latestFutureAnswer {
		return nil, fmt.Errorf("%w: %s has no version %d", errUnreadable, kmsg.NameForKey(key), version)
	}
	req.SetVersion(version)
	if req.IsFlexible() {
		kmsg.SkipTags(&reader)
	}
	if !reader.Ok() {
		return nil, fmt.Errorf("%w: its header is cut short", errUnreadable)
	}
	if err := req.ReadFrom(reader.Src); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errUnreadable, kmsg.NameForKey(key), err)
	}
	if gateAnswers(req) {
		return &request{kmsg: req, answered: true, correlation: correlation}, nil
	}
	changes := mutates(req)
	r = &request{kmsg: req, mutates: changes, binds: changes, correlation: correlation}
	if other := mended(req); other != nil {
		head := len(body) - len(reader.Src)
		r.mended = framed(other.AppendTo(append(make([]byte, framePrefixBytes, framePrefixBytes+len(body)), body[:head]...)))
	}
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		r.silent = req.Acks == 0
		r.produced = transactionalBatches(req)
	case *kmsg.TxnOffsetCommitRequest, *kmsg.EndTxnRequest:
		r.binds = true
		return r, nil // what they ask for is needed when their response is there
	}
	r.kmsg = kmsg.RequestForKey(key) // what was read of it may take a hundred times the frame's memory
	r.kmsg.SetVersion(version)
	return r, nil
}

// beforeLogin tells whether a request may come from whoever has not shown the login yet.
func beforeLogin(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.SASLHandshake, kmsg.ApiVersions, kmsg.SASLAuthenticate:
		return true
	}
	return false
}

// transactionalBatches reads which records belong to a transaction.
func transactionalBatches(r *kmsg.ProduceRequest) (batches []producedBatch) {
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			if len(p.Records) < batchHeaderBytes || binary.BigEndian.Uint16(p.Records[batchAttributesAt:])&attributeTransactional == 0 {
				continue
			}
			batches = append(batches, producedBatch{
				topic: topic.Topic, id: topic.TopicID, part: p.Partition,
				producer: int64(binary.BigEndian.Uint64(p.Records[batchProducerAt:])),
				epoch:    int16(binary.BigEndian.Uint16(p.Records[batchProdEpochAt:])),
				count:    int32(binary.BigEndian.Uint32(p.Records[batchCountAt:])),
			})
		}
	}
	return batches
}

// mutates tells whether a response to the request says that something is kept, so that it must not go out before it is.
//
// What a transaction is told of before its end (partitions, offsets) is in memory only, and lost with any end of the
// broker: the transaction is then aborted. Its end is durable by its own journal before the broker sees it (see
// transactions), an abort needs none. Who is in a group is not kept either.
func mutates(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest, *kmsg.InitProducerIDRequest, *kmsg.WriteTxnMarkersRequest,
		*kmsg.OffsetCommitRequest, *kmsg.OffsetDeleteRequest, *kmsg.DeleteGroupsRequest,
		*kmsg.CreateTopicsRequest, *kmsg.DeleteTopicsRequest, *kmsg.CreatePartitionsRequest, *kmsg.DeleteRecordsRequest,
		*kmsg.AlterConfigsRequest, *kmsg.IncrementalAlterConfigsRequest:
		return true
	case *kmsg.MetadataRequest:
		return r.AllowAutoTopicCreation
	}
	return false
}

// reveals tells whether a response shows what others have written: it must not be believed before it is kept, or its
// reader would have seen what never was.
func reveals(r kmsg.Request) bool {
	switch r.(type) {
	case *kmsg.FetchRequest, *kmsg.ListOffsetsRequest, *kmsg.OffsetFetchRequest, *kmsg.OffsetForLeaderEpochRequest:
		return true
	}
	return false
}

// readAnswer reads a response's body; frame is the response with its length.
func readAnswer(r kmsg.Request, frame []byte) (kmsg.Response, error) {
	answer := r.ResponseKind()
	answer.SetVersion(r.GetVersion())
	at := answerHeadBytes
	if answer.IsFlexible() && answer.Key() != int16(kmsg.ApiVersions) {
		at++ // no tags
	}
	if at > len(frame) {
		return nil, errUnreadable
	}
	return answer, answer.ReadFrom(frame[at:])
}
