package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVersion is the release of libchdb this package is written and tested against: the version of the npm package
// @chdb/lib-<platform> that scripts/libchdb/fetch pins.
const LibraryVersion = "26.5.3"

// libraryVariable names a library of the user's own.
const libraryVariable = "TRIBUTARY_LIBCHDB"

// ErrNoLibrary is wrapped by the errors of FindLibrary when no engine library is installed.
var ErrNoLibrary = errors.New("the embedded ClickHouse engine is not installed")

// FindLibrary returns the path of libchdb: TRIBUTARY_LIBCHDB if set, else the place scripts/libchdb/fetch puts it. The
// error says what to run.
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
	return path, nil
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
