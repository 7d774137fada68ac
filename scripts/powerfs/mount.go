//go:build linux

package powerfs

import (
	"fmt"
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A Mount is a file system that can be reached at a path.
type Mount struct {
	server *fuse.Server
	path   string
}

// Mount shows the file system at the folder path, which is made if absent. It needs root and /dev/fuse. A file system is
// mounted once at a time.
func (f *FS) Mount(path string) (*Mount, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	server, err := fuse.NewServer(&kernel{RawFileSystem: fuse.NewDefaultRawFileSystem(), fs: f, listings: map[uint64][]fuse.DirEntry{}}, path,
		&fuse.MountOptions{
			FsName: "power", Name: "power", DirectMountStrict: true, AllowOther: true,
			MaxWrite: 1 << 20, MaxBackground: 64, DisableReadDirPlus: true,
			// Only the kernel changes anything here, so that what it caches stays right.
			ExplicitDataCacheControl: true,
		})
	if err != nil {
		return nil, fmt.Errorf("mounting a file system of user space at %s (it needs root and /dev/fuse): %w", path, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("mounting a file system of user space at %s: %w", path, err)
	}
	return &Mount{server, path}, nil
}

// Path is where the file system is.
func (m *Mount) Path() string { return m.path }

const (
	unmountLimit = 20 * time.Second
	unmountPause = 5 * time.Millisecond
)

// Unmount takes it away, once nobody has anything of it open.
func (m *Mount) Unmount() error {
	deadline := time.Now().Add(unmountLimit)
	for {
		err := unix.Unmount(m.path, 0)
		if err == nil {
			m.server.Wait()
			return nil
		}
		if err != unix.EBUSY || time.Now().After(deadline) {
			return fmt.Errorf("unmounting %s: %w", m.path, err)
		}
		time.Sleep(unmountPause) // the kernel lets go of what a killed process had open a moment after its end
	}
}

// Detach takes it out of the tree though it is in use.
func (m *Mount) Detach() { _ = unix.Unmount(m.path, unix.MNT_DETACH) }
