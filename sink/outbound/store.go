package outbound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"tributary/schemas/events"
)

// A store has what waits: for each partition a view of its two topics, with the offsets up to which it is one. Nothing of it is synced:
// after a crash it is an earlier view, and the topics have the rest.
//
// Keys, the partition big endian behind the first byte, texts behind their length:
//
//	o                                 offsets: requests, attempts
//	r offset                          a request: offset in attempts when it came, then its protobuf
//	s offset                          what became of it so far, where anything did
//	q destination class due offset    it waits for its turn
//	c destination conversion seq offset   it is not final
//	n destination                     how many wait, and the cap's day and count
//	p destination                     the destination refuses us, since when and why
//	u destination conversion          the first thing about it was not told, and how that ended
type store struct {
	db *pebble.DB
}

const storeVersion = 1

// Sizes of the store's memory: what waits is on disk, and read in order.
const (
	cacheBytes    = 16 << 20
	memtableBytes = 16 << 20
	memtables     = 2
)

func openStore(fs vfs.FS, dir string, log *zap.Logger) (*store, error) {
	options := &pebble.Options{
		FS: fs, DisableWAL: true, CacheSize: cacheBytes + memtables*memtableBytes, MemTableSize: memtableBytes,
		MemTableStopWritesThreshold: memtables, MaxOpenFiles: 500, FormatMajorVersion: pebble.FormatNewest,
		Logger: pebbleLog{log.Sugar()},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	options.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 1 }
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of what waits to be told: %w", err)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fmt.Errorf("opening what waits to be told in %s (is another deliverer using it?): %w", dir, err)
	}
	s := &store{db}
	version, found, err := s.get([]byte{'v'})
	if err == nil && (!found || len(version) != 1 || version[0] != storeVersion) {
		if err = db.DeleteRange([]byte{0}, []byte{0xff}, pebble.NoSync); err == nil {
			err = db.Set([]byte{'v'}, []byte{storeVersion}, pebble.NoSync)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading what waits to be told: %w", err), db.Close())
	}
	return s, nil
}

// close makes all of it durable, so that the next start has nothing to read again.
func (s *store) close() error {
	return errors.Join(s.db.Flush(), s.db.Close())
}

func (s *store) get(key []byte) (value []byte, found bool, err error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading what waits to be told: %w", err)
	}
	return append([]byte(nil), v...), true, closer.Close()
}

type pebbleLog struct{ log *zap.SugaredLogger }

func (l pebbleLog) Infof(format string, args ...any)  { l.log.Debugf(format, args...) }
func (l pebbleLog) Errorf(format string, args ...any) { l.log.Errorf(format, args...) }

// Fatalf is Pebble's end of a program that cannot go on; the role's recover makes an error of it.
func (l pebbleLog) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// keys of one partition.
type keys struct{ partition int32 }

func (k keys) begin(kind byte, room int) []byte {
	b := make([]byte, 5, 5+room)
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], uint32(k.partition))
	return b
}

func (k keys) offsets() []byte { return k.begin('o', 0) }

func (k keys) ofOffset(kind byte, offset int64) []byte {
	return binary.BigEndian.AppendUint64(k.begin(kind, 8), uint64(offset))
}

func appendText(b []byte, text string) []byte {
	text = text[:min(len(text), math.MaxUint16)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

func (k keys) ofDestination(kind byte, destination string) []byte {
	return appendText(k.begin(kind, 2+len(destination)+32), destination)
}

func (k keys) line(destination string, c class) []byte {
	return append(k.ofDestination('q', destination), byte(c))
}

func (k keys) turn(destination string, c class, t turn) []byte {
	b := binary.BigEndian.AppendUint64(k.line(destination, c), uint64(t.dueMS))
	return binary.BigEndian.AppendUint64(b, uint64(t.offset))
}

// turnOf reads the end of a key of q.
func turnOf(key []byte) turn {
	n := len(key) - 16
	return turn{int64(binary.BigEndian.Uint64(key[n:])), int64(binary.BigEndian.Uint64(key[n+8:]))}
}

func (k keys) conversion(kind byte, destination, conversion string) []byte {
	return appendText(k.ofDestination(kind, destination), conversion)
}

func (k keys) inOrder(r *events.OutboundRequest, offset int64) []byte {
	b := binary.BigEndian.AppendUint32(k.conversion('c', r.Destination, r.ConversionId), r.Seq)
	return binary.BigEndian.AppendUint64(b, uint64(offset))
}

// after is the first key that does not begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// class is a line of a destination: what was never tried goes first.
type class uint8

const (
	fresh class = iota
	retries
	classes
)

// A turn is the place in a line.
type turn struct {
	dueMS, offset int64
}

func (t turn) before(o turn) bool {
	return t.dueMS < o.dueMS || t.dueMS == o.dueMS && t.offset < o.offset
}

// progress is what became of a request so far.
type progress struct {
	try    uint32
	class  class
	dueMS  int64
	line   bool // it is in a line: nothing of its conversion is before it
	capped bool
	// uncertain: a try may have arrived without an answer.
	uncertain bool
}

func (p *progress) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(p.try))
	b = append(b, byte(p.class))
	b = binary.AppendVarint(b, p.dueMS)
	var flags byte
	for i, set := range []bool{p.line, p.capped, p.uncertain} {
		if set {
			flags |= 1 << i
		}
	}
	return append(b, flags)
}

func decodeProgress(b []byte) (p progress, err error) {
	try, n := binary.Uvarint(b)
	if n <= 0 || len(b) < n+1 {
		return p, errStore
	}
	p.try, p.class = uint32(try), class(b[n])
	due, m := binary.Varint(b[n+1:])
	if m <= 0 || len(b) != n+1+m+1 || p.class >= classes {
		return p, errStore
	}
	flags := b[len(b)-1]
	p.dueMS, p.line, p.capped, p.uncertain = due, flags&1 != 0, flags&2 != 0, flags&4 != 0
	return p, nil
}

var errStore = errors.New("what waits to be told is not as this program writes it")

func int64s(b []byte, n int) ([]int64, error) {
	if len(b) != 8*n {
		return nil, errStore
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return out, nil
}

func appendInt64s(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func mustInt64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// offsetOf reads the end of a key of r or c.
func offsetOf(key []byte) int64 { return mustInt64(key[len(key)-8:]) }
