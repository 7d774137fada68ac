package wiring

import (
	"context"
	"time"

	"tributary/catalog/block"
	"tributary/catalog/control"
)

// blocksWait is how long an edge waits at its start for what is in force now: else it begins with the copy on disk, which may
// lack the last blocks.
const blocksWait = 2 * time.Second

// followBlocks has the edge take each change of the blocks.
func (s *System) followBlocks(slot *edgeSlot) {
	s.WatchControl(block.Kind, func(state *control.State) {
		list := block.InForce(state.At(time.Time{})) // the edge ends each by its own clock, which may go back
		slot.mu.Lock()
		defer slot.mu.Unlock()
		slot.blocks = list
		if slot.setBlocks != nil {
			slot.setBlocks(list)
		}
	})
}

// awaitBlocks waits until the topic control was seen, and not for long.
func (s *System) awaitBlocks(ctx context.Context) {
	s.control.mu.Lock()
	reader := s.control.reader
	s.control.mu.Unlock()
	if reader == nil {
		return // nothing in this process reads it
	}
	ctx, cancel := context.WithTimeout(ctx, blocksWait)
	defer cancel()
	_ = reader.Seen(ctx) // then the copy has to do, and /readyz says since when
}
