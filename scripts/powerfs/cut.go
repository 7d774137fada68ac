//go:build linux

package powerfs

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
)

// Loss is what becomes of what was not synced when the power goes.
type Loss string

const (
	// LossWhole forgets it all.
	LossWhole Loss = "whole"
	// LossPart keeps of each file a beginning of its writes, in their order, the last one torn at the edge of a page or a
	// sector, sometimes with the file's new length filled up with zeros; and of the names a beginning of their steps.
	LossPart Loss = "part"
	// LossOrder keeps later writes without earlier ones: each file is as written or as synced, whatever was first, or has
	// some of its pages new and the others old (zeros, where the file has grown); names survive each by itself.
	LossOrder Loss = "order"
)

// Losses are all of them.
var Losses = []Loss{LossWhole, LossPart, LossOrder}

// Sizes at which writes are torn.
const (
	pageBytes   = 4096
	sectorBytes = 512
)

// A CutReport counts what a cut met and what it took.
type CutReport struct {
	Files, Changes, ChangesLost int // files and their changes that were not synced; changes that did not wholly survive
	Moves, MovesLost            int
}

func (r CutReport) String() string {
	return fmt.Sprintf("%d of %d unsynced writes to %d files and %d of %d unsynced steps of names are lost", r.ChangesLost, r.Changes, r.Files,
		r.MovesLost, r.Moves)
}

// Cut takes from the file system what a power cut would, and makes the rest durable. The file system must be unmounted and
// PowerOff called; it can be mounted again afterwards.
func (f *FS) Cut(loss Loss, random *rand.Rand) (CutReport, error) {
	if !slices.Contains(Losses, loss) {
		return CutReport{}, fmt.Errorf("%q is no kind of loss; one of %q would be right", loss, Losses)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.inodes {
		if n.file != nil {
			_ = n.file.Close() // whoever had it open is gone
			n.file = nil
		}
		n.opens = 0
	}
	report := CutReport{Moves: len(f.moves)}
	report.MovesLost = f.cutNames(loss, random)
	dirty := slices.SortedFunc(maps.Keys(f.dirty), func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
	report.Files = len(dirty)
	for _, n := range dirty {
		report.Changes += len(n.changes)
		lost, err := f.cutFile(n, loss, random)
		if err != nil {
			return report, fmt.Errorf("cutting file %d: %w", n.id, err)
		}
		report.ChangesLost += lost
	}
	f.moves, f.dirty = nil, map[*inode]bool{}
	f.sweep()
	f.gate.Lock()
	f.off, f.released = false, make(chan struct{})
	f.gate.Unlock()
	return report, nil
}

// cutNames takes moves back and returns how many.
func (f *FS) cutNames(loss Loss, random *rand.Rand) int {
	survives := make([]bool, len(f.moves))
	switch loss {
	case LossPart:
		for i := range random.IntN(len(f.moves) + 1) {
			survives[i] = true
		}
	case LossOrder:
		broken := map[key]bool{} // names of which an earlier move is lost
		for i, m := range f.moves {
			survives[i] = random.IntN(2) == 0
			for _, b := range m.bindings {
				survives[i] = survives[i] && !broken[key{b.folder, b.name}]
			}
			if !survives[i] {
				for _, b := range m.bindings {
					broken[key{b.folder, b.name}] = true
				}
			}
		}
	}
	lost := 0
	for i := len(f.moves) - 1; i >= 0; i-- {
		if survives[i] {
			continue
		}
		lost++
		for j := range f.moves[i].bindings {
			b := &f.moves[i].bindings[j]
			b.set(b.old)
		}
	}
	return lost
}

// cutFile takes changes of a file back and returns how many did not wholly survive.
func (f *FS) cutFile(n *inode, loss Loss, random *rand.Rand) (lost int, err error) {
	file, err := os.OpenFile(f.path(n), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	defer func() { n.changes = nil }()
	keep := 0
	switch loss {
	case LossPart:
		keep = random.IntN(len(n.changes) + 1)
		lost = len(n.changes) - keep
		for len(n.changes) > keep+1 {
			if err := n.undo(file); err != nil {
				return lost, err
			}
		}
		if len(n.changes) > keep {
			err = n.tear(file, random)
		}
		return lost, err
	case LossOrder:
		switch random.IntN(3) {
		case 0:
			return 0, nil
		case 1:
			return len(n.changes), n.mix(file, random)
		}
	}
	lost = len(n.changes)
	for len(n.changes) > 0 {
		if err := n.undo(file); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// tear leaves a beginning of the last change.
func (n *inode) tear(file *os.File, random *rand.Rand) error {
	c := n.changes[len(n.changes)-1]
	size := n.size
	edge := int64(pageBytes)
	if random.IntN(2) == 0 {
		edge = sectorBytes
	}
	end := c.at // of what survives
	if c.length > 0 && size >= c.at+c.length {
		end = (c.at + random.Int64N(c.length)) / edge * edge
	}
	var survived []byte
	if end > c.at {
		survived = make([]byte, end-c.at)
		if _, err := file.ReadAt(survived, c.at); err != nil {
			return err
		}
	}
	if err := n.undo(file); err != nil {
		return err
	}
	if len(survived) > 0 {
		if _, err := file.WriteAt(survived, c.at); err != nil {
			return err
		}
		n.size = max(n.size, end)
	}
	if size > n.size && random.IntN(2) == 0 {
		return n.setSize(file, size) // the length was written down, the data was not
	}
	return nil
}

func (n *inode) setSize(file *os.File, size int64) error {
	n.size = size
	return file.Truncate(size)
}

// mix leaves some of the pages as they were written and the others as they were synced.
func (n *inode) mix(file *os.File, random *rand.Rand) error {
	written := n.size
	pages := map[int64]bool{}
	for _, c := range n.changes {
		for page := c.at / pageBytes; page*pageBytes < min(c.at+c.length, written); page++ {
			pages[page] = true
		}
	}
	survived := map[int64][]byte{}
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		if random.IntN(2) == 0 {
			continue
		}
		// Some are torn inside.
		from, to := int64(0), min(int64(pageBytes), written-page*pageBytes)
		switch random.IntN(4) {
		case 0:
			to = min(to, sectorBytes*random.Int64N(pageBytes/sectorBytes))
		case 1:
			from = min(to, sectorBytes*random.Int64N(pageBytes/sectorBytes))
		}
		if to > from {
			data := make([]byte, to-from)
			if _, err := file.ReadAt(data, page*pageBytes+from); err != nil {
				return err
			}
			survived[page*pageBytes+from] = data
		}
	}
	for len(n.changes) > 0 {
		if err := n.undo(file); err != nil {
			return err
		}
	}
	for at, data := range survived {
		if _, err := file.WriteAt(data, at); err != nil {
			return err
		}
		n.size = max(n.size, at+int64(len(data)))
	}
	if written > n.size && random.IntN(2) == 0 || written < n.size && len(survived) == 0 && random.IntN(2) == 0 {
		return n.setSize(file, written)
	}
	return nil
}

// sweep counts names again from the root, forgets what has none, and pins nothing.
func (f *FS) sweep() {
	for _, n := range f.inodes {
		n.links, n.pins = 0, 0
	}
	root := f.inodes[rootID]
	root.links = 1
	waiting := []*inode{root}
	for len(waiting) > 0 {
		folder := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		for name, n := range folder.names {
			if n.folder() && n.links > 0 {
				delete(folder.names, name) // a folder has one name
				continue
			}
			n.links++
			if n.folder() {
				waiting = append(waiting, n)
			}
		}
	}
	for _, n := range f.inodes {
		f.drop(n)
	}
}
