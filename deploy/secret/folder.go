package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// RestrictProcess makes every file and folder that this process makes from now on, and those of its children, the
// owner's alone. Call it before anything is opened.
func RestrictProcess() { syscall.Umask(int(othersMode)) }

// RestrictFolder makes the folder at path, if it is absent, or closes it and everything in it to others than its owner.
// closed is how many modes had to be changed. What lies in it is looked at only where the folder itself, or something
// directly in it, was open. Files named in secrets lie directly in it and are left alone, so that Load refuses one that
// others may have read. Links are not followed.
func RestrictFolder(path string, secrets ...string) (closed int, err error) {
	if err := os.MkdirAll(path, FolderMode); err != nil {
		return 0, fmt.Errorf("making the folder %s: %w; name one that you can write to", path, err)
	}
	about, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("looking at the folder: %w", err)
	}
	wasOpen := about.Mode().Perm()&othersMode != 0
	if wasOpen {
		if err := os.Chmod(path, about.Mode().Perm()&^othersMode); err != nil {
			return 0, fmt.Errorf("closing a folder to others: %w; it has mode %04o and is for keys and visitors' data: `chmod 700 %s` as its owner, or name a folder inside it, which is made as it must be",
				err, about.Mode().Perm(), path)
		}
		closed++
	}
	if !wasOpen {
		if wasOpen, err = holdsOpen(path, secrets); err != nil || !wasOpen {
			return closed, err
		}
	}
	inside, err := closeTree(path, secrets)
	return closed + inside, err
}

// holdsOpen tells whether something directly in the folder is open to others.
func holdsOpen(path string, but []string) (bool, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, fmt.Errorf("looking into the folder: %w", err)
	}
	for _, entry := range entries {
		if slices.Contains(but, entry.Name()) {
			continue
		}
		about, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("looking into the folder: %w", err)
		}
		if isOpen(about) {
			return true, nil
		}
	}
	return false, nil
}

// isOpen tells whether others may do something with a file or folder.
func isOpen(about fs.FileInfo) bool {
	return (about.IsDir() || about.Mode().IsRegular()) && about.Mode().Perm()&othersMode != 0
}

// closeTree closes everything below a folder. What is removed meanwhile is passed over.
func closeTree(root string, but []string) (closed int, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if filepath.Dir(path) == root && slices.Contains(but, entry.Name()) {
			return nil
		}
		about, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !isOpen(about) {
			return nil
		}
		closed++
		return os.Chmod(path, about.Mode().Perm()&^othersMode)
	})
	if err != nil {
		return closed, fmt.Errorf("closing what is in a folder to others: %w; `chmod -R go= %s` as its owner", err, root)
	}
	return closed, nil
}
