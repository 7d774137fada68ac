package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/ingest/durable"
)

// capsFlush is how often the counts are written, so how much of them an edge forgets that is killed, or loses its
// power.
const capsFlush = time.Second

// maxCapsFile bounds the file that is read, in bytes: 100,000 offers have a twentieth.
const maxCapsFile = 64 << 20

// savedCap is one offer's count as the file has it.
type savedCap struct {
	Offer  uint32 `json:"offer"`
	Day    uint32 `json:"day"` // since 1970, in the offer's time zone
	Clicks uint32 `json:"clicks"`
}

// damagedSuffix is of a file that could not be read, kept beside the one in its place.
const damagedSuffix = ".damaged"

// errNoFile says that the path is of something else.
var errNoFile = errors.New("is no file")

// load reads the counts that an earlier process left, before the first catalog is declared. No file is no counts, and
// so is a file that cannot be read: it is kept beside, and damaged says what is wrong. An error is one of the
// configuration: the path is no file's.
func (c *caps) load(path string, nowMS int64) (damaged, err error) {
	list, err := readCaps(path, nowMS)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		c.fresh = true
		return nil, nil
	case errors.Is(err, errNoFile):
		return nil, fmt.Errorf("reading the counts of caps: %s %w; right would be the path of a file in ingest.caps_file", path, err)
	default:
		damaged = fmt.Errorf("reading the counts of caps in %s: %w", path, err)
		if err := os.Rename(path, path+damagedSuffix); err != nil {
			damaged = fmt.Errorf("%w; and keeping it beside: %w", damaged, err)
		}
		return damaged, nil
	}
	before := map[uint32]*capCount{}
	for _, one := range list {
		count := new(atomic.Uint64)
		count.Store(uint64(one.Day)<<32 | uint64(one.Clicks))
		before[one.Offer] = &capCount{count: count}
	}
	c.byOffer.Store(&before)
	return nil, nil
}

func readCaps(path string, nowMS int64) (list []savedCap, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	case info.Size() == 0:
		return nil, errors.New("it is empty")
	case info.Size() > maxCapsFile:
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", info.Size(), maxCapsFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	// A day to come would hold the cap until then: the counts of a day are kept while the clock is behind it.
	latest := uint32(nowMS/dayMS) + 2
	for _, one := range list {
		if one.Day > latest {
			return nil, fmt.Errorf("it counts clicks of day %d since 1970, and today is %d", one.Day, nowMS/dayMS)
		}
	}
	return list, nil
}

const dayMS = 24 * 60 * 60 * 1000

// keep writes the counts until ctx is done, and then once more.
func (c *caps) keep(ctx context.Context, path string, log *zap.Logger, failures prometheus.Counter) {
	if path == "" {
		return
	}
	ticker := time.NewTicker(capsFlush)
	defer ticker.Stop()
	var written []byte
	failing := false
	for last := false; !last; {
		select {
		case <-ctx.Done():
			last = true
		case <-ticker.C:
		}
		text := c.text()
		if bytes.Equal(text, written) {
			continue
		}
		err := durable.Replace(path, text)
		if err != nil {
			failures.Inc()
		}
		switch {
		case err == nil:
			written, failing = text, false
		case !failing:
			failing = true
			log.Warn("ingest: the counts of caps are not kept for a restart", zap.Error(err))
		}
	}
}

// text is the file's contents.
func (c *caps) text() []byte {
	list := []savedCap{}
	for offer, held := range *c.byOffer.Load() {
		if state := held.count.Load(); state != 0 {
			list = append(list, savedCap{Offer: offer, Day: uint32(state >> 32), Clicks: uint32(state)})
		}
	}
	slices.SortFunc(list, func(a, b savedCap) int { return cmp.Compare(a.Offer, b.Offer) })
	text, err := json.Marshal(list)
	if err != nil {
		panic("marshalling numbers: " + err.Error())
	}
	return text
}
