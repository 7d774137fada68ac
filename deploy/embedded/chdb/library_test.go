package chdb

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestChangedLibraryIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libchdb.so")
	const content, wrong = "the engine", "00b4b1bb1bc0a3e7a5ee0f7b3b6ba3ee3b0bbd7b7f1fb1d3fa0fc9bd9bd4f2b6"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(content)
	right, err := fileDigest(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkLibrary(path, ""); !errors.Is(err, ErrWrongLibrary) || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("without a digest: %v", err)
	}
	if err := checkLibrary(path, wrong); !errors.Is(err, ErrWrongLibrary) || !strings.Contains(err.Error(), right) {
		t.Errorf("with another digest: %v", err)
	}
	if err := checkLibrary(path, right); err != nil {
		t.Fatal(err)
	}
	noted, err := os.Stat(path + checkedSuffix)
	if err != nil || noted.Mode() != 0o600 {
		t.Fatalf("the note of the check: %v %v", noted, err)
	}
	// Another process does not read the whole file again.
	checking.seen = nil
	if err := checkLibrary(path, right); err != nil {
		t.Error(err)
	}
	// As many bytes under the same times: somebody who did not want it to be seen.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write("the enginE")
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := checkLibrary(path, right); !errors.Is(err, ErrWrongLibrary) {
			t.Errorf("a changed file: %v", err)
		}
	}
	// The digest that the script kept.
	write(content)
	if err := os.WriteFile(path+digestSuffix, []byte(right+"  libchdb.so\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkLibrary(path, ""); err != nil {
		t.Error(err)
	}
}

// The library that is installed here is the pinned one, where one is pinned.
func TestInstalledLibraryIsThePinned(t *testing.T) {
	t.Setenv(libraryVariable, "")
	if path, err := FindLibrary(); err != nil && !errors.Is(err, ErrNoLibrary) {
		t.Errorf("%s: %v", path, err)
	}
}

func TestFetchScriptChecksWhatIsInstalled(t *testing.T) {
	platform, err := platformName(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		t.Skipf("needs an embedded engine for this machine, to look at how the script fetches it: %v", err)
	}
	cache := t.TempDir()
	path := filepath.Join(cache, "libchdb", LibraryVersion+"-"+platform, "libchdb.so")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another engine"), 0o755); err != nil {
		t.Fatal(err)
	}
	fetch := func() (string, error) {
		command := exec.Command("../../../scripts/libchdb/fetch")
		command.Env = append(os.Environ(), "TRIBUTARY_CACHE="+cache, libraryVariable+"=")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := fetch()
	if err == nil || !strings.Contains(out, "is not the one that was fetched") && !strings.Contains(out, "nothing says what") {
		t.Errorf("the script took another engine: %v\n%s", err, out)
	}
	digest, err := fileDigest(path)
	if err != nil {
		t.Fatal(err)
	}
	if libraryDigests[platform] != "" {
		return
	}
	if err := os.WriteFile(path+digestSuffix, []byte(digest+"  libchdb.so\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := fetch(); err != nil {
		t.Errorf("the script does not take what it kept the digest of: %v\n%s", err, out)
	}
}
