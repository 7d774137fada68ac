package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrLocked is wrapped when another process works in the data folder.
var ErrLocked = errors.New("the data folder is in use")

// Lock makes the folder if absent and holds it for this process until release is called or the process ends, however it
// ends. Two brokers appending to one log would destroy it.
func Lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w; set data_dir to a folder you can write to", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w; set data_dir to a folder you can write to", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			owner, _ := os.ReadFile(path) // only to be told; empty is fine
			return nil, fmt.Errorf("%w: %s belongs to the running process %s; stop it, or set data_dir to another folder", ErrLocked, dir, strings.TrimSpace(string(owner)))
		}
		return nil, fmt.Errorf("locking the data folder %s: %w", dir, err)
	}
	if err := errors.Join(f.Truncate(0), writeOwner(f)); err != nil {
		defer f.Close()
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func writeOwner(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}
