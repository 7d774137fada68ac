package destination

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"tributary/schemas"
)

// An Outline is the HTTP request of one telling, with its macros compiled. Scheme and host are fixed.
type Outline struct {
	Method string
	// Host is that of every URL of it, with a port where it has one.
	Host string
	// HTTP: the scheme is http.
	HTTP bool

	base    *Text
	query   []*Text
	body    *Text
	bodyIs  string
	headers []headerText
}

type headerText struct {
	name string
	text *Text
}

// URL returns the URL for values, and how it may be shown: with its secrets masked.
func (o *Outline) URL(values map[string]string) (full, shown string) {
	return string(o.appendURL(nil, values, false)), string(o.appendURL(nil, values, true))
}

func (o *Outline) appendURL(dst []byte, values map[string]string, mask bool) []byte {
	dst = o.base.append(dst, values, mask)
	mark := byte('?')
	for _, p := range o.query {
		if p.leftOut(values) {
			continue
		}
		dst = append(dst, mark)
		dst = p.append(dst, values, mask)
		mark = '&'
	}
	return dst
}

// Body returns what is sent, and its content type; nil for nothing.
func (o *Outline) Body(values map[string]string) (body []byte, contentType string) {
	if o.body == nil {
		return nil, ""
	}
	return o.body.Append(nil, values), o.bodyIs
}

// Headers adds the declared headers.
func (o *Outline) Headers(h http.Header, values map[string]string) {
	for _, d := range o.headers {
		h.Set(d.name, d.text.Render(values))
	}
}

func (o *Outline) texts() []*Text {
	all := append([]*Text{o.base}, o.query...)
	if o.body != nil {
		all = append(all, o.body)
	}
	for _, h := range o.headers {
		all = append(all, h.text)
	}
	return all
}

// limits of what is declared.
const (
	maxURLBytes    = 2048
	maxBodyBytes   = 8 << 10
	maxHeaders     = 16
	maxHeaderBytes = 1024
)

// outline compiles a URL with its body and headers. field names the URL's place for problems.
func (b *builder) outline(field, link, method, body string, headers map[string]string, w *words, http bool) *Outline {
	o := &Outline{Method: method}
	before := len(b.problems)
	if err := o.link(link, w, http); err != nil {
		b.problem(field+".url", "%v", err)
	}
	if body != "" {
		if err := o.setBody(body, w); err != nil {
			b.problem(field+".body", "%v", err)
		}
	}
	if len(headers) > maxHeaders {
		b.problem(field+".headers", "has %d entries, at most %d are allowed", len(headers), maxHeaders)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := field + ".headers." + name
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !isHeader(name):
			b.problem(at, "%q is no name of a header; give one such as Authorization", name)
			continue
		case slices.Contains(ownHeaders, canonical):
			b.problem(at, "%s is set by the deliverer; leave it out", canonical)
			continue
		case len(headers[name]) > maxHeaderBytes:
			b.problem(at, "has %d bytes, at most %d are allowed", len(headers[name]), maxHeaderBytes)
			continue
		}
		text, err := w.compile(headers[name], asHeader)
		if err != nil {
			b.problem(at, "%v", err)
			continue
		}
		o.headers = append(o.headers, headerText{canonical, text})
	}
	if len(b.problems) > before {
		return nil
	}
	return o
}

// ownHeaders decide where a request goes and how it is read.
var ownHeaders = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade", "Content-Type",
	"Accept-Encoding", "Proxy-Authorization", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

func isHeader(name string) bool {
	for _, c := range []byte(name) {
		if !unreserved[c] || c == '~' {
			return false
		}
	}
	return name != "" && len(name) <= schemas.MaxNameBytes
}

// link compiles an absolute URL.
func (o *Outline) link(text string, w *words, plainHTTP bool) error {
	switch {
	case text == "":
		return errors.New("is missing; give where a conversion is told, such as https://source.example/postback?id={external_id}")
	case len(text) > maxURLBytes:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxURLBytes)
	case strings.Contains(text, "#"):
		return errors.New("has #, and what is behind it is never sent; leave it out, or write %23")
	case strings.Contains(text, "&amp;") || strings.Contains(text, `\u0026`):
		return errors.New("has &amp; or \\u0026 where & belongs, as a URL has that was copied from a page; write &")
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
			return fmt.Errorf("has the character %q at byte %d; percent-encode it", c, i+1)
		}
	}
	address, rawQuery, _ := strings.Cut(text, "?")
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return errors.New("is no absolute https or http URL, such as https://source.example/postback?id={external_id}")
	}
	if scheme == "http" && !plainHTTP {
		return errors.New("is http, which whoever is on the way reads and changes; https would be right, or allow_http: true")
	}
	o.HTTP = scheme == "http"
	host, path, _ := strings.Cut(rest, "/")
	hostText, err := w.compile(host, asText)
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	for i := range hostText.segments {
		if s := &hostText.segments[i]; s.kind != literal {
			return fmt.Errorf("has the macro {%s} in its host; scheme and host are fixed, so that no conversion is told to another one", s.text)
		}
	}
	o.Host = hostText.Render(nil)
	if err := checkHost(scheme, o.Host); err != nil {
		return err
	}
	pathText, err := w.compile("/"+path, asPath)
	if err != nil {
		return err
	}
	o.base = &Text{escape: asPath}
	o.base.literal(scheme + "://" + o.Host)
	o.base.segments = append(o.base.segments, pathText.segments...)
	if rawQuery == "" {
		return nil
	}
	for _, p := range strings.Split(rawQuery, "&") {
		part, err := w.compile(p, asQuery)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(p, "=")
		if strings.Contains(name, "{") && strings.Contains(p, "=") {
			return fmt.Errorf("has a macro in the name of the parameter %q; a name is fixed", name)
		}
		o.query = append(o.query, part)
	}
	return nil
}

func checkHost(scheme, host string) error {
	u, err := url.Parse(scheme + "://" + host + "/")
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(host, "@") {
		return fmt.Errorf("has the host %q, which is none; give a name such as source.example, without user and password", host)
	}
	for _, c := range []byte(u.Hostname()) {
		if c >= 0x80 || !unreserved[c] && c != ':' {
			return fmt.Errorf("has the character %q in its host; right would be its ASCII form", c)
		}
	}
	return nil
}

// setBody compiles JSON or a form.
func (o *Outline) setBody(text string, w *words) error {
	if len(text) > maxBodyBytes {
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxBodyBytes)
	}
	as := asQuery
	o.bodyIs = "application/x-www-form-urlencoded"
	if c := strings.TrimSpace(text); strings.HasPrefix(c, "{") && wordEnd(c) < 0 || strings.HasPrefix(c, "[") {
		as, o.bodyIs = asJSON, "application/json"
	}
	body, err := w.compile(text, as)
	if err != nil {
		return err
	}
	if as == asJSON {
		sample := map[string]string{}
		for _, name := range body.Uses() {
			sample[name] = "1"
		}
		if raw := body.Append(nil, sample); !json.Valid(raw) {
			return errors.New("is no JSON when its macros have values; quotes around a macro that is a text would be right")
		}
	}
	o.body = body
	return nil
}
