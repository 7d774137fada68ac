package processor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// cycleID names one cycle of one partition: a number that counts up and a random part, so that two processes that
// count alike are told apart. The zero value is "none yet".
type cycleID struct {
	seq    uint64
	random uint64
}

func (c cycleID) String() string { return fmt.Sprintf("%d:%016x", c.seq, c.random) }

const commitVersion = "tributary1"

// commitMetadata is what is committed with the positions: the cycle, and how far its watermark came, for timers may have
// fired on the clock alone.
func (m *meta) commitMetadata() string {
	return fmt.Sprintf("%s:%s:%d", commitVersion, m.cycle, m.watermarkMS)
}

func parseCommit(s string) (c cycleID, watermarkMS int64, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 4 || parts[0] != commitVersion {
		return c, 0, false
	}
	var err1, err2, err3 error
	c.seq, err1 = strconv.ParseUint(parts[1], 10, 64)
	c.random, err2 = strconv.ParseUint(parts[2], 16, 64)
	watermarkMS, err3 = strconv.ParseInt(parts[3], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return cycleID{}, 0, false
	}
	return c, watermarkMS, true
}

// meta is what a partition's state knows about its own place in the stream.
type meta struct {
	// cycle is the last one in the state; base the last one known to be committed before it.
	cycle, base cycleID
	// settled: everything in the state is committed, so the state is a true prefix of the stream.
	settled     bool
	watermarkMS int64
	// sentMS is the timestamp of the outputs since base, Unix milliseconds: the time of the first cycle after it. It differs from
	// transaction to transaction.
	sentMS int64
	// positions are the next offsets to read, by topic without prefix.
	positions map[string]int64
	// decisions is the latest version of the rules that decided on this state.
	decisions uint32
}

// metaVersion 3 has decisions. A program that knows none does not read it, and so does not go on under its own rules.
const metaVersion = 3

var errMeta = errors.New("state's record of its own place is damaged")

func (m *meta) append(dst []byte) []byte {
	dst = append(dst, metaVersion)
	for _, c := range []cycleID{m.cycle, m.base} {
		dst = binary.AppendUvarint(dst, c.seq)
		dst = binary.AppendUvarint(dst, c.random)
	}
	if m.settled {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(m.watermarkMS))
	dst = binary.AppendUvarint(dst, uint64(m.sentMS))
	dst = binary.AppendUvarint(dst, uint64(len(m.positions)))
	for _, topic := range slices.Sorted(maps.Keys(m.positions)) {
		dst = appendBytes(dst, []byte(topic))
		dst = binary.AppendUvarint(dst, uint64(m.positions[topic]))
	}
	return binary.AppendUvarint(dst, uint64(m.decisions))
}

func readMeta(b []byte) (m meta, err error) {
	r := reader{b: b}
	version := r.byte()
	if version < 1 || version > metaVersion {
		return m, fmt.Errorf("%w: version %d, 1 to %d would be right", errMeta, version, metaVersion)
	}
	for _, c := range []*cycleID{&m.cycle, &m.base} {
		c.seq, c.random = r.uvarint(), r.uvarint()
	}
	m.settled = r.byte() == 1
	m.watermarkMS = int64(r.uvarint())
	if version > 1 {
		m.sentMS = int64(r.uvarint())
	}
	m.positions = map[string]int64{}
	for range r.count() {
		topic := r.text()
		m.positions[topic] = int64(r.uvarint())
	}
	if version > 2 {
		m.decisions = uint32(min(r.uvarint(), math.MaxUint32))
	}
	if r.bad || len(r.b) != 0 {
		return m, fmt.Errorf("%w: it ends too early or too late", errMeta)
	}
	return m, nil
}
