package schemas

// A Dimension is what figures are told apart by.
type Dimension struct {
	Name string
	// Type is that of a table's column, as ClickHouse writes it.
	Type string
	// Of is its expression over a row of a fact, {at} being the fact's time; of an archive's row it is Archived. Where
	// they are empty it is the column of its name.
	Of, Archived string
	// Lacking is what stands for it, by the name of a fact whose rows have none.
	Lacking By
	// NameOf is, of a name that a number has, the number's dimension. The catalog may change a name: a view shows the
	// latest of each number, and of number 0, which is nothing that the catalog declares, what the rows say.
	NameOf string
	// Grain is, of a time, the coarsest grain of sums that gives it.
	Grain string
	// Comment says what it is.
	Comment string
}

// quarterOf is the quarter of an hour of a row, in the form that the projections have as a key.
const quarterOf = "toStartOfInterval({at}, INTERVAL 15 MINUTE)"

// Dimensions lists every dimension.
var Dimensions = []Dimension{
	{Name: "ledger_day", Type: "Date", Of: "toDate(received_at)", Archived: "ledger_day",
		Comment: "UTC day of received_at of the rows behind it."},
	{Name: "minute", Type: "DateTime('UTC')", Of: "toStartOfMinute({at})", Archived: "{at}", Grain: GrainMinute,
		Comment: "UTC minute in which the clicks happened; revenue is booked on its click's minute."},
	{Name: "hour", Type: "DateTime('UTC')", Of: "toStartOfHour(" + quarterOf + ")", Archived: "toStartOfHour(quarter)",
		Grain:   GrainQuarter,
		Comment: "UTC hour in which the clicks happened; revenue is booked on its click's hour."},
	{Name: "quarter", Type: "DateTime('UTC')", Of: quarterOf, Archived: "quarter", Grain: GrainQuarter,
		Comment: "UTC quarter of an hour in which the clicks happened; revenue is booked on its click's quarter."},
	{Name: "day", Type: "Date", Of: "toDate(" + quarterOf + ")", Archived: "toDate(quarter)", Grain: GrainQuarter,
		Comment: "UTC day on which the clicks happened; revenue is booked on its click's day."},
	{Name: "campaign_id", Type: "UInt32", Comment: "Campaign number of the catalog."},
	{Name: "campaign", Type: "LowCardinality(String)", NameOf: "campaign_id", Comment: "Latest name of the campaign."},
	{Name: "source_id", Type: "UInt32",
		Comment: "Source number of the catalog; 0 for sources that it does not declare, one row a name."},
	{Name: "source", Type: "LowCardinality(String)", NameOf: "source_id",
		Comment: "Latest name of the source; of an undeclared one (0), what its link said."},
	{Name: "offer_id", Type: "UInt32", Lacking: By{FactImpressions: "toUInt32(0)"},
		Comment: "Offer number of the catalog; 0 where the click was not found."},
	{Name: "offer", Type: "LowCardinality(String)", NameOf: "offer_id", Lacking: By{FactImpressions: "''"},
		Comment: "Latest name of the offer."},
	{Name: "country", Type: "LowCardinality(String)",
		Comment: "Country of the click, ISO 3166-1 alpha-2; empty when unknown."},
	{Name: "device", Type: "LowCardinality(String)", Comment: "desktop, mobile, tablet, tv, bot or unknown."},
	{Name: "os", Type: "LowCardinality(String)", Comment: "Operating system of the click."},
	{Name: "browser", Type: "LowCardinality(String)", Comment: "Browser of the click."},
	{Name: "buyer", Type: "LowCardinality(String)", Lacking: archived("''"),
		Comment: "Who bought the traffic, as the campaign had it when the click came; empty of what came before there were buyers."},
	{Name: "team", Type: "LowCardinality(String)", Lacking: archived("''"),
		Comment: "Team of the buyer, as the campaign had it when the click came; empty of what came before there were teams."},
	{Name: "landing_id", Type: "UInt32", Lacking: archived("toUInt32(0)", FactImpressions),
		Comment: "Landing page number of the catalog; 0 when the click went to the offer directly."},
	{Name: "landing", Type: "LowCardinality(String)", NameOf: "landing_id", Lacking: archived("''", FactImpressions),
		Comment: "Latest name of the landing page."},
	{Name: "network", Type: "LowCardinality(String)", Lacking: archived("''", FactClicks, FactImpressions, FactLandingClicks),
		Comment: "Network of the postback."},
	{Name: "event", Type: "LowCardinality(String)", Lacking: archived("''", FactClicks, FactImpressions, FactLandingClicks),
		Comment: "Event type of the conversion: lead, sale, reg, ftd …"},
}

// archived says that the archive, and some other facts, have none of a dimension, and what stands for it.
func archived(blank string, others ...string) By {
	by := By{FactArchive: blank, FactArchiveTraffic: blank}
	for _, fact := range others {
		by[fact] = blank
	}
	return by
}

// DimensionNamed returns the dimension of a name, nil where there is none.
func DimensionNamed(name string) *Dimension {
	for i := range Dimensions {
		if Dimensions[i].Name == name {
			return &Dimensions[i]
		}
	}
	return nil
}
