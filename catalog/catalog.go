package catalog

import (
	"iter"
	"maps"
	"sort"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/dialect"
	"tributary/catalog/moment"
	"tributary/catalog/money"
	"tributary/catalog/trust"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// Catalog is a checked and compiled Config.
type Catalog struct {
	base       *Currency
	keyring    *id.Keyring
	campaigns  map[string]*Campaign
	sources    map[string]*Source
	networks   map[string]*Network
	currencies map[string]*Currency
	offers     map[string]*Offer
	// destinations are sorted by name.
	destinations []*destination.Destination

	passKeyID uint8
	passKeys  [256]*passKey

	campaignByID map[uint32]*Campaign
	sourceByID   map[uint32]*Source

	secrets        *trust.Secrets
	networkNames   string
	defaultNetwork *Network

	router    *dialect.Router
	byDialect map[*dialect.Dialect][]*Network
	// ownParams: a source has link_params.
	ownParams bool
}

// Campaign is a declared campaign.
type Campaign struct {
	ID   uint32
	Name string
	// Offers are those of visitors who fulfil no rule; Rotation answers which of them a visitor gets.
	Offers     []*Offer
	CostMicros int64
	Currency   *Currency
	// Source of clicks that name none; nil for none.
	Source               *Source
	AllowForeignClickIDs bool
	// Fallback takes the clicks whose offers are all at their caps; nil for none.
	Fallback *Offer
	Redirect Redirect
	// Owner is kept with each event, so that another owner later has later events only.
	Owner Owner

	traffic

	rotation *Rotation
	rules    []rule
	// byHour: a rule has hours, which are those of zone.
	byHour bool
	zone   *time.Location
}

// Redirect is how a click is sent on.
type Redirect uint8

// The kinds of redirects.
const (
	RedirectFound      Redirect = iota // 302
	RedirectTemporary                  // 307
	RedirectMeta                       // a page with a meta refresh
	RedirectDoubleMeta                 // two of them, the second on a link of the edge
	RedirectScript                     // a page with a script
	RedirectJSON                       // the link as JSON, no redirect
)

// Source is a declared traffic source.
type Source struct {
	ID   uint32
	Name string
	// Currency of the costs its links name; nil for the campaign's.
	Currency *Currency
	// Decimal says how its links write costs.
	Decimal money.Decimal

	// NamedSubs are the subs of its links that have a name of its own.
	NamedSubs []NamedSub

	// links read its links by dialect; nil when it names no parameters of its own.
	links map[*dialect.Dialect]*dialect.Link
}

// Offer is a declared offer.
type Offer struct {
	ID           uint32
	Name         string
	URL          *Template
	PayoutMicros int64
	Currency     *Currency
	// Goals are the event types that count as its conversions, sorted; none where every one does.
	Goals []string
	// ClicksPerDay is the cap, 0 for none. The day is that of Zone.
	ClicksPerDay int
	Zone         *time.Location
}

// maxClicksPerDay bounds a cap.
const maxClicksPerDay = 1_000_000_000

// Offers calls visit for every declared offer, in no order.
func (c *Catalog) Offers(visit func(*Offer)) {
	for _, o := range c.offers {
		visit(o)
	}
}

// Network is a declared sender of postbacks.
type Network struct {
	Name                 string
	Currency             *Currency
	DefaultEvent         string
	AllowForeignClickIDs bool
	BlankTxIDIsNew       bool
	// TxIDScope is how far its transaction IDs are unique; never unspecified.
	TxIDScope events.TxidScope
	// MaxPayoutMicros bounds one payout either way, in micros of Currency; 0 for no bound of its own.
	MaxPayoutMicros int64
	// MaxConversions is how many conversions, and how many corrections, it may make of one click.
	MaxConversions uint32
	// Corrects: a payout below 0 is a correction; else it is refused.
	Corrects bool
	// ConfirmedOnly: its revenue counts once it is confirmed, not while it is on hold.
	ConfirmedOnly bool
	// Postback reads what it sends.
	Postback *dialect.Postback
	// Decimal and Times say how it writes amounts and times.
	Decimal money.Decimal
	Times   moment.Rules
	// Trust is what its postbacks have to prove; nil for nothing.
	Trust *trust.Policy
}

// Currency is a currency that the catalog can convert.
type Currency struct {
	// Code is ISO 4217, upper case.
	Code string
	// rates is sorted by fromMS; the base currency has one rate, from the beginning of time.
	rates []datedRate
}

type datedRate struct {
	fromMS int64
	rate   money.Rate
}

// Rate returns the rate into the base currency in force at atMS (Unix ms). Before the first declared date there is none:
// then dated is false and rate is the earliest one, for those who would rather be close than refuse.
func (c *Currency) Rate(atMS int64) (rate money.Rate, dated bool) {
	i := sort.Search(len(c.rates), func(i int) bool { return c.rates[i].fromMS > atMS })
	if i == 0 {
		return c.rates[0].rate, false
	}
	return c.rates[i-1].rate, true
}

// EachRate calls visit for each dated rate into the base currency, oldest first; the base currency has one, from the beginning of time.
func (c *Currency) EachRate(visit func(fromMS int64, rate money.Rate)) {
	for _, r := range c.rates {
		visit(r.fromMS, r.rate)
	}
}

// Campaign returns the campaign of that name or alias, nil when there is none.
func (c *Catalog) Campaign(name []byte) *Campaign { return c.campaigns[string(name)] }

// CampaignByID returns the campaign with that number, nil when there is none.
func (c *Catalog) CampaignByID(n uint32) *Campaign { return c.campaignByID[n] }

// Source returns the source of that name, nil when there is none.
func (c *Catalog) Source(name []byte) *Source { return c.sources[string(name)] }

// SourceByID returns the source with that number, nil when there is none.
func (c *Catalog) SourceByID(n uint32) *Source { return c.sourceByID[n] }

// Sources are the declared sources, in no order.
func (c *Catalog) Sources() iter.Seq[*Source] { return maps.Values(c.sources) }

// Network returns the network of that name, nil when there is none.
func (c *Catalog) Network(name []byte) *Network { return c.networks[string(name)] }

// DefaultNetwork is the one of postbacks that name none: the network named "default", else the only one, else nil.
func (c *Catalog) DefaultNetwork() *Network { return c.defaultNetwork }

// NetworkNames lists the declared networks for an error text that its operator reads.
func (c *Catalog) NetworkNames() string { return c.networkNames }

// Currency returns the currency with that code (upper case), nil when it has no rate.
func (c *Catalog) Currency(code []byte) *Currency { return c.currencies[string(code)] }

// Destinations are whom conversions are told to, sorted by name. The slice is shared: do not change it.
func (c *Catalog) Destinations() []*destination.Destination { return c.destinations }

// Base is the base currency.
func (c *Catalog) Base() *Currency { return c.base }

// Keyring signs and verifies click IDs.
func (c *Catalog) Keyring() *id.Keyring { return c.keyring }
