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
	// certificate reads the same edge's certificate again; it logs what comes of it.
	certificate func() error
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

// reloadCertificate is for SIGHUP; the edge itself watches the files.
func (s *System) reloadCertificate() {
	slot := s.edge.Load()
	if slot == nil {
		return // this process has no edge
	}
	slot.mu.Lock()
	reload := slot.certificate
	slot.mu.Unlock()
	if reload != nil {
		_ = reload() // the edge has logged and counted it
	}
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
