package destination

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tributary/catalog/trust"
	"tributary/schemas"
)

// Known is what else is declared, which a destination may name.
type Known struct {
	// Campaign, Source, Offer and Network tell of a declared name.
	Campaign, Source, Offer, Network func(name string) bool
	// Currency says what is wrong with a code; empty for one that has a rate.
	Currency func(code string) (problem string)
}

// Build checks and compiles destinations. Each problem is a *schemas.FieldError with its path, such as destinations[2].url.
func Build(list []Config, known Known) (built []*Destination, problems []error) {
	b := &builder{known: known}
	if len(list) > schemas.MaxDestinations {
		b.problem("destinations", "has %d entries, at most %d are allowed", len(list), schemas.MaxDestinations)
	}
	names := map[string]bool{}
	for i := range list {
		field := fmt.Sprintf("destinations[%d]", i)
		if names[list[i].Name] {
			b.problem(field+".name", "another destination is named %q", list[i].Name)
		}
		names[list[i].Name] = true
		if d := b.build(field, &list[i]); d != nil {
			built = append(built, d)
		}
	}
	b.size(built)
	return built, b.problems
}

// size holds what the processor's cycles must carry against its limit.
func (b *builder) size(built []*Destination) {
	bytes := 0
	for _, d := range built {
		text, err := json.Marshal(&d.Deciding)
		if err != nil {
			b.problem("destinations", "%s cannot be written down: %v", d.Name, err)
		}
		bytes += len(text) + 1
	}
	if bytes > schemas.MaxDecidingBytes {
		b.problem("destinations", "what decides of them has %d bytes, at most %d are allowed; shorter lists of campaigns, sources and events would be right",
			bytes, schemas.MaxDecidingBytes)
	}
}

type builder struct {
	known    Known
	problems []error
}

func (b *builder) problem(field, format string, args ...any) {
	b.problems = append(b.problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// The defaults of limits that no template names.
const (
	defaultTemplate    = "get"
	defaultPerSecond   = 50
	defaultConcurrency = 8
	defaultTimeout     = 15 * time.Second
	defaultSuspicion   = schemas.FlagScore

	maxPerSecond, maxConcurrency = 10_000, 256
	minTimeout, maxTimeout       = time.Second, time.Minute
	maxPerDay                    = 1_000_000_000
	maxListed                    = 256
)

func (b *builder) build(field string, c *Config) *Destination {
	before := len(b.problems)
	if !isName(c.Name) {
		b.problem(field+".name", "%q is no name; use at most %d of a-z A-Z 0-9 . _ -", c.Name, schemas.MaxNameBytes)
	}
	t := TemplateNamed(cmp.Or(c.Template, defaultTemplate))
	if t == nil {
		b.problem(field+".template", "%q is unknown; the templates are %s", c.Template, templateNames())
		return nil
	}
	d := &Destination{Name: c.Name, Template: t, Paused: c.Paused, Success: c.Success}
	if c.Success.isZero() {
		d.Success = t.Success
	}
	b.success(field+".success", &d.Success)
	w := b.words(field, c, t)
	d.Secrets = w.secrets
	d.Params = maps.Clone(w.params)
	maps.DeleteFunc(d.Params, func(_, value string) bool { return value == "" })
	b.outlines(field, c, d, w)
	b.fields(field, c, d, w)
	b.limits(field, c, d)
	d.Deciding = b.deciding(field, c, d)
	if len(b.problems) > before {
		return nil
	}
	return d
}

func isName(name string) bool {
	for _, c := range []byte(name) {
		if !unreserved[c] || c == '~' {
			return false
		}
	}
	return name != "" && len(name) <= schemas.MaxNameBytes && name != "." && name != ".."
}

func templateNames() string {
	var names []string
	for _, t := range loaded().list {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// maxParamBytes bounds an identifier or a secret.
const maxParamBytes = 4096

// words checks what the deployment gives for the template's params and secrets.
func (b *builder) words(field string, c *Config, t *Template) *words {
	w := &words{params: map[string]string{}, secrets: map[string]trust.Secret{}}
	for _, p := range t.Params {
		value, given := c.Params[p.Name]
		if !given {
			value = p.Default
		}
		w.params[p.Name] = b.word(field+".params."+p.Name, p, value)
	}
	for _, p := range t.Secrets {
		value := b.word(field+".secrets."+p.Name, p, string(c.Secrets[p.Name]))
		if value != "" {
			w.secrets[p.Name] = trust.Secret(value)
		} else if p.Optional {
			w.params[p.Name] = "" // so that {name?} stands for nothing
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Params)) {
		b.ownWord(field+".params."+name, name, c.Params[name], t, w, func() { w.params[name] = c.Params[name] })
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		b.ownWord(field+".secrets."+name, name, string(c.Secrets[name]), t, w, func() { w.secrets[name] = c.Secrets[name] })
	}
	return w
}

// word checks a param's value. The text of a secret is in no problem.
func (b *builder) word(field string, p Param, value string) string {
	switch {
	case value == "" && !p.Optional:
		b.problem(field, "is missing: %s", p.Doc)
	case value == "":
	case len(value) > maxParamBytes:
		b.problem(field, "has %d bytes, at most %d are allowed", len(value), maxParamBytes)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		b.problem(field, "has blanks or control characters; it may have been copied with a line's end")
	case strings.ContainsAny(value, "{}"):
		b.problem(field, "has braces; a value of the destination's own is right here, not a macro")
	case p.Form != "" && !regexp.MustCompile("^(?:"+p.Form+")$").MatchString(value):
		b.problem(field, "is not as the destination writes it: %s", p.Doc)
	}
	return value
}

// ownWord takes what the template does not name, where it is the deployment's own.
func (b *builder) ownWord(field, name, value string, t *Template, w *words, take func()) {
	if slices.ContainsFunc(slices.Concat(t.Params, t.Secrets), func(p Param) bool { return p.Name == name }) {
		return
	}
	_, isParam := w.params[name]
	_, isSecret := w.secrets[name]
	switch {
	case t.Kind != KindFree:
		b.problem(field, "the template %s has none of this name; it has %s", t.Name, paramNames(t))
	case wordEnd("{"+name+"}") != len(name)+1:
		b.problem(field, "%q cannot be a macro; use a-z, 0-9 and _", name)
	case macroNamed(name) != nil || isParam || isSecret:
		b.problem(field, "{%s} stands for something else already; give it another name", name)
	default:
		b.word(field, Param{Name: name, Doc: "its value"}, value)
		take()
	}
}

func paramNames(t *Template) string {
	var names []string
	for _, p := range t.Params {
		names = append(names, "params."+p.Name)
	}
	for _, p := range t.Secrets {
		names = append(names, "secrets."+p.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// outlines compiles the URLs.
func (b *builder) outlines(field string, c *Config, d *Destination, w *words) {
	t := d.Template
	link, body, headers, http := t.URL, t.Body, t.Headers, c.AllowHTTP || strings.HasPrefix(t.URL, "http://")
	if t.OwnURL {
		link = c.URL
	} else if c.URL != "" {
		b.problem(field+".url", "the template %s has a URL of its own; with a URL of yours the template get would be right", t.Name)
	}
	if t.Kind == KindFree {
		if c.Body != "" && t.Method != "POST" || c.Body != "" && t.Protocol != ProtocolURL {
			b.problem(field+".body", "the template %s has no body of yours; post would be right", t.Name)
		}
		body, headers = c.Body, c.Headers
	} else if c.Body != "" || len(c.Headers) > 0 {
		b.problem(field+".body", "the template %s has a body and headers of its own", t.Name)
	}
	if link == "" && !t.OwnURL {
		return
	}
	make := func(at, link string) *Outline {
		return b.outline(at, link, cmp.Or(t.Method, "GET"), body, headers, w, http)
	}
	if d.Created = make(field, link); t.Protocol != ProtocolURL {
		return
	}
	d.Restated = b.later(field+".restate_url", cmp.Or(c.RestateURL, t.Restate), link, d.Created, make)
	d.Retracted = b.later(field+".retract_url", cmp.Or(c.RetractURL, t.Retract), link, d.Created, make)
}

// ProtocolURL is the protocol of all that is a URL.
const ProtocolURL = "url"

// none, in place of a URL, is none where the template has one.
const none = "none"

func (b *builder) later(field, link, created string, same *Outline, make func(at, link string) *Outline) *Outline {
	switch link {
	case "", none:
		return nil
	case Same, created:
		return same
	}
	return make(strings.TrimSuffix(field, ".url"), link)
}

// fields compiles the fields of a conversion API.
func (b *builder) fields(field string, c *Config, d *Destination, w *words) {
	d.Fields = map[string]*Text{}
	texts := map[string]string{}
	var names []string
	for _, f := range d.Template.Fields {
		names = append(names, f.Name)
		texts[f.Name] = f.Text
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		if _, ok := texts[name]; !ok {
			b.problem(field+".fields."+name, "the template %s has no such field; it has %s", d.Template.Name, cmp.Or(strings.Join(names, ", "), "none"))
			continue
		}
		texts[name] = c.Fields[name]
	}
	for _, name := range names {
		if texts[name] == "" {
			continue
		}
		text, err := w.compile(texts[name], asText)
		if err != nil {
			b.problem(field+".fields."+name, "%v", err)
			continue
		}
		d.Fields[name] = text
	}
}

func (b *builder) limits(field string, c *Config, d *Destination) {
	l := &d.Template.Limits
	number := func(name string, given, template, otherwise, most int) int {
		if given < 0 || given > most {
			b.problem(field+"."+name, "%d is not from 1 to %d", given, most)
		}
		return cmp.Or(given, template, otherwise)
	}
	d.PerSecond = number("per_second", c.PerSecond, l.PerSecond, defaultPerSecond, maxPerSecond)
	d.Concurrency = number("concurrency", c.Concurrency, l.Concurrency, defaultConcurrency, maxConcurrency)
	d.Batch = number("batch", c.Batch, l.Batch, 1, max(l.Batch, 1))
	d.PerDay = c.PerDay
	if c.PerDay < 0 || c.PerDay > maxPerDay {
		b.problem(field+".per_day", "%d is not from 1 to %d; 0 is no cap", c.PerDay, maxPerDay)
	}
	d.Timeout = cmp.Or(c.Timeout, l.Timeout, defaultTimeout)
	if d.Timeout < minTimeout || d.Timeout > maxTimeout {
		b.problem(field+".timeout", "%s is not from %s to %s", d.Timeout, minTimeout, maxTimeout)
	}
	zone, err := time.LoadLocation(cmp.Or(c.TimeZone, "UTC"))
	if err != nil || c.TimeZone == "Local" {
		b.problem(field+".time_zone", "%q is no IANA name of a time zone, such as Europe/Berlin", c.TimeZone)
		zone = time.UTC
	}
	d.Zone = zone
	for i, text := range c.AllowPrivate {
		prefix, err := trust.ParsePrefix(text)
		if err != nil {
			b.problem(fmt.Sprintf("%s.allow_private[%d]", field, i), "%q is neither a network such as 10.0.0.0/8 nor an address", text)
			continue
		}
		d.AllowPrivate = append(d.AllowPrivate, prefix)
	}
}
