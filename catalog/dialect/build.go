package dialect

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tributary/schemas"
)

// LinkOptions say which link to build.
type LinkOptions struct {
	// Base is where the edge is: https://t.example.
	Base string
	// Campaign is the campaign's name, or what the other tracker calls it.
	Campaign string
	// Values are what the traffic source fills in: its macros, kept as they are, or fixed texts, percent-encoded.
	Values map[Field]string
	// Params are the dialect's configured names, which are preferred to its own.
	Params LinkParams
}

// BuildLink writes a click link in a dialect. The error says what is missing or cannot be said in the dialect.
func BuildLink(d *Dialect, o LinkOptions) (string, error) {
	if _, err := NewLink(d, o.Params); err != nil {
		return "", err
	}
	base, err := checkBase(o.Base)
	if err != nil {
		return "", err
	}
	path := &d.Link.Paths[0]
	if o.Campaign == "" {
		return "", errors.New("a link names a campaign")
	}
	var b builder
	b.WriteString(base)
	if before, after, ok := strings.Cut(path.Pattern, "{campaign}"); ok {
		if !path.Shape.matches([]byte(o.Campaign)) {
			return "", fmt.Errorf("%s is not a campaign as %s writes it, %s", o.Campaign, d.Name, path.Shape.describe())
		}
		b.WriteString(before + o.Campaign + after)
	} else {
		b.WriteString(path.Pattern)
		b.add(path.Campaign[0], o.Campaign, d)
	}
	for f := Source; int(f) < Fields; f++ {
		value, ok := o.Values[f]
		if !ok || value == "" {
			continue
		}
		name := linkNameOf(d, f, o.Params)
		if name == "" {
			return "", fmt.Errorf("a %s link has no parameter for %s; name one in its params", d.Name, f)
		}
		b.add(name, value, d)
	}
	link := b.String()
	if len(link) > schemas.MaxURLBytes {
		return "", fmt.Errorf("the link has %d bytes, at most %d are read", len(link), schemas.MaxURLBytes)
	}
	return link, nil
}

// linkNameOf is the name of a field's parameter: a configured one, else the dialect's first.
func linkNameOf(d *Dialect, f Field, params LinkParams) string {
	for _, name := range sortedKeys(params) {
		if params[name] == f.String() {
			return name
		}
	}
	for _, n := range d.Link.Names {
		if n.Field == f {
			return n.Name
		}
	}
	return ""
}

func (s Shape) describe() string {
	switch s {
	case UUID:
		return "a UUID such as 0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90"
	case Hex24:
		return "24 hexadecimal digits"
	}
	return "letters, digits, _ and -"
}

// PostbackOptions say which postback template to build.
type PostbackOptions struct {
	// Base is where the edge is: https://t.example.
	Base string
	// Network is the network's name in the catalog: the template begins with /postback/{network}. When it is empty the template
	// has the dialect's own path.
	Network string
	// Key is the secret in the path of a dialect that has one there.
	Key string
	// Sender is the system that the network runs, nil when it is none of those known: it says how the network writes its macros.
	Sender *Dialect
	// Macros are the network's macros, before Sender's.
	Macros map[Param]string
	// Params are the dialect's configured names, which are preferred to its own.
	Params map[string]string
}

// templated are the parameters of a template, in the order in which they are written.
var templated = []Param{ClickID, Event, Status, Payout, PayoutCurrency, TxID, Timestamp, Token}

// BuildPostbackTemplate writes the URL that a network is given to call: a postback in dialect d, its values the network's
// macros. A parameter for which no macro is known is left out; the click ID must have one.
func BuildPostbackTemplate(d *Dialect, o PostbackOptions) (string, error) {
	if _, err := NewPostback(d, Custom{Params: o.Params}); err != nil {
		return "", err
	}
	base, err := checkBase(o.Base)
	if err != nil {
		return "", err
	}
	path := "/postback/" + url.PathEscape(o.Network)
	if o.Network == "" {
		path = d.Postback.Paths[0].Pattern
		if before, after, ok := strings.Cut(path, "{key}"); ok {
			if o.Key == "" {
				return "", errors.New("a " + d.Name + " postback has a key in its path, and none is given")
			}
			path = before + url.PathEscape(o.Key) + after
		}
	}
	var b builder
	b.WriteString(base + path)
	for _, n := range templated {
		macro := o.Macros[n]
		if macro == "" && o.Sender != nil {
			for _, m := range o.Sender.Sends {
				if m.Param == n {
					macro = m.Text
				}
			}
		}
		name := paramNameOf(d, n, o.Params)
		switch {
		case macro == "" && n == ClickID:
			return "", errors.New("the network's macro for the click ID is not given; it is the one of the parameter that the offer's link passes the click ID in")
		case macro == "":
			continue
		case name == "" && o.Macros[n] == "":
			continue
		case name == "":
			return "", fmt.Errorf("a %s postback has no parameter for %s; name one in its params", d.Name, n)
		}
		b.add(name, macro, d)
	}
	return b.String(), nil
}

func paramNameOf(d *Dialect, n Param, params map[string]string) string {
	for _, name := range sortedKeys(params) {
		if params[name] == n.String() {
			return name
		}
	}
	for _, name := range d.Postback.Names {
		if name.Param == n {
			return name.Name
		}
	}
	return ""
}

// checkBase answers the base without a slash at its end.
func checkBase(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is not an address of the edge, such as https://t.example", base)
	}
	return strings.TrimRight(base, "/"), nil
}

// builder writes a URL with a query.
type builder struct {
	strings.Builder
	query bool
}

// add writes a parameter. A macro stays as it is, for its reader looks for it word by word.
func (b *builder) add(name, value string, d *Dialect) {
	if b.query {
		b.WriteByte('&')
	} else {
		b.WriteByte('?')
		b.query = true
	}
	b.WriteString(url.QueryEscape(name))
	b.WriteByte('=')
	if isTemplate(value) && (d.unfilled([]byte(value), []byte(value), true) || strings.Trim(value, "#") != value) {
		b.WriteString(value)
		return
	}
	b.WriteString(url.QueryEscape(value))
}

// isTemplate tells whether value can stand in a URL as it is: names and the marks of macros, "%" and "#", which have a
// meaning in a URL, only around the whole. Whoever replaces #name# does it before it is a URL.
func isTemplate(value string) bool {
	inner := strings.Trim(value, "%#")
	before, after := value[:len(value)-len(strings.TrimLeft(value, "%#"))], value[len(strings.TrimRight(value, "%#")):]
	if inner == "" || before != after || len(before) > 2 {
		return false
	}
	return !strings.ContainsFunc(inner, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("_-.:{}[]$<>!|", r)
	})
}
