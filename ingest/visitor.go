package ingest

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"

	"tributary/catalog"
)

// A visitor's key decides which of a campaign's offers he gets and whether a click is his first. It is what the visitor
// cookie says, else what the sender of POST /v1/clicks calls him, else a hash of IP and user agent. The hash has no secret
// and no seed: every edge makes the same of a visitor, today and after a restart.
//
// The cookie holds the key of the visitor's first click, and nothing else: he keeps his offer when his IP changes, and those
// who refuse cookies are not told apart from those who have none yet. Visitors behind one address with one user agent share
// a key; so do their cookies.

const (
	// cookieDigits is the length of a key in the visitor cookie, hexadecimal.
	cookieDigits = 16
	hexDigits    = "0123456789abcdef"
)

// readCookie takes the key that an earlier answer gave the visitor. What is not one is passed over and replaced.
func (e *Edge) readCookie(ctx *fasthttp.RequestCtx, v *visit) {
	if len(e.cookieName) > 0 {
		v.key, v.keyed = parseKey(ctx.Request.Header.CookieBytes(e.cookieName))
		v.wantsCookie = !v.keyed
	}
}

func parseKey(text []byte) (key uint64, ok bool) {
	if len(text) != cookieDigits {
		return 0, false
	}
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		key = key<<4 | uint64(c)
	}
	return key, true
}

// writeCookie gives the visitor his key. fasthttp copies the text.
func (e *Edge) writeCookie(ctx *fasthttp.RequestCtx, v *visit) {
	if !v.wantsCookie {
		return
	}
	start := len(v.text)
	v.text = append(append(v.text, e.cookieName...), '=')
	for shift := 60; shift >= 0; shift -= 4 {
		v.text = append(v.text, hexDigits[v.key>>shift&15])
	}
	v.text = append(v.text, e.cookieRest...)
	ctx.Response.Header.SetCanonical(headerSetCookie, v.text[start:])
}

// name settles the key of a visitor whom no cookie named.
func (v *visit) name() {
	if v.keyed {
		return
	}
	switch {
	case len(v.visitor) > 0:
		v.key = xxhash.Sum64(v.visitor)
	case v.anonymous:
		v.key = xxhash.Sum64String(v.event.ClickId)
	default:
		v.key = addressKey(v)
	}
	v.keyed = true
}

// addressKey looks at the first 64 bits of an IPv6 address only: the rest is a device's to change as it likes.
func addressKey(v *visit) uint64 {
	var parts [24]byte
	if ip := v.addr.As16(); v.addr.Is4() || v.addr.Is4In6() {
		copy(parts[:], ip[:])
	} else {
		copy(parts[:8], ip[:])
	}
	binary.LittleEndian.PutUint64(parts[16:], xxhash.Sum64(v.userAgent))
	return xxhash.Sum64(parts[:])
}

// campaignKey is the visitor's as one campaign sees him.
func campaignKey(key uint64, campaign uint32) uint64 {
	return key ^ (uint64(campaign)+1)*0x9e3779b97f4a7c15
}

// choose settles which offer the click goes to, within the caps unless the visit is only a look (HEAD).
func (e *Edge) choose(v *visit, campaign *catalog.Campaign, nowMS int64) *catalog.Offer {
	c := &v.event
	seen := catalog.Visitor{Country: c.Country, Device: c.Device, OS: c.Os, Language: c.Language, Bot: c.Bot != "", AtMS: nowMS, ASN: c.Asn, ConnectionType: c.ConnectionType, Hosting: c.Hosting}
	rotation := campaign.Rotation(&seen)
	var tried catalog.Tried
	first := rotation.Pick(v.key, &tried)
	if v.past() || e.caps.take(v, first, nowMS) {
		return first
	}
	for {
		next := rotation.Pick(v.key, &tried)
		switch {
		case next == nil && campaign.Fallback != nil:
			e.metrics.capped[cappedFallback].Inc()
			return campaign.Fallback
		case next == nil:
			e.metrics.capped[cappedInSpite].Inc()
			return first
		case e.caps.take(v, next, nowMS):
			e.metrics.capped[cappedNext].Inc()
			return next
		}
	}
}
