package cli

import (
	"slices"

	"tributary/catalog"
	"tributary/cli/misuse"
	"tributary/deploy/config"
)

// offline is the configuration for a command that looks at the catalog and starts nothing.
type offline struct {
	*config.Loaded
	catalog *catalog.Catalog
	// keyless: no click ID key is known, so that no click ID can be proved.
	keyless bool
}

// loadOffline reads the catalog that `up` or `ingest` has with the same configuration.
func (e *environment) loadOffline() (*offline, error) {
	loaded, err := config.Load(e.dlqSources())
	if err != nil {
		return nil, asUsage(err)
	}
	declared, err := inForce(&loaded.Config)
	if err != nil {
		return nil, err
	}
	with := *loaded
	with.Config.Catalog = declared
	o := &offline{Loaded: &with}
	if o.keyless = len(declared.ClickIDKeys.Keys) == 0; o.keyless {
		declared.ClickIDKeys = catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "stands in: nothing is signed"}}
	}
	if o.catalog, err = catalog.Build(declared); err != nil {
		return nil, misuse.Errorf("the catalog is wrong: %w", err)
	}
	return o, nil
}

// from says where the catalog comes from.
func (o *offline) from() string {
	if o.StoodIn {
		return "the built-in example, for no catalog is configured (name the edge's --config)"
	}
	return o.File
}

// campaigns are the names of the declared campaigns, sorted.
func (o *offline) campaigns() []string {
	var names []string
	for _, c := range o.Config.Catalog.Campaigns {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// edge is the address of the edge as this machine reaches it.
func (o *offline) edge() string {
	scheme := "http://"
	if o.Config.Ingest.Trust.TLSCertFile != "" {
		scheme = "https://"
	}
	return scheme + reachable(o.Config.EdgeListen())
}
