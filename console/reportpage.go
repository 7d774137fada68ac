package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/shopspring/decimal"

	"tributary/report"
	"tributary/schemas"
)

// reportPage is a question with its answer. Its address is its whole state.
type reportPage struct {
	page
	Question   Question
	By         []string // one more than the question has, blank
	Where      []string
	Dimensions []string
	Periods    []string
	Compares   []string
	Bases      []string
	Answer     *Answer // nil: none
	Heads      []cellHead
	Lines      []line
	More, Curl string
	PageRows   int
}

type cellHead struct {
	Name, Meaning, Link, Sorted string
	Number                      bool
}

type line struct {
	Totals bool
	Cells  []cellText
}

type cellText struct {
	Text, Below, Link string
	Number            bool
}

// shownRows is how many groups a page has.
const shownRows = 200

// asked reads a question from the address of a page.
func asked(v url.Values) (q Question, err error) {
	q = Question{Period: v.Get("period"), Compare: v.Get("compare"), Zone: v.Get("tz"), Basis: v.Get("basis"), AsOf: v.Get("as_of")}
	if q.Period == "" {
		q.Period = "last7days"
	}
	for _, name := range v["by"] {
		if name != "" && !slices.Contains(q.Dimensions, name) {
			q.Dimensions = append(q.Dimensions, name)
		}
	}
	if len(v["by"]) == 0 {
		q.Dimensions = []string{"campaign"}
	}
	for _, name := range v["metric"] {
		if name != "" {
			q.Metrics = append(q.Metrics, name)
		}
	}
	for _, text := range v["where"] {
		if strings.TrimSpace(text) == "" {
			continue
		}
		name, value, is := strings.Cut(text, "=")
		op := "="
		if cut, not := strings.CutSuffix(name, "!"); not {
			name, op = cut, "!="
		}
		if !is {
			return q, huma.Error422UnprocessableEntity("a filter is such as country=DE or source!=pushads, not " + strconv.Quote(text))
		}
		q.Filters = append(q.Filters, Filter{Dimension: strings.TrimSpace(name), Op: op, Values: []string{strings.TrimSpace(value)}})
	}
	for _, name := range v["sort"] {
		if name != "" {
			q.Sort = append(q.Sort, name)
		}
	}
	q.Limit = shownRows
	if n, err := strconv.Atoi(v.Get("cursor")); err == nil && n > 0 && n <= report.MaxRows {
		q.Cursor = n
	}
	return q, nil
}

// address is the page of a question.
func (q *Question) address() string {
	v := url.Values{"period": {q.Period}}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("compare", q.Compare)
	set("tz", q.Zone)
	set("basis", q.Basis)
	set("as_of", q.AsOf)
	v["by"], v["sort"], v["metric"] = q.Dimensions, q.Sort, q.Metrics
	if len(q.Dimensions) == 0 {
		v["by"] = []string{""}
	}
	for _, f := range q.Filters {
		op := "="
		if f.Op == "!=" {
			op = "!="
		}
		v.Add("where", f.Dimension+op+f.Values[0])
	}
	if q.Cursor > 0 {
		v.Set("cursor", strconv.Itoa(q.Cursor))
	}
	return "/?" + v.Encode()
}

func (s *Server) showReport(w http.ResponseWriter, r *http.Request) {
	p := principal(r.Context())
	q, err := asked(r.URL.Query())
	data := &reportPage{page: page{Title: "Report", Who: p}, Question: q, By: append(slices.Clone(q.Dimensions), ""),
		Compares: []string{"", report.ComparePrevious, report.CompareWeek, report.CompareMonth, report.CompareYear},
		Bases:    []string{string(report.ByClick), string(report.ByReceived)}, Periods: report.PeriodNames, PageRows: shownRows}
	for _, d := range report.Dimensions() {
		data.Dimensions = append(data.Dimensions, d.Name)
	}
	for _, f := range q.Filters {
		data.Where = append(data.Where, f.Dimension+f.Op+f.Values[0])
	}
	status := http.StatusOK
	if err == nil {
		var t *report.Table
		var rq report.Question
		if t, rq, err = s.ask(r.Context(), p, &q); err == nil {
			data.fill(&q, answerOf(t, &rq, s.deps.BaseCurrency), s.base())
		}
	}
	if err != nil {
		var known huma.StatusError
		if err = s.failed(err); errors.As(err, &known) {
			status, data.Wrong = known.GetStatus(), sentence(known)
		}
	}
	s.show(w, status, "report.html", data)
}

// fill makes the table of an answer.
func (d *reportPage) fill(q *Question, a *Answer, base string) {
	d.Answer = a
	sorted := ""
	if len(q.Sort) > 0 {
		sorted = q.Sort[0]
	}
	head := func(name, meaning string, number bool) {
		next := *q
		next.Cursor, next.Sort = 0, []string{"-" + name}
		h := cellHead{Name: name, Meaning: meaning, Number: number}
		switch sorted {
		case "-" + name:
			h.Sorted, next.Sort = "descending", []string{name}
		case name:
			h.Sorted = "ascending"
		}
		h.Link = next.address()
		d.Heads = append(d.Heads, h)
	}
	for _, k := range a.Keys {
		if !k.Number {
			head(k.Name, "", false)
		}
	}
	for _, m := range a.Metrics {
		head(m.Name, m.Meaning, true)
	}
	if len(a.Rows) > 0 && len(q.Dimensions) > 0 {
		d.Lines = append(d.Lines, d.line(q, a, &a.Totals, true))
	}
	for i := range a.Rows {
		d.Lines = append(d.Lines, d.line(q, a, &a.Rows[i], false))
	}
	if a.Next > 0 {
		next := *q
		next.Cursor = a.Next
		d.More = next.address()
	}
	body, _ := json.Marshal(q) // texts and numbers
	d.Curl = "curl -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' \\\n  -d '" +
		strings.ReplaceAll(string(body), "'", `'\''`) + "' \\\n  " + base + route("query").Path
}

// line is a group; each name in it leads into it.
func (d *reportPage) line(q *Question, a *Answer, g *Group, totals bool) line {
	l := line{Totals: totals}
	for i, k := range a.Keys {
		if k.Number {
			continue
		}
		c := cellText{}
		if totals {
			c.Text = "All"
		} else {
			text := cell(g.Keys[i])
			if c.Text = text; text == "" {
				c.Text = "(none)"
			}
			if schemas.DimensionNamed(k.Name) != nil && k.Type == "String" || k.Type == "LowCardinality(String)" {
				next := *q
				next.Cursor = 0
				next.Filters = append(slices.Clone(q.Filters), Filter{Dimension: k.Name, Op: "=", Values: []string{text}})
				if next.Dimensions = slices.DeleteFunc(slices.Clone(q.Dimensions), func(n string) bool { return n == k.Name }); len(next.Dimensions) == 0 {
					next.Dimensions = []string{"source"}
					if k.Name == "source" {
						next.Dimensions = []string{"sub1"}
					}
				}
				c.Link = next.address()
			}
		}
		if len(c.Text) > 200 {
			c.Text = clip(c.Text, 200) + "…"
		}
		l.Cells = append(l.Cells, c)
	}
	for i, m := range a.Metrics {
		c := cellText{Text: shown(m.Type, m.Name, g.Figures[i]), Number: true}
		if g.Change != nil {
			if change, is := g.Change[i].(float64); is {
				c.Below = strconv.FormatFloat(change*100, 'f', 1, 64) + " %"
			}
		}
		l.Cells = append(l.Cells, c)
	}
	return l
}

// shown is a figure for a person: money of two to six places, ratios of epc's kind of four.
func shown(kind, name string, v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		if d, err := decimal.NewFromString(v); err == nil && kind == schemas.FigureMoney {
			return d.StringFixed(max(2, -d.Exponent()))
		}
		return v
	case float64:
		if schemas.MetricNamed(name) != nil && (strings.HasPrefix(name, "roi") || name == "cr" || name == "ar" || strings.HasSuffix(name, "ctr")) {
			return strconv.FormatFloat(v*100, 'f', 2, 64) + " %"
		}
		return strconv.FormatFloat(v, 'f', 4, 64)
	case int64:
		return grouped(strconv.FormatInt(v, 10))
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return cell(v)
}

// grouped puts thin spaces between thousands.
func grouped(digits string) string {
	start := 0
	if strings.HasPrefix(digits, "-") {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}
