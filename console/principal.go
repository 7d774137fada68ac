package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
)

// A Principal is who asks.
type Principal struct {
	User    *store.User
	Session *store.Session // nil: by a token
	Token   *store.Token   // nil: by a session
	Scope   access.Scope
	// Unproved: he has to set up a second factor before anything else.
	Unproved bool
	address  string
	// key and digest are those of a request that may be sent again.
	key, digest string
}

// May tells whether he has a right: of a token, its own and its maker's.
func (p *Principal) May(right access.Right) bool {
	if p.Unproved && right != access.Self {
		return false
	}
	return p.User.Role.May(right) && (p.Token == nil || p.Token.Role.May(right))
}

// Role is the one that bounds him most.
func (p *Principal) Role() access.Role {
	if p.Token != nil && p.Token.Role.Within(p.User.Role) {
		return p.Token.Role
	}
	return p.User.Role
}

func (p *Principal) actor() store.Actor {
	a := store.Actor{ID: p.User.ID, Name: p.User.Login, Through: "session", Address: p.address, Key: p.key, Digest: p.digest}
	if p.Token != nil {
		a.Through = "token " + p.Token.ID
	}
	return a
}

// asker is whose turn it is among the questions that wait.
func (p *Principal) asker(ctx context.Context) context.Context { return report.As(ctx, p.User.ID) }

type contextKey int

const principalKey contextKey = iota

// principal is who asks; nil for a public route.
func principal(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey).(*Principal)
	return p
}

// cookie holds a session. The prefix has browsers keep it to this host, to encryption (or loopback), and to no path.
const cookie = "__Host-tributary"

// identify returns who sends a request; nil for nobody.
func (s *Server) identify(r *http.Request) (*Principal, error) {
	p := &Principal{address: s.address(r)}
	if text := r.Header.Get("Authorization"); text != "" { // whoever shows a token is not also a session
		shown, is := strings.CutPrefix(text, "Bearer ")
		if !is || !strings.HasPrefix(shown, store.TokenPrefix) {
			return nil, nil
		}
		var err error
		if p.Token, p.User, err = s.store.Token(r.Context(), shown); err != nil {
			return nil, absent(err)
		}
		p.Scope = p.Token.Scope.And(&p.User.Scope)
		return p, nil
	}
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil, nil
	}
	if p.Session, p.User, err = s.store.Session(r.Context(), c.Value, s.cfg.SessionAge); err != nil {
		return nil, absent(err)
	}
	p.Scope = p.User.Scope
	p.Unproved = s.needsFactor(p.User) && !p.Session.Passed
	return p, nil
}

// needsFactor: owners and admins sign in with a second factor, but where only this machine reaches the console.
func (s *Server) needsFactor(u *store.User) bool {
	return !s.loopback && (u.Role == access.Owner || u.Role == access.Admin)
}

// absent is nil for ErrNone.
func absent(err error) error {
	if errors.Is(err, store.ErrNone) {
		return nil
	}
	return err
}
