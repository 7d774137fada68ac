package wiring

import (
	"sync"

	"tributary/catalog"
	"tributary/catalog/block"
)

// edgeSlot joins an edge, which may be made anew, with the catalog in force, which may change.
type edgeSlot struct {
	mu        sync.Mutex
	catalog   *catalog.Catalog
	set       func(*catalog.Catalog) // of the edge that runs now
	note      func() string          // the same edge's
	blocks    []block.Block          // in force
	setBlocks func([]block.Block)    // of the edge that runs now
	// files reads the same edge's certificate and data files again; it logs what comes of it.
	files func()
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

// reloadFiles is for SIGHUP; the edge itself watches the files.
func (s *System) reloadFiles() {
	slot := s.edge.Load()
	if slot == nil {
		return // this process has no edge
	}
	slot.mu.Lock()
	reload := slot.files
	slot.mu.Unlock()
	if reload != nil {
		reload()
	}
}

// takeCatalogWith has take called with each catalog that comes into force after the start. Call it before Run.
func (s *System) takeCatalogWith(take func(*catalog.Catalog)) {
	s.followCatalog()
	s.takers = append(s.takers, take)
}

func (s *System) setCatalog(c *catalog.Catalog) {
	for _, take := range s.takers {
		take(c)
	}
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
