package destination

import (
	"net/netip"
	"time"

	"tributary/catalog/trust"
)

// A Destination is a declared destination, checked and compiled.
type Destination struct {
	Name     string
	Template *Template

	// Params, Secrets and Fields are what the deployment gave, with the template's defaults. A secret that was left out is not there.
	Params  map[string]string
	Secrets map[string]trust.Secret
	Fields  map[string]*Text

	// Created, Restated and Retracted make the calls of templates that are a URL, nil where there is none; all are nil of a conversion
	// API, and Created alone has the URL of a webhook.
	Created, Restated, Retracted *Outline
	Success                      SuccessConfig

	// PerDay is a cap, 0 for none; its day is that of Zone.
	PerDay      int
	PerSecond   int
	Concurrency int
	Batch       int
	Timeout     time.Duration
	Zone        *time.Location
	// AllowPrivate are networks that the host may be in though they are private.
	AllowPrivate []netip.Prefix
	Paused       bool

	// Deciding is the half that the processor has.
	Deciding Deciding
}

// ValuesOf renders the fields of a conversion API for a request's values; a field without a value is left out.
func (d *Destination) ValuesOf(values map[string]string) map[string]string {
	out := make(map[string]string, len(d.Fields))
	for name, text := range d.Fields {
		if v := text.Render(values); v != "" {
			out[name] = v
		}
	}
	return out
}
