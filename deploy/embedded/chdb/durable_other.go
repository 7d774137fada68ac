//go:build !linux

package chdb

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFileSystem schedules the writing of all file systems: there is no call for one, and none that tells what failed.
func syncFileSystem(*os.File) error { return unix.Sync() }
