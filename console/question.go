package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tributary/report"
	"tributary/schemas"
)

// A Question is a question as a program or a saved view has it: times in words, of its zone.
type Question struct {
	Dimensions []string `json:"dimensions,omitempty" maxItems:"8" doc:"What figures are told apart by; none: one row of everything" example:"[\"campaign\",\"source\"]"`
	Metrics    []string `json:"metrics,omitempty" maxItems:"100" doc:"Figures; none: clicks, conversions, revenue, cost, profit, roi, epc, those of them that may be seen"`
	Filters    []Filter `json:"filters,omitempty" maxItems:"32" doc:"Only rows of which all hold"`
	Having     []Bound  `json:"having,omitempty" maxItems:"32" doc:"Only groups of which all hold; totals have the others too"`
	Period     string   `json:"period,omitempty" maxLength:"64" default:"today" doc:"today, yesterday, last7days, last24hours, this-week, last-week, this-month, last-month, this-year, all, a day, a month, 2026-11-01..2026-11-30, 2026-11-05T06:30..2026-11-05T12:00" example:"last7days"`
	Compare    string   `json:"compare,omitempty" maxLength:"64" doc:"previous, week, month, last-year, or a period"`
	Zone       string   `json:"tz,omitempty" maxLength:"64" doc:"IANA time zone of days, hours and the period; none: the user's" example:"Europe/Berlin"`
	Basis      string   `json:"basis,omitempty" enum:"click,received" default:"click" doc:"click: booked on the click's time; received: when it was accepted"`
	AsOf       string   `json:"as_of,omitempty" maxLength:"32" doc:"Only what had been accepted until then, a time of tz such as 2026-11-30T12:00"`
	Sort       []string `json:"sort,omitempty" maxItems:"16" doc:"Names to sort by, a minus for the largest first" example:"[\"-profit\"]"`
	Limit      int      `json:"limit,omitempty" minimum:"0" maximum:"1000000" doc:"So many groups; 0: of JSON 1000, of NDJSON and CSV all"`
	Cursor     int      `json:"cursor,omitempty" minimum:"0" maximum:"1000000" doc:"Groups to leave out before the first: next of the answer before"`
}

// A Filter leaves rows out.
type Filter struct {
	Dimension string   `json:"dimension" maxLength:"64"`
	Op        string   `json:"op" enum:"=,!=,in,not in,like,not like" doc:"like: % is any text, _ any letter"`
	Values    []string `json:"values" minItems:"1" maxItems:"1000"`
}

// A Bound leaves groups out.
type Bound struct {
	Metric string `json:"metric" maxLength:"64"`
	Op     string `json:"op" enum:"=,!=,<,<=,>,>="`
	Value  string `json:"value" maxLength:"40" example:"50"`
}

// pageRows is how many groups an answer of JSON has where no limit is named.
const pageRows = 1000

// question makes what package report is asked, with the scope of who asks. It is the one place that does.
func (s *Server) question(p *Principal, q *Question) (report.Question, error) {
	zoneName := q.Zone
	if zoneName == "" {
		zoneName = p.User.Zone
	}
	out := report.Question{By: q.Dimensions, Metrics: q.Metrics, Zone: zoneName, Basis: report.Basis(q.Basis), Limit: q.Limit, Offset: q.Cursor,
		Scope: p.Scope.Report(s.deps.Catalog().Campaigns)}
	if !out.Scope.All && len(out.Scope.Campaigns)+len(out.Scope.Buyers)+len(out.Scope.Teams) == 0 {
		return out, huma.Error404NotFound("your scope has no campaign yet; who made you a user can widen it")
	}
	zone, err := report.Zone(zoneName)
	if err != nil {
		return out, err
	}
	period := q.Period
	if period == "" {
		period = "today"
	}
	now := s.deps.Now()
	if out.Period, err = report.ParsePeriod(period, now, zone); err != nil {
		return out, err
	}
	if out.Compare, err = report.ParseCompare(q.Compare, now, zone); err != nil {
		return out, err
	}
	if q.AsOf != "" {
		if out.Known, err = report.ParseInstant(q.AsOf, zone); err != nil {
			return out, err
		}
	}
	for _, f := range q.Filters {
		out.Where = append(out.Where, report.Filter{Dimension: f.Dimension, Op: report.Op(f.Op), Values: f.Values})
	}
	for _, h := range q.Having {
		out.Having = append(out.Having, report.Having{Metric: h.Metric, Op: h.Op, Value: h.Value})
	}
	for _, name := range q.Sort {
		name, descending := strings.CutPrefix(name, "-")
		out.Sort = append(out.Sort, report.Sort{Name: name, Descending: descending})
	}
	return out, p.bound(&out)
}

// bound keeps a question to the figures that may be seen, in filters and sorts too: an order tells of what it is of.
func (p *Principal) bound(q *report.Question) error {
	if len(p.Scope.Figures) == 0 {
		return nil
	}
	if len(q.Metrics) == 0 {
		for _, name := range report.DefaultMetrics {
			if p.Scope.Figure(name) {
				q.Metrics = append(q.Metrics, name)
			}
		}
		if len(q.Metrics) == 0 {
			q.Metrics = slices.Clone(p.Scope.Figures)
		}
	}
	named := slices.Clone(q.Metrics)
	for _, h := range q.Having {
		named = append(named, h.Metric)
	}
	for _, sort := range q.Sort {
		if !slices.Contains(q.By, sort.Name) {
			named = append(named, sort.Name)
		}
	}
	for _, name := range named {
		base := name
		for _, suffix := range []string{report.Before, report.Delta, report.Change} {
			if cut, is := strings.CutSuffix(name, suffix); is && schemas.MetricNamed(name) == nil {
				base = cut
			}
		}
		if !p.Scope.Figure(base) {
			return huma.Error404NotFound(fmt.Sprintf("there is no figure %s", name))
		}
	}
	return nil
}

// problem makes an answer of an error of a question.
func problem(err error) error {
	var known huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, report.ErrQuestion):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, report.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"2"}})
	}
	return err
}

// instant is a time as an answer has it, Unix milliseconds; 0 for none.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
