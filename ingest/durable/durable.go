// Package durable writes small files that must be whole after a power cut.
//
// Place in the flow: beside it; whoever keeps a file of its own (counts of caps, generated secrets, a backup's manifest,
// how far an import has come) writes it here.
//
// Invariants: at every moment the file has its old contents or its new ones; when Replace or Create has returned
// without an error, the new ones are there after a power cut too. Only the owner may read the file, from its first byte
// on, and nobody could prepare the one that becomes it.
//
// Concurrency: calls for different files may run at the same time; those for one file are the caller's to keep apart,
// but for Create.
//
// Not responsible for: files that grow (ingest/spool), and those on Pebble's file system (processor).
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace gives the file new contents, whether or not it is there.
func Replace(path string, content []byte) error {
	// One name, so that what a killed process left is written over.
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing a file: %w", err)
	}
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	if err := fill(f, content); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("replacing a file: %w", err)
	}
	return syncFolder(path)
}

// Create makes the file. One that is there is left as it is, and the error wraps os.ErrExist: of several that create it
// at the same time, in one process or in many, one does.
func Create(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	defer os.Remove(f.Name())
	if err := fill(f, content); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("creating a file: %w", err)
	}
	return syncFolder(path)
}

// fill writes, syncs and closes a file.
func fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
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
