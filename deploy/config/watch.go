package config

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must rest before it is read: editors and copiers write in several steps.
const settle = 100 * time.Millisecond

// A Change is what one reload found.
type Change struct {
	// Loaded is the new reading; nil when Err says why it was refused and the old one stays.
	Loaded *Loaded
	Err    error
	// Catalog tells that the catalog section differs from the last one in force.
	Catalog bool
	// NeedsRestart lists sections outside the catalog that differ from what the process started with.
	NeedsRestart []string
}

// Watch reads the sources again whenever the file changes or again receives (SIGHUP), and hands every outcome that
// differs from the state in force to use, until ctx is done. A reading that fails is reported and changes nothing. use
// is called from this goroutine only; where it returns an error, the reading is refused, and the one before stays in
// force. The error says why the file cannot be watched.
func Watch(ctx context.Context, from Sources, started *Loaded, again <-chan struct{}, use func(Change) error) error {
	var events <-chan fsnotify.Event
	var faults <-chan error
	if from.File != "" {
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("watching the configuration: %w", err)
		}
		defer watcher.Close()
		// The folder, because editors replace the file and Kubernetes swaps a link beside it.
		if err := watcher.Add(filepath.Dir(started.File)); err != nil {
			return fmt.Errorf("watching the folder of %s: %w", started.File, err)
		}
		events, faults = watcher.Events, watcher.Errors
	}
	rest := time.NewTimer(settle)
	rest.Stop()
	defer rest.Stop()
	inForce, failed := started, false
	reload := func(asked bool) {
		loaded, err := Load(from)
		if err == nil {
			err = loaded.whole(inForce)
		}
		if err != nil {
			failed = true
			_ = use(Change{Err: err}) // nothing more can be refused
			return
		}
		change := Change{
			Loaded:       loaded,
			Catalog:      !sameSection(loaded, inForce, SectionCatalog),
			NeedsRestart: changedSections(loaded, started),
		}
		news := change.Catalog || !slices.Equal(change.NeedsRestart, changedSections(inForce, started))
		// After a failure even no difference is news: the file is right again.
		if news || asked || failed {
			if err := use(change); err != nil {
				failed = true
				return
			}
		}
		inForce, failed = loaded, false
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-again:
			if !ok {
				again = nil
				continue
			}
			rest.Stop()
			reload(true)
		case event := <-events:
			// A change of another file in the folder costs one reading that finds no news, except that a link's target
			// changes under its name: so every event counts, but chmods.
			if event.Op != fsnotify.Chmod {
				rest.Reset(settle)
			}
		case err := <-faults:
			_ = use(Change{Err: fmt.Errorf("watching the configuration: %w", err)}) // nothing is in force of it
		case <-rest.C:
			reload(false)
		}
	}
}

func sameSection(a, b *Loaded, name string) bool {
	return reflect.DeepEqual(sectionOf(a, name), sectionOf(b, name))
}

func sectionOf(l *Loaded, name string) any {
	v := rootOf(&l.Config)
	for _, f := range fieldsOf(v.Type()) {
		if f.name == name {
			return v.FieldByIndex(f.index).Interface()
		}
	}
	return nil
}

// changedSections lists the top-level keys, but the catalog, that differ.
func changedSections(a, b *Loaded) []string {
	var names []string
	for _, f := range fieldsOf(rootOf(&a.Config).Type()) {
		if f.name != SectionCatalog && !sameSection(a, b, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}
