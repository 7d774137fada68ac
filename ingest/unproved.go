package ingest

import (
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/id"
)

// unproved bounds the dead letters of requests that prove nothing: anybody can make such a request, and each would be a durable row.
// It says nothing about requests that prove themselves, so that no money is refused for the noise of others behind its address.
type unproved struct {
	perAddress *trust.PerAddress
	// Requests without a letter, by what they would have been.
	clicks, postbacks prometheus.Counter
	collector         prometheus.Collector
}

func newUnproved(c *trust.Config) *unproved {
	unkept := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "unproved_unkept_total",
		Help: "Refused requests that proved nothing and have no row in dead_letters, because their address made more of them than ip_unproved_letters_per_second: click (landing pages and impressions too) or postback."}, []string{"kind"})
	return &unproved{
		perAddress: trust.NewPerAddress(c.IPUnprovedLetters, c.IPUnprovedBurst),
		clicks:     unkept.WithLabelValues("click"), postbacks: unkept.WithLabelValues("postback"), collector: unkept,
	}
}

// over counts a request that proved nothing, and answers how long until its address may make a dead letter; 0 for now. What this machine
// sends is its owner's, unless something forwards it.
func (u *unproved) over(ctx *fasthttp.RequestCtx, client netip.Addr, kind prometheus.Counter, now time.Time) (wait time.Duration) {
	if isFromHere(ctx, client) {
		return 0
	}
	if wait = u.perAddress.Take(client, now); wait > 0 {
		kind.Inc()
	}
	return wait
}

// answerOver refuses a request for its address's rate. What else is wrong with it is said all the same.
func (e *Edge) answerOver(ctx *fasthttp.RequestCtx, client netip.Addr, refused *refusal, wait time.Duration) {
	retryAfter(ctx, wait)
	over := refuse(schemas.RejectRateLimited, refused.Field, refused.Detail+"; address "+client.Unmap().String()+
		" sends more such requests than ingest.trust.ip_unproved_letters_per_second allows, and this one is not on record", refused.WouldBeRight)
	e.answerError(ctx, over.status(), answer{Error: over})
}

// provesItself tells whether a refused postback is its network's or, where that asks for no proof, names a click that was this tracker's.
func (p *postback) provesItself(cat *catalog.Catalog, refused *refusal) bool {
	if p.network == nil || refused.unbelieved {
		return false
	}
	if p.network.Trust.KnowsSender() {
		return true
	}
	click, err := id.ParseClick(p.value(dialect.ClickID))
	return err == nil && cat.Keyring().Verify(&click) == nil
}

// overUnproved answers a refused postback that proves nothing when its address made as many as it may. What the gate refused for a
// rate has a sample of its own.
func (e *Edge) overUnproved(ctx *fasthttp.RequestCtx, p *postback, cat *catalog.Catalog, refused *refusal, now time.Time) bool {
	if refused.Reason == schemas.RejectRateLimited || p.provesItself(cat, refused) {
		return false
	}
	wait := e.unproved.over(ctx, p.addr, e.unproved.postbacks, now)
	if wait > 0 {
		e.answerOver(ctx, p.addr, refused, wait)
	}
	return wait > 0
}
