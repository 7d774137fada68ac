package embedded

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A topicPartition names a partition.
type topicPartition struct {
	topic string
	part  int32
}

func (p topicPartition) String() string { return p.topic + "-" + strconv.Itoa(int(p.part)) }

// folder is the partition's folder in the broker's.
func (p topicPartition) folder() string {
	return filepath.Join(partitionsFolder, url.PathEscape(p.topic)+"-"+strconv.Itoa(int(p.part)))
}

const partitionsFolder = "partitions"

// partitionOf reads a folder's name.
func partitionOf(folder string) (topicPartition, bool) {
	dash := strings.LastIndexByte(folder, '-')
	if dash < 0 {
		return topicPartition{}, false
	}
	topic, err := url.PathUnescape(folder[:dash])
	part, err2 := strconv.ParseInt(folder[dash+1:], 10, 32)
	return topicPartition{topic, int32(part)}, err == nil && err2 == nil && part >= 0
}

// A partitionLog is what a partition's segments say.
type partitionLog struct {
	topicPartition
	dir      string
	segments []int64 // base offsets, in order
	end      int64   // the offset of the next record
	batches  int
	epoch    int32 // of the leader, of the last batch

	open    map[int64]openTransaction // by producer
	ends    map[int64][]ending        // by producer, those that were asked for
	epochs  map[int64]int16           // the highest of each producer
	windows map[int64]*sequenceWindow // by producer

	index    []byte // of the last segment
	latestMS int64
	added    []byte // batches to append

	cut, spots int // what was damaged: bytes and places
}

type openTransaction struct {
	epoch       int16
	first, last int64
	// later are batches of a later epoch: the marker between is lost, and they belong to a transaction of their own.
	later []batchPlace
}

// A batchPlace is where a batch begins in a segment.
type batchPlace struct {
	path string
	at   int
}

type ending struct {
	offset int64
	epoch  int16
	commit bool
}

// sequenceWindow is the last batches of a producer in a partition, from which the broker knows a batch that is sent
// again.
type sequenceWindow struct {
	epoch   int16
	next    int32
	batches []sequenceBatch // at most five, the oldest first
}

type sequenceBatch struct {
	first, next int32
	offset      int64
}

const windowBatches = 5 // kfake's, and Kafka's

func (w *sequenceWindow) add(b batchHeader) {
	if w.epoch != b.producerEpoch {
		*w = sequenceWindow{epoch: b.producerEpoch}
	}
	w.next = int32((int64(b.sequence) + int64(b.count)) % math.MaxInt32)
	w.batches = append(w.batches, sequenceBatch{b.sequence, w.next, b.base})
	if len(w.batches) > windowBatches {
		w.batches = w.batches[1:]
	}
}

// add takes a batch into account.
func (l *partitionLog) add(b batchHeader, place batchPlace, watched map[int64]bool) {
	l.batches++
	l.end, l.epoch = b.last+1, b.leaderEpoch
	if b.producer < 0 {
		return
	}
	l.epochs[b.producer] = max(l.epochs[b.producer], b.producerEpoch)
	switch {
	case b.control:
		delete(l.open, b.producer)
		if watched[b.producer] {
			l.ends[b.producer] = append(l.ends[b.producer], ending{b.base, b.producerEpoch, b.commit})
		}
		return
	case b.transactional:
		t, ok := l.open[b.producer]
		switch {
		case !ok:
			t.first, t.epoch, t.last = b.base, b.producerEpoch, b.last
		case t.epoch != b.producerEpoch:
			t.later = append(t.later, place)
		default:
			t.last = b.last
		}
		l.open[b.producer] = t
	}
	if b.sequence >= 0 {
		w := l.windows[b.producer]
		if w == nil {
			w = &sequenceWindow{epoch: b.producerEpoch}
			l.windows[b.producer] = w
		}
		w.add(b)
	}
}

// append adds a batch of ours at the end.
func (l *partitionLog) append(raw []byte) {
	b, _ := readBatch(raw, l.end)
	l.added = append(l.added, raw...)
	l.latestMS = max(l.latestMS, b.maxTimeMS)
	l.index = appendIndexEntry(l.index, b, l.latestMS)
	if len(l.segments) == 0 {
		l.segments = []int64{b.base}
	}
	l.add(b, batchPlace{}, nil)
}

// disown gives the batches of a producer's open transaction that are of a later epoch to a producer of no one: the transaction before them
// can then be committed without them, and theirs is aborted.
func (l *partitionLog) disown(producer int64) error {
	open := l.open[producer]
	if len(open.later) == 0 {
		return nil
	}
	nobody := rand.Int64()
	for _, place := range open.later {
		raw, err := os.ReadFile(place.path)
		if err != nil {
			return err
		}
		b, state := readBatch(raw[place.at:], math.MinInt64)
		if state != batchWhole {
			return fmt.Errorf("%s has no batch at %d any more", place.path, place.at)
		}
		batch := raw[place.at : place.at+b.size]
		binary.BigEndian.PutUint64(batch[batchProducerAt:], uint64(nobody))
		sealBatch(batch)
		if err := replaceFile(place.path, raw); err != nil {
			return err
		}
		l.open[nobody] = openTransaction{epoch: b.producerEpoch, first: b.base, last: b.last}
	}
	open.later = nil
	l.open[producer] = open
	return nil
}

// write puts what was appended on disk, the batches before their index as the broker does.
func (l *partitionLog) write() error {
	if len(l.added) == 0 {
		return nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	path := l.segment(l.segments[len(l.segments)-1])
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(l.added)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	l.added = nil
	return replaceFile(indexPath(path), l.index)
}

func (l *partitionLog) segment(base int64) string {
	return filepath.Join(l.dir, strconv.FormatInt(base, 10)+".dat")
}

func indexPath(segment string) string { return strings.TrimSuffix(segment, ".dat") + ".idx" }

// A segmentCut is what was taken out of a segment.
type segmentCut struct {
	path       string
	kept       []byte
	cut        []byte
	spots      int
	behind     int   // whole batches that follow the first spot
	mended     int   // batches whose first offset, which no checksum covers, was wrong and is known
	lost       int64 // offsets that are missing now
	unfinished bool  // nothing but the start of one batch at the very end
}

// readPartition reads a partition's segments, mends their indexes, and takes out of each what is no batch. Batches
// behind such a spot stay: a gap in the offsets is legal. cut is told of every segment that had one, before it is
// changed.
func readPartition(p topicPartition, dir string, watched map[int64]bool, cut func(*partitionLog, segmentCut) error) (*partitionLog, int, error) {
	l := &partitionLog{
		topicPartition: p, dir: dir,
		open: map[int64]openTransaction{}, ends: map[int64][]ending{}, epochs: map[int64]int16{}, windows: map[int64]*sequenceWindow{},
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	for _, entry := range entries {
		base, err := strconv.ParseInt(strings.TrimSuffix(entry.Name(), ".dat"), 10, 64)
		if err == nil && strings.HasSuffix(entry.Name(), ".dat") {
			l.segments = append(l.segments, base)
		}
	}
	slices.SortFunc(l.segments, cmp.Compare[int64])
	indexes := 0
	for i, base := range l.segments {
		// The name is the first offset: damage in the segment before does not reach this one.
		l.end = base
		next := int64(math.MaxInt64)
		if i+1 < len(l.segments) {
			next = l.segments[i+1]
		}
		changed, err := l.readSegment(l.segment(base), next, watched, cut)
		if err != nil {
			return nil, 0, fmt.Errorf("reading %s: %w", l.segment(base), err)
		}
		if changed {
			indexes++
		}
	}
	return l, indexes, nil
}

// readSegment reads a segment; next is the first offset of the one behind it.
func (l *partitionLog) readSegment(path string, next int64, watched map[int64]bool, cut func(*partitionLog, segmentCut) error) (changed bool, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	c := segmentCut{path: path}
	l.index, l.latestMS = nil, 0
	for at := 0; at < len(raw); {
		before := l.end
		b, state := readBatch(raw[at:], math.MinInt64)
		if state == batchWhole && b.base != l.end {
			var mended bool
			if mended, state = l.judgeBase(raw[at:], b, next); mended {
				b, _ = readBatch(raw[at:], l.end)
				c.mended++
			}
		}
		if state == batchWhole {
			place := batchPlace{path, at}
			if c.spots > 0 {
				c.behind++
				place.at = len(c.kept)
				c.kept = append(c.kept, raw[at:at+b.size]...)
			}
			l.add(b, place, watched)
			l.latestMS = max(l.latestMS, b.maxTimeMS)
			l.index = appendIndexEntry(l.index, b, l.latestMS)
			at += b.size
			continue
		}
		behind := nextBatch(raw, at+1, l.end)
		c.unfinished = c.spots == 0 && behind == len(raw) && next == math.MaxInt64 && (state == batchCutOff || allZero(raw[at:]))
		if c.spots == 0 {
			c.kept = append(c.kept, raw[:at]...)
		}
		if behind < len(raw) {
			b, _ := readBatch(raw[behind:], before)
			c.lost += min(b.base, next) - before
		} else if next < math.MaxInt64 {
			c.lost += next - before
		}
		c.cut = append(c.cut, raw[at:behind]...)
		c.spots++
		at = behind
	}
	if c.spots == 0 && c.mended > 0 {
		c.kept = raw
	}
	if c.spots+c.mended > 0 {
		if !c.unfinished {
			l.spots, l.cut = l.spots+c.spots, l.cut+len(c.cut)
		}
		if err := cut(l, c); err != nil {
			return false, err
		}
	}
	have, err := readIfThere(indexPath(path))
	if err != nil || sameFlags(have, l.index) {
		return false, err
	}
	return true, replaceFile(indexPath(path), l.index)
}

// judgeBase decides about a whole batch whose first offset is not the one that follows. The batch behind it knows: if
// that goes on from where this one should have been, the offset is damaged, and written into raw as it was. So does the
// segment behind it, which begins at next: a batch that reaches into it is damaged, and mended where it fits before. A
// gap is legal otherwise.
func (l *partitionLog) judgeBase(raw []byte, b batchHeader, next int64) (mended bool, state batchState) {
	if behind := raw[b.size:]; len(behind) >= batchPrefixBytes {
		if int64(binary.BigEndian.Uint64(behind)) == l.end+b.last-b.base+1 {
			binary.BigEndian.PutUint64(raw, uint64(l.end))
			return true, batchWhole
		}
	}
	if b.last >= next {
		if l.end+b.last-b.base >= next {
			return false, batchDamaged
		}
		binary.BigEndian.PutUint64(raw, uint64(l.end))
		return true, batchWhole
	}
	if b.base < l.end || b.base-l.end > maxOffsetGap {
		return false, batchDamaged
	}
	return false, batchWhole
}

// nextBatch is where the next whole batch begins, or the end. What is cheap to see is looked at before a checksum is
// read.
func nextBatch(raw []byte, from int, least int64) int {
	for at := from; ; at++ {
		// The magic byte stands 16 bytes behind a batch's start.
		if at+batchMagicAt >= len(raw) {
			return len(raw)
		}
		skip := bytes.IndexByte(raw[at+batchMagicAt:], batchMagic)
		if skip < 0 {
			return len(raw)
		}
		at += skip
		if b, state := readBatch(raw[at:], least); state == batchWhole && b.base-least < maxOffsetGap {
			return at
		}
	}
}

// maxOffsetGap is how far offsets are believed to jump: what claims more is damage.
const maxOffsetGap = 1 << 40
