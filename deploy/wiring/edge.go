package wiring

import (
	"sync"

	"tributary/ingest/catalog"
)

// edgeSlot joins an edge, which may be made anew, with the catalog in force, which may change.
type edgeSlot struct {
	mu      sync.Mutex
	catalog *catalog.Catalog
	set     func(*catalog.Catalog) // of the edge that runs now
	note    func() string          // the same edge's
}

// told is the edge's note for /readyz.
func (slot *edgeSlot) told() (name, text string) {
	slot.mu.Lock()
	note := slot.note
	slot.mu.Unlock()
	if note != nil {
		text = note()
	}
	return UnitIngest, text
}

func (s *System) setCatalog(c *catalog.Catalog) {
	slot := s.edge.Load()
	if slot == nil {
		return // this process has no edge
	}
	slot.mu.Lock()
	defer slot.mu.Unlock()
	slot.catalog = c
	if slot.set != nil {
		slot.set(c)
	}
}
