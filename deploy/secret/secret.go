package secret

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tributary/ingest/durable"
)

const (
	// FileMode is the mode of every file in data_dir.
	FileMode fs.FileMode = 0o600
	// FolderMode is the mode of data_dir and of every folder below it.
	FolderMode fs.FileMode = 0o700

	// othersMode are the permissions that nobody but the owner may have.
	othersMode fs.FileMode = 0o077
	// maxFileBytes bounds what is read of a secret's file.
	maxFileBytes = 64 << 10
)

// ErrExposed is wrapped when others than the owner may read a secret, or could while it was made.
var ErrExposed = errors.New("others than its owner may read it")

// Generate returns 256 random bits as 64 hexadecimal digits, which need no quoting in a URL, a header, YAML or a
// properties file.
func Generate() string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails: the process ends where there is no randomness
	return hex.EncodeToString(bits)
}

// Keep returns the secret in the file at path, and makes file and secret at the first call; made tells that it did. The
// error wraps ErrExposed when others than the owner may read the file.
func Keep(path string) (text string, made bool, err error) {
	text, err = Load(path)
	if !errors.Is(err, os.ErrNotExist) {
		return text, false, err
	}
	text = Generate()
	err = put(path, []byte(text+"\n"), durable.Create)
	if errors.Is(err, os.ErrExist) { // another process was first: its secret is the one
		text, err = Load(path)
		return text, false, err
	}
	if err != nil {
		return "", false, err
	}
	return text, true, nil
}

// Load returns the secret in the file at path, without the white space around it. The error wraps os.ErrNotExist where
// there is no file, and ErrExposed where others than the owner may read it.
func Load(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	defer file.Close()
	about, err := file.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("reading a secret: %w", err)
	case !about.Mode().IsRegular():
		return "", fmt.Errorf("reading a secret: %s is no regular file", path)
	case about.Mode().Perm()&othersMode != 0:
		return "", fmt.Errorf("reading a secret: %s has mode %04o: %w; `chmod 600 %s` if nobody else could read it meanwhile, else delete it, so that a new one is made",
			path, about.Mode().Perm(), ErrExposed, path)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	text := strings.TrimSpace(string(content))
	if text == "" || len(content) > maxFileBytes {
		return "", fmt.Errorf("reading a secret: %s has %d bytes, which is no secret; restore it from a copy, or delete it to have a new one made", path, len(content))
	}
	return text, nil
}

// WriteFile puts content into the file at path, mode 0600, in place of what was there: whole and on disk, or not at
// all. The folder is made if it is absent, mode 0700.
func WriteFile(path string, content []byte) error { return put(path, content, durable.Replace) }

// put makes the folder, and has write put content into the file.
func put(path string, content []byte, write func(path string, content []byte) error) error {
	err := os.MkdirAll(filepath.Dir(path), FolderMode)
	if err == nil {
		err = write(path, content)
	}
	if err != nil {
		return fmt.Errorf("keeping a secret in %s: %w", path, err)
	}
	return nil
}
