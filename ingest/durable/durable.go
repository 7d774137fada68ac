// Package durable writes small files that must be whole after a power cut.
//
// Invariants: at every moment the file has its old contents or its new ones; when Replace or Create has returned
// without an error, the new ones are there after a power cut too.
//
// Concurrency: calls for different files may run at the same time; those for one file are the caller's to keep apart,
// but for Create.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace gives the file new contents, readable by its owner alone, whether or not it is there.
func Replace(path string, content []byte) error {
	temporary := path + ".new"
	if err := write(temporary, content); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("replacing a file: %w", err)
	}
	return syncFolder(path)
}

// Create makes the file, readable by its owner alone. One that is there is left as it is, and the error wraps
// os.ErrExist: of two processes that create it at the same time, one does.
func Create(path string, content []byte) error {
	temporary := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	if err := write(temporary, content); err != nil {
		return err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); err != nil {
		return fmt.Errorf("creating a file: %w", err)
	}
	return syncFolder(path)
}

// write makes a file that has been synced.
func write(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	return nil
}

// syncFolder makes the file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return fmt.Errorf("making a file's name durable: %w", err)
	}
	return nil
}
