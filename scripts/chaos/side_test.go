package main

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/cli/loadgen"
)

// TestCatalogWith: the campaigns beside the load are in the catalog, each version is another one.
func TestCatalogWith(t *testing.T) {
	var file struct{ Catalog catalog.Config }
	if err := yaml.Unmarshal([]byte(catalogWith(loadgen.FunnelScenario(time.Now()), 100, 3)), &file); err != nil {
		t.Fatal(err)
	}
	built, err := catalog.Build(file.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sideCampaigns {
		if built.Campaign([]byte(name)) == nil {
			t.Errorf("there is no campaign %s", name)
		}
	}
	if fallback := built.Campaign([]byte(sideCampaign)).Fallback; fallback == nil || fallback.Name != "chaos-rest" {
		t.Errorf("the fallback of %s is %v", sideCampaign, fallback)
	}
}
