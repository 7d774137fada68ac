package embedded

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// retentionDefault is what a topic without retention.ms has, in Kafka too.
const retentionDefault = 7 * 24 * time.Hour

// A retention is what a topic's settings keep.
type retention struct {
	age   time.Duration // negative: any
	bytes int64         // negative: any
}

// retentionOf reads a topic's settings; the broker has taken only numbers.
func retentionOf(configs map[string]*string) retention {
	r := retention{age: retentionDefault, bytes: -1}
	if text := configs["retention.ms"]; text != nil {
		if ms, err := strconv.ParseInt(*text, 10, 64); err == nil {
			r.age = time.Duration(min(ms, int64(100*365*24*time.Hour/time.Millisecond))) * time.Millisecond
		}
	}
	if text := configs["retention.bytes"]; text != nil {
		if bytes, err := strconv.ParseInt(*text, 10, 64); err == nil {
			r.bytes = bytes
		}
	}
	return r
}

// A logSegment is a segment of a partition on disk.
type logSegment struct {
	path  string
	base  int64
	bytes int64
	mtime time.Time
}

// segmentsOf lists a partition's segments, in order.
func segmentsOf(dir string) ([]logSegment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var segments []logSegment
	for _, entry := range entries {
		name, isSegment := strings.CutSuffix(entry.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !isSegment || err != nil {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		segments = append(segments, logSegment{filepath.Join(dir, entry.Name()), base, info.Size(), info.ModTime()})
	}
	slices.SortFunc(segments, func(a, b logSegment) int { return cmp.Compare(a.base, b.base) })
	return segments, nil
}

// expired tells whether every record of the segment is from before a time, and where its last batch ends. The broker may
// be writing to it: what is not there whole is fresh.
func (s logSegment) expired(before time.Time) (end int64, expired bool, err error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close() // was opened to read
	reader := bufio.NewReaderSize(io.LimitReader(f, s.bytes), 256<<10)
	end = s.base
	for {
		head, err := reader.Peek(batchHeaderBytes)
		if errors.Is(err, io.EOF) {
			return end, len(head) == 0 && end > s.base, nil
		}
		if err != nil {
			return 0, false, err
		}
		latest := time.UnixMilli(int64(binary.BigEndian.Uint64(head[batchMaxTimeAt:])))
		if latest.UnixMilli() < 0 {
			latest = s.mtime // it says none
		}
		if !latest.Before(before) {
			return end, false, nil
		}
		end = int64(binary.BigEndian.Uint64(head)) + int64(int32(binary.BigEndian.Uint32(head[batchLastDeltaAt:]))) + 1
		size := batchPrefixBytes + int64(int32(binary.BigEndian.Uint32(head[batchLengthAt:])))
		if size < batchHeaderBytes || size > maxBatchBytes {
			return end, false, nil
		}
		if _, err := reader.Discard(int(size)); errors.Is(err, io.EOF) {
			return end, false, nil
		} else if err != nil {
			return 0, false, err
		}
	}
}

// keepFrom decides, as Kafka does, from which offset a partition's log is kept: whole segments go, from the oldest on,
// as long as every record of the segment is too old, or the log without it is as long as it may be. One old record
// among fresh ones takes none of them with it.
func (r retention) keepFrom(segments []logSegment, now time.Time) (from int64, err error) {
	var total int64
	for _, s := range segments {
		total += s.bytes
	}
	for i, s := range segments {
		end, tooOld := int64(0), false
		if r.age >= 0 {
			if end, tooOld, err = s.expired(now.Add(-r.age)); err != nil {
				return from, err
			}
		}
		if !tooOld && (r.bytes < 0 || total-s.bytes < r.bytes || i == len(segments)-1) {
			return from, nil
		}
		if i < len(segments)-1 {
			end = segments[i+1].base
		}
		from = end
		total -= s.bytes
	}
	return from, nil
}

// retain deletes what a topic's settings do not keep.
func retain(cluster *kfake.Cluster, dir, topic string, now time.Time) error {
	info := cluster.TopicInfo(topic)
	if info == nil {
		return nil
	}
	r := retentionOf(info.Configs)
	var errs []error
	for _, p := range cluster.PartitionInfos(topic) {
		at := topicPartition{topic, p.Partition}
		segments, err := segmentsOf(filepath.Join(dir, at.folder()))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		from, err := r.keepFrom(segments, now)
		if err != nil {
			errs = append(errs, err)
		}
		if from = min(from, p.HighWatermark); from <= p.LogStartOffset {
			continue
		}
		if err := cluster.DeleteRecords(topic, p.Partition, from); err != nil {
			errs = append(errs, fmt.Errorf("deleting the records of %s before offset %d: %w", at, from, err))
		}
	}
	return errors.Join(errs...)
}
