//go:build !linux

package chdb

import (
	"fmt"
	"os"
	"path/filepath"
)

// newSpool keeps the data in a file of the data directory's spool folder, which is emptied at start.
func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(filepath.Join(dir, spoolFolder), "insert-*")
	if err != nil {
		return nil, fmt.Errorf("creating a file for the body: %w", err)
	}
	return &spool{file: file, path: file.Name()}, nil
}

func (s *spool) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}
