package importer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/money"
	"tributary/catalog/query"
	"tributary/cli/misuse"
	"tributary/ingest/sheet"
	"tributary/schemas"
)

// click is one click as POST /v1/clicks takes it.
type click struct {
	Campaign   string   `json:"campaign"`
	Source     string   `json:"source,omitempty"`
	ClickID    string   `json:"click_id"`
	EventMS    int64    `json:"event_ms"`
	Cost       string   `json:"cost,omitempty"`
	Currency   string   `json:"currency,omitempty"`
	IP         string   `json:"ip"`
	Visitor    string   `json:"visitor,omitempty"`
	UserAgent  string   `json:"user_agent,omitempty"`
	Referrer   string   `json:"referrer,omitempty"`
	Language   string   `json:"language,omitempty"`
	ExternalID string   `json:"external_id,omitempty"`
	Keyword    string   `json:"keyword,omitempty"`
	Creative   string   `json:"creative,omitempty"`
	Subs       []string `json:"subs,omitempty"`

	// costMicros in costCurrency is what it costs, as the edge will find.
	costMicros   int64
	costCurrency string
	// cut tells that a text was cleaned or shortened.
	cut bool
}

// A rejection says why a line is not imported.
type rejection struct {
	line int64
	// column is the name of the one that is wrong, empty for the whole line.
	column         string
	field          Field
	value          string
	problem, right string
	// record is the line's fields.
	record []string
	// byEdge: the line was sent.
	byEdge bool
	// unsure: it hangs on the file's character set, which nothing says, and so does whatever is written of the line.
	unsure bool
}

func (r *rejection) String() string {
	var b strings.Builder
	if r.column != "" {
		fmt.Fprintf(&b, "column %s: %q: ", shown(r.column, 40), shown(r.value, 60))
	}
	b.WriteString(r.problem)
	if r.right != "" {
		b.WriteString("; right would be " + r.right)
	}
	return b.String()
}

// converter makes clicks of records.
type converter struct {
	o       *Options
	mapping *Mapping
	names   []string // of the catalog's campaigns, for suggestions
	nowMS   int64
	// guessed is the character set that the file is taken to have where nothing says it; empty where something does.
	guessed string
}

// value is a field's text, empty when the file or the line has none.
func (c *converter) value(r *Record, f Field) string {
	if i := c.mapping.Index[f]; i >= 0 && i < len(r.Fields) {
		return strings.TrimSpace(r.Fields[i])
	}
	return ""
}

// convert makes the click of a record, or says why it cannot.
func (c *converter) convert(r *Record) (*click, *rejection) {
	if r.Problem != "" {
		return nil, &rejection{line: r.Line, problem: r.Problem}
	}
	refuse := func(f Field, problem, right string) *rejection {
		return &rejection{line: r.Line, column: c.mapping.Column(f), field: f, value: c.value(r, f), problem: problem, right: right}
	}
	if need := max(c.mapping.Index[ClickID], c.mapping.Index[Time]); need >= len(r.Fields) {
		return nil, &rejection{line: r.Line, problem: fmt.Sprintf("the line has %d fields, the first line names %d", len(r.Fields), len(c.mapping.header)), right: "the same number, with quotes around a field that has the separator in it"}
	}
	if f, unsure := c.unsure(r); unsure {
		refused := refuse(f, "it has letters that depend on the file's character set, which nothing says; "+c.guessed+" is a guess",
			"--encoding "+c.guessed+", or another, such as windows-1251; or a file in UTF-8")
		refused.unsure = true
		return nil, refused
	}
	out := &click{ClickID: c.value(r, ClickID), IP: "::"}
	switch {
	case out.ClickID == "":
		return nil, refuse(ClickID, "no click ID", "the ID that the network's postbacks will name")
	case !query.IsName([]byte(out.ClickID)):
		return nil, refuse(ClickID, "not UTF-8 text without control or hidden characters", "a file in UTF-8, with the ID as the other tracker gave it out")
	case dialect.IsRounded([]byte(out.ClickID)):
		return nil, refuse(ClickID, "a number in scientific notation: a spreadsheet made it of the ID, whose last digits are lost", "the other tracker's own export, or the column formatted as text")
	case dialect.StandsForNone([]byte(out.ClickID), []byte(out.ClickID)):
		return nil, refuse(ClickID, "a macro that was not replaced, or what stands for no value", "the ID that the network's postbacks will name")
	case len(out.ClickID) > schemas.MaxClickIDBytes:
		return nil, refuse(ClickID, fmt.Sprintf("%d bytes", len(out.ClickID)), fmt.Sprintf("at most %d bytes", schemas.MaxClickIDBytes))
	}
	var problem, right string
	if out.EventMS, problem, right = when(c.value(r, Time), c.o.Zone, c.o.Dates); problem != "" {
		return nil, refuse(Time, problem, right)
	}
	if out.EventMS > c.nowMS+schemas.MaxClockSkewMS {
		return nil, refuse(Time, "more than a day ahead: "+time.UnixMilli(out.EventMS).UTC().Format(time.RFC3339), "the time of the click; --time-zone if it is another than "+c.o.Zone.String())
	}
	campaign, refused := c.campaign(r, out, refuse)
	if refused != nil {
		return nil, refused
	}
	c.source(r, out)
	if refused := c.cost(r, out, campaign, refuse); refused != nil {
		return nil, refused
	}
	if text := c.value(r, IP); text != "" {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, refuse(IP, "no IP address", "an address such as 203.0.113.7, or nothing")
		}
		out.IP = addr.Unmap().WithZone("").String()
	}
	c.texts(r, out)
	return out, nil
}

// unsure finds what is identity or money in a record of a file whose character set was guessed, and is another text
// in others.
func (c *converter) unsure(r *Record) (Field, bool) {
	if c.guessed == "" {
		return 0, false
	}
	for f := Field(0); int(f) < Fields; f++ {
		switch f {
		case Keyword, Creative, UserAgent, Referrer, Language: // texts
		default:
			if !sheet.IsSure(c.value(r, f)) {
				return f, true
			}
		}
	}
	return 0, false
}

func (c *converter) campaign(r *Record, out *click, refuse func(Field, string, string) *rejection) (*catalog.Campaign, *rejection) {
	theirs := c.value(r, Campaign)
	name, mapped := c.o.CampaignMap[theirs]
	switch {
	case mapped:
	case theirs != "" && c.o.Catalog.Campaign([]byte(theirs)) != nil:
		name = theirs
	case c.o.Campaign != "":
		name = c.o.Campaign
	case theirs == "":
		return nil, refuse(Campaign, "the line names no campaign", "--campaign NAME for lines without one")
	default:
		return nil, refuse(Campaign, "the catalog has no campaign of that name"+misuse.Near(theirs, c.names), "--campaign-map \""+shown(theirs, 40)+"=NAME\", or --campaign NAME for all that are not mapped")
	}
	campaign := c.o.Catalog.Campaign([]byte(name))
	if campaign == nil {
		return nil, refuse(Campaign, fmt.Sprintf("it is mapped to %q, which the catalog lacks%s", name, misuse.Near(name, c.names)), "one of "+list(c.names))
	}
	if !campaign.AllowForeignClickIDs {
		return nil, refuse(Campaign, fmt.Sprintf("the campaign %s does not take click IDs of another tracker", campaign.Name), "allow_foreign_click_ids: true for it in the catalog, at least until the import is done")
	}
	out.Campaign = campaign.Name
	return campaign, nil
}

func (c *converter) source(r *Record, out *click) {
	theirs := c.value(r, Source)
	name, mapped := c.o.SourceMap[theirs]
	switch {
	case mapped:
	case theirs != "" && (c.o.Source == "" || c.o.Catalog.Source([]byte(theirs)) != nil):
		name = theirs
	default:
		name = c.o.Source
	}
	out.Source = c.cleanName(out, name, schemas.MaxNameBytes)
}

// cost reads what the click cost and looks whether it can be converted on its day, as the edge will.
func (c *converter) cost(r *Record, out *click, campaign *catalog.Campaign, refuse func(Field, string, string) *rejection) *rejection {
	if c.mapping.Index[Cost] < 0 {
		out.costMicros, out.costCurrency = campaign.CostMicros, campaign.Currency.Code // the edge's own choice
		return nil
	}
	text := c.value(r, Cost)
	if text == "" {
		text = "0"
	}
	plain, micros, beside, problem, right := amount(text, c.o.Decimal, c.mapping.Cents[Cost])
	if problem != "" {
		return refuse(Cost, problem, right)
	}
	out.Cost, out.costMicros = plain, micros
	currency := campaign.Currency
	if source := c.o.Catalog.Source([]byte(out.Source)); source != nil && source.Currency != nil {
		currency = source.Currency
	}
	code, of := strings.ToUpper(c.value(r, Currency)), Currency
	if beside.Code != "" && code != "" && beside.Code != code {
		return refuse(Cost, "the amount is in "+beside.Code+", its currency is said to be "+code,
			"one currency, or none beside the amount")
	}
	if code == "" {
		code, of = cmp.Or(beside.Code, c.o.Currency), Cost
	}
	if code != "" {
		out.Currency = code
		if currency = c.o.Catalog.Currency([]byte(code)); currency == nil {
			if !catalog.IsCurrencyCode(code) {
				return refuse(of, "no ISO 4217 code", catalog.RightCurrency(code))
			}
			return refuse(of, "no exchange rate is declared for "+code, "one in catalog.exchange_rates")
		}
	}
	if beside.Sign != "" && !slices.Contains(money.Signs[beside.Sign], currency.Code) {
		return refuse(Cost, "the amount is in "+beside.Sign+", which does not stand for its currency "+currency.Code,
			"a column with its currency, or --currency")
	}
	out.costCurrency = currency.Code
	if _, dated := currency.Rate(out.EventMS); !dated && micros >= 0 {
		return refuse(Cost, fmt.Sprintf("no exchange rate of %s is in force on %s", currency.Code, time.UnixMilli(out.EventMS).UTC().Format(time.DateOnly)), "one in catalog.exchange_rates with that date or an earlier one")
	}
	return nil
}

func (c *converter) texts(r *Record, out *click) {
	out.UserAgent = c.clean(out, c.value(r, UserAgent), schemas.MaxUserAgent)
	out.Referrer = c.clean(out, c.value(r, Referrer), schemas.MaxReferrer)
	out.Language = c.clean(out, c.value(r, Language), schemas.MaxLanguage)
	out.ExternalID = c.cleanID(out, c.value(r, ExternalID), schemas.MaxExternalID)
	if text := []byte(out.ExternalID); dialect.IsRounded(text) || dialect.StandsForNone(text, text) {
		out.ExternalID, out.cut = "", true
	}
	out.Keyword = c.clean(out, c.value(r, Keyword), schemas.MaxKeywordBytes)
	out.Creative = c.clean(out, c.value(r, Creative), schemas.MaxKeywordBytes)
	// Without an address and a visitor's ID all clicks would be of one visitor.
	if out.Visitor = c.cleanName(out, c.value(r, Visitor), schemas.MaxNameBytes); out.Visitor == "" && out.IP == "::" {
		out.Visitor = out.ClickID
	}
	for n := 1; n <= maxSubs; n++ {
		text := c.cleanID(out, c.value(r, Sub(n)), schemas.MaxSubBytes)
		if text == "" {
			continue
		}
		for len(out.Subs) < n {
			out.Subs = append(out.Subs, "")
		}
		out.Subs[n-1] = text
	}
}

// clean makes text what the edge takes.
func (c *converter) clean(out *click, text string, limit int) string {
	cleaned, changed := query.Clean([]byte(text), limit)
	out.cut = out.cut || changed
	return string(cleaned)
}

// cleanID is cleanName of an ID, or of what may carry one: as at the edge, too long a one is left out, for a part of it is another.
func (c *converter) cleanID(out *click, text string, limit int) string {
	text = c.cleanName(out, text, len(text))
	if len(text) > limit {
		out.cut = true
		return ""
	}
	return text
}

// cleanName is the same of what the edge takes for a name.
func (c *converter) cleanName(out *click, text string, limit int) string {
	cleaned, changed := query.CleanName([]byte(text), limit)
	out.cut = out.cut || changed
	return string(cleaned)
}
