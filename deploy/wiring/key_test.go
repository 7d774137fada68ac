package wiring_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// keyedConfig is what `up` has without a configuration, in a data folder of its own.
func keyedConfig(t *testing.T) config.Config {
	t.Helper()
	c := config.Defaults()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	c.Processor.StateDir, c.Ingest.Spool.Dir = filepath.Join(c.DataDir, "processor"), filepath.Join(c.DataDir, "spool")
	return c
}

// TestNoNewKeyBesideData takes the key away from data that it signed: none is made in its place, and the error says
// what to do; what it says to do works.
func TestNoNewKeyBesideData(t *testing.T) {
	for _, folder := range []string{"kafka", "clickhouse", "processor", "spool"} {
		t.Run(folder, func(t *testing.T) {
			c := keyedConfig(t)
			first := c
			if err := wiring.CompleteKey(&first); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(c.DataDir, folder, "deep", "data")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(c.DataDir, wiring.KeyFile)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			// A folder without anything in it is what a start leaves that got no further.
			early := c
			if err := wiring.CompleteKey(&early); err != nil {
				t.Fatalf("without data: %v", err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
				t.Fatal(err)
			}
			lost := c
			err := wiring.CompleteKey(&lost)
			if err == nil || !strings.Contains(err.Error(), filepath.Join(c.DataDir, folder)) || !strings.Contains(err.Error(), "Restore "+path) || !strings.Contains(err.Error(), "catalog.click_id_keys") {
				t.Fatalf("without the key: %v", err)
			}
			if _, err := os.Stat(path); err == nil || len(lost.Catalog.ClickIDKeys.Keys) > 0 {
				t.Error("a key was made")
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			again := c
			if err := wiring.CompleteKey(&again); err != nil || again.Catalog.ClickIDKeys.Keys[1] != first.Catalog.ClickIDKeys.Keys[1] {
				t.Errorf("with the key again: %v", err)
			}
		})
	}
}

// TestDamagedKey starts on every prefix of the key, on zeros, and on a folder.
func TestDamagedKey(t *testing.T) {
	c := keyedConfig(t)
	whole := c
	if err := wiring.CompleteKey(&whole); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.DataDir, wiring.KeyFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := []string{strings.Repeat("\x00", len(content)), strings.Repeat("z", 64), string(content) + string(content[:1])}
	for n := range 64 {
		damages = append(damages, string(content[:n]))
	}
	for _, damage := range damages {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		damaged := c
		if err := wiring.CompleteKey(&damaged); err == nil || !strings.Contains(err.Error(), "does not hold 64 hexadecimal digits") || !strings.Contains(err.Error(), "Restore "+path) {
			t.Errorf("%q: %v", damage, err)
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != damage {
			t.Errorf("%q became %q, %v", damage, kept, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	folder := c
	if err := wiring.CompleteKey(&folder); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a folder: %v", err)
	}
}
