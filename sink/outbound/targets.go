package outbound

import (
	"net/url"
	"strings"
	"sync/atomic"

	"tributary/catalog/destination"
	"tributary/catalog/hold"
	"tributary/sink/outbound/protocol"
)

// Declared are the destinations of a catalog with what people have said about them. The zero value has none.
type Declared struct {
	now atomic.Pointer[map[string]*Target]
}

// Target implements Targets.
func (d *Declared) Target(name string) *Target {
	if now := d.now.Load(); now != nil {
		return (*now)[name]
	}
	return nil
}

// Set puts destinations and holds in force.
func (d *Declared) Set(destinations []*destination.Destination, holds map[string]hold.Hold) {
	now := make(map[string]*Target, len(destinations))
	for _, one := range destinations {
		if t := TargetOf(one); t != nil {
			h := holds[one.Name]
			if t.Paused == "" {
				t.Paused = h.Paused
			}
			t.ResumedMS = h.AtMS
			now[one.Name] = t
		}
	}
	d.now.Store(&now)
}

// TargetOf returns how a declared destination is treated; nil where this program has no protocol for it.
func TargetOf(d *destination.Destination) *Target {
	p, ok := protocol.Named(d.Template.Protocol)
	if !ok {
		return nil
	}
	t := &Target{
		Destination: d, Protocol: p, Private: d.AllowPrivate, Concurrency: max(d.Concurrency, 1), Batch: max(d.Batch, 1),
		PerSecond: float64(d.PerSecond), Timeout: d.Timeout, CapPerDay: int64(d.PerDay), Zone: d.Zone,
	}
	for _, o := range []*destination.Outline{d.Created, d.Restated, d.Retracted} {
		if o == nil {
			continue
		}
		if u, err := url.Parse("https://" + o.Host); err == nil {
			t.Hosts = append(t.Hosts, strings.ToLower(u.Hostname()))
			t.AnyPort = t.AnyPort || u.Port() != ""
		}
		t.PlainHTTP = t.PlainHTTP || o.HTTP
	}
	if d.Paused {
		t.Paused = "paused in the catalog"
	}
	return t
}
