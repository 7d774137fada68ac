package ingest

import (
	"context"
	"net/netip"
	"strings"

	"github.com/valyala/fastjson"
	"go.uber.org/zap"

	"tributary/ingest/geo"
	"tributary/ingest/privacy"
	"tributary/schemas"
	"tributary/schemas/events"
)

// locate fills in what is known of the visitor's address.
func (e *Edge) locate(c *events.Click, addr netip.Addr) {
	place := e.places.Locate(addr)
	c.Country, c.City, c.Region = place.Country, place.City, place.Region
	c.Asn, c.AsOrg, c.ConnectionType, c.Hosting = place.ASN, place.ASOrg, place.ConnectionType, place.Hosting
}

// ReloadFiles reads the certificate and the data files of ingest.geo again where they changed. What cannot be used is logged
// and counted, and the one before stays in force.
func (e *Edge) ReloadFiles() {
	_ = e.ReloadCertificate() // it has logged the outcome
	e.toldPlaces(e.places.Reload())
}

func (e *Edge) toldPlaces(changes []geo.Change) {
	for _, c := range changes {
		if c.Err != nil {
			e.log.Error("ingest: a changed data file is refused", zap.Error(c.Err))
			continue
		}
		e.log.Info("ingest: a data file is in force", zap.String("key", c.Key), zap.String("file", c.File), zap.String("type", c.Type), zap.Time("built", c.Built), zap.Int("networks", c.Networks))
	}
}

func (e *Edge) watchPlaces(ctx context.Context) {
	if err := e.places.Watch(ctx, e.toldPlaces); err != nil {
		e.log.Warn("ingest: the data files are read again at SIGHUP only", zap.Error(err))
	}
}

// addressed are the events with a client's address, as the generated code has them.
type addressed interface{ GetIp() []byte }

// hideAddress gives the address of an event the form in which it is kept, and answers where it lies and what it was, for the
// caller to put back after marshalling. Every record of the edge is made by prepare, which calls it, so that no kind of event
// can forget to.
func hideAddress(m *privacy.Masker, event message) (ip []byte, whole [16]byte) {
	if m.IsFull() {
		return nil, whole
	}
	if a, ok := event.(addressed); ok {
		if ip = a.GetIp(); len(ip) == len(whole) {
			copy(whole[:], ip)
			kept := m.Mask(netip.AddrFrom16(whole))
			copy(ip, kept[:])
			return ip, whole
		}
	}
	return nil, whole
}

// hideText replaces the client's address in a text about its request.
func (e *Edge) hideText(addr netip.Addr, text string) string {
	if e.privacy.IsFull() || !addr.IsValid() {
		return text
	}
	return strings.ToValidUTF8(clip(string(e.privacy.Hide([]byte(text), addr)), schemas.MaxDetailBytes), "")
}

// hideMember replaces the address in a refused click of POST /v1/clicks; one that cannot be read goes.
func (e *Edge) hideMember(click *fastjson.Value) {
	given := click.Get("ip")
	if given == nil || e.privacy.IsFull() {
		return
	}
	var kept string
	if addr, err := netip.ParseAddr(strings.TrimSpace(string(given.GetStringBytes()))); err == nil {
		kept = e.privacy.Text(addr.Unmap().WithZone(""))
	}
	click.Set("ip", new(fastjson.Arena).NewString(kept))
}
