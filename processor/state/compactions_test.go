package state

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// heldFS keeps compactions from making their tables until go on is closed.
type heldFS struct {
	vfs.FS
	held chan struct{} // takes one for each compaction that wants to
	on   chan struct{}
}

func (h *heldFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category == "pebble-compaction" {
		select {
		case h.held <- struct{}{}:
		default:
		}
		<-h.on
	}
	return h.FS.Create(name, category)
}

// TestOpenDoesNotWaitForCompactions: a crash leaves as many tables in level 0 as call for a compaction; a processor that starts again must
// not wait for it.
func TestOpenDoesNotWaitForCompactions(t *testing.T) {
	disk := vfs.NewCrashableMem()
	h := &heldFS{FS: disk, held: make(chan struct{}, 1), on: make(chan struct{})}
	s := open(t, h)
	waiting := func() bool {
		select {
		case <-h.held:
			return true
		default:
			return false
		}
	}
	fill(t, s, 0, 200, "bottom")
	must(t, s.db.Flush())
	due := false
	for range 2 * compactAtL0 { // level 0 stays full, below stopAtL0
		fill(t, s, 0, 100, "again")
		must(t, s.db.Flush())
		due = due || waiting()
	}
	if !due {
		t.Fatal("no compaction is due before the crash; level 0 should call for one")
	}
	fill(t, s, 0, 100, "not in a table yet")
	must(t, s.Sync())
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	close(h.on)
	must(t, s.Close())

	h = &heldFS{FS: crashed, held: make(chan struct{}, 1), on: make(chan struct{})}
	opened := make(chan *Store)
	go func() {
		s, err := Open(Options{Dir: "state", FS: h, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	limit := time.After(time.Minute)
	select {
	case s = <-opened:
	case <-limit:
		close(h.on)
		t.Fatal("opening waits for a compaction")
	}
	select { // and the compaction is not forgotten
	case <-h.held:
	case <-limit:
		t.Error("the compaction that was due never begins")
	}
	close(h.on)
	if got := content(t, s, 0); got["k\x00\x00\x00\x01"] != "not in a table yet 1" {
		t.Errorf("the newest value is %q", got["k\x00\x00\x00\x01"])
	}
	must(t, errors.Join(s.Settle(), s.Close()))
}
