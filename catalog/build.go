package catalog

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/catalog/dialect"
	"tributary/catalog/money"
	"tributary/catalog/query"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/id"
)

// Build checks a Config and compiles it. The error joins every problem it has, each a *schemas.FieldError with its path
// inside the section, such as campaigns[2].offers[0].
func Build(cfg Config) (*Catalog, error) { return build(cfg, true) }

// BuildWithoutKeys is Build for roles that neither sign click IDs nor check them: the catalog's Keyring is nil, whatever is declared.
func BuildWithoutKeys(cfg Config) (*Catalog, error) { return build(cfg, false) }

func build(cfg Config, keys bool) (*Catalog, error) {
	b := builder{
		cat: &Catalog{
			campaigns: map[string]*Campaign{}, campaignByID: map[uint32]*Campaign{},
			sources: map[string]*Source{}, sourceByID: map[uint32]*Source{},
			networks: map[string]*Network{}, byDialect: map[*dialect.Dialect][]*Network{}, currencies: map[string]*Currency{},
		},
		offers: map[string]*Offer{},
	}
	b.source(&cfg)
	if keys {
		b.keys(cfg.ClickIDKeys)
	}
	b.rates(cfg.BaseCurrency, cfg.ExchangeRates)
	b.sources(cfg.Sources)
	b.offersOf(cfg.Offers)
	b.campaigns(cfg.Campaigns, b.landings(cfg.Landings))
	b.networks(cfg.Networks)
	b.route()
	b.destinations(cfg.Destinations)
	if len(b.problems) > 0 {
		return nil, errors.Join(b.problems...)
	}
	b.cat.offers = b.offers
	return b.cat, nil
}

type builder struct {
	cat      *Catalog
	offers   map[string]*Offer
	problems []error
}

func (b *builder) problem(field, format string, args ...any) {
	b.problems = append(b.problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

func (b *builder) keys(cfg KeysConfig) {
	before := len(b.problems)
	if len(cfg.Keys) == 0 {
		b.problem("click_id_keys.keys", "no key is declared; give one, such as 1: followed by 32 random hexadecimal digits")
		return
	}
	secrets := make(map[uint8][]byte, len(cfg.Keys))
	for _, keyID := range slices.Sorted(maps.Keys(cfg.Keys)) {
		field := fmt.Sprintf("click_id_keys.keys.%d", keyID)
		if keyID < 0 || keyID > math.MaxUint8 {
			b.problem(field, "a key ID is a number from 0 to 255")
			continue
		}
		secret := secretBytes(cfg.Keys[keyID])
		if len(secret) < id.MinKeyBytes {
			b.problem(field, "the secret has %d bytes; at least %d are needed, or twice as many hexadecimal digits", len(secret), id.MinKeyBytes)
			continue
		}
		secrets[uint8(keyID)] = secret
	}
	if _, ok := cfg.Keys[cfg.Active]; !ok {
		b.problem("click_id_keys.active", "key %d is not among the declared keys %v", cfg.Active, slices.Sorted(maps.Keys(cfg.Keys)))
	}
	if len(b.problems) > before {
		return
	}
	ring, err := id.NewKeyring(uint8(cfg.Active), secrets)
	if err != nil {
		b.problem("click_id_keys", "%v", err)
		return
	}
	b.cat.keyring = ring
	b.cat.passKeyID = uint8(cfg.Active)
	for keyID, secret := range secrets {
		b.cat.passKeys[keyID] = newPassKey(secret)
	}
}

// secretBytes are what signs: the digits' value where the text is hexadecimal and long enough.
func secretBytes(s Secret) []byte {
	if decoded, err := hex.DecodeString(string(s)); err == nil && len(decoded) >= id.MinKeyBytes {
		return decoded
	}
	return []byte(s)
}

// Fingerprint tells keys of click IDs apart, in 16 hexadecimal digits that do not give the secret away.
func Fingerprint(s Secret) string {
	mac := hmac.New(sha256.New, secretBytes(s))
	mac.Write([]byte("fingerprint of a click ID key")) // never fails
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

func (b *builder) rates(base string, rates []RateConfig) {
	if !IsCurrencyCode(base) {
		b.problem("base_currency", "%q is no ISO 4217 code; right would be %s", base, RightCurrency(base))
	}
	b.cat.base = &Currency{Code: base, rates: []datedRate{{math.MinInt64, money.One}}}
	b.cat.currencies[base] = b.cat.base
	for i, r := range rates {
		field := fmt.Sprintf("exchange_rates[%d]", i)
		before := len(b.problems)
		if !IsCurrencyCode(r.Currency) {
			b.problem(field+".currency", "%q is no ISO 4217 code; right would be %s", r.Currency, RightCurrency(r.Currency))
		} else if r.Currency == base {
			b.problem(field+".currency", "%s is the base currency, its rate is always 1; leave it out", base)
		}
		day, err := time.Parse(time.DateOnly, r.Date)
		if err != nil {
			b.problem(field+".date", "%q is not a date; write it as 2026-01-31", r.Date)
		}
		rate, err := money.ParseRate(r.Rate)
		if err != nil {
			b.problem(field+".rate", "%q is %v", r.Rate, err)
		}
		if len(b.problems) > before {
			continue
		}
		c := b.cat.currencies[r.Currency]
		if c == nil {
			c = &Currency{Code: r.Currency}
			b.cat.currencies[r.Currency] = c
		}
		at, taken := slices.BinarySearchFunc(c.rates, day.UnixMilli(), func(d datedRate, ms int64) int { return cmp.Compare(d.fromMS, ms) })
		if taken {
			b.problem(field, "%s has another rate on %s; keep one", r.Currency, r.Date)
			continue
		}
		c.rates = slices.Insert(c.rates, at, datedRate{day.UnixMilli(), rate})
	}
}

func (b *builder) sources(list []SourceConfig) {
	for i, s := range list {
		field := fmt.Sprintf("sources[%d]", i)
		b.name(field, s.Name, false)
		b.number(field, s.ID, id.MaxSource)
		out := &Source{ID: uint32(s.ID), Name: s.Name}
		if s.Currency != "" {
			out.Currency = b.currency(field+".currency", s.Currency)
		}
		out.Decimal = b.decimal(field+".decimal", s.Decimal)
		out.links = b.linkParams(field+".link_params", s.LinkParams)
		out.NamedSubs = b.subNames(field+".names", s.Names)
		if _, taken := b.cat.sources[s.Name]; taken {
			b.problem(field+".name", "another source is named %q", s.Name)
		}
		if other, taken := b.cat.sourceByID[out.ID]; taken {
			b.problem(field+".id", "source %q has the number %d already", other.Name, s.ID)
		}
		b.cat.sources[s.Name] = out
		b.cat.sourceByID[out.ID] = out
	}
}

func (b *builder) offersOf(list []OfferConfig) {
	byID := map[uint32]string{}
	for i, o := range list {
		field := fmt.Sprintf("offers[%d]", i)
		b.name(field, o.Name, false)
		b.number(field, o.ID, math.MaxUint32)
		out := &Offer{ID: uint32(o.ID), Name: o.Name, Currency: b.currency(field+".currency", o.Currency)}
		out.PayoutMicros = b.amount(field+".payout", o.Payout)
		out.Goals = b.goals(field+".goal", o.Goal)
		link, err := ParseTemplate(o.URL)
		if err != nil {
			b.problem(field+".url", "%v", err)
		}
		out.URL = link
		if o.ClicksPerDay < 0 || o.ClicksPerDay > maxClicksPerDay {
			b.problem(field+".clicks_per_day", "%d is not from 0 to %d; 0 is no cap", o.ClicksPerDay, maxClicksPerDay)
		}
		out.ClicksPerDay, out.Zone = o.ClicksPerDay, b.zone(field+".time_zone", o.TimeZone)
		if _, taken := b.offers[o.Name]; taken {
			b.problem(field+".name", "another offer is named %q", o.Name)
		}
		if other, taken := byID[out.ID]; taken {
			b.problem(field+".id", "offer %q has the number %d already", other, o.ID)
		}
		b.offers[o.Name] = out
		byID[out.ID] = o.Name
	}
}

func (b *builder) campaigns(list []CampaignConfig, pages map[string]*Offer) {
	for i, c := range list {
		field := fmt.Sprintf("campaigns[%d]", i)
		b.name(field, c.Name, true)
		b.number(field, c.ID, id.MaxCampaign)
		out := &Campaign{ID: uint32(c.ID), Name: c.Name, AllowForeignClickIDs: c.AllowForeignClickIDs}
		out.Currency = b.currency(field+".currency", c.Currency)
		out.CostMicros = b.amount(field+".cost", c.Cost)
		out.Owner = b.owner(field, &c)
		out.rotation, out.Offers = b.rotationOf(field, out.ID, c.Offers, c.Weights)
		out.traffic = b.traffic(field, out.ID, &c, pages)
		out.zone = b.zone(field+".time_zone", c.TimeZone)
		b.rules(field, out, c.Rules)
		if c.FallbackOffer != "" {
			if out.Fallback = b.offers[c.FallbackOffer]; out.Fallback == nil {
				b.problem(field+".fallback_offer", "no offer is named %q; the offers are %s", c.FallbackOffer, names(b.offers))
			} else if out.Fallback.ClicksPerDay > 0 {
				b.problem(field+".fallback_offer", "the offer %q has a cap itself, clicks_per_day; a fallback takes every click", c.FallbackOffer)
			}
		}
		redirect, known := redirects[c.Redirect]
		if !known {
			b.problem(field+".redirect", "%q is unknown; the kinds are %s", c.Redirect, redirectNames)
		}
		out.Redirect = redirect
		if c.Source != "" {
			if out.Source = b.cat.sources[c.Source]; out.Source == nil {
				b.problem(field+".source", "no source is named %q; the sources are %s", c.Source, names(b.cat.sources))
			}
		}
		if _, taken := b.cat.campaigns[c.Name]; taken {
			b.problem(field+".name", "another campaign is named %q", c.Name)
		}
		if other, taken := b.cat.campaignByID[out.ID]; taken {
			b.problem(field+".id", "campaign %q has the number %d already", other.Name, c.ID)
		}
		b.cat.campaigns[c.Name] = out
		b.cat.campaignByID[out.ID] = out
	}
	b.aliases(list)
}

const statusNames = "registered, pending, approved, rejected and chargeback"

func (b *builder) networks(list []NetworkConfig) {
	for i, n := range list {
		field := fmt.Sprintf("networks[%d]", i)
		b.name(field, n.Name, false)
		out := &Network{
			Name: n.Name, DefaultEvent: cmp.Or(n.DefaultEvent, "conversion"), AllowForeignClickIDs: n.AllowForeignClickIDs, BlankTxIDIsNew: n.BlankTxIDIsNew,
		}
		out.Currency = b.currency(field+".currency", n.Currency)
		b.bounds(field, out, n)
		out.ConfirmedOnly = b.revenue(field+".revenue", n.Revenue)
		b.written(field, out, n)
		if !IsEvent([]byte(out.DefaultEvent)) {
			b.problem(field+".default_event", "%q is not an event type; use at most %d of a-z 0-9 . _ -", n.DefaultEvent, schemas.MaxNameBytes)
		}
		b.status(field+".default_status", n.DefaultStatus)
		b.status(field+".unknown_status", n.UnknownStatus)
		lower := map[string]string{}
		for _, word := range slices.Sorted(maps.Keys(n.Statuses)) {
			at := fmt.Sprintf("%s.statuses.%s", field, word)
			if n.Statuses[word] == "" {
				b.problem(at, "means no status; the statuses are %s", statusNames)
			}
			b.status(at, n.Statuses[word])
			folded := strings.ToLower(word)
			if other, taken := lower[folded]; taken {
				b.problem(at, "differs from %q only in case; keep one", other)
			}
			lower[folded] = word
			if len(folded) > schemas.MaxNameBytes {
				b.problem(at, "has %d bytes, at most %d are allowed", len(folded), schemas.MaxNameBytes)
			}
		}
		b.speak(field, out, n)
		if _, taken := b.cat.networks[n.Name]; taken {
			b.problem(field+".name", "another network is named %q", n.Name)
		}
		b.cat.networks[n.Name] = out
		if n.Name == defaultName || len(list) == 1 {
			b.cat.defaultNetwork = out
		}
	}
	b.cat.networkNames = names(b.cat.networks)
	b.cat.secrets = trust.SecretsOf(b.cat.Networks())
}

// bounds checks what a network's money is held against.
func (b *builder) bounds(field string, out *Network, n NetworkConfig) {
	out.MaxPayoutMicros = b.amount(field+".max_payout", n.MaxPayout)
	if n.MaxPayout != "" && out.MaxPayoutMicros == 0 {
		b.problem(field+".max_payout", "%q lets no payout through; give the largest that is right, such as 150, or leave it out", n.MaxPayout)
	}
	out.MaxConversions = schemas.MaxConversionsPerClick
	switch {
	case n.MaxConversions < 0 || n.MaxConversions > schemas.MaxConversionsPerClick:
		b.problem(field+".max_conversions_per_click", "%d is not from 1 to %d", n.MaxConversions, schemas.MaxConversionsPerClick)
	case n.MaxConversions > 0:
		out.MaxConversions = uint32(n.MaxConversions)
	}
}

// IsEvent tells whether name is an event type: 1 to schemas.MaxNameBytes of a-z 0-9 . _ -
func IsEvent(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= schemas.MaxNameBytes
}

func (b *builder) name(field, name string, inPath bool) {
	field += ".name"
	switch {
	case name == "":
		b.problem(field, "is missing")
	case len(name) > schemas.MaxNameBytes:
		b.problem(field, "has %d bytes, at most %d are allowed", len(name), schemas.MaxNameBytes)
	case !query.IsName([]byte(name)) || strings.TrimSpace(name) != name:
		b.problem(field, "%+q has control or hidden characters, broken UTF-8 or spaces at its ends", name)
	case inPath && strings.ContainsFunc(name, func(r rune) bool {
		return r >= 0x80 || !unreserved[r] || r == '~'
	}) || name == "." || name == "..":
		b.problem(field, "%q cannot stand in a link as it is; use a-z A-Z 0-9 . _ -", name)
	}
}

func (b *builder) number(field string, n, limit int) {
	if n < 1 || n > limit {
		b.problem(field+".id", "%d is not from 1 to %d", n, limit)
	}
}

// amount reads an optional amount of money; left out it is 0.
func (b *builder) amount(field, text string) int64 {
	if text == "" {
		return 0
	}
	micros, err := money.Parse([]byte(text))
	if err != nil {
		b.problem(field, "%q is %v", text, err)
	}
	return micros
}

// currency resolves a code; left out it is the base currency.
func (b *builder) currency(field, code string) *Currency {
	if code == "" {
		return b.cat.base
	}
	c := b.cat.currencies[code]
	switch {
	case c != nil:
	case !IsCurrencyCode(code):
		b.problem(field, "%q is no ISO 4217 code; right would be %s", code, RightCurrency(code))
	default:
		b.problem(field, "no exchange rate is declared for %s; add one to exchange_rates", code)
	}
	return c
}

// names lists the keys of a map for an error text.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none"
	}
	list := slices.Sorted(maps.Keys(m))
	for i, name := range list {
		if !query.IsName([]byte(name)) {
			list[i] = strconv.QuoteToASCII(name)
		}
	}
	return strings.Join(list, ", ")
}
