package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
)

// inviteLasts is how long a link for a user can be used.
const inviteLasts = 72 * time.Hour

// kept makes an answer of an error of the store.
func (s *Server) kept(err error) error {
	var known huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrNone):
		return huma.Error404NotFound("there is none of this name for you")
	case errors.Is(err, store.ErrChanged):
		return huma.Error412PreconditionFailed(err.Error() + "; read it again")
	case errors.Is(err, store.ErrTaken):
		return huma.Error409Conflict("that name is taken")
	case errors.Is(err, store.ErrLastOwner):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, store.ErrRepeated):
		return huma.NewError(statusRepeated, err.Error())
	}
	s.deps.Logger.Error("the database did not do it", zap.Error(err))
	return huma.Error503ServiceUnavailable("the console's database does not answer; its log says why")
}

type listOf[T any] struct {
	Body struct {
		Items []T `json:"items"`
	}
}

func listed[T any](items []T, err error) (*listOf[T], error) {
	out := &listOf[T]{}
	out.Body.Items = items
	return out, err
}

// ByID is a request for one thing.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// A revised thing has its revision as ETag.
type revised[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// revisionOf reads If-Match.
func revisionOf(match string) (int64, error) {
	if match == "" {
		return 0, huma.NewError(http.StatusPreconditionRequired, "say with If-Match which revision you have read: its ETag")
	}
	n, err := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
	if err != nil {
		return 0, huma.Error400BadRequest("If-Match is an ETag that an answer had, such as \"42\"")
	}
	return n, nil
}

// An Invitation says whom a link is for.
type Invitation struct {
	Login string       `json:"login" minLength:"1" maxLength:"64" doc:"Name to sign in with, such as an address of mail"`
	Role  access.Role  `json:"role" enum:"owner,admin,buyer,analyst,viewer"`
	Scope access.Scope `json:"scope"`
}

// A Secret is shown once.
type Secret struct {
	Link      string `json:"link" doc:"Give it to him over a way that others do not read"`
	ExpiresMS int64  `json:"expires_ms"`
}

// A UserChange is what of a user is changed.
type UserChange struct {
	Name     string       `json:"name" maxLength:"128"`
	Role     access.Role  `json:"role" enum:"owner,admin,buyer,analyst,viewer"`
	Scope    access.Scope `json:"scope"`
	Zone     string       `json:"zone" maxLength:"64"`
	Disabled bool         `json:"disabled" doc:"He cannot sign in, and his tokens and shares do not work"`
}

// mayGive tells whether somebody may give a role and scope away.
func (p *Principal) mayGive(role access.Role, scope *access.Scope) error {
	if err := scope.Check(); err != nil {
		return huma.Error422UnprocessableEntity(err.Error())
	}
	if !p.User.Role.Manages(role) {
		return huma.Error403Forbidden(fmt.Sprintf("one with the role %s cannot make one with the role %s", p.User.Role, role))
	}
	if !scope.Within(&p.Scope) {
		return huma.Error403Forbidden("the scope is wider than yours")
	}
	return nil
}

// managed is a user whom somebody may change. One whom he may not is not there for him, nor is one with a wider scope.
func (s *Server) managed(ctx context.Context, p *Principal, id string) (*store.User, error) {
	u, err := s.store.User(ctx, id)
	if err == nil && (!p.User.Role.Manages(u.Role) || !u.Scope.Within(&p.Scope)) {
		err = store.ErrNone
	}
	return u, s.kept(err)
}

func (s *Server) users(api huma.API) {
	huma.Register(api, operation("sessions"), func(ctx context.Context, _ *struct{}) (*listOf[store.Session], error) {
		items, err := s.store.Sessions(ctx, principal(ctx).User.ID, s.cfg.SessionAge)
		return listed(items, s.kept(err))
	})
	huma.Register(api, operation("session-end"), func(ctx context.Context, in *ByID) (*struct{}, error) {
		p := principal(ctx)
		return nil, s.kept(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.EndSession(p.User.ID, in.ID) }))
	})
	huma.Register(api, operation("users"), func(ctx context.Context, _ *struct{}) (*listOf[store.User], error) {
		return listed(s.seenUsers(ctx, principal(ctx)))
	})
	huma.Register(api, operation("user"), func(ctx context.Context, in *ByID) (*revised[store.User], error) {
		u, err := s.managed(ctx, principal(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &revised[store.User]{etag(u.Revision), *u}, nil
	})
	huma.Register(api, operation("user-invite"), func(ctx context.Context, in *bodyOf[Invitation]) (*bodyOf[Secret], error) {
		return s.invite(ctx, principal(ctx), in.Body)
	})
	huma.Register(api, operation("user-reset"), func(ctx context.Context, in *ByID) (*bodyOf[Secret], error) {
		p := principal(ctx)
		u, err := s.managed(ctx, p, in.ID)
		if err != nil {
			return nil, err
		}
		return s.linkFor(ctx, p, &store.Link{Kind: store.LinkPassword, UserID: u.ID, Login: u.Login})
	})
	huma.Register(api, operation("user-change"), func(ctx context.Context, in *struct {
		ByID
		Match string `header:"If-Match" doc:"ETag of what was read"`
		Body  UserChange
	}) (*revised[store.User], error) {
		p := principal(ctx)
		u, err := s.managed(ctx, p, in.ID)
		if err != nil {
			return nil, err
		}
		if u.Revision, err = revisionOf(in.Match); err != nil {
			return nil, err
		}
		if err := p.mayGive(in.Body.Role, &in.Body.Scope); err != nil {
			return nil, err
		}
		if _, err := report.Zone(in.Body.Zone); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		u.Name, u.Role, u.Scope, u.Zone, u.Disabled = in.Body.Name, in.Body.Role, in.Body.Scope, in.Body.Zone, in.Body.Disabled
		if err := s.kept(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error { return tx.SetUser(u) })); err != nil {
			return nil, err
		}
		return &revised[store.User]{etag(u.Revision), *u}, nil
	})
}

// invite makes the link with which somebody becomes a user.
func (s *Server) invite(ctx context.Context, p *Principal, v Invitation) (*bodyOf[Secret], error) {
	v.Login = strings.ToLower(v.Login)
	if err := store.CheckLogin(v.Login); err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if err := p.mayGive(v.Role, &v.Scope); err != nil {
		return nil, err
	}
	if _, err := s.store.UserCalled(ctx, v.Login); !errors.Is(err, store.ErrNone) {
		return nil, s.kept(errors.Join(err, store.ErrTaken))
	}
	return s.linkFor(ctx, p, &store.Link{Kind: store.LinkInvite, Login: v.Login, Role: v.Role, Scope: v.Scope})
}

// seenUsers are those whom somebody may change, and himself.
func (s *Server) seenUsers(ctx context.Context, p *Principal) ([]store.User, error) {
	items, err := s.store.Users(ctx)
	seen := []store.User{}
	for _, u := range items {
		if u.ID == p.User.ID || p.User.Role.Manages(u.Role) && u.Scope.Within(&p.Scope) {
			seen = append(seen, u)
		}
	}
	return seen, s.kept(err)
}

func (s *Server) linkFor(ctx context.Context, p *Principal, l *store.Link) (*bodyOf[Secret], error) {
	var shown string
	err := s.store.Change(ctx, p.actor(), func(tx *store.Tx) (err error) { shown, err = tx.AddLink(l, inviteLasts); return err })
	if err != nil {
		return nil, s.kept(err)
	}
	return &bodyOf[Secret]{Secret{s.base() + "/link/" + shown, l.ExpiresMS}}, nil
}
