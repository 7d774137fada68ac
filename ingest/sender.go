package ingest

import (
	"bytes"

	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/schemas"
)

var (
	pathPostbackOf = []byte("/postback/")
	suffixBatch    = []byte("/batch")
)

// asked is what the path of a postback tells of its sender. It points into the request.
type asked struct {
	// network is the one of /postback/{network}, decoded; named tells whether there is one.
	network []byte
	named   bool
	// dialect is whose path it is; nil for our own.
	dialect *dialect.Dialect
	// key is the secret in a dialect's path; nil for none.
	key []byte
	// batch: the path is /postback/{network}/batch.
	batch bool
}

// askedAt reads a path of our own as that of a postback.
func askedAt(path []byte) (a asked, ok bool) {
	if bytes.Equal(path, pathPostback) {
		return a, true
	}
	name, ok := bytes.CutPrefix(path, pathPostbackOf)
	if !ok {
		return a, false
	}
	name, a.batch = bytes.CutSuffix(bytes.TrimSuffix(name, []byte{'/'}), suffixBatch)
	name = bytes.TrimSuffix(name, []byte{'/'})
	if len(name) == 0 || bytes.IndexByte(name, '/') >= 0 {
		return a, false
	}
	a.network, a.named = name, true
	if query.Encoded(name) {
		a.network = query.DecodePath(nil, name)
	}
	return a, true
}

// askedIn reads a path as that of a postback in another dialect, which its parameters may have to tell: those of the query, or
// of a body.
func askedIn(cat *catalog.Catalog, path, rawQuery, form []byte, object *fastjson.Object) (asked, bool) {
	m, ok := match(cat.Router(), path, rawQuery, form, object)
	return asked{dialect: m.Dialect, key: m.Key}, ok && m.Kind == dialect.KindPostback
}

// match looks at a query, then at the parameters of a body, which only a postback has.
func match(router *dialect.Router, path, rawQuery, form []byte, object *fastjson.Object) (dialect.Match, bool) {
	first, ok := router.Match(path, rawQuery)
	if ok && first.Kind == dialect.KindPostback {
		return first, true
	}
	if object != nil {
		// The router asks only whether a parameter is there.
		object.Visit(func(key []byte, value *fastjson.Value) {
			if value.Type() != fastjson.TypeNull && !bytes.ContainsAny(key, "&=%+") {
				form = append(append(form, key...), "=1&"...)
			}
		})
	}
	if len(form) > 0 {
		if m, ok := router.Match(path, form); ok && m.Kind == dialect.KindPostback {
			return m, true
		}
	}
	return first, ok
}

// from finds out whose postback it is and how to read it: of the network that the path or the parameter network names, else of
// the one in whose dialect the path or the parameters are written.
func (p *postback) from(cat *catalog.Catalog, rawQuery, form []byte, object *fastjson.Object) {
	d := p.asked.dialect
	p.sent = p.asked.network
	if !p.asked.named {
		p.sent = networkIn(rawQuery, form, object)
	}
	switch {
	case p.asked.named || len(p.sent) > 0:
		p.network = cat.Network(p.sent)
	case d != nil:
		p.network = cat.NetworkOf(d)
	default:
		d = &dialect.Native
		if m, ok := match(cat.Router(), pathPostback, rawQuery, form, object); ok && m.Kind == dialect.KindPostback && cat.Speaks(m.Dialect) {
			d = m.Dialect
		}
		if p.network = cat.NetworkOf(d); p.network == nil {
			p.network = cat.DefaultNetwork()
		}
	}
	if d == nil {
		d = &dialect.Native
	}
	p.reader = catalog.DialectPostback(d)
	if p.network != nil {
		p.reader = p.network.Postback
		p.stamp()
	}
}

// stamp puts into the event whose it is and what the network had declared when it came: the processor decides by that,
// so that it decides alike when it reads the event again.
func (p *postback) stamp() {
	p.event.Network, p.event.BlankTxidIsNew = p.network.Name, p.network.BlankTxIDIsNew
	p.event.MaxConversions, p.event.TxidScope = p.network.MaxConversions, p.network.TxIDScope
	p.event.ConfirmedOnly = p.network.ConfirmedOnly
}

// otherNetwork refuses a postback whose path names a network and whose parameter another. A name that is no network's is some other
// parameter of its sender.
func (p *postback) otherNetwork(cat *catalog.Catalog) *refusal {
	said := p.value(dialect.Network)
	if len(said) == 0 || string(said) == p.network.Name || p.accepted {
		return nil
	}
	if !p.asked.named || cat.Network(said) != nil {
		return refuse(schemas.RejectTwoValues, "network", "the path names the network "+quoted([]byte(p.network.Name))+", the parameter "+quoted(said), "one of them")
	}
	p.reading.Drop(dialect.Network)
	p.noteNotTaken()
	return nil
}

// networkIn answers the parameter network, decoded: the body's before the query's, the first one that is not empty.
func networkIn(rawQuery, form []byte, object *fastjson.Object) []byte {
	if object != nil {
		// The parser's memory is used again by the next request.
		if name := bytes.TrimSpace(object.Get("network").GetStringBytes()); len(name) > 0 {
			return bytes.Clone(name)
		}
	}
	for _, raw := range [...][]byte{form, rawQuery} {
		for scan := query.ScanFor(raw, isNativeName); ; {
			key, value, ok := scan.Next()
			if !ok {
				break
			}
			if !isNetworkKey(key) {
				continue
			}
			if query.Encoded(value) {
				value = query.Decode(nil, value)
			}
			if value = bytes.TrimSpace(value); len(value) > 0 {
				return value
			}
		}
	}
	return nil
}

// isNativeName: whose postback it is is not known yet, so that the names are not that network's.
func isNativeName(name []byte) bool {
	return catalog.DialectPostback(&dialect.Native).Param(name) < dialect.Params
}

func isNetworkKey(key []byte) bool {
	const name = "network"
	if !query.Encoded(key) {
		return string(key) == name
	}
	if len(key) > 3*len(name) {
		return false
	}
	var buf [3 * len(name)]byte
	return string(query.Decode(buf[:0], key)) == name
}

// unknownNetwork says why a postback is nobody's.
func (p *postback) unknownNetwork(cat *catalog.Catalog) *refusal {
	// Not their list: who asks is a stranger.
	right := "a name in catalog.networks"
	detail := "the postback names no network"
	switch d := p.reader.Dialect(); {
	case len(p.sent) > 0:
		detail = "no network is named " + quoted(p.sent)
	case p.asked.dialect == nil:
	case cat.Speaks(d):
		detail = "more than one network writes postbacks as " + d.Name + " does, and this one names none"
		right = "network=NAME in its URL, or /postback/NAME, " + right
	default:
		detail = "no network is declared that writes postbacks as " + d.Name + " does"
		right = "a network with dialect: " + d.Name + " in catalog.networks"
	}
	return refuse(schemas.RejectUnknownNetwork, "network", detail, right)
}
