//go:build !linux

package embedded

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SyncFolder puts all files of the folder and the folders on disk, one by one: this system syncs no whole file system
// and waits for it.
func SyncFolder(dir *os.File) error {
	return filepath.WalkDir(dir.Name(), func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && strings.Contains(path, ".damaged-") {
			return nil // retention deletes while this walks
		}
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
