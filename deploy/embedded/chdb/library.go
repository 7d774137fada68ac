package chdb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// LibraryVersion is the release of libchdb this package is written and tested against: the version of the npm package
// @chdb/lib-<platform> that scripts/libchdb/fetch pins.
const LibraryVersion = "26.5.3"

// libraryVariable names a library of the user's own.
const libraryVariable = "TRIBUTARY_LIBCHDB"

// libraryDigests are the SHA-256 of libchdb.so in the packages that scripts/libchdb/fetch pins, by platform. Where a
// package could not be looked at, the script keeps the digest of what it has checked and installed beside it.
var libraryDigests = map[string]string{
	"linux-x64-gnu": "4330da79405733f7572f27c1442f46c03a08301f00859dce0368645731b1e1dc",
}

// digestSuffix is of the file in which the script keeps a digest, checkedSuffix of the one in which this package notes
// which file it has checked.
const (
	digestSuffix  = ".sha256"
	checkedSuffix = ".checked"
)

// ErrNoLibrary is wrapped by the errors of FindLibrary when no engine library is installed, ErrWrongLibrary when the
// installed one is not what was fetched.
var (
	ErrNoLibrary    = errors.New("the embedded ClickHouse engine is not installed")
	ErrWrongLibrary = errors.New("the embedded ClickHouse engine is not the one that was fetched")
)

// FindLibrary returns the path of libchdb: TRIBUTARY_LIBCHDB if set, which is taken as it is, else the place
// scripts/libchdb/fetch puts it, whose content is checked where the file is another than at the last check. The error
// says what to run.
func FindLibrary() (string, error) {
	if path := os.Getenv(libraryVariable); path != "" {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return "", fmt.Errorf("%w: TRIBUTARY_LIBCHDB names %s, which is not a readable file; name libchdb.so itself, or unset the variable and run `make engine`", ErrNoLibrary, path)
		}
		return path, nil
	}
	platform, err := platformName(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	path, err := cachedLibrary(platform)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: there is no %s; run `make engine` to fetch it, or set TRIBUTARY_LIBCHDB to a libchdb.so you have", ErrNoLibrary, path)
	}
	return path, checkLibrary(path, libraryDigests[platform])
}

// checking is held while a file is checked: one process does it once, however many engines it starts.
var checking struct {
	sync.Mutex
	seen map[string]string // path to what was checked
}

// checkLibrary compares the file's content with its digest. Hashing half a gigabyte takes a second or more, so it is done
// when the file is another than at the last check: by size, inode and the times of its last changes, of which nobody can
// set the second.
func checkLibrary(path, digest string) error {
	if digest == "" {
		kept, err := os.ReadFile(path + digestSuffix)
		if err != nil {
			return fmt.Errorf("%w: nothing says what %s should hold (%w); delete it and run `make engine` to fetch and check it again", ErrWrongLibrary, path, err)
		}
		digest, _, _ = strings.Cut(strings.TrimSpace(string(kept)), " ")
	}
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		return fmt.Errorf("checking the embedded ClickHouse engine: %w", &os.PathError{Op: "stat", Path: path, Err: err})
	}
	note := fmt.Sprintf("%s %d %d %d.%09d %d.%09d\n", digest, status.Size, status.Ino, status.Mtim.Sec, status.Mtim.Nsec, status.Ctim.Sec, status.Ctim.Nsec)
	checking.Lock()
	defer checking.Unlock()
	if checking.seen[path] == note {
		return nil
	}
	if kept, err := os.ReadFile(path + checkedSuffix); err != nil || string(kept) != note {
		actual, err := fileDigest(path)
		if err != nil {
			return err
		}
		if actual != digest {
			return fmt.Errorf("%w: %s has SHA-256 %s, expected %s; delete it and run `make engine`, and if it happens again find out what writes there", ErrWrongLibrary, path, actual, digest)
		}
		// Where it cannot be kept, the next process checks again.
		_ = os.WriteFile(path+checkedSuffix, []byte(note), 0o600)
	}
	if checking.seen == nil {
		checking.seen = make(map[string]string)
	}
	checking.seen[path] = note
	return nil
}

func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("checking the embedded ClickHouse engine: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, file, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("checking the embedded ClickHouse engine: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// platformName is the suffix of the npm package for a Go platform.
func platformName(system, processor string) (string, error) {
	switch system + "/" + processor {
	case "linux/amd64":
		return "linux-x64-gnu", nil
	case "linux/arm64":
		return "linux-arm64-gnu", nil
	case "darwin/arm64":
		return "darwin-arm64", nil
	case "darwin/amd64":
		return "darwin-x64", nil
	}
	return "", fmt.Errorf("%w: there is none for %s on %s; use a ClickHouse server instead", ErrNoLibrary, system, processor)
}

// cachedLibrary is where scripts/libchdb/fetch installs the library. Keep the two alike.
func cachedLibrary(platform string) (string, error) {
	cache := os.Getenv("TRIBUTARY_CACHE")
	if cache == "" {
		if xdg := os.Getenv("XDG_CACHE_HOME"); xdg != "" {
			cache = filepath.Join(xdg, "tributary")
		} else {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("%w: there is no home directory to look for it in; set TRIBUTARY_LIBCHDB or TRIBUTARY_CACHE", ErrNoLibrary)
			}
			cache = filepath.Join(home, ".cache", "tributary")
		}
	}
	return filepath.Join(cache, "libchdb", LibraryVersion+"-"+platform, "libchdb.so"), nil
}
