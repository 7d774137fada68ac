package destination

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/catalog/money"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Facts are what macros stand for: a ledger entry, and how one destination is told of it.
type Facts struct {
	Entry *events.Conversion
	Told  events.OutboundRequest_Told
	// RequestID is the request's; Event and Status are the destination's words.
	RequestID, Event, Status string
	// AmountMicros is told in units of Currency where HasAmount.
	HasAmount    bool
	AmountMicros int64
	Currency     string
	// Zone is that of {event_time}; nil for UTC.
	Zone *time.Location
	// IP and UserAgent are the click's, where the destination needs them; else empty.
	IP        []byte
	UserAgent string
}

// A Macro is a word in braces that a value of a conversion stands for.
type Macro struct {
	Name, Doc string
	// number: the value is a JSON number as it stands, or empty.
	number bool
	// agent: the value is of the click's browser, which is remembered only while a destination needs it.
	agent bool
	of    func(*Facts) string
}

// Macros returns all macros in the order in which a person reads of them.
func Macros() []Macro { return slices.Clone(macros) }

// ValueOf returns what a macro stands for; empty for an unknown one.
func ValueOf(name string, f *Facts) string {
	if m := macroNamed(name); m != nil {
		return m.of(f)
	}
	return ""
}

// OfAgent tells of a macro whose value is of the click's browser.
func OfAgent(name string) bool {
	m := macroNamed(name)
	return m != nil && m.agent
}

func macroNamed(name string) *Macro {
	if i, ok := macroIndex[name]; ok {
		return &macros[i]
	}
	return nil
}

func entry(name, doc string, of func(*events.Conversion) string) Macro {
	return Macro{Name: name, Doc: doc, of: func(f *Facts) string { return of(f.Entry) }}
}

func number(name, doc string, of func(*Facts) string) Macro {
	return Macro{Name: name, Doc: doc, number: true, of: of}
}

var macros = slices.Concat([]Macro{
	entry("external_id", "the source's own ID of the click; a conversion without it is skipped and counted",
		func(e *events.Conversion) string { return e.ExternalId }),
	entry("click_id", "our ID of the click", func(e *events.Conversion) string { return e.ClickId }),
	entry("conversion_id", "our ID of the conversion", func(e *events.Conversion) string { return e.ConversionId }),
	{Name: "request_id", Doc: "ID of what is told, the same with every try", of: func(f *Facts) string { return f.RequestID }},
	entry("txid", "the network's transaction ID", func(e *events.Conversion) string { return e.Txid }),
	{Name: "event", Doc: "the event type as the destination calls it", of: func(f *Facts) string { return f.Event }},
	entry("event_type", "the event type as we call it", func(e *events.Conversion) string { return e.Event }),
	{Name: "status", Doc: "the status, by status_words", of: func(f *Facts) string { return f.Status }},
	{Name: "told", Doc: "created, restated or retracted", of: func(f *Facts) string { return ToldWord(f.Told) }},
	number("payout", "the payout after the destination's share, in units of currency, such as 12.5", func(f *Facts) string {
		if !f.HasAmount {
			return ""
		}
		return string(money.Append(nil, f.AmountMicros))
	}),
	{Name: "currency", Doc: "ISO 4217 code of payout; empty where there is none", of: func(f *Facts) string {
		if !f.HasAmount {
			return ""
		}
		return f.Currency
	}},
	number("event_ts", "when the conversion happened, in Unix seconds",
		func(f *Facts) string { return strconv.FormatInt(f.Entry.EventMs/1000, 10) }),
	number("event_ts_ms", "the same in milliseconds",
		func(f *Facts) string { return strconv.FormatInt(f.Entry.EventMs, 10) }),
	{Name: "event_time", Doc: "the same as 2026-01-31T14:05:00+01:00, in the destination's time_zone", of: func(f *Facts) string {
		zone := f.Zone
		if zone == nil {
			zone = time.UTC
		}
		return time.UnixMilli(f.Entry.EventMs).In(zone).Format("2006-01-02T15:04:05-07:00")
	}},
	number("click_ts", "when the click happened, in Unix seconds",
		func(f *Facts) string { return strconv.FormatInt(f.Entry.ClickMs/1000, 10) }),
	number("click_ts_ms", "the same in milliseconds",
		func(f *Facts) string { return strconv.FormatInt(f.Entry.ClickMs, 10) }),
	entry("campaign", "name of the campaign", func(e *events.Conversion) string { return e.Campaign }),
	number("campaign_id", "its number", func(f *Facts) string { return strconv.FormatUint(uint64(f.Entry.CampaignId), 10) }),
	entry("source", "name of the source", func(e *events.Conversion) string { return e.Source }),
	number("source_id", "its number", func(f *Facts) string { return strconv.FormatUint(uint64(f.Entry.SourceId), 10) }),
	entry("offer", "name of the offer", func(e *events.Conversion) string { return e.Offer }),
	number("offer_id", "its number", func(f *Facts) string { return strconv.FormatUint(uint64(f.Entry.OfferId), 10) }),
	entry("landing", "name of the landing page", func(e *events.Conversion) string { return e.Landing }),
	entry("network", "name of the network", func(e *events.Conversion) string { return e.Network }),
	entry("country", "country of the click, such as DE", func(e *events.Conversion) string { return e.Country }),
	entry("region", "its region", func(e *events.Conversion) string { return e.Region }),
	entry("city", "its city", func(e *events.Conversion) string { return e.City }),
	entry("device", "desktop, mobile, tablet, tv, bot or unknown", func(e *events.Conversion) string { return e.Device }),
	entry("os", "operating system", func(e *events.Conversion) string { return e.Os }),
	entry("browser", "browser", func(e *events.Conversion) string { return e.Browser }),
	entry("language", "first language of the browser", func(e *events.Conversion) string { return e.Language }),
	entry("keyword", "keyword of the click", func(e *events.Conversion) string { return e.Keyword }),
	entry("creative", "creative of the click", func(e *events.Conversion) string { return e.Creative }),
	entry("zone", "the source's own zone, by catalog.sources[].names", func(e *events.Conversion) string { return e.Zone }),
	entry("site", "its site", func(e *events.Conversion) string { return e.Site }),
	entry("placement", "its placement", func(e *events.Conversion) string { return e.Placement }),
	entry("ad_campaign", "its campaign", func(e *events.Conversion) string { return e.AdCampaign }),
	entry("adset", "its ad set", func(e *events.Conversion) string { return e.Adset }),
	entry("ad", "its ad", func(e *events.Conversion) string { return e.Ad }),
	{Name: "ip", Doc: "the visitor's address. It is remembered for a click of the destination's campaigns and sources only, and no longer " +
		"than its window", agent: true, of: func(f *Facts) string {
		if a, ok := netip.AddrFromSlice(f.IP); ok {
			return a.Unmap().String()
		}
		return ""
	}},
	{Name: "user_agent", Doc: "the visitor's User-Agent header; as ip", agent: true, of: func(f *Facts) string { return f.UserAgent }},
}, subMacros())

func subMacros() (list []Macro) {
	for i := range schemas.MaxSubs {
		list = append(list, entry("sub"+strconv.Itoa(i+1), fmt.Sprintf("sub%d of the click's link", i+1),
			func(e *events.Conversion) string {
				if i < len(e.Subs) {
					return e.Subs[i]
				}
				return ""
			}))
	}
	return list
}

var macroIndex = func() map[string]int {
	index := make(map[string]int, len(macros))
	for i := range macros {
		index[macros[i].Name] = i
	}
	return index
}()

// macroNames lists the macros for an error text.
func macroNames() string {
	var names []string
	for i := range macros {
		if name := macros[i].Name; !strings.HasPrefix(name, "sub") {
			names = append(names, "{"+name+"}")
		}
	}
	return strings.Join(names, " ") + fmt.Sprintf(" {sub1} to {sub%d}", schemas.MaxSubs)
}

// ToldWord is what is told in a word.
func ToldWord(told events.OutboundRequest_Told) string {
	switch told {
	case events.OutboundRequest_TOLD_CREATED:
		return "created"
	case events.OutboundRequest_TOLD_RESTATED:
		return "restated"
	case events.OutboundRequest_TOLD_RETRACTED:
		return "retracted"
	}
	return ""
}
