package dialect

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"tributary/catalog/query"
)

// Kind is what a request is.
type Kind uint8

const (
	KindLink Kind = iota
	KindPostback
)

// Match is whose link or postback a request is.
type Match struct {
	Dialect *Dialect
	Kind    Kind
	// Campaign is what the link names, still encoded; empty when it names none. InQuery tells how to decode it.
	Campaign []byte
	InQuery  bool
	// Key is the secret in a postback's path, still encoded.
	Key []byte
	// Guess: the path is any single word, which a crawler's may be as well. One that names no campaign is no lost click.
	Guess bool
}

// AppendCampaign appends the decoded name of the campaign to dst.
func (m *Match) AppendCampaign(dst []byte) []byte {
	if m.InQuery {
		return query.Decode(dst, m.Campaign)
	}
	return query.DecodePath(dst, m.Campaign)
}

// Router tells dialects apart by path and parameters.
type Router struct{ paths []route }

// route is a compiled Path: the path is prefix, a captured segment if there is one, suffix.
type route struct {
	*Path
	dialect        *Dialect
	kind           Kind
	prefix, suffix string
	capture        capture
}

type capture uint8

const (
	captureNone capture = iota
	captureCampaign
	captureKey
)

// NewRouter makes a router for the links of some dialects and the postbacks of some. More special patterns are tried first;
// between equal ones the earlier dialect wins, so links of two dialects that look alike need an order.
func NewRouter(links, postbacks []*Dialect) (*Router, error) {
	r := &Router{}
	for _, d := range links {
		if !d.HasLinks() {
			return nil, errors.New("the dialect " + d.Name + " has no click links")
		}
		for i := range d.Link.Paths {
			r.add(d, KindLink, &d.Link.Paths[i])
		}
	}
	for _, d := range postbacks {
		if !d.HasPostbacks() {
			return nil, errors.New("the dialect " + d.Name + " has no postbacks")
		}
		for i := range d.Postback.Paths {
			r.add(d, KindPostback, &d.Postback.Paths[i])
		}
	}
	slices.SortStableFunc(r.paths, func(a, b route) int { return b.rank() - a.rank() })
	return r, nil
}

func (r *Router) add(d *Dialect, kind Kind, p *Path) {
	t := route{Path: p, dialect: d, kind: kind, prefix: p.Pattern}
	for _, c := range []struct {
		text string
		what capture
	}{{"{campaign}", captureCampaign}, {"{key}", captureKey}} {
		if before, after, ok := strings.Cut(p.Pattern, c.text); ok {
			t.prefix, t.suffix, t.capture = before, after, c.what
		}
	}
	r.paths = append(r.paths, t)
}

// rank is higher the less a pattern matches: its own text, then its shape and parameters.
func (t *route) rank() int {
	n := 8 * (len(t.prefix) + len(t.suffix))
	if t.capture == captureNone {
		n += 1 << 12
	}
	return n + 2*int(t.Shape) + len(t.Has)
}

// Match returns whose link or postback a request is by its path and query, both still encoded. It allocates nothing.
func (r *Router) Match(path, rawQuery []byte) (Match, bool) {
	if n := len(path); n > 1 && path[n-1] == '/' {
		path = path[:n-1]
	}
next:
	for i := range r.paths {
		t := &r.paths[i]
		m := Match{Dialect: t.dialect, Kind: t.kind}
		if t.capture == captureNone {
			if string(path) != t.prefix {
				continue
			}
		} else {
			n := len(path) - len(t.suffix)
			if n <= len(t.prefix) || string(path[:len(t.prefix)]) != t.prefix || string(path[n:]) != t.suffix {
				continue
			}
			segment := path[len(t.prefix):n]
			if !t.Shape.matches(segment) {
				continue
			}
			if t.capture == captureKey {
				m.Key = segment
			} else {
				m.Campaign = segment
				m.Guess = t.prefix == "/" && t.Shape == Segment
			}
		}
		for _, name := range t.Has {
			if !has(rawQuery, name) {
				continue next
			}
		}
		for _, name := range t.Path.Campaign {
			if value := find(rawQuery, name); len(value) > 0 {
				m.Campaign, m.InQuery = value, true
				break
			}
		}
		return m, true
	}
	return Match{}, false
}

func has(rawQuery []byte, name string) bool { return len(find(rawQuery, name)) > 0 }

// find answers the first value of a parameter that has one, still encoded. A name that came encoded is not found: no tracker
// makes such links.
func find(rawQuery []byte, name string) []byte {
	for scan := query.Scan(rawQuery); ; {
		key, value, ok := scan.Next()
		if !ok {
			return nil
		}
		if len(value) > 0 && string(key) == name {
			return value
		}
	}
}

// maxSegmentBytes bounds a captured segment; the longest campaign name is 64.
const maxSegmentBytes = 64

func (s Shape) matches(segment []byte) bool {
	if len(segment) == 0 || len(segment) > maxSegmentBytes || bytes.IndexByte(segment, '/') >= 0 {
		return false
	}
	switch s {
	case UUID:
		if len(segment) != 36 {
			return false
		}
		for i, c := range segment {
			if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(c) {
				return false
			}
		}
		return true
	case Hex24:
		if len(segment) != 24 {
			return false
		}
		for _, c := range segment {
			if !isHex(c) {
				return false
			}
		}
		return true
	}
	for _, c := range segment {
		if c != '-' && c != '_' && !(c >= '0' && c <= '9') && !(c|0x20 >= 'a' && c|0x20 <= 'z') {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
