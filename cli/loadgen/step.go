package loadgen

import "tributary/schemas"

// A Click is one visit, and what the truth remembers of it.
type Click struct {
	// Number counts from 1.
	Number   int
	Campaign *Campaign
	Source   *Source
	Offer    *Offer
	// ID is the click ID. A click through the link has none until the edge has answered; it is written by the worker that
	// owns the click.
	ID string
	// Link: a visitor's GET of the campaign's link. Else a server's POST with a click ID of its own.
	Link    bool
	Foreign bool
	EventMS int64
	// Cost is a decimal text, empty for the campaign's own.
	Cost       string
	Currency   string
	IP         string
	Country    string
	UserAgent  string
	Language   string
	Subs       []string
	ExternalID string
	Keyword    string
	Creative   string

	// late: its conversions come after the window.
	late        bool
	counted     bool
	conversions []*conversion
	// doubted are its postbacks of which a request had no answer.
	doubted []*Postback
	// passages say through which edges its conversions went.
	passages []passage
}

// A Postback is one request of a network.
type Postback struct {
	// Number counts from 1 in the order of creation; a re-sent postback has the number of the first.
	Number  int
	Click   *Click
	Network string
	Event   string
	// Status is ours ("approved"); Word is what the network writes, empty to leave the parameter out.
	Status string
	Word   string
	// Payout is a decimal text, empty to leave it out.
	Payout   string
	Currency string
	TxID     string
	EventMS  int64
	// AfterClickMS is set instead of EventMS where the click's time is the edge's to say.
	AfterClickMS int64
	// ClickID is sent in place of the click's own: a forged or foreign one, or "-" for none.
	ClickID string

	// Refusal is the reason that the edge must answer; empty for a postback that it must accept. Query and Body then hold the
	// request as it is.
	Refusal schemas.RejectReason
	Query   string
	Body    string
	Type    string
	// Orphan: accepted, and to end as an orphan.
	Orphan bool
	// Early: sent before its click.
	Early bool
}

// A BadClick is a click request that the edge must refuse.
type BadClick struct {
	Refusal schemas.RejectReason
	// Path is for a GET; Body for a POST of /v1/clicks.
	Path string
	Body string
}

// An Impression is one showing of a campaign's ad: a browser's GET of its image. Its time is the edge's to say.
type Impression struct {
	Campaign                          *Campaign
	Source                            *Source
	IP, UserAgent, Language, Creative string
}

// A Step is one request: exactly one of Click, Postback, Bad, Impression and Press is set.
type Step struct {
	Click      *Click
	Postback   *Postback
	Bad        *BadClick
	Impression *Impression
	// Press: the visitor of this click presses the landing page's button, some seconds after it. Its time is the edge's to say.
	Press *Click
	// Again: the same request was a step before.
	Again bool
	// lane keeps the requests of one click in order.
	lane uint64
}
