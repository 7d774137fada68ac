//go:build linux

package powerfs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What programs do with files works: as on any other file system.
func TestUse(t *testing.T) {
	m := newMachine(t, Options{})
	m.must(os.MkdirAll(m.path("d/e"), 0o700))
	file, err := os.OpenFile(m.path("d/e/f"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	m.must(err)
	for i := range 100 {
		_, err := fmt.Fprintf(file, "%04d", i)
		m.must(err)
	}
	got := make([]byte, 4)
	_, err = file.ReadAt(got, 4*57)
	m.must(err)
	if string(got) != "0057" {
		t.Errorf("%q", got)
	}
	m.must(unix.Flock(int(file.Fd()), unix.LOCK_EX))
	if other, err := os.Open(m.path("d/e/f")); err != nil || unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		t.Error("a second lock: ", err)
	} else {
		other.Close()
	}
	m.must(unix.Fallocate(int(file.Fd()), 0, 0, 8192))
	m.must(unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 1<<20))
	mapped, err := unix.Mmap(int(file.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	m.must(err)
	copy(mapped[4096:], "mapped")
	m.must(unix.Msync(mapped, unix.MS_SYNC))
	m.must(unix.Munmap(mapped))
	m.must(os.Symlink("f", m.path("d/e/link")))
	m.must(os.Remove(m.path("d/e/f"))) // stays readable
	info, err := file.Stat()
	m.must(err)
	if info.Size() != 8192 || info.Mode().Perm() != 0o640 {
		t.Errorf("%d bytes, mode %o", info.Size(), info.Mode())
	}
	_, err = file.ReadAt(got, 4096)
	m.must(err)
	if string(got) != "mapp" {
		t.Errorf("what was written through memory is %q", got)
	}
	m.must(file.Close())

	for i := range 3000 {
		m.write(fmt.Sprintf("d/e/%d", i), []byte{1}, 0, false)
	}
	entries, err := os.ReadDir(m.path("d/e"))
	m.must(err)
	if len(entries) != 3001 {
		t.Errorf("%d names, want 3001", len(entries))
	}
	m.write("x", []byte("x"), 0, false)
	m.write("y", []byte("y"), 0, false)
	if err := unix.Renameat2(unix.AT_FDCWD, m.path("x"), unix.AT_FDCWD, m.path("y"), unix.RENAME_NOREPLACE); err != unix.EEXIST {
		t.Errorf("%v, want EEXIST", err)
	}
	m.must(unix.Renameat2(unix.AT_FDCWD, m.path("x"), unix.AT_FDCWD, m.path("y"), unix.RENAME_EXCHANGE))
	m.want("x", []byte("y"))
	if err := os.Remove(m.path("d")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("%v, want ENOTEMPTY", err)
	}
	m.syncAll()
	m.cut(LossWhole)
	m.want("y", []byte("x"))
	if target, err := os.Readlink(m.path("d/e/link")); err != nil || target != "f" {
		t.Errorf("%q, %v", target, err)
	}
}
