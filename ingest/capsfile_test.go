package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/catalog"
)

// TestDamagedCapsFileKeepsNobodyDown starts an edge on every prefix of a file of counts, and on others that are none:
// it serves, counts from 0, says so, and keeps what was there beside.
func TestDamagedCapsFileKeepsNobodyDown(t *testing.T) {
	const whole = `[{"offer":1,"day":20513,"clicks":5}]`
	damages := map[string]string{
		"zeros": strings.Repeat("\x00", len(whole)), "text": "nonsense", "object": "{}", "another type": `[{"offer":"1"}]`,
		"a day to come": `[{"offer":1,"day":4294967295,"clicks":5}]`, "negative": `[{"offer":-1,"day":1,"clicks":1}]`,
	}
	for n := range whole {
		damages["torn at "+string(rune('0'+n/10))+string(rune('0'+n%10))] = whole[:n]
	}
	for name, content := range damages {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "caps.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, func(cfg *Config, deps *Deps) {
				cfg.CapsFile = path
				deps.Catalog = rotationCatalog(t, func(c *catalog.Config) {
					c.Offers[0].ClicksPerDay, c.Campaigns[0].Offers, c.Campaigns[0].FallbackOffer = 5, []string{"a"}, "safe"
				})
			})
			if got := offerOf(t, b.get("/c/c")); got != "a" {
				t.Errorf("sent to %s", got)
			}
			if kept, err := os.ReadFile(path + damagedSuffix); err != nil || string(kept) != content {
				t.Errorf("kept beside is %q, %v", kept, err)
			}
			if n := count(t, b.edge.metrics.capsDamaged); n != 1 {
				t.Errorf("the metric says %v", n)
			}
			b.stop()
			if err := <-b.ran; err != nil {
				t.Fatal(err)
			}
			b.ran <- nil
			if text, err := os.ReadFile(path); err != nil || string(text) != strings.Replace(whole, `"clicks":5`, `"clicks":1`, 1) {
				t.Errorf("afterwards the file has %s, %v", text, err)
			}
		})
	}
}

// TestCapsFileIsAFile: what the path leads to by mistake is left alone.
func TestCapsFileIsAFile(t *testing.T) {
	folder := t.TempDir()
	cfg := Defaults()
	cfg.Listen, cfg.CapsFile = "127.0.0.1:0", folder
	if _, err := New(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), folder+" is no file") {
		t.Errorf("a folder is answered %v", err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}
