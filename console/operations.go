package console

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"tributary/console/store"
)

// A Part is one of the process that the console runs in.
type Part struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty" doc:"What keeps it from its work"`
}

// Health says how the installation is, as far as this process sees.
type Health struct {
	Version string `json:"version"`
	Parts   []Part `json:"parts"`
	Control string `json:"control" doc:"known, or unknown: what is in force of the topic control"`
}

func (s *Server) operations(api huma.API) {
	huma.Register(api, operation("audit"), func(ctx context.Context, in *struct {
		Before int64 `query:"before" minimum:"0" doc:"Entries before the one of this number; 0: the newest"`
		Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}) (*listOf[store.Entry], error) {
		p := principal(ctx)
		items, err := s.store.Audit(ctx, in.Before, in.Limit, p.ofWhom())
		return listed(items, s.kept(err))
	})
	huma.Register(api, operation("health"), func(ctx context.Context, _ *struct{}) (*bodyOf[Health], error) {
		h := Health{Version: s.deps.Version, Parts: []Part{}, Control: "unknown"}
		if s.deps.Control != nil && s.deps.Control() != nil {
			h.Control = "known"
		}
		if s.deps.Health != nil {
			for name, err := range s.deps.Health {
				part := Part{Name: name, Ready: err == nil}
				if err != nil {
					part.Why = err.Error()
				}
				h.Parts = append(h.Parts, part)
			}
		}
		return &bodyOf[Health]{h}, nil
	})
}

// ofWhom is whose changes somebody sees: everybody's where he sees everything, else his own.
func (p *Principal) ofWhom() string {
	if p.Scope.All {
		return ""
	}
	return p.User.ID
}
