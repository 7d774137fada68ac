package processor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tributary/processor/stage"
)

// The outbox of a partition is every output of its cycles since the last known commit, as stored beside the state: if the
// transaction aborts, exactly these records are produced again. An output that forwards an input record is stored as that
// record's offset, for the record is still in Kafka: its offset is not committed.
//
//	version 1 · number of topics · topics (length, name) · number of outputs · outputs
//	output: topic number · 0 · key · value            (each with its length)
//	        topic number · 1 · source topic number · offset · suffix
const outboxVersion = 1

var errOutbox = errors.New("outbox is damaged")

func appendOutbox(dst []byte, outputs []stage.Output) []byte {
	var topics []string
	number := func(topic string) uint64 {
		i := slices.Index(topics, topic)
		if i < 0 {
			i = len(topics)
			topics = append(topics, topic)
		}
		return uint64(i)
	}
	for i := range outputs {
		number(outputs[i].Topic)
		if outputs[i].Source.Topic != "" {
			number(outputs[i].Source.Topic)
		}
	}
	dst = append(dst, outboxVersion)
	dst = binary.AppendUvarint(dst, uint64(len(topics)))
	for _, t := range topics {
		dst = appendBytes(dst, []byte(t))
	}
	dst = binary.AppendUvarint(dst, uint64(len(outputs)))
	for i := range outputs {
		o := &outputs[i]
		dst = binary.AppendUvarint(dst, number(o.Topic))
		if o.Source.Topic == "" {
			dst = append(dst, 0)
			dst = appendBytes(dst, o.Key)
			dst = appendBytes(dst, o.Value)
			continue
		}
		dst = append(dst, 1)
		dst = binary.AppendUvarint(dst, number(o.Source.Topic))
		dst = binary.AppendUvarint(dst, uint64(o.Source.Offset))
		dst = appendBytes(dst, o.Suffix)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// readOutbox answers the outputs; those that forward a record lack key and value.
func readOutbox(b []byte) ([]stage.Output, error) {
	r := reader{b: b}
	if v := r.byte(); v != outboxVersion {
		return nil, fmt.Errorf("%w: version %d, %d would be right", errOutbox, v, outboxVersion)
	}
	var topics []string
	for range r.count() {
		topics = append(topics, string(r.bytes()))
	}
	topic := func() string {
		i := r.uvarint()
		if i >= uint64(len(topics)) {
			r.bad = true
			return ""
		}
		return topics[i]
	}
	var out []stage.Output
	for range r.count() {
		o := stage.Output{Topic: topic()}
		if r.byte() == 0 {
			o.Key, o.Value = r.bytes(), r.bytes()
		} else {
			o.Source.Topic = topic()
			o.Source.Offset = int64(r.uvarint())
			o.Suffix = r.bytes()
		}
		if r.bad {
			break
		}
		out = append(out, o)
	}
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("%w: it ends too early or too late", errOutbox)
	}
	return out, nil
}

// reader reads what the append functions wrote; bad is set at the first thing that does not fit.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things, each at least a byte long.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.count()
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string { return string(r.bytes()) }
