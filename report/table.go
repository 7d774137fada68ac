package report

import (
	"time"

	"github.com/shopspring/decimal"

	"tributary/schemas"
)

// A Table is the answer to a question. It is shared by all who asked the same: do not change it.
type Table struct {
	// Keys are the columns of the dimensions, in the question's order; a name has its number before it.
	Keys []KeyColumn `json:"keys"`
	// Metrics are the columns of the figures.
	Metrics []*schemas.Metric `json:"-"`
	Rows    []Row             `json:"rows"`
	// Totals are of all groups that the filters leave, whatever Having, Limit and Offset leave out; ratios are of the
	// totals. It has no keys.
	Totals Row `json:"totals"`
	// Groups is how many groups there are after Having, before Limit and Offset.
	Groups int `json:"groups"`

	Period Period         `json:"period"`
	Before Period         `json:"before,omitzero"` // what is compared with
	Zone   *time.Location `json:"-"`
	Basis  Basis          `json:"basis"`
	Known  time.Time      `json:"known,omitzero"`
	// Asked is when the figures were read.
	Asked time.Time     `json:"asked"`
	Took  time.Duration `json:"-"`
	// Reads names what was read.
	Reads []string `json:"reads"`
	// Notes are what a person should know of the answer: a name in a filter that nothing has.
	Notes []string `json:"notes,omitempty"`
}

// A Date is a day, such as 2026-11-05.
type Date string

func (d Date) String() string { return string(d) }

// A KeyColumn is a column of a dimension.
type KeyColumn struct {
	Name string `json:"name"`
	// Type is ClickHouse's: String, UInt32, UInt8, Bool, Date or DateTime('UTC').
	Type string `json:"type"`
	// Number: it is the number of the name in the next column.
	Number bool `json:"number,omitempty"`
}

// A Row is a group.
type Row struct {
	// Keys are string, uint32, uint8, bool, Date, or time.Time: the beginning of a quarter or an hour.
	Keys []any
	// Figures and Before are int64, decimal.Decimal (money), float64 (ratios), or nil, where it is NULL. Before is of the
	// period that is compared with, and nil without one.
	Figures, Before []any
}

// Delta is a figure less what it was before: exact of counts and money; nil where one of them is.
func (r *Row) Delta(i int) any {
	if r.Before == nil {
		return nil
	}
	switch now := r.Figures[i].(type) {
	case int64:
		return now - r.Before[i].(int64)
	case decimal.Decimal:
		return now.Sub(r.Before[i].(decimal.Decimal))
	case float64:
		if then, ok := r.Before[i].(float64); ok {
			return now - then
		}
	}
	return nil
}

// Change is the difference by the size of what it was, a fraction; nil where that was 0 or is not known.
func (r *Row) Change(i int) any {
	if r.Before == nil {
		return nil
	}
	now, ok := asFloat(r.Figures[i])
	then, ok2 := asFloat(r.Before[i])
	if !ok || !ok2 || then == 0 {
		return nil
	}
	size := then
	if size < 0 {
		size = -size
	}
	return (now - then) / size
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case decimal.Decimal:
		f, _ := v.Float64()
		return f, true
	case float64:
		return v, true
	}
	return 0, false
}
