package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	about, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return about.Mode().Perm()
}

func TestKeepMakesASecretOnce(t *testing.T) {
	old := syscall.Umask(0) // the mode must not depend on it
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "data", "password")
	first, made, err := Keep(path)
	if err != nil || !made || len(first) != 64 {
		t.Fatalf("Keep = %q, %v, %v", first, made, err)
	}
	again, made, err := Keep(path)
	if err != nil || made || again != first {
		t.Fatalf("the second Keep = %q, %v, %v, want %q", again, made, err, first)
	}
	if got := modeOf(t, path); got != FileMode {
		t.Errorf("the file has mode %04o", got)
	}
	if got := modeOf(t, filepath.Dir(path)); got != FolderMode {
		t.Errorf("the folder has mode %04o", got)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if other := Generate(); other == first {
		t.Error("two secrets are alike")
	}
}

// TestKeepTogether: whoever comes at the same time gets the secret that is kept.
func TestKeepTogether(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "password")
		got := make(chan string, 8)
		for range cap(got) {
			go func() {
				text, _, err := Keep(path)
				if err != nil {
					t.Error(err)
				}
				got <- text
			}()
		}
		first := <-got
		for range cap(got) - 1 {
			if other := <-got; other != first {
				t.Fatalf("%q and %q", first, other)
			}
		}
		if kept, err := Load(path); err != nil || kept != first {
			t.Fatalf("%q is kept, %v, want %q", kept, err, first)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"open to the group": {"secret\n", 0o640, "chmod 600"},
		"open to all":       {"secret\n", 0o604, "chmod 600"},
		"writable":          {"secret\n", 0o602, "chmod 600"},
		"empty":             {"", 0o600, "has 0 bytes"},
		"white space":       {" \n", 0o600, "no secret"},
		"huge":              {strings.Repeat("x", maxFileBytes+1), 0o600, "no secret"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, made, err := Keep(path)
			if err == nil || made || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Keep = %v, %v, want %q", made, err, c.want)
			}
			if errors.Is(err, ErrExposed) != (c.mode != 0o600) {
				t.Errorf("ErrExposed of %v", err)
			}
		})
	}
	if _, err := Load(dir); err == nil {
		t.Error("a folder was read as a secret")
	}
	if _, err := Load(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWriteFileReplacesALooseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "new" || modeOf(t, path) != FileMode {
		t.Errorf("%q, %04o, %v", content, modeOf(t, path), err)
	}
}

func TestRestrictFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data")
	if closed, err := RestrictFolder(root); err != nil || closed != 0 || modeOf(t, root) != FolderMode {
		t.Fatalf("a new folder: %d, %v, mode %04o", closed, err, modeOf(t, root))
	}
	outside := filepath.Join(t.TempDir(), "outside")
	for _, path := range []string{filepath.Join(root, "clickhouse", "store"), filepath.Join(root, "processor")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(root, "key"), filepath.Join(root, "clickhouse", "store", "part"), outside} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	// Only what is below is open, as an earlier version left it.
	closed, err := RestrictFolder(root, "key")
	if err != nil || closed != 4 {
		t.Fatalf("closed %d, %v, want clickhouse, store, part and processor", closed, err)
	}
	for path, want := range map[string]os.FileMode{
		root: 0o700, filepath.Join(root, "clickhouse"): 0o700, filepath.Join(root, "clickhouse", "store"): 0o700, filepath.Join(root, "processor"): 0o700,
		filepath.Join(root, "clickhouse", "store", "part"): 0o600, filepath.Join(root, "key"): 0o644, outside: 0o644,
	} {
		if got := modeOf(t, path); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	if closed, err := RestrictFolder(root, "key"); err != nil || closed != 0 {
		t.Errorf("again: %d, %v", closed, err)
	}
	// The folder itself was made beforehand.
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if closed, err := RestrictFolder(root); err != nil || closed != 2 || modeOf(t, root) != FolderMode {
		t.Errorf("an open folder: %d, %v, mode %04o", closed, err, modeOf(t, root))
	}
}
