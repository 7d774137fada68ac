package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tributary/catalog/dialect"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const (
	// maxAliases bounds the aliases of one campaign, maxParams the parameters that a network or a source names.
	maxAliases = 64
	maxParams  = 100
	// minPathKey is the shortest secret in a postback's path, in bytes: as long as Keitaro makes them. It can be guessed by who
	// may try some 100 million times, so it is weaker than any other token.
	minPathKey = 7
)

// defaultLinks read the links of each dialect whose source names no parameters of its own.
var defaultLinks = func() map[*dialect.Dialect]*dialect.Link {
	all := map[*dialect.Dialect]*dialect.Link{}
	for _, d := range dialect.All {
		if d.HasLinks() {
			all[d] = mustCompile(dialect.NewLink(d, nil))
		}
	}
	return all
}()

// proofs are the parameters of a signature.
var proofs = []string{trust.ParamSignature, trust.ParamKey, trust.ParamTime, trust.ParamNonce}

// defaultPostbacks read postbacks of each dialect that belong to no network.
var defaultPostbacks = func() map[*dialect.Dialect]*dialect.Postback {
	all := map[*dialect.Dialect]*dialect.Postback{}
	for _, d := range dialect.All {
		if d.HasPostbacks() {
			all[d] = mustCompile(dialect.NewPostback(d, dialect.Custom{Proofs: proofs}))
		}
	}
	return all
}()

func mustCompile[T any](compiled T, err error) T {
	if err != nil {
		panic("compiling a dialect's own table: " + err.Error())
	}
	return compiled
}

// Router tells whose link or postback a request is that is none of ours by its path. Links of every dialect are known, and
// postbacks of every dialect: where two write them alike, that of a declared network.
func (c *Catalog) Router() *dialect.Router { return c.router }

// NetworkOf is the network that a postback of a dialect is from when it names none: the only declared one of that dialect,
// else the one named "default", else nil.
func (c *Catalog) NetworkOf(d *dialect.Dialect) *Network {
	list := c.byDialect[d]
	if len(list) == 1 {
		return list[0]
	}
	for _, n := range list {
		if n.Name == defaultName {
			return n
		}
	}
	return nil
}

// Speaks tells whether a declared network has the dialect.
func (c *Catalog) Speaks(d *dialect.Dialect) bool { return len(c.byDialect[d]) > 0 }

// Link reads the links of a dialect that belong to a source, which is nil for none.
func (c *Catalog) Link(d *dialect.Dialect, source *Source) *dialect.Link {
	if source != nil && source.links != nil {
		return source.links[d]
	}
	return defaultLinks[d]
}

// AnyOwnParams tells whether a source's links have parameters of their own.
func (c *Catalog) AnyOwnParams() bool { return c.ownParams }

// DialectPostback reads a postback of a dialect that belongs to no network.
func DialectPostback(d *dialect.Dialect) *dialect.Postback { return defaultPostbacks[d] }

// route compiles the router of the declared networks.
func (b *builder) route() {
	var links, declared, others []*dialect.Dialect
	for _, d := range dialect.All {
		if d.HasLinks() && d != &dialect.Native {
			links = append(links, d)
		}
		switch {
		case !d.HasPostbacks():
		case len(b.cat.byDialect[d]) > 0:
			declared = append(declared, d)
		case d != &dialect.Native:
			others = append(others, d)
		}
	}
	b.cat.router = mustCompile(dialect.NewRouter(links, append(declared, others...)))
}

// ownPaths are the edge's routes of a single word, which come before the links of other trackers.
var ownPaths = []string{"postback", "healthz", "readyz", "metrics"}

// aliases come after all names: a name is never taken for another campaign's alias.
func (b *builder) aliases(list []CampaignConfig) {
	for i, c := range list {
		field := fmt.Sprintf("campaigns[%d].aliases", i)
		if len(c.Aliases) > maxAliases {
			b.problem(field, "has %d entries, at most %d are allowed", len(c.Aliases), maxAliases)
		}
		for j, alias := range c.Aliases {
			at := fmt.Sprintf("%s[%d]", field, j)
			if !isParameter(alias) || alias == "." || alias == ".." {
				b.problem(at, "%q is not a name of a campaign in a link; use at most %d of a-z A-Z 0-9 . _ -", alias, schemas.MaxNameBytes)
				continue
			}
			if slices.Contains(ownPaths, alias) {
				b.problem(at, "/%s is a path of the edge itself, so that a link with it would never be one; right would be another name, in the link too", alias)
				continue
			}
			if other, taken := b.cat.campaigns[alias]; taken {
				b.problem(at, "%q leads to campaign %q already", alias, other.Name)
				continue
			}
			b.cat.campaigns[alias] = b.cat.campaigns[c.Name]
		}
	}
}

func (b *builder) linkParams(field string, params map[string]string) map[*dialect.Dialect]*dialect.Link {
	if len(params) == 0 {
		return nil
	}
	b.cat.ownParams = true
	before := len(b.problems)
	b.params(field, params, func(meaning string) bool { _, ok := dialect.ParseField(meaning); return ok }, "click", dialect.FieldNames)
	if len(b.problems) > before {
		return nil
	}
	links := map[*dialect.Dialect]*dialect.Link{}
	for d := range defaultLinks {
		link, err := dialect.NewLink(d, params)
		if err != nil {
			b.problem(field, "%v", err)
			return nil
		}
		links[d] = link
	}
	return links
}

// params checks names of parameters and what they mean.
func (b *builder) params(field string, params map[string]string, known func(string) bool, of, list string) {
	if len(params) > maxParams {
		b.problem(field, "has %d entries, at most %d are allowed", len(params), maxParams)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		at := field + "." + name
		if name == "" || len(name) > schemas.MaxNameBytes {
			b.problem(at, "a parameter's name has 1 to %d bytes", schemas.MaxNameBytes)
		}
		if !known(params[name]) {
			b.problem(at, "%q is not a part of a %s; one of %s", params[name], of, list)
		}
	}
}

// status checks an optional name of a status.
func (b *builder) status(field, name string) {
	switch name {
	case "", "registered", "pending", "approved", "rejected", "chargeback":
		return
	}
	b.problem(field, "%q is not a status; the statuses are %s", name, statusNames)
}

// speak compiles how a network writes its postbacks, and what they have to prove: where a dialect has a token of its own,
// that is the parameter which carries it.
func (b *builder) speak(field string, out *Network, n NetworkConfig) {
	d := &dialect.Native
	if n.Dialect != "" {
		d = dialect.ByName(n.Dialect)
	}
	if d == nil || !d.HasPostbacks() {
		b.problem(field+".dialect", "%q is not a dialect; the dialects are %s", n.Dialect, dialect.Names())
		return
	}
	switch n.NegativePayout {
	case "":
		out.Corrects = d.Postback.Corrects
	case negativeCorrects:
		out.Corrects = true
	case negativeRefused:
	default:
		b.problem(field+".negative_payout", "%q is unknown; right would be %s or %s, or to leave it out", n.NegativePayout, negativeCorrects, negativeRefused)
	}
	out.TxIDScope = b.txIDScope(field+".txid_scope", n.TxIDScope, d)
	params := b.networkParams(field, n.Params)
	for _, word := range slices.Sorted(maps.Keys(n.Events)) {
		at := field + ".events." + word
		if word == "" || len(word) > schemas.MaxNameBytes {
			b.problem(at, "a network's event type has 1 to %d bytes", schemas.MaxNameBytes)
		}
		if !IsEvent([]byte(n.Events[word])) {
			b.problem(at, "%q is not an event type; use at most %d of a-z 0-9 . _ -", n.Events[word], schemas.MaxNameBytes)
		}
	}
	if len(n.Events) > maxParams || len(n.Statuses) > maxParams {
		b.problem(field, "has %d events and %d statuses, at most %d of each are allowed", len(n.Events), len(n.Statuses), maxParams)
	}
	minToken := id.MinKeyBytes
	if d.KeyInPath() {
		minToken = minPathKey
	}
	own := defaultPostbacks[d]
	if len(n.Trust.Tokens) > 0 {
		token := tokenName(d)
		if n.Trust.TokenParameter == "" {
			n.Trust.TokenParameter = token
		}
		if token != "" {
			params[token] = dialect.ParamIgnored.String()
		}
		if name := n.Trust.TokenParameter; name != "" {
			if p := own.Param([]byte(name)); p < dialect.Params && p != dialect.Token {
				b.problem(field+".trust.token_parameter", "%q is the %s of a postback in the dialect %s; give another name", name, p, d.Name)
			}
			params[name] = dialect.Token.String()
		} else {
			params[defaultTokenKey] = dialect.Token.String()
		}
	}
	out.Trust = b.trust(field+".trust", n.Name, n.Trust, minToken)
	currency := ""
	if out.Currency != nil { // an unknown one was said
		currency = out.Currency.Code
	}
	reader, err := dialect.NewPostback(d, dialect.Custom{
		Params: params, Statuses: n.Statuses, Events: n.Events, DefaultStatus: n.DefaultStatus,
		UnknownStatus: n.UnknownStatus, Decimal: out.Decimal, Currency: currency, Proofs: proofs,
	})
	if err != nil {
		// What is wrong was said above, with its place.
		if len(b.problems) == 0 {
			b.problem(field, "%v", err)
		}
		return
	}
	out.Postback = reader
	b.cat.byDialect[d] = append(b.cat.byDialect[d], out)
}

// txIDScope is how far a network's transaction IDs are unique: its own word before its dialect's.
func (b *builder) txIDScope(field, word string, d *dialect.Dialect) events.TxidScope {
	switch {
	case word == scopeClick, word == "" && d.Postback.TxIDPerClick:
		return events.TxidScope_TXID_SCOPE_CLICK
	case word != scopeNetwork && word != "":
		b.problem(field, "%q is unknown; right would be %s (one transaction ID is one conversion, whatever the click) or %s (it comes on other clicks too), or to leave it out", word, scopeNetwork, scopeClick)
	}
	return events.TxidScope_TXID_SCOPE_NETWORK
}

// How far a transaction ID is unique.
const (
	scopeNetwork = "network"
	scopeClick   = "click"
)

// paramMeanings are those that a network's parameter may get: the token's has a key of its own.
var paramMeanings = strings.Replace(dialect.ParamNames, "token, ", "", 1)

// networkParams checks the parameters and answers a copy to add to.
func (b *builder) networkParams(field string, given map[string]string) map[string]string {
	params := make(map[string]string, len(given)+2)
	maps.Copy(params, given)
	b.params(field+".params", given, func(meaning string) bool {
		p, ok := dialect.ParseParam(meaning)
		return ok && p != dialect.Token
	}, "postback", paramMeanings+"; the token's is trust.token_parameter")
	for _, name := range append([]string{networkParameter}, proofs...) {
		if _, taken := params[name]; taken {
			b.problem(field+".params."+name, "the parameter has a meaning in every dialect; have the network call it otherwise")
		}
	}
	return params
}

// What a network's payouts below 0 are.
const (
	negativeCorrects = "correct"
	negativeRefused  = "refuse"
)

const (
	networkParameter = "network"
	defaultName      = "default"
)

// tokenName is the parameter in which a dialect carries its token; empty for none.
func tokenName(d *dialect.Dialect) string {
	for _, n := range d.Postback.Names {
		if n.Param == dialect.Token {
			return n.Name
		}
	}
	return ""
}
