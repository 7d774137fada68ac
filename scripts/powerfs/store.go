//go:build linux

package powerfs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options of a file system.
type Options struct {
	// NamesFollow makes a sync of a file or folder keep the steps that gave it its names: see the package's description.
	NamesFollow bool
	// SyncDelay is how long a sync takes; what is written meanwhile is not part of it.
	SyncDelay time.Duration
	// SyncEverything makes everything durable at once: a cut is then no more than a kill. It shows that whoever loses
	// something loses it for want of a sync.
	SyncEverything bool
	// Synced are folders of the root in which everything is durable at once: who keeps its data elsewhere is then the one
	// who loses something.
	Synced []string
}

// SyncAttribute is the extended attribute whose setting, on any path and to any value, is a sync of the whole file system.
// The FUSE protocol does not pass syncfs(2) on to user space: whoever calls that sets this behind it.
const SyncAttribute = "user.tributary.sync"

const rootID = 1

// FS is the file system: its inodes and what of them is not synced. Make one by New, show it by Mount.
type FS struct {
	options Options
	backing string

	// gate is held for reading by every call of the kernel and for writing by PowerOff.
	gate     sync.RWMutex
	off      bool
	released chan struct{}

	seq atomic.Uint64 // orders changes and moves

	mu     sync.Mutex // guards what follows and every inode's names, links, pins, opens and attributes but size
	inodes map[uint64]*inode
	lastID uint64
	moves  []*move // not synced, in their order

	dirtyMu sync.Mutex      // the innermost
	dirty   map[*inode]bool // files with changes

	// Stats counts what was asked for.
	Stats Stats
}

// Stats counts calls since New.
type Stats struct {
	Writes, FileSyncs, FolderSyncs, WholeSyncs atomic.Int64
}

// inode is a file, a folder or a symbolic link.
type inode struct {
	id       uint64
	mode     uint32 // type and permissions
	uid, gid uint32
	links    int // names it has; of a folder 0 or 1
	pins     int // times that moves mention it
	synced   bool
	opens    int
	atime    time.Time
	mtime    time.Time
	ctime    time.Time
	target   string            // of a link
	names    map[string]*inode // of a folder

	data    sync.Mutex // guards what follows; taken after FS.mu where both are
	size    int64
	file    *os.File // while opens > 0
	changes []change // not synced, in their order
}

func (n *inode) folder() bool  { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }
func (n *inode) regular() bool { return n.mode&syscall.S_IFMT == syscall.S_IFREG }

// A change is one write or cut of a file, with what takes it back.
type change struct {
	seq    uint64
	at     int64
	length int64  // bytes from at on that may differ
	old    []byte // what was at at, up to the old end of the file
	size   int64  // the file's before it
}

// A binding is what a name meant before and after a move; nil for nothing.
type binding struct {
	folder   *inode
	name     string
	old, new *inode
}

// A move is one step of the names: of it all bindings survive, or none.
type move struct {
	seq      uint64
	bindings []binding
}

// New makes an empty file system that keeps the content of its files in the folder backing, which must be empty.
func New(backing string, o Options) (*FS, error) {
	if err := os.MkdirAll(backing, 0o700); err != nil {
		return nil, fmt.Errorf("making the backing folder: %w", err)
	}
	entries, err := os.ReadDir(backing)
	if err != nil {
		return nil, fmt.Errorf("reading the backing folder: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("the backing folder %s holds %d files; an empty one would be right", backing, len(entries))
	}
	f := &FS{options: o, backing: backing, released: make(chan struct{}), inodes: map[uint64]*inode{}, dirty: map[*inode]bool{}, lastID: rootID}
	now := time.Now()
	f.inodes[rootID] = &inode{id: rootID, mode: syscall.S_IFDIR | 0o755, uid: uint32(os.Getuid()), gid: uint32(os.Getgid()),
		links: 1, atime: now, mtime: now, ctime: now, names: map[string]*inode{}}
	return f, nil
}

func (f *FS) path(n *inode) string { return filepath.Join(f.backing, strconv.FormatUint(n.id, 10)) }

// enter begins a call of the kernel. After the power went off it waits for Release and returns false.
func (f *FS) enter() bool {
	f.gate.RLock()
	if !f.off {
		return true
	}
	released := f.released
	f.gate.RUnlock()
	<-released
	return false
}

func (f *FS) leave() { f.gate.RUnlock() }

// PowerOff is the moment of the cut.
func (f *FS) PowerOff() {
	f.gate.Lock()
	f.off = true
	f.gate.Unlock()
}

// Release lets calls that wait since PowerOff, and all later ones, fail with EIO.
func (f *FS) Release() {
	f.gate.Lock()
	defer f.gate.Unlock()
	select {
	case <-f.released:
	default:
		close(f.released)
	}
}

// add makes an inode without a name. FS.mu is held.
func (f *FS) add(mode, uid, gid uint32) *inode {
	f.lastID++
	now := time.Now()
	n := &inode{id: f.lastID, mode: mode, uid: uid, gid: gid, atime: now, mtime: now, ctime: now}
	if n.folder() {
		n.names = map[string]*inode{}
	}
	f.inodes[n.id] = n
	return n
}

// apply carries out a move and keeps how to take it back. FS.mu is held.
func (f *FS) apply(bindings ...binding) {
	now := time.Now()
	for _, b := range bindings {
		b.set(b.new)
		b.folder.mtime, b.folder.ctime = now, now
		if b.old != nil {
			b.old.links--
			b.old.ctime = now
		}
		if b.new != nil {
			b.new.links++
			b.new.ctime = now
		}
	}
	if !slices.ContainsFunc(bindings, f.durable) {
		f.moves = append(f.moves, &move{f.seq.Add(1), bindings})
		for _, b := range bindings {
			b.pin(1)
		}
	}
	for _, b := range bindings {
		f.drop(b.old)
	}
}

// durable tells whether a name is kept without a sync.
func (f *FS) durable(b binding) bool {
	return f.options.SyncEverything || b.folder.synced || b.new != nil && b.new.synced
}

func (b *binding) set(n *inode) {
	if n == nil {
		delete(b.folder.names, b.name)
	} else {
		b.folder.names[b.name] = n
	}
}

func (b *binding) pin(by int) {
	for _, n := range []*inode{b.folder, b.old, b.new} {
		if n != nil {
			n.pins += by
		}
	}
}

// drop forgets an inode that nothing leads to any more, before or after a cut. FS.mu is held.
func (f *FS) drop(n *inode) {
	if n == nil || n.id == rootID || n.links > 0 || n.pins > 0 || n.opens > 0 {
		return
	}
	delete(f.inodes, n.id)
	if n.regular() {
		f.dirtyMu.Lock()
		delete(f.dirty, n)
		f.dirtyMu.Unlock()
		_ = os.Remove(f.path(n)) // it is absent where nothing was ever written
	}
}

// open makes n's content reachable until the same number of closes. FS.mu is held.
func (f *FS) open(n *inode) error {
	if n.regular() && n.opens == 0 {
		file, err := os.OpenFile(f.path(n), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		n.file = file
	}
	n.opens++
	return nil
}

// close ends an open. FS.mu is held.
func (f *FS) close(n *inode) {
	if n.opens--; n.opens == 0 && n.file != nil {
		_ = n.file.Close() // what it holds is in the kernel's hands
		n.file = nil
	}
	f.drop(n)
}

// write puts data at an offset of an open file.
func (f *FS) write(n *inode, data []byte, at int64) error {
	n.data.Lock()
	defer n.data.Unlock()
	if err := f.note(n, at, int64(len(data))); err != nil {
		return err
	}
	if _, err := n.file.WriteAt(data, at); err != nil {
		return err
	}
	n.size = max(n.size, at+int64(len(data)))
	return nil
}

// resize makes an open file longer or shorter.
func (f *FS) resize(n *inode, size int64) error {
	n.data.Lock()
	defer n.data.Unlock()
	if size == n.size {
		return nil
	}
	if err := f.note(n, min(size, n.size), max(0, n.size-size)); err != nil {
		return err
	}
	if err := n.file.Truncate(size); err != nil {
		return err
	}
	n.size = size
	return nil
}

// note keeps what a change of length bytes at at would take away. Inode.data is held.
func (f *FS) note(n *inode, at, length int64) error {
	if f.options.SyncEverything || n.synced {
		return nil
	}
	c := change{seq: f.seq.Add(1), at: at, length: length, size: n.size}
	if overlap := min(at+length, n.size) - at; overlap > 0 {
		c.old = make([]byte, overlap)
		if _, err := n.file.ReadAt(c.old, at); err != nil {
			return fmt.Errorf("keeping what is overwritten: %w", err)
		}
	}
	n.changes = append(n.changes, c)
	if len(n.changes) == 1 {
		f.dirtyMu.Lock()
		f.dirty[n] = true
		f.dirtyMu.Unlock()
	}
	return nil
}

// undo takes the last change back. Inode.data is held, or the file system is not mounted.
func (n *inode) undo(file *os.File) error {
	last := len(n.changes) - 1
	c := &n.changes[last]
	if len(c.old) > 0 {
		if _, err := file.WriteAt(c.old, c.at); err != nil {
			return err
		}
	}
	if err := file.Truncate(c.size); err != nil {
		return err
	}
	n.size = c.size
	n.changes[last] = change{} // its bytes are not needed any more
	n.changes = n.changes[:last]
	return nil
}

// keep makes the changes of n up to a mark durable.
func (f *FS) keep(n *inode, mark uint64) {
	n.data.Lock()
	defer n.data.Unlock()
	i := 0
	for i < len(n.changes) && n.changes[i].seq <= mark {
		i++
	}
	if i == len(n.changes) {
		n.changes = nil
		f.dirtyMu.Lock()
		delete(f.dirty, n)
		f.dirtyMu.Unlock()
	} else if i > 0 {
		n.changes = append([]change(nil), n.changes[i:]...)
	}
}

// errOff is returned to whoever waited for a sync when the power went off.
var errOff = errors.New("the power is off")

// delayed waits as long as a sync takes, outside of the gate, and returns an error when the power went off meanwhile.
func (f *FS) delayed() error {
	if f.options.SyncDelay <= 0 {
		return nil
	}
	f.leave()
	time.Sleep(f.options.SyncDelay)
	if !f.enter() {
		f.gate.RLock() // the caller leaves
		return errOff
	}
	return nil
}

// sync makes what n holds durable: what was written, or of a folder its names, when it began.
func (f *FS) sync(n *inode) error {
	mark := f.seq.Load()
	if err := f.delayed(); err != nil {
		return err
	}
	f.mu.Lock()
	f.keepMoves(mark, func(m *move) bool {
		for _, b := range m.bindings {
			if b.folder == n || f.options.NamesFollow && b.new == n {
				return true
			}
		}
		return false
	})
	f.mu.Unlock()
	if n.regular() {
		f.keep(n, mark)
	}
	return nil
}

// syncAll makes everything durable that was done when it began.
func (f *FS) syncAll() error {
	mark := f.seq.Load()
	if err := f.delayed(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keepMoves(mark, func(*move) bool { return true })
	f.dirtyMu.Lock()
	dirty := slices.Collect(maps.Keys(f.dirty))
	f.dirtyMu.Unlock()
	for _, n := range dirty {
		f.keep(n, mark)
	}
	return nil
}

// key is a name in a folder.
type key struct {
	folder *inode
	name   string
}

// keepMoves makes the moves up to a mark durable that chosen says, and with each the earlier ones of the same names, without
// which it would mean nothing. FS.mu is held.
func (f *FS) keepMoves(mark uint64, chosen func(*move) bool) {
	keeping := make([]bool, len(f.moves))
	needed := map[key]bool{}
	any := false
	for i := len(f.moves) - 1; i >= 0; i-- {
		m := f.moves[i]
		if m.seq > mark {
			continue
		}
		keep := chosen(m)
		for _, b := range m.bindings {
			keep = keep || needed[key{b.folder, b.name}]
		}
		if !keep {
			continue
		}
		keeping[i], any = true, true
		for _, b := range m.bindings {
			needed[key{b.folder, b.name}] = true
		}
	}
	if !any {
		return
	}
	var rest []*move
	var gone []*inode
	for i, m := range f.moves {
		if !keeping[i] {
			rest = append(rest, m)
			continue
		}
		for _, b := range m.bindings {
			b.pin(-1)
			gone = append(gone, b.folder, b.old, b.new)
		}
	}
	f.moves = rest
	for _, n := range gone {
		f.drop(n)
	}
}
