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

	"go.uber.org/zap"
)

// capsFlush is how often the counts are written, so how much of them a killed edge forgets. A power cut may take more: the
// file is not synced, because a cap is no promise to a sender.
const capsFlush = time.Second

// maxCapsFile bounds the file that is read, in bytes: 100,000 offers have a twentieth.
const maxCapsFile = 64 << 20

// savedCap is one offer's count as the file has it.
type savedCap struct {
	Offer  uint32 `json:"offer"`
	Day    uint32 `json:"day"` // since 1970, in the offer's time zone
	Clicks uint32 `json:"clicks"`
}

// load reads the counts that an earlier process left, before the first catalog is declared. No file is no counts.
func (c *caps) load(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []savedCap
	if err == nil && info.Size() > maxCapsFile {
		err = fmt.Errorf("it has %d bytes, at most %d are read", info.Size(), maxCapsFile)
	}
	if err == nil {
		var text []byte
		if text, err = os.ReadFile(path); err == nil {
			err = json.Unmarshal(text, &list)
		}
	}
	if err != nil {
		return fmt.Errorf("reading the counts of caps, delete %s to begin at 0: %w", path, err)
	}
	before := map[uint32]*capCount{}
	for _, one := range list {
		count := new(atomic.Uint64)
		count.Store(uint64(one.Day)<<32 | uint64(one.Clicks))
		before[one.Offer] = &capCount{count: count}
	}
	c.byOffer.Store(&before)
	return nil
}

// keep writes the counts until ctx is done, and then once more.
func (c *caps) keep(ctx context.Context, path string, log *zap.Logger) {
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
		err := replaceFile(path, text)
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

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("writing the counts of caps: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("replacing the counts of caps: %w", err)
	}
	return nil
}
