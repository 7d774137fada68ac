package wiring_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/published"
	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// declared is a catalog as a source has it.
type declared catalog.Config

func (d declared) Declared(context.Context) (catalog.Config, error) { return catalog.Config(d), nil }

// TestTheCatalogOfControl: with catalog.source: control an edge has what was applied within a second, keeps it where what comes next is wrong
// as a whole, and has it again after a restart.
func TestTheCatalogOfControl(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte("catalog:\n  source: control\n  base_currency: USD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := start(t, dir, file)
	if status, _ := u.click("summer"); status != http.StatusNotFound {
		t.Errorf("before anything was applied: %d", status)
	}
	example, err := config.ReadCatalog("../tributary.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := wiring.ControlConfig(&u.config, "test", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	w, err := control.NewWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	plan := published.Plan{Author: "ann", Reason: "first", Base: u.config.Catalog}
	if _, _, err := published.Apply(ctx, w, declared(example.Catalog), plan); err != nil {
		t.Fatal(err)
	}
	applied := time.Now()
	campaign := example.Catalog.Campaigns[0].Name
	followed := func() (bool, string) {
		status, _ := u.click(campaign)
		return status == http.StatusFound, http.StatusText(status)
	}
	eventually(t, "the edge has what was applied", followed)
	if took := time.Since(applied); took > time.Second {
		t.Errorf("it took %s", took)
	}
	wrong := []control.Change{{Entry: control.Entry{Kind: "campaign", ID: campaign, Value: []byte(`{"id":1,"name":"` + campaign + `","offers":["none"]}`)}}}
	if _, err := w.Write(ctx, func(*control.State) ([]control.Change, error) { return wrong, nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz says that it is refused", func() (bool, string) {
		said := u.readyz()
		return strings.Contains(said, "wrong as a whole") && strings.Contains(said, "none"), said
	})
	if ok, seen := followed(); !ok {
		t.Errorf("what was in force is not: %s", seen)
	}
	if _, _, err := published.Apply(ctx, w, declared(example.Catalog), plan); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz says no more", func() (bool, string) {
		said := u.readyz()
		return !strings.Contains(said, "wrong as a whole"), said
	})
	u.end()
	if testing.Short() {
		return
	}
	u = start(t, dir, file)
	defer func() { u.end() }()
	if status, _ := u.click(campaign); status != http.StatusFound {
		t.Errorf("after a restart: %d", status)
	}
}
