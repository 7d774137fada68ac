package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/console/store"
)

// A Declared thing is an entry of the catalog, under the names of the configuration; secrets are redacted.
type Declared map[string]any

// plainOf is a value of the configuration as JSON has it.
func plainOf[T any](items []T) ([]Declared, error) {
	text, err := yaml.Marshal(items) // which redacts secrets
	if err != nil {
		return nil, err
	}
	var out []Declared
	return out, yaml.Unmarshal(text, &out)
}

// catalogOf are the entries of a kind that somebody sees: campaigns of his scope, and what they name.
func (s *Server) catalogOf(p *Principal, kind string) ([]Declared, error) {
	c := s.deps.Catalog()
	campaigns, offers := c.Campaigns, c.Offers
	named := func(string) bool { return true }
	if !p.Scope.All {
		campaigns = slices.DeleteFunc(slices.Clone(campaigns), func(v catalog.CampaignConfig) bool { return !p.Scope.Sees(&v) })
		texts, err := textsOf(campaigns, "name", "buyer", "team", "tags", "aliases", "currency")
		if err != nil {
			return nil, err
		}
		offers = slices.DeleteFunc(slices.Clone(offers), func(v catalog.OfferConfig) bool { return !texts[v.Name] })
		// No campaign names a network: who they are is for those who see everything.
		named = func(name string) bool { return texts[name] && kind != "networks" }
	}
	var list []Declared
	var err error
	switch kind {
	case "campaigns":
		return plainOf(campaigns)
	case "offers":
		return plainOf(offers)
	case "sources":
		list, err = plainOf(c.Sources)
	case "landings":
		list, err = plainOf(c.Landings)
	case "networks":
		list, err = plainOf(c.Networks)
	default:
		return nil, huma.Error404NotFound("there are campaigns, sources, landings, offers and networks")
	}
	return slices.DeleteFunc(list, func(d Declared) bool { name, _ := d["name"].(string); return !named(name) }), err
}

// textsOf are the texts in a list of entries, but under some keys: what they name.
func textsOf[T any](items []T, but ...string) (map[string]bool, error) {
	list, err := plainOf(items)
	texts := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			texts[v] = true
		case []any:
			for _, each := range v {
				walk(each)
			}
		case map[string]any:
			for key, each := range v {
				texts[key] = true // weights are by name
				walk(each)
			}
		}
	}
	for _, d := range list {
		for key, v := range d {
			if !slices.Contains(but, key) {
				walk(v)
			}
		}
	}
	return texts, err
}

func (s *Server) declared(api huma.API) {
	huma.Register(api, operation("catalog"), func(ctx context.Context, in *struct {
		Kind string `path:"kind" maxLength:"32"`
	}) (*listOf[Declared], error) {
		items, err := s.catalogOf(principal(ctx), in.Kind)
		if items == nil {
			items = []Declared{}
		}
		return listed(items, s.kept(err))
	})
	huma.Register(api, operation("catalog-one"), func(ctx context.Context, in *struct {
		Kind string `path:"kind" maxLength:"32"`
		ByID
	}) (*revised[Declared], error) {
		items, err := s.catalogOf(principal(ctx), in.Kind)
		if err != nil {
			return nil, s.kept(err)
		}
		for _, d := range items {
			if d["name"] == in.ID {
				text, err := json.Marshal(d)
				return &revised[Declared]{fmt.Sprintf("%q", store.Hash(string(text))[:16]), d}, s.kept(err)
			}
		}
		return nil, s.kept(store.ErrNone)
	})
}
