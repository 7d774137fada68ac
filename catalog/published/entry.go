package published

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/destination"
	"tributary/catalog/trust"
)

// A list is one of the catalog's lists: entries of one kind.
type list struct {
	kind string
	// key is the list's name in the configuration.
	key string
	// items points to the list in a Config.
	items func(*catalog.Config) reflect.Value
	// name is an item's ID.
	name func(item reflect.Value) string
}

func listOf[T any](kind, key string, of func(*catalog.Config) *[]T, name func(*T) string) list {
	return list{
		kind, key,
		func(c *catalog.Config) reflect.Value { return reflect.ValueOf(of(c)).Elem() },
		func(item reflect.Value) string { return name(item.Addr().Interface().(*T)) },
	}
}

// lists are in the order in which a person reads them.
var lists = []list{
	listOf("campaign", "campaigns", func(c *catalog.Config) *[]catalog.CampaignConfig { return &c.Campaigns },
		func(c *catalog.CampaignConfig) string { return c.Name }),
	listOf("source", "sources", func(c *catalog.Config) *[]catalog.SourceConfig { return &c.Sources },
		func(c *catalog.SourceConfig) string { return c.Name }),
	listOf("landing", "landings", func(c *catalog.Config) *[]catalog.LandingConfig { return &c.Landings },
		func(c *catalog.LandingConfig) string { return c.Name }),
	listOf("offer", "offers", func(c *catalog.Config) *[]catalog.OfferConfig { return &c.Offers },
		func(c *catalog.OfferConfig) string { return c.Name }),
	listOf("network", "networks", func(c *catalog.Config) *[]catalog.NetworkConfig { return &c.Networks },
		func(c *catalog.NetworkConfig) string { return c.Name }),
	listOf("rate", "exchange_rates", func(c *catalog.Config) *[]catalog.RateConfig { return &c.ExchangeRates },
		func(c *catalog.RateConfig) string { return c.Currency + " " + c.Date }),
	listOf("destination", "destinations", func(c *catalog.Config) *[]destination.Config { return &c.Destinations },
		func(c *destination.Config) string { return c.Name }),
}

// KindChange is of entries that say what was applied, when, by whom and why.
const KindChange = "catalog-change"

// Kinds are those of the catalog's entries, with their checks.
func Kinds() []control.Kind {
	kinds := []control.Kind{{Name: KindChange, Check: func(_ string, value []byte) error {
		var s Summary
		return json.Unmarshal(value, &s)
	}}}
	for _, l := range lists {
		kinds = append(kinds, control.Kind{Name: l.kind, Check: func(id string, value []byte) error {
			_, err := l.decode(id, value)
			return err
		}})
	}
	return kinds
}

// EntryKinds are the kinds that a catalog is made of.
func EntryKinds() (kinds []string) {
	for _, l := range lists {
		kinds = append(kinds, l.kind)
	}
	return kinds
}

// encode returns an item's value: JSON of what is set, under the names of the configuration, in one form.
func encode(item reflect.Value) ([]byte, error) {
	value := plain(item)
	if value == nil {
		value = map[string]any{}
	}
	return json.Marshal(value)
}

// plain returns what is set of a value, secrets included; nil for nothing.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if value := plain(v.Field(i)); value != nil {
				fields[name] = value
			}
		}
		if len(fields) > 0 {
			return fields
		}
		return nil
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if value := plain(v.Elem()); value != nil {
			return value
		}
		return v.Elem().Interface() // it says something by being there
	case reflect.Slice:
		if v.Len() == 0 {
			return nil
		}
		items := make([]any, v.Len())
		for i := range items {
			items[i] = inMap(v.Index(i))
		}
		return items
	case reflect.Map:
		if v.Len() == 0 {
			return nil
		}
		entries := map[string]any{}
		for _, k := range v.MapKeys() {
			entries[fmt.Sprint(k.Interface())] = inMap(v.MapIndex(k))
		}
		return entries
	case reflect.String:
		if v.Len() == 0 {
			return nil
		}
		return text(v)
	default:
		if v.IsZero() {
			return nil
		}
		if d, isDuration := v.Interface().(time.Duration); isDuration {
			return d.String()
		}
		return v.Interface()
	}
}

// inMap is plain for what stands in a map or a list, where nothing is something: a weight of 0.
func inMap(v reflect.Value) any {
	if v.Kind() == reflect.String {
		return text(v)
	}
	value := plain(v)
	switch {
	case value != nil:
		return value
	case v.Kind() == reflect.Struct:
		return map[string]any{}
	}
	return v.Interface()
}

// clear is a secret that travels as it is, and is shown redacted.
type clear string

func text(v reflect.Value) any {
	if _, isSecret := v.Interface().(trust.Secret); isSecret {
		return clear(v.String())
	}
	return v.String()
}

// decode returns the item of an entry: known keys only, each of its type.
func (l *list) decode(id string, value []byte) (reflect.Value, error) {
	item := reflect.New(l.items(&catalog.Config{}).Type().Elem())
	decoder := yaml.NewDecoder(bytes.NewReader(value)) // JSON is YAML
	decoder.KnownFields(true)
	if err := decoder.Decode(item.Interface()); err != nil {
		return item, fmt.Errorf("the %s %q cannot be read: %w", l.kind, id, err)
	}
	if name := l.name(item.Elem()); name != id {
		return item, fmt.Errorf("the %s %q calls itself %q", l.kind, id, name)
	}
	return item.Elem(), nil
}

// Of returns the catalog that is in force, with the keys and the base currency of base. The error joins every entry that cannot be read.
func Of(s *control.State, base catalog.Config) (catalog.Config, error) {
	c := catalog.Config{BaseCurrency: base.BaseCurrency, ClickIDKeys: base.ClickIDKeys}
	var errs []error
	for _, l := range lists {
		items := l.items(&c)
		for _, e := range sorted(s, l.kind) {
			item, err := l.decode(e.ID, e.Value)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			items.Set(reflect.Append(items, item))
		}
	}
	return c, errors.Join(errs...)
}
