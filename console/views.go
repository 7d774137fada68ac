package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
)

// A SavedView is a question under a name.
type SavedView struct {
	Name     string   `json:"name" minLength:"1" maxLength:"128"`
	Question Question `json:"question"`
	Shared   bool     `json:"shared,omitempty" doc:"Everybody may use it, each within his own scope"`
}

// A ShownView is a saved question with whose it is.
type ShownView struct {
	ID        string   `json:"id"`
	UserID    string   `json:"user_id"`
	Name      string   `json:"name"`
	Question  Question `json:"question"`
	Shared    bool     `json:"shared"`
	Revision  int64    `json:"revision"`
	ChangedMS int64    `json:"changed_ms"`
}

func shownView(v *store.View) (ShownView, error) {
	out := ShownView{ID: v.ID, UserID: v.UserID, Name: v.Name, Shared: v.Shared, Revision: v.Revision, ChangedMS: v.ChangedMS}
	return out, json.Unmarshal(v.Question, &out.Question)
}

// saved checks a question that is to be kept, and makes it text.
func (s *Server) saved(p *Principal, q *Question) (json.RawMessage, error) {
	rq, err := s.question(p, q)
	var known huma.StatusError
	if err == nil {
		_, err = report.Preview(rq)
	} else if errors.As(err, &known) && known.GetStatus() == http.StatusNotFound && len(p.Scope.Figures) == 0 {
		err = nil // a scope without a campaign yet
	}
	if err != nil {
		return nil, problem(err)
	}
	return json.Marshal(q)
}

func (s *Server) views(api huma.API) {
	huma.Register(api, operation("views"), func(ctx context.Context, _ *struct{}) (*listOf[ShownView], error) {
		items, err := s.store.Views(ctx, principal(ctx).User.ID)
		if err != nil {
			return nil, s.kept(err)
		}
		out := make([]ShownView, len(items))
		for i := range items {
			if out[i], err = shownView(&items[i]); err != nil {
				return nil, s.kept(err)
			}
		}
		return listed(out, nil)
	})
	one := func(v *store.View, err error) (*revised[ShownView], error) {
		if err != nil {
			return nil, s.kept(err)
		}
		shown, err := shownView(v)
		return &revised[ShownView]{etag(v.Revision), shown}, s.kept(err)
	}
	huma.Register(api, operation("view"), func(ctx context.Context, in *ByID) (*revised[ShownView], error) {
		return one(s.store.View(ctx, principal(ctx).User.ID, in.ID))
	})
	huma.Register(api, operation("view-make"), func(ctx context.Context, in *bodyOf[SavedView]) (*revised[ShownView], error) {
		p := principal(ctx)
		question, err := s.saved(p, &in.Body.Question)
		if err != nil {
			return nil, err
		}
		v := &store.View{UserID: p.User.ID, Name: in.Body.Name, Question: question, Shared: in.Body.Shared}
		return one(v, s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.SetView(v) }))
	})
	huma.Register(api, operation("view-change"), func(ctx context.Context, in *struct {
		ByID
		Match string `header:"If-Match" doc:"ETag of what was read"`
		Body  SavedView
	}) (*revised[ShownView], error) {
		p := principal(ctx)
		revision, err := revisionOf(in.Match)
		if err != nil {
			return nil, err
		}
		question, err := s.saved(p, &in.Body.Question)
		if err != nil {
			return nil, err
		}
		v := &store.View{ID: in.ID, UserID: p.User.ID, Name: in.Body.Name, Question: question, Shared: in.Body.Shared, Revision: revision}
		return one(v, s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.SetView(v) }))
	})
	huma.Register(api, operation("view-delete"), func(ctx context.Context, in *ByID) (*struct{}, error) {
		p := principal(ctx)
		return nil, s.kept(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.DropView(p.User.ID, in.ID) }))
	})
}

// A NewShare says what is shown to whoever has the link.
type NewShare struct {
	Name     string   `json:"name" minLength:"1" maxLength:"128" doc:"What its reader sees as the heading"`
	Question Question `json:"question" doc:"Its dimensions, figures and filters stay as they are; name the figures: those that stand in for none are not shown"`
	Days     int      `json:"days" minimum:"1" maximum:"400" doc:"How long it can be opened"`
}

// A MadeShare is a share with what is shown once.
type MadeShare struct {
	ID        string `json:"id"`
	Link      string `json:"link" doc:"It is not kept, and cannot be shown again"`
	ExpiresMS int64  `json:"expires_ms"`
}

func (s *Server) shares(api huma.API) {
	huma.Register(api, operation("shares"), func(ctx context.Context, _ *struct{}) (*listOf[store.Share], error) {
		items, err := s.store.Shares(ctx, principal(ctx).all())
		return listed(items, s.kept(err))
	})
	huma.Register(api, operation("share-make"), func(ctx context.Context, in *bodyOf[NewShare]) (*bodyOf[MadeShare], error) {
		p, v := principal(ctx), in.Body
		if len(v.Question.Metrics) == 0 {
			return nil, huma.Error422UnprocessableEntity("name the figures that are shown (question.metrics): whoever has the link sees them")
		}
		if v.Question.Zone == "" {
			v.Question.Zone = p.User.Zone
		}
		if _, err := s.question(p, &v.Question); err != nil {
			return nil, problem(err)
		}
		question, err := s.saved(p, &v.Question)
		if err != nil {
			return nil, err
		}
		scope := p.Scope
		scope.Figures = v.Question.Metrics
		h := &store.Share{UserID: p.User.ID, Name: v.Name, Question: question, Scope: scope}
		var shown string
		err = s.store.Change(ctx, p.actor(), func(tx *store.Tx) (err error) {
			shown, err = tx.AddShare(h, time.Duration(v.Days)*24*time.Hour)
			return err
		})
		return &bodyOf[MadeShare]{MadeShare{h.ID, s.base() + "/shared/" + shown, h.ExpiresMS}}, s.kept(err)
	})
	huma.Register(api, operation("share-end"), func(ctx context.Context, in *ByID) (*struct{}, error) {
		p := principal(ctx)
		return nil, s.kept(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.EndShare(p.all(), in.ID) }))
	})
}

type sharedPage struct {
	page
	Answer *Answer
	Heads  []cellHead
	Lines  []line
}

// showShared answers a share's one question. Nothing of the request but its secret is read.
func (s *Server) showShared(w http.ResponseWriter, r *http.Request) {
	h, u, err := s.store.Share(r.Context(), r.PathValue("secret"))
	switch {
	case errors.Is(err, store.ErrNone) || err == nil && !u.Role.May(access.WriteShares):
		refuse(w, http.StatusNotFound, "this link was taken back, or its time is over; ask who gave it to you")
		return
	case err != nil:
		s.broken(w, err)
		return
	}
	var q Question
	if err := json.Unmarshal(h.Question, &q); err != nil {
		s.broken(w, err)
		return
	}
	q.Limit, q.Cursor = pageRows, 0
	p := &Principal{User: u, Scope: h.Scope.And(&u.Scope)} // what its maker may see no more is gone here too
	data := &sharedPage{page: page{Title: h.Name}}
	t, rq, err := s.ask(r.Context(), p, &q)
	if err != nil {
		s.deps.Logger.Info("a share has no answer", zap.String("share", h.ID), zap.Error(err))
		refuse(w, http.StatusBadGateway, "there is no answer now; try again later")
		return
	}
	full := reportPage{}
	full.fill(&q, answerOf(t, &rq, s.deps.BaseCurrency), "")
	data.Answer, data.Heads, data.Lines = full.Answer, full.Heads, full.Lines
	s.show(w, http.StatusOK, "shared.html", data)
}
