package console

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"
	"github.com/shopspring/decimal"

	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
	"tributary/schemas"
	"tributary/schemas/id"
)

// A Log is a page of rows.
type Log struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows" doc:"Texts are as visitors and networks sent them: show them as text"`
	Next    string   `json:"next,omitempty" doc:"before of the next page; none: this is the last one"`
}

// A Step is one thing that happened.
type Step struct {
	AtMS   int64          `json:"at_ms"`
	Kind   string         `json:"kind" doc:"clicks, postbacks, conversions or dead_letters"`
	Fields map[string]any `json:"fields"`
	Remedy string         `json:"remedy,omitempty" doc:"Of what was refused: what to do"`
}

// A Timeline is what happened to a click.
type Timeline struct {
	ClickID string `json:"click_id,omitempty"`
	Steps   []Step `json:"steps" doc:"In their order"`
}

// rowValue is a value of a row as JSON has it.
func rowValue(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case decimal.Decimal:
		return v.String()
	case net.IP:
		return v.String()
	}
	return value(v)
}

// rows asks for rows in the name of somebody.
func (s *Server) rows(ctx context.Context, p *Principal, q report.RowQuestion) (*report.Rows, error) {
	q.Scope, q.Addresses = p.Scope.Report(s.deps.Catalog().Campaigns), p.May(access.ReadIPs)
	rows, err := s.deps.Reports.Rows(p.asker(ctx), q)
	if errors.Is(err, report.ErrScope) {
		return nil, huma.Error404NotFound("there are no rows of this kind for you")
	}
	return rows, s.failed(problem(err))
}

// plainRows: a scope that names the only figures that may be seen leaves rows out, which have all of them.
func plainRows(p *Principal) error {
	if len(p.Scope.Figures) > 0 {
		return huma.Error404NotFound("your scope has figures, and no rows")
	}
	return nil
}

func (s *Server) logs(api huma.API) {
	huma.Register(api, operation("logs"), func(ctx context.Context, in *struct {
		Kind   string   `path:"kind" maxLength:"32"`
		Where  []string `query:"where,explode" maxItems:"16" doc:"column=text or column!=text; may be repeated"`
		Period string   `query:"period" maxLength:"64" default:"last24hours" doc:"Of received_at, as in reports"`
		Zone   string   `query:"tz" maxLength:"64"`
		Before string   `query:"before" maxLength:"64" doc:"next of the page before"`
		Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}) (*bodyOf[Log], error) {
		p := principal(ctx)
		if err := plainRows(p); err != nil {
			return nil, err
		}
		if !slices.Contains(report.Logs, in.Kind) {
			return nil, huma.Error404NotFound("there are " + strings.Join(report.Logs, ", "))
		}
		zone, err := report.Zone(cmp.Or(in.Zone, p.User.Zone))
		if err != nil {
			return nil, problem(err)
		}
		q := report.RowQuestion{Kind: in.Kind, Before: in.Before, Limit: in.Limit}
		if q.Period, err = report.ParsePeriod(in.Period, s.deps.Now(), zone); err != nil {
			return nil, problem(err)
		}
		for _, text := range in.Where {
			name, text, is := strings.Cut(text, "=")
			if !is {
				return nil, huma.Error422UnprocessableEntity("a filter is such as network=acme or network!=acme")
			}
			op := report.Is
			if cut, not := strings.CutSuffix(name, "!"); not {
				name, op = cut, report.IsNot
			}
			q.Where = append(q.Where, report.Filter{Dimension: name, Op: op, Values: []string{text}})
		}
		rows, err := s.rows(ctx, p, q)
		if err != nil {
			return nil, err
		}
		out := Log{Columns: rows.Columns, Rows: make([][]any, len(rows.Rows)), Next: rows.Next}
		for i, row := range rows.Rows {
			out.Rows[i] = make([]any, len(row))
			for j, v := range row {
				out.Rows[i][j] = rowValue(v)
			}
		}
		return &bodyOf[Log]{out}, nil
	})
	huma.Register(api, operation("timeline"), func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"128" doc:"Click ID, receipt or transaction ID"`
	}) (*bodyOf[Timeline], error) {
		p := principal(ctx)
		if err := plainRows(p); err != nil {
			return nil, err
		}
		t, err := s.timeline(ctx, p, in.ID)
		if err == nil && len(t.Steps) == 0 {
			err = huma.Error404NotFound("there is no click, receipt or transaction of this name for you. A postback without a click waits for it for the grace time; " +
				"a request that was refused has a dead letter")
		}
		if err != nil {
			return nil, err
		}
		return &bodyOf[Timeline]{*t}, nil
	})
	sse.Register(api, operation("live"), map[string]any{"figures": Answer{}, "error": huma.ErrorModel{}}, s.live)
}

// timelineRows bounds the steps of each kind.
const timelineRows = 200

// timeline gathers what is known of a click, which may be named by a receipt or a transaction of its.
func (s *Server) timeline(ctx context.Context, p *Principal, name string) (*Timeline, error) {
	t := &Timeline{Steps: []Step{}}
	find := func(kind, column, value string, period report.Period) ([]Step, error) {
		rows, err := s.rows(ctx, p, report.RowQuestion{Kind: kind, Limit: timelineRows, Period: period,
			Where: []report.Filter{{Dimension: column, Op: report.Is, Values: []string{value}}}})
		var known huma.StatusError
		if errors.As(err, &known) && known.GetStatus() == 404 { // not for this scope
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return stepsOf(kind, rows), nil
	}
	clickID := name
	for _, column := range []string{"click_id", "receipt_id", "txid"} {
		if column != "click_id" {
			found, err := find("postbacks", column, name, report.Period{})
			if err == nil && len(found) == 0 {
				found, err = find("conversions", column, name, report.Period{})
			}
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				continue
			}
			clickID, _ = found[0].Fields["click_id"].(string)
		}
		for _, kind := range []string{"clicks", "postbacks", "conversions", "dead_letters"} {
			period := report.Period{}
			if kind == "clicks" {
				period = around(clickID)
			}
			steps, err := find(kind, "click_id", clickID, period)
			if err != nil {
				return nil, err
			}
			t.Steps = append(t.Steps, steps...)
		}
		if len(t.Steps) > 0 {
			break
		}
	}
	if len(t.Steps) > 0 {
		t.ClickID = clickID
	}
	slices.SortStableFunc(t.Steps, func(a, b Step) int { return cmp.Compare(a.AtMS, b.AtMS) })
	return t, nil
}

// around is when the click of an ID was received: a signed one has its time in it.
func around(clickID string) report.Period {
	parsed, err := id.ParseClick(clickID)
	if err != nil {
		return report.Period{}
	}
	at := time.UnixMilli(parsed.TimeMS())
	return report.Period{From: at.Add(-25 * time.Hour), To: at.Add(25 * time.Hour)}
}

func stepsOf(kind string, rows *report.Rows) (steps []Step) {
	for _, row := range rows.Rows {
		step := Step{Kind: kind, Fields: map[string]any{}}
		for i, name := range rows.Columns {
			v := row[i]
			if at, is := v.(time.Time); is && (name == "received_at" || name == "decided_at") {
				step.AtMS = at.UnixMilli()
			}
			if v = rowValue(v); v != nil && v != "" {
				step.Fields[name] = v
			}
		}
		for _, reason := range schemas.RejectReasons {
			if kind == "dead_letters" && string(reason.Reason) == step.Fields["reason"] {
				step.Remedy = reason.Mend
			}
		}
		steps = append(steps, step)
	}
	return steps
}

const (
	// liveEvery is between two answers, liveChecks how many there are until it is looked whether who watches still may.
	liveEvery  = time.Second
	liveChecks = 15
	// maxLive bounds the streams of a console.
	maxLive = 500
)

type liveInput struct {
	Zone    string   `query:"tz" maxLength:"64"`
	Metrics []string `query:"metrics" maxItems:"30" doc:"Figures between commas"`
}

// live sends the figures of today again and again. All who watch the same share one question.
func (s *Server) live(ctx context.Context, in *liveInput, send sse.Sender) {
	p := principal(ctx)
	if s.watching.Add(1) > maxLive {
		s.watching.Add(-1)
		_ = send(sse.Message{Data: huma.ErrorModel{Status: 503, Detail: "too many watch"}}) // the client may be gone
		return
	}
	defer s.watching.Add(-1)
	ticker := time.NewTicker(liveEvery)
	defer ticker.Stop()
	for n := 1; ; n++ {
		q := Question{Metrics: in.Metrics, Zone: in.Zone, Period: "today", Basis: string(report.ByReceived)}
		t, rq, err := s.ask(ctx, p, &q)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			var known huma.StatusError
			model := huma.ErrorModel{Status: 502, Detail: "ClickHouse did not answer"}
			if errors.As(s.failed(err), &known) {
				model = huma.ErrorModel{Status: known.GetStatus(), Detail: known.Error()}
			}
			if send(sse.Message{Data: model}) != nil || model.Status < 500 {
				return
			}
		} else if send(sse.Message{ID: n, Data: *answerOf(t, &rq, s.deps.BaseCurrency)}) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n%liveChecks == 0 {
			if p = s.still(ctx, p); p == nil || !p.May(access.ReadReports) {
				return
			}
		}
	}
}

// still looks somebody up again; nil where he is let in no more.
func (s *Server) still(ctx context.Context, p *Principal) *Principal {
	u, err := s.store.User(ctx, p.User.ID)
	if err != nil || u.Disabled {
		return nil
	}
	now := *p
	now.User, now.Scope = u, u.Scope
	if p.Token != nil {
		tokens, err := s.store.Tokens(ctx, u.ID)
		if err != nil || !slices.ContainsFunc(tokens, func(k store.Token) bool { return k.ID == p.Token.ID && k.ExpiresMS > s.store.NowMS() }) {
			return nil
		}
		now.Scope = p.Token.Scope.And(&u.Scope)
		return &now
	}
	sessions, err := s.store.Sessions(ctx, u.ID, sessionsInAll*s.cfg.SessionAge)
	if err != nil || !slices.ContainsFunc(sessions, func(x store.Session) bool { return x.ID == p.Session.ID }) {
		return nil
	}
	return &now
}
