package schemas

// Facts: the tables whose rows are counted and added up.
const (
	FactClicks        = "clicks"
	FactConversions   = "conversions"
	FactImpressions   = "impressions"
	FactLandingClicks = "landing_clicks"
	// FactArchive and FactArchiveTraffic have what was summed of rows that are gone.
	FactArchive        = "archive"
	FactArchiveTraffic = "archive_traffic"
	// FactSums has what was summed of months whose rows may be gone: see archive.go.
	FactSums = "archive_sums"
)

// Grains that sums are kept by: that of the projections and the finest of the views.
const (
	GrainQuarter = "quarter"
	GrainMinute  = "minute"
)

// A Fact is a table whose rows are counted and added up. In its texts {grain} stands for the grain that a question
// needs.
type Fact struct {
	Name  string
	Table string
	// At is the column of the time that its rows are booked on: of an event its own, of what follows a click the
	// click's.
	At string
	// Where is what rows must fulfil to count; empty where all do.
	Where string
	// Archive: a row is the sums of rows that are gone.
	Archive bool
	// Kept are the dimensions by which a projection of the table keeps its sums, in the projection's order, and Also what
	// else it tells apart: what Where asks for, and what an audit goes by.
	Kept string
	Also []string
	// Few are projections that keep the sums by some of Kept alone, each with the names of its own: they have a small part of
	// the rows, and what names no other dimension is read from them.
	Few []Few
	// Names are what has a number and a name that its rows tell: the latest of them is shown.
	Names []string
}

// A Few is what a projection keeps the sums [FewSums] by: the quarter of an hour, and a few dimensions.
type Few struct{ Name, Kept string }

// FewSums are the figures that projections of few dimensions keep: what clicks, conversions, revenue, cost, profit, ROI and EPC
// are made of. Each more would be paid for in every insert, three times.
var FewSums = []string{"clicks", "cost", "unique_clicks", "conversions", "revenue_hold_counted", "revenue_confirmed",
	"revenue_hold_counted_blocked", "revenue_confirmed_blocked"}

// What a few dimensions are: who sent the visitor, with what, and where to.
var (
	fewOfTraffic = Few{"by_traffic", "campaign_id source_id campaign source buyer team quarter"}
	fewOfVisitor = Few{"by_visitor", "country device os browser quarter"}
	fewOfOffer   = Few{"by_offer", "offer_id landing_id offer landing quarter"}
)

// What sums are kept by: campaign, source and time first, which most questions name.
const (
	ofVisit    = "campaign_id source_id quarter campaign source buyer team country device os browser"
	ofOffer    = "offer_id offer landing_id landing"
	ofBlock    = "block blocked"
	auditDay   = "toDate(received_at)"
	auditMonth = "toYYYYMM(received_at)"
	// auditStamp tells the rows apart that the archive has.
	auditStamp = StampColumn
)

// Facts lists every fact, in the order in which views read them.
var Facts = []Fact{
	{Name: FactClicks, Table: "clicks", At: "event_at", Kept: ofVisit + " " + ofOffer + " " + ofBlock,
		Also:  []string{auditDay, auditMonth, auditStamp, layoutOne},
		Few:   []Few{fewOfTraffic, fewOfVisitor, fewOfOffer},
		Names: []string{"campaign", "source", "offer", "landing"}},
	{Name: FactConversions, Table: "conversions", At: "click_at", Kept: ofVisit + " " + ofOffer + " network event " + ofBlock,
		Also: []string{auditDay, auditMonth, auditStamp},
		Few:  []Few{fewOfTraffic, fewOfVisitor, fewOfOffer}},
	{Name: FactImpressions, Table: "impressions", At: "event_at", Where: "NOT copy", Kept: ofVisit,
		Also: []string{auditDay, auditMonth, auditStamp, "copy"}, Names: []string{"campaign", "source"}},
	{Name: FactLandingClicks, Table: "landing_clicks", At: "click_at", Where: "NOT copy", Kept: ofVisit + " " + ofOffer,
		Also: []string{auditDay, auditMonth, auditStamp, "copy"}},
	{Name: FactArchive, Table: "archive_{grain}", At: "{grain}", Archive: true},
	{Name: FactArchiveTraffic, Table: "archive_{grain}_traffic", At: "{grain}", Archive: true},
	{Name: FactSums, Table: TableArchiveSums, At: "quarter", Archive: true},
}

// Counts is the condition on the rows of a fact that count, in a query that begins with [Archived]; empty where all do.
func (f *Fact) Counts() string {
	side := RowsCount
	switch {
	case f.Name == FactSums:
		side = SumsCount
	case f.Archive:
		return f.Where
	}
	if f.Where == "" {
		return side
	}
	return side + " AND " + f.Where
}
