package chdb

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFileSystem writes what the file system holds to its disk, and returns what failed since the folder was opened or
// last synced.
func syncFileSystem(folder *os.File) error { return unix.Syncfs(int(folder.Fd())) }
