//go:build linux && chaos

package embedded

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAttribute is what a test's file system takes for syncfs: FUSE does not pass that on to a server in user space.
// Only a binary built with the tag chaos sets it.
const syncAttribute = "user.tributary.sync"

// syncForwarded tells the file system of the folder that it was synced. One that knows no such attribute was synced
// already.
func syncForwarded(dir *os.File) error {
	err := unix.Fsetxattr(int(dir.Fd()), syncAttribute, []byte("1"), 0)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return os.NewSyscallError("setxattr "+syncAttribute, err)
}
