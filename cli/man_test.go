package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command that is not hidden has a page, which every user of the machine may read.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, stderr := run(t, nil, "man", dir); code != ExitOK {
		t.Fatal(code, stderr)
	}
	for _, command := range newRoot(&environment{}).Commands() {
		if command.Hidden {
			continue
		}
		path := filepath.Join(dir, "tributary-"+command.Name()+".1")
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), `.TH "TRIBUTARY-`+strings.ToUpper(command.Name())+`" "1"`) {
			t.Errorf("%s: %v", path, err)
		}
		if about, err := os.Stat(path); err == nil && about.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", path, about.Mode())
		}
	}
}

func TestVersionFlag(t *testing.T) {
	_, flag, _ := run(t, nil, "--version")
	_, command, _ := run(t, nil, "version")
	if flag != command || !strings.HasPrefix(flag, "tributary ") || strings.Count(flag, "\n") != 1 {
		t.Errorf("--version prints %q, version %q", flag, command)
	}
}
