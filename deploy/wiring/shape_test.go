package wiring_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/deploy/config"
)

// A file that was cut short since it was in force, at a start or by a reload, does not come into force at the next start.
func TestAStartRefusesAFileThatWasCut(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := start(t, dir, c.file)
	const last = "    - {currency: CZK, date: 2026-01-01, rate: \"0.04\"}\n" // of the rates; nothing needs it
	changed := strings.Replace(c.text, "name: summer", "name: spring", 1) + last
	part := strings.TrimSuffix(changed, last)
	c.put(changed)
	eventually(t, "the changed file is remembered", func() (bool, string) {
		loaded, err := config.Load(config.Sources{File: c.file})
		if err != nil {
			t.Fatal(err)
		}
		whole, cut := loaded.CutSince(dir), filepath.Join(t.TempDir(), "cut.yaml")
		if err := os.WriteFile(cut, []byte(part), 0o600); err != nil {
			t.Fatal(err)
		}
		if loaded, err = config.Load(config.Sources{File: cut}); err != nil {
			t.Fatal(err)
		}
		return whole == nil && loaded.CutSince(dir) != nil, ""
	})
	u.end()
	c.put(part)
	refuses(t, "a file that was cut", dir, c.file, "of the one that was in force last")
	if err := os.WriteFile(filepath.Join(dir, config.ShapeFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, logger := recorded()
	u = startLogged(t, dir, c.file, logger)
	u.end()
	if lines.FilterMessage("going on without it").Len() != 1 {
		t.Error("nothing says that a cut cannot be noticed")
	}
}
