package dlq

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

// A Letter is one dead letter and where it lies.
type Letter struct {
	Event *events.DeadLetter
	// Key is the record's: the key of the input, where the processor refused it.
	Key       []byte
	Partition int32
	Offset    int64
	// Written is the record's time.
	Written time.Time
	// Replayed says when it was sent again, oldest first.
	Replayed []time.Time
}

// identity tells letters apart. A letter that is in the topic twice (the edge and the sink write at least once) is the same;
// a replayed postback that is refused again has the ID but not the place, reason and time.
type identity [16]byte

func (l *Letter) identity() identity {
	e := l.Event
	h := sha256.New()
	for _, part := range [...]string{e.LetterId, e.Reason, e.Place} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.ReceivedMs)))
	return identity(h.Sum(nil)[:16])
}

func readLetter(r *kgo.Record) (*Letter, error) {
	l := &Letter{Event: &events.DeadLetter{}, Key: r.Key, Partition: r.Partition, Offset: r.Offset, Written: r.Timestamp}
	if err := l.Event.UnmarshalVT(r.Value); err != nil {
		return nil, err
	}
	return l, nil
}

// received is when the input came, as near as a time that can be printed comes to it: other programs may write to the topic.
func (l *Letter) received() time.Time { return printable(l.Event.ReceivedMs) }

func printable(ms int64) time.Time { return time.UnixMilli(min(max(ms, 0), schemas.MaxTimeMS)).UTC() }

// size is about what the letter holds of memory.
func (l *Letter) size() int { return len(l.Event.Raw) + 512 }

// ip is the sender's address, invalid when unknown.
func (l *Letter) ip() netip.Addr {
	addr, _ := netip.AddrFromSlice(l.Event.Ip)
	return addr.Unmap()
}

// before orders letters by when their input came, then by where they lie.
func (l *Letter) before(o *Letter) bool {
	switch {
	case l.Event.ReceivedMs != o.Event.ReceivedMs:
		return l.Event.ReceivedMs < o.Event.ReceivedMs
	case l.Partition != o.Partition:
		return l.Partition < o.Partition
	}
	return l.Offset < o.Offset
}

// cut tells whether only the beginning of the input was kept. One of exactly the limit's length counts as cut.
func (l *Letter) cut() bool {
	if l.Event.Place == "sink" {
		return len(l.Event.Raw) >= schemas.MaxRecordBytes-4<<10 // the sink's own limit of what it quotes
	}
	return len(l.Event.Raw) >= schemas.MaxRawBytes && (l.Event.Kind != events.DeadLetter_KIND_RECORD || len(l.Event.Raw) == schemas.MaxRawBytes)
}

// Kinds are the words for what a letter would have been.
var Kinds = []string{"click", "postback", "record", "row"}

func kindWord(k events.DeadLetter_Kind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "KIND_"))
}

// Places are the roles that refuse.
var Places = []string{"ingest", "processor", "sink"}

// info explains a reason; one that this program does not know explains itself as that.
func info(reason string) schemas.RejectInfo {
	for _, r := range schemas.RejectReasons {
		if string(r.Reason) == reason {
			return r
		}
	}
	return schemas.RejectInfo{Reason: schemas.RejectReason(reason), Means: "this program does not know the reason", Mend: "use the program that wrote the letter, or a newer one"}
}

// booked tells of reasons that only say that the input was counted before.
func booked(reason string) bool {
	return reason == string(schemas.RejectDuplicate) || reason == string(schemas.RejectDuplicateClick)
}
