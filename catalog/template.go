package catalog

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"tributary/catalog/query"
	"tributary/schemas"
)

// Values are what the macros of a template stand for.
type Values struct {
	ClickID, Campaign, Source, Offer    string
	ExternalID, Keyword, Creative, Cost string
	Country, Device, OS, Browser        string
	Language                            string
	City, Region, ASN, ConnectionType   string
	// Subs has sub1 at 0; one beyond its end is empty.
	Subs []string
}

type macro uint8

const (
	literal macro = iota
	macroClickID
	macroCampaign
	macroSource
	macroOffer
	macroExternalID
	macroKeyword
	macroCreative
	macroCost
	macroCountry
	macroDevice
	macroOS
	macroBrowser
	macroLanguage
	macroCity
	macroRegion
	macroConnectionType
	macroASN
	// macroSub is sub1; sub20 is macroSub+19.
	macroSub
)

var macros = func() map[string]macro {
	m := map[string]macro{
		"click_id": macroClickID, "campaign": macroCampaign, "source": macroSource, "offer": macroOffer,
		"external_id": macroExternalID, "keyword": macroKeyword, "creative": macroCreative, "cost": macroCost,
		"country": macroCountry, "device": macroDevice, "os": macroOS, "browser": macroBrowser, "language": macroLanguage,
		"city": macroCity, "region": macroRegion, "connection_type": macroConnectionType, "asn": macroASN,
	}
	for i := range schemas.MaxSubs {
		m["sub"+strconv.Itoa(i+1)] = macroSub + macro(i)
	}
	return m
}()

const macroNames = "{click_id} {campaign} {source} {offer} {sub1} to {sub20} {external_id} {keyword} {creative} {cost} {country} {device} {os} {browser} {language} {city} {region} {asn} {connection_type}"

// maxTemplateBytes leaves room for the values in what clients take as a URL.
const maxTemplateBytes = 2048

// Template is a link with macros, compiled. The scheme and host are the template's own whatever the values are: a macro may
// stand only behind them, and values are percent-encoded.
type Template struct{ segments []segment }

type segment struct {
	text string // of a literal
	kind macro
	// path: this macro stands in the path, where dots alone would walk out of it.
	path bool
}

// ParseTemplate compiles an absolute http or https URL with macros. The error says what is wrong and what would be right.
func ParseTemplate(text string) (*Template, error) {
	if len(text) > maxTemplateBytes {
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxTemplateBytes)
	}
	if query.Escaped([]byte(text)) {
		return nil, errors.New(`has &amp;, \u0026 or the like where & belongs, as a URL has that was copied from a page ` +
			`or out of JSON: its parameters would have other names; write &`)
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
			return nil, fmt.Errorf("has the character %q at byte %d; percent-encode it", c, i+1)
		}
	}
	t := &Template{}
	var plain strings.Builder
	path := true
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			t.segments = append(t.segments, segment{text: rest[:i]})
			path = path && !strings.ContainsAny(rest[:i], "?#")
			plain.WriteString(rest[:i])
			rest = rest[i:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end <= 0 {
			return nil, fmt.Errorf("has %q without its partner at byte %d; write a brace of the URL itself as %%7B or %%7D", rest[0], len(text)-len(rest)+1)
		}
		kind, known := macros[rest[1:end]]
		if !known {
			return nil, fmt.Errorf("has the unknown macro %s; the macros are %s", rest[:end+1], macroNames)
		}
		if len(t.segments) == 0 || !behindAuthority(plain.String()) {
			return nil, fmt.Errorf("has the macro %s before the path; the scheme and host are fixed, so that nobody can redirect elsewhere", rest[:end+1])
		}
		t.segments = append(t.segments, segment{kind: kind, path: path})
		plain.WriteByte('x')
		rest = rest[end+1:]
	}
	u, err := url.Parse(plain.String())
	if err != nil {
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("cannot be read as a URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("is not an absolute http or https URL, such as https://offer.example/land?sub={click_id}")
	}
	return t, nil
}

// behindAuthority tells whether the authority of the URL that starts with text has ended.
func behindAuthority(text string) bool {
	_, rest, ok := strings.Cut(text, "//")
	return ok && strings.ContainsAny(rest, "/?#")
}

// Append writes the link with its macros replaced to dst.
func (t *Template) Append(dst []byte, v *Values) []byte {
	for i := range t.segments {
		s := &t.segments[i]
		if s.kind == literal {
			dst = append(dst, s.text...)
			continue
		}
		if s.path {
			dst = appendInPath(dst, v.of(s.kind))
			continue
		}
		dst = appendEscaped(dst, v.of(s.kind))
	}
	return dst
}

func (v *Values) of(kind macro) string {
	switch kind {
	case macroClickID:
		return v.ClickID
	case macroCampaign:
		return v.Campaign
	case macroSource:
		return v.Source
	case macroOffer:
		return v.Offer
	case macroExternalID:
		return v.ExternalID
	case macroKeyword:
		return v.Keyword
	case macroCreative:
		return v.Creative
	case macroCost:
		return v.Cost
	case macroCountry:
		return v.Country
	case macroDevice:
		return v.Device
	case macroOS:
		return v.OS
	case macroBrowser:
		return v.Browser
	case macroLanguage:
		return v.Language
	case macroCity:
		return v.City
	case macroRegion:
		return v.Region
	case macroConnectionType:
		return v.ConnectionType
	case macroASN:
		return v.ASN
	}
	if i := int(kind - macroSub); i < len(v.Subs) {
		return v.Subs[i]
	}
	return ""
}

// appendInPath is appendEscaped without dots that stand alone between slashes: clients resolve them, encoded or not, and two
// macros side by side could make two of one each. Servers that decode a slash of a value must not find any either.
func appendInPath(dst []byte, value string) []byte {
	for value != "" {
		end := strings.IndexAny(value, `/\`)
		if end < 0 {
			end = len(value)
		}
		if strings.Trim(value[:end], ".") != "" {
			dst = appendEscaped(dst, value[:end])
		}
		if end < len(value) {
			dst = appendEscaped(dst, value[end:end+1])
			end++
		}
		value = value[end:]
	}
	return dst
}

// appendEscaped percent-encodes all but RFC 3986's unreserved characters, so that a value can neither end its parameter nor
// the header line.
func appendEscaped(dst []byte, value string) []byte {
	const hex = "0123456789ABCDEF"
	for {
		n := 0
		for n < len(value) && unreserved[value[n]] {
			n++
		}
		dst = append(dst, value[:n]...)
		if n == len(value) {
			return dst
		}
		dst = append(dst, '%', hex[value[n]>>4], hex[value[n]&15])
		value = value[n+1:]
	}
}

var unreserved = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		t[c] = true
	}
	return t
}()
