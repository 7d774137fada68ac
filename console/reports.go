package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"tributary/report"
	"tributary/schemas"
)

// An Answer is a page of groups, with what a person has to know of its figures.
type Answer struct {
	Keys    []KeyColumn `json:"keys" doc:"Columns of keys; a name has its number before it"`
	Metrics []Figure    `json:"metrics" doc:"Columns of figures"`
	Rows    []Group     `json:"rows"`
	Totals  Group       `json:"totals" doc:"Of all groups, those that having, limit and cursor leave out too; without keys"`
	Groups  int         `json:"groups" doc:"How many there are in all"`
	Next    int         `json:"next,omitempty" doc:"Cursor of the next page; 0: this is the last one"`

	FromMS     int64    `json:"from_ms,omitempty"`
	ToMS       int64    `json:"to_ms,omitempty" doc:"The period ends before it"`
	BeforeFrom int64    `json:"before_from_ms,omitempty"`
	BeforeTo   int64    `json:"before_to_ms,omitempty"`
	Zone       string   `json:"tz"`
	Basis      string   `json:"basis"`
	Currency   string   `json:"currency" doc:"Of all money"`
	AskedMS    int64    `json:"asked_ms" doc:"When the figures were read"`
	TookMS     int64    `json:"took_ms"`
	Reads      []string `json:"reads" doc:"What was read"`
	Notes      []string `json:"notes,omitempty" doc:"What a person should know of the answer"`
}

// A KeyColumn is a column of a dimension.
type KeyColumn struct {
	Name   string `json:"name"`
	Type   string `json:"type" doc:"String, UInt32, UInt8, Bool, Date or DateTime('UTC')"`
	Number bool   `json:"number,omitempty" doc:"It is the number of the name in the next column"`
}

// A Figure is a column of a metric.
type Figure struct {
	Name    string `json:"name"`
	Type    string `json:"type" doc:"Int64: a count. Decimal: money, as text. Float64: a ratio, null where it divides by 0"`
	Meaning string `json:"meaning"`
}

// A Group is a row.
type Group struct {
	Keys    []any `json:"keys,omitempty" doc:"In the order of the columns; days as 2026-11-05, times as RFC 3339 in tz"`
	Figures []any `json:"figures"`
	Before  []any `json:"before,omitempty" doc:"Of the period that is compared with"`
	Change  []any `json:"change,omitempty" doc:"The difference by the size of what it was, a fraction"`
}

func answerOf(t *report.Table, q *report.Question, currency string) *Answer {
	a := &Answer{Keys: []KeyColumn{}, Rows: make([]Group, len(t.Rows)), Totals: groupOf(t, &t.Totals), Groups: t.Groups,
		FromMS: instant(t.Period.From), ToMS: instant(t.Period.To), BeforeFrom: instant(t.Before.From), BeforeTo: instant(t.Before.To),
		Zone: t.Zone.String(), Basis: string(t.Basis), Currency: currency, AskedMS: instant(t.Asked), TookMS: t.Took.Milliseconds(),
		Reads: t.Reads, Notes: t.Notes}
	for _, k := range t.Keys {
		a.Keys = append(a.Keys, KeyColumn(k))
	}
	for _, m := range t.Metrics {
		a.Metrics = append(a.Metrics, Figure{m.Name, m.Type, m.Means()})
	}
	for i := range t.Rows {
		a.Rows[i] = groupOf(t, &t.Rows[i])
	}
	if next := q.Offset + len(t.Rows); next < t.Groups && len(t.Rows) > 0 {
		a.Next = next
	}
	return a
}

func groupOf(t *report.Table, r *report.Row) Group {
	g := Group{Figures: values(r.Figures)}
	for _, k := range r.Keys {
		g.Keys = append(g.Keys, keyValue(k, t.Zone))
	}
	if r.Before != nil {
		g.Before = values(r.Before)
		for i := range r.Figures {
			g.Change = append(g.Change, value(r.Change(i)))
		}
	}
	return g
}

func values(list []any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = value(v)
	}
	return out
}

// value is a figure of JSON: money as text, so that no reader rounds it.
func value(v any) any {
	switch v := v.(type) {
	case decimal.Decimal:
		return v.String()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return v
}

func keyValue(k any, zone *time.Location) any {
	switch k := k.(type) {
	case time.Time:
		return k.In(zone).Format(time.RFC3339)
	case report.Date:
		return k.String()
	}
	return k
}

// Forms of an answer, by Content-Type.
const (
	formJSON   = "application/json"
	formNDJSON = "application/x-ndjson"
	formCSV    = "text/csv"
	formSQL    = "application/sql"
)

// formOf is the first of the forms that a client accepts.
func formOf(accept string) (string, error) {
	if accept == "" {
		return formJSON, nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch kind = strings.TrimSpace(kind); kind {
		case formJSON, formNDJSON, formCSV, formSQL:
			return kind, nil
		case "*/*", "application/*":
			return formJSON, nil
		}
	}
	return "", huma.Error406NotAcceptable("there are application/json, application/x-ndjson, text/csv and application/sql")
}

type queryInput struct {
	Accept string `header:"Accept" doc:"application/json, application/x-ndjson, text/csv, or application/sql for the query itself"`
	Body   Question
}

// ask answers one question of somebody.
func (s *Server) ask(ctx context.Context, p *Principal, q *Question) (*report.Table, report.Question, error) {
	rq, err := s.question(p, q)
	if err != nil {
		return nil, rq, problem(err)
	}
	t, err := s.deps.Reports.Ask(p.asker(ctx), rq)
	return t, rq, problem(err)
}

func (s *Server) reports(api huma.API) {
	op := operation("query")
	op.Responses = map[string]*huma.Response{"200": {Description: "The answer", Content: map[string]*huma.MediaType{
		formJSON:   {Schema: api.OpenAPI().Components.Schemas.Schema(typeOf[Answer](), true, "Answer")},
		formNDJSON: {Schema: &huma.Schema{Type: huma.TypeString}}, formCSV: {Schema: &huma.Schema{Type: huma.TypeString}},
		formSQL: {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	huma.Register(api, op, func(ctx context.Context, in *queryInput) (*huma.StreamResponse, error) {
		form, err := formOf(in.Accept)
		if err != nil {
			return nil, err
		}
		p := principal(ctx)
		if form == formSQL {
			rq, err := s.question(p, &in.Body)
			if err != nil {
				return nil, problem(err)
			}
			text, err := s.deps.Reports.SQL(p.asker(ctx), rq)
			if err != nil {
				return nil, s.failed(problem(err))
			}
			return s.stream(form, func(w http.ResponseWriter) error { _, err := fmt.Fprintln(w, text); return err }), nil
		}
		if form == formJSON && in.Body.Limit == 0 {
			in.Body.Limit = pageRows
		}
		t, rq, err := s.ask(ctx, p, &in.Body)
		if err != nil {
			return nil, s.failed(err)
		}
		return s.stream(form, func(w http.ResponseWriter) error {
			switch form {
			case formCSV:
				w.Header().Set("Content-Disposition", `attachment; filename="report.csv"`)
				return writeCSV(w, t)
			case formNDJSON:
				return writeNDJSON(w, t)
			}
			encoder := json.NewEncoder(w)
			encoder.SetEscapeHTML(false)
			return encoder.Encode(answerOf(t, &rq, s.deps.BaseCurrency))
		}), nil
	})
	huma.Register(api, operation("names"), func(ctx context.Context, _ *struct{}) (*namesOutput, error) {
		p := principal(ctx)
		out := &namesOutput{}
		for _, d := range report.Dimensions() {
			out.Body.Dimensions = append(out.Body.Dimensions, Dimension{d.Name, d.Type, d.Comment})
		}
		for i := range schemas.Metrics {
			if m := &schemas.Metrics[i]; p.Scope.Figure(m.Name) {
				out.Body.Metrics = append(out.Body.Metrics, Figure{m.Name, m.Type, m.Means()})
			}
		}
		out.Body.Periods = report.PeriodNames
		return out, nil
	})
}

// A Dimension is what figures can be told apart by.
type Dimension struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Meaning string `json:"meaning"`
}

type namesOutput struct {
	Body struct {
		Dimensions []Dimension `json:"dimensions"`
		Metrics    []Figure    `json:"metrics"`
		Periods    []string    `json:"periods"`
	}
}

// failed logs what is the console's own fault, and says no more of it than that.
func (s *Server) failed(err error) error {
	var known huma.StatusError
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return huma.NewError(499, "the client went away") // nobody reads it
	}
	s.deps.Logger.Error("a question was not answered", zap.Error(err))
	return huma.Error502BadGateway("ClickHouse did not answer; the console's log says why")
}

// stream writes an answer piece by piece. What fails after its beginning ends the connection, so that half an answer is not taken for one.
func (s *Server) stream(form string, write func(http.ResponseWriter) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		w.Header().Set("Content-Type", form+charset(form))
		if err := write(w); err != nil {
			s.deps.Logger.Debug("an answer was not taken", zap.Error(err))
			panic(http.ErrAbortHandler)
		}
	}}
}

func charset(form string) string {
	if form == formCSV || form == formSQL {
		return "; charset=utf-8"
	}
	return ""
}

// flushEvery is after how many rows a stream has its deadline moved.
const flushEvery = 1000

func extend(w http.ResponseWriter, n int) {
	if n%flushEvery == 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin)) // a recorder of a test has none
	}
}

func writeNDJSON(w http.ResponseWriter, t *report.Table) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	names := columnsOf(t)
	for i := range t.Rows {
		extend(w, i)
		g := groupOf(t, &t.Rows[i])
		object := make(map[string]any, len(names))
		for j, v := range append(append(append(g.Keys, g.Figures...), g.Before...), g.Change...) {
			object[names[j]] = v
		}
		if err := encoder.Encode(object); err != nil {
			return err
		}
	}
	return nil
}

// columnsOf are the names of a row's values: keys, figures, those before, and their changes.
func columnsOf(t *report.Table) (names []string) {
	for _, k := range t.Keys {
		names = append(names, k.Name)
	}
	suffixes := []string{""}
	if t.Totals.Before != nil {
		suffixes = append(suffixes, report.Before, report.Change)
	}
	for _, suffix := range suffixes {
		for _, m := range t.Metrics {
			names = append(names, m.Name+suffix)
		}
	}
	return names
}

func writeCSV(w http.ResponseWriter, t *report.Table) error {
	out := csv.NewWriter(w)
	if err := out.Write(columnsOf(t)); err != nil {
		return err
	}
	for i := range t.Rows {
		extend(w, i)
		g := groupOf(t, &t.Rows[i])
		var cells []string
		for _, k := range g.Keys {
			cells = append(cells, defused(cell(k)))
		}
		for _, v := range append(append(g.Figures, g.Before...), g.Change...) {
			cells = append(cells, cell(v))
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// defused keeps a spreadsheet from taking a visitor's text for a formula. A number stays one.
func defused(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpPnN_") {
		return text
	}
	return "'" + text
}
