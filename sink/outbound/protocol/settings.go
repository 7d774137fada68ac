package protocol

import (
	"strings"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// setting returns what is declared for a destination under name, or the template's default, empty where there is neither.
func setting(d *destination.Destination, name string) string { return d.Params[name] }

// next is behind the name of a secret that takes over from another: while it is declared, both are good.
const next = "_next"

// secrets returns the secrets that are declared for a destination under name, the one in use first.
func secrets(d *destination.Destination, name string) (list []string) {
	for _, n := range [...]string{name, name + next} {
		if secret := d.Secrets[n]; secret != "" {
			list = append(list, string(secret))
		}
	}
	return list
}

// A fact is a request with the destination's fields filled in.
type fact struct {
	*events.OutboundRequest
	fields map[string]string
}

func factOf(d *destination.Destination, req *events.OutboundRequest) fact {
	return fact{req, d.ValuesOf(req.GetValues())}
}

// value is what a field is filled with, without white space around it.
func (f fact) value(field string) string { return strings.TrimSpace(f.fields[field]) }

// flag tells whether a field says yes.
func (f fact) flag(field string) bool {
	switch strings.ToLower(f.value(field)) {
	case "1", "true", "yes", "y", "on":
		return true
	}
	return false
}
