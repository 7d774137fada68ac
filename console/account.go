package console

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"tributary/console/access"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// Me is who asks.
type Me struct {
	Login    string         `json:"login"`
	Name     string         `json:"name"`
	Role     access.Role    `json:"role"`
	Rights   []access.Right `json:"rights"`
	Scope    access.Scope   `json:"scope"`
	Zone     string         `json:"tz"`
	Currency string         `json:"currency" doc:"Of all money"`
	Token    string         `json:"token,omitempty" doc:"ID of the token that was shown"`
	TOTP     bool           `json:"totp" doc:"A second factor is set up"`
}

type bodyOf[T any] struct{ Body T }

func (s *Server) account(api huma.API) {
	huma.Register(api, operation("me"), func(ctx context.Context, _ *struct{}) (*bodyOf[Me], error) {
		p := principal(ctx)
		me := Me{Login: p.User.Login, Name: p.User.Name, Role: p.Role(), Rights: []access.Right{}, Scope: p.Scope, Zone: p.User.Zone,
			Currency: s.deps.BaseCurrency, TOTP: p.User.TOTP}
		for _, right := range access.Rights() {
			if p.May(right) {
				me.Rights = append(me.Rights, right)
			}
		}
		if p.Token != nil {
			me.Token = p.Token.ID
		}
		return &bodyOf[Me]{me}, nil
	})
}
