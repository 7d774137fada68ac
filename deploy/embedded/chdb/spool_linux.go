package chdb

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newSpool keeps the data in an anonymous memory file: no directory has to have room for it, a container's 64 MiB
// /dev/shm does not limit it, and nothing is left of it after kill -9.
func newSpool(string) (*spool, error) {
	descriptor, err := unix.MemfdCreate("insert", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating a memory file for the body: %w", err)
	}
	return &spool{file: os.NewFile(uintptr(descriptor), "insert"), path: fmt.Sprintf("/proc/self/fd/%d", descriptor)}, nil
}

func (s *spool) close() { _ = s.file.Close() }
