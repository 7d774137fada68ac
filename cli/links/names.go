package links

import (
	"slices"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/cli/misuse"
	"tributary/cli/terminal"
)

// campaign answers the declared campaign of a name or an alias, nil for none.
func (w *World) campaign(name string) *catalog.CampaignConfig {
	for i := range w.Config.Campaigns {
		if c := &w.Config.Campaigns[i]; c.Name == name || slices.Contains(c.Aliases, name) {
			return c
		}
	}
	return nil
}

func (w *World) source(name string) *catalog.SourceConfig {
	for i := range w.Config.Sources {
		if w.Config.Sources[i].Name == name {
			return &w.Config.Sources[i]
		}
	}
	return nil
}

func (w *World) network(name string) *catalog.NetworkConfig {
	for i := range w.Config.Networks {
		if w.Config.Networks[i].Name == name {
			return &w.Config.Networks[i]
		}
	}
	return nil
}

func (w *World) campaignNames() (names []string) {
	for _, c := range w.Config.Campaigns {
		names = append(names, c.Name)
	}
	return names
}

// nearCampaign suggests a campaign by its names and aliases.
func (w *World) nearCampaign(name string) string {
	names := w.campaignNames()
	for _, c := range w.Config.Campaigns {
		names = append(names, c.Aliases...)
	}
	return misuse.Near(name, names)
}

func (w *World) sourceNames() (names []string) {
	for _, s := range w.Config.Sources {
		names = append(names, s.Name)
	}
	return names
}

func (w *World) networkNames() (names []string) {
	for _, n := range w.Config.Networks {
		names = append(names, n.Name)
	}
	return names
}

func linkDialects() (names []string) {
	for _, d := range dialect.All {
		if d.HasLinks() {
			names = append(names, d.Name)
		}
	}
	return names
}

func fieldNames() (names []string) {
	for f := dialect.Source; int(f) < dialect.Fields; f++ {
		names = append(names, f.String())
	}
	return names
}

func macroNames() (names []string) {
	for p := dialect.ClickID; p < dialect.Token; p++ {
		if p != dialect.SaleAmount {
			names = append(names, p.String())
		}
	}
	return names
}

// shown makes text of a URL fit for a terminal: one line of at most limit characters, without anything that would steer it.
func shown(text string, limit int) string { return terminal.Shown(text, limit) }
