package join

import (
	"encoding/binary"

	"tributary/schemas/id"
)

// nativeBytes is what of a click ID stands in keys: all but its MAC, which the edge has checked and which the rest determines. It would
// be the larger part of what a click costs on disk, for nothing else of it is random.
const nativeBytes = id.ClickBytes - 8

// An ident is a click ID as it stands in keys.
type ident struct {
	foreign bool
	bytes   []byte // nativeBytes, or the text of a foreign one
	timeMS  int64  // when the click happened; 0 for a foreign one
	text    string // as it was read
	buf     [id.ClickBytes]byte
}

// identify reads a click ID. One that looks native but was declared foreign is taken as text.
func (i *ident) identify(clickID string, foreign bool) {
	i.text = clickID
	if !foreign && len(clickID) == id.ClickTextBytes {
		if c, err := id.ParseClick(clickID); err == nil {
			i.buf = c
			i.foreign, i.bytes, i.timeMS = false, i.buf[:nativeBytes], c.TimeMS()
			return
		}
	}
	i.foreign, i.bytes, i.timeMS = true, append(i.bytes[:0:0], clickID...), 0
}

const (
	kindClick  = 'c'
	kindBook   = 'b'
	kindParked = 'p'
	kindSource = 's'
	kindFloors = 'f'

	foreignClick  = 'C'
	foreignBook   = 'B'
	foreignParked = 'P'
)

// key: the kind's letter, upper case for a foreign ID, and the ID; a foreign one ends with a zero byte, which no ID contains,
// so that no ID is the prefix of another.
func (i *ident) key(dst []byte, kind byte) []byte {
	if !i.foreign {
		return append(append(dst[:0], kind), i.bytes...)
	}
	return append(append(append(dst[:0], kind-'a'+'A'), i.bytes...), 0)
}

// lateKey is the key of what is remembered of a native click that was too old for the place of its time when it came (history
// brought in from elsewhere): as that of a foreign one, which goes by a timer instead.
func (i *ident) lateKey(dst []byte, kind byte) []byte {
	return append(append(append(dst[:0], kind-'a'+'A'), i.text...), 0)
}

// timeBound is the first key of a kind at or after a time.
func timeBound(kind byte, ms int64) []byte {
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], uint64(max(ms, 0))<<16)
	return append([]byte{kind}, t[:6]...)
}

// keyTimeMS is the time in the key of a native ID, as timeBound writes it.
func keyTimeMS(key []byte) int64 {
	var t [8]byte
	copy(t[2:], key[1:])
	return int64(binary.BigEndian.Uint64(t[:]))
}
