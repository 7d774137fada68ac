package embedded

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncFolder puts on disk all that was written to the file system of the folder: contents, names and lengths, of
// however many files.
func SyncFolder(dir *os.File) error {
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return os.NewSyscallError("syncfs", err)
	}
	return syncForwarded(dir)
}
