package console

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tributary/console/access"
	"tributary/console/store"
)

// A NewToken says what a token may.
type NewToken struct {
	Name  string        `json:"name" minLength:"1" maxLength:"128" doc:"What it is for"`
	Role  access.Role   `json:"role,omitempty" enum:"owner,admin,buyer,analyst,viewer" doc:"At most yours; none: viewer"`
	Scope *access.Scope `json:"scope,omitempty" doc:"At most yours; none: yours"`
	Days  int           `json:"days" minimum:"1" maximum:"400" doc:"How long it lasts"`
}

// A MadeToken is a token with what is shown once.
type MadeToken struct {
	store.Token
	Secret string `json:"secret" doc:"Authorization: Bearer SECRET. It is not kept, and cannot be shown again"`
}

// all is whose things somebody sees: his own, or everybody's where he manages users and sees everything.
func (p *Principal) all() string {
	if p.May(access.ManageUsers) && p.Scope.All {
		return ""
	}
	return p.User.ID
}

func (s *Server) tokens(api huma.API) {
	huma.Register(api, operation("tokens"), func(ctx context.Context, _ *struct{}) (*listOf[store.Token], error) {
		items, err := s.store.Tokens(ctx, principal(ctx).all())
		return listed(items, s.kept(err))
	})
	huma.Register(api, operation("token-make"), func(ctx context.Context, in *bodyOf[NewToken]) (*bodyOf[MadeToken], error) {
		made, err := s.makeToken(ctx, principal(ctx), in.Body)
		return &bodyOf[MadeToken]{made}, err
	})
	huma.Register(api, operation("token-end"), func(ctx context.Context, in *ByID) (*struct{}, error) {
		p := principal(ctx)
		return nil, s.kept(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.EndToken(p.all(), in.ID) }))
	})
}

// makeToken makes one with at most the rights and the scope of its maker.
func (s *Server) makeToken(ctx context.Context, p *Principal, v NewToken) (MadeToken, error) {
	if v.Role == "" {
		v.Role = access.Viewer
	}
	if v.Scope == nil {
		v.Scope = &p.Scope
	}
	if err := v.Scope.Check(); err != nil {
		return MadeToken{}, huma.Error422UnprocessableEntity(err.Error())
	}
	if !v.Role.Within(p.Role()) || !v.Scope.Within(&p.Scope) {
		return MadeToken{}, huma.Error403Forbidden("a token may not do or see more than who makes it")
	}
	made := MadeToken{Token: store.Token{UserID: p.User.ID, Name: v.Name, Role: v.Role, Scope: *v.Scope}}
	err := s.store.Change(ctx, p.actor(), func(tx *store.Tx) (err error) {
		made.Secret, err = tx.AddToken(&made.Token, time.Duration(v.Days)*24*time.Hour)
		return err
	})
	return made, s.kept(err)
}
