package report

import (
	"errors"
	"fmt"
	"time"

	"tributary/schemas"
)

// Bounds of a question.
const (
	MaxBy      = 8
	MaxFilters = 32
	MaxValues  = 1000 // of one filter
	// MaxRows is the most groups that an answer has; a question without a limit that has more is an error, never a
	// shorter answer that looks whole.
	MaxRows = 1_000_000
)

// ErrQuestion is what errors are (errors.Is) of everything that the one who asks can put right.
var ErrQuestion = errors.New("the question cannot be answered")

// A Basis says on which time money is booked.
type Basis string

// Bases.
const (
	// ByClick books everything on its click's time: what the traffic of a period has earned so far.
	ByClick Basis = "click"
	// ByReceived books every row when it was accepted, each entry of the ledger by itself: what a period has earned,
	// and it stays so. What comes later counts when it comes.
	ByReceived Basis = "received"
)

// A Question is what is asked of counts and money. The zero values of all but Scope mean something; Zone "" is UTC.
type Question struct {
	// By are the names of dimensions that figures are told apart by; none: one row of everything.
	By []string `json:"by,omitempty"`
	// Metrics are names of schemas.Metrics; none: DefaultMetrics.
	Metrics []string `json:"metrics,omitempty"`
	Where   []Filter `json:"where,omitempty"`
	Having  []Having `json:"having,omitempty"`
	Period  Period   `json:"period"`
	Compare Compare  `json:"compare,omitzero"`
	// Zone is an IANA name: days, hours and weeks are its own.
	Zone  string `json:"zone,omitempty"`
	Basis Basis  `json:"basis,omitempty"`
	// Known: only what had been accepted until then, this instant included; zero: everything.
	Known time.Time `json:"known,omitzero"`
	// Sort: none sorts by the time where figures are told apart by one, else by the first metric, largest first.
	Sort []Sort `json:"sort,omitempty"`
	// Limit 0: all of them, at most MaxRows.
	Limit  int `json:"limit,omitempty"`
	Offset int `json:"offset,omitempty"`
	// Scope is what the one who asks may see.
	Scope Scope `json:"scope"`
}

// DefaultMetrics are shown where none are named.
var DefaultMetrics = []string{"clicks", "conversions", "revenue", "cost", "profit", "roi", "epc"}

// A Scope is what somebody may see: nothing unless it says more. A row is seen that any of its sets has.
type Scope struct {
	All       bool     `json:"all,omitempty"`
	Campaigns []uint32 `json:"campaigns,omitempty"`
	Buyers    []string `json:"buyers,omitempty"`
	Teams     []string `json:"teams,omitempty"`
}

// Everything is the scope of whoever may see all.
var Everything = Scope{All: true}

// An Op compares a dimension with values.
type Op string

// Ops of filters.
const (
	Is      Op = "="
	IsNot   Op = "!="
	In      Op = "in"
	NotIn   Op = "not in"
	Like    Op = "like" // % is any text, _ any letter, \ takes their meaning away
	NotLike Op = "not like"
)

// A Filter leaves rows out by a dimension.
type Filter struct {
	Dimension string   `json:"dimension"`
	Op        Op       `json:"op"`
	Values    []string `json:"values"`
}

// A Having leaves groups out by a figure; totals have them all the same. A figure that is NULL is left out.
type Having struct {
	Metric string `json:"metric"`
	Op     string `json:"op"` // = != < <= > >=
	Value  string `json:"value"`
}

// A Sort orders by a metric, with a suffix of compared figures too, or by a dimension of the question.
type Sort struct {
	Name       string `json:"name"`
	Descending bool   `json:"descending,omitempty"`
}

// Suffixes of compared figures: the value of the other period, the difference to it, and the difference by its size.
const (
	Before = "_before"
	Delta  = "_delta"
	Change = "_change"
)

// A questionError says what is wrong with a question, and what would be right.
type questionError struct{ text string }

func (e *questionError) Error() string { return e.text }

func (e *questionError) Is(target error) bool { return target == ErrQuestion }

// wrong is an error of the one who asks: it is ErrQuestion.
func wrong(format string, arguments ...any) error {
	return &questionError{fmt.Sprintf(format, arguments...)}
}

// metricsOf resolves names, each once.
func metricsOf(names []string) ([]*schemas.Metric, error) {
	if len(names) == 0 {
		names = DefaultMetrics
	}
	var list []*schemas.Metric
	for i, name := range names {
		m := schemas.MetricNamed(name)
		if m == nil {
			return nil, wrong("there is no metric %q%s", name, near(name, metricNames()))
		}
		for _, before := range names[:i] {
			if before == name {
				return nil, wrong("the metric %s is named twice", name)
			}
		}
		list = append(list, m)
	}
	return list, nil
}

func metricNames() []string {
	names := make([]string, len(schemas.Metrics))
	for i := range schemas.Metrics {
		names[i] = schemas.Metrics[i].Name
	}
	return names
}
