package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
)

//go:embed pages/*.html pages/style.css
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"time": func(ms int64) string {
		if ms == 0 {
			return "–"
		}
		return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC")
	},
}).ParseFS(files, "pages/*.html"))

// A page is what every page has.
type page struct {
	Title       string
	Who         *Principal // nil: nobody is signed in
	Narrow      bool
	Wrong, Done string
}

func (s *Server) pages(mux *http.ServeMux) {
	on := func(id string, handle http.HandlerFunc) {
		r := route(id)
		mux.HandleFunc(r.Method+" "+r.Path, handle)
	}
	on("page-style", func(w http.ResponseWriter, _ *http.Request) {
		text, _ := files.ReadFile("pages/style.css") // it is embedded
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(text)
	})
	on("page-signin", s.showSignIn)
	on("page-signin-post", s.signIn)
	on("page-signout", s.signOut)
	on("page-link", s.showLink)
	on("page-link-post", s.useLink)
	on("page-account", func(w http.ResponseWriter, r *http.Request) { s.showAccount(w, r, http.StatusOK, "", "") })
	on("page-account-password", s.changePassword)
	on("page-account-factor", s.setFactor)
	on("page-report", s.showReport)
	on("page-shared", s.showShared)
	on("page-token-make", s.postToken)
	on("page-token-end", s.endToken)
	on("page-users", func(w http.ResponseWriter, r *http.Request) { s.showUsers(w, r, http.StatusOK, usersPage{}) })
	on("page-user-invite", s.postInvite)
}

// show writes a page.
func (s *Server) show(w http.ResponseWriter, status int, name string, data any) {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		s.deps.Logger.Error("a page was not made", zap.String("page", name), zap.Error(err))
		refuse(w, http.StatusInternalServerError, "the page was not made; the console's log says why")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // a client that went away is no news
}

type signInPage struct {
	page
	Login, To string
}

// within returns where to go after a sign-in: a path of ours, never another host's.
func within(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) {
	s.show(w, http.StatusOK, "signin.html", signInPage{page: page{Title: "Sign in", Narrow: true}, To: within(r.FormValue("to"))})
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	c := store.Credentials{Login: strings.TrimSpace(r.PostFormValue("login")), Password: r.PostFormValue("password"),
		Code: strings.TrimSpace(r.PostFormValue("code")), Address: s.address(r)}
	u, err := s.store.Check(r.Context(), c)
	if err != nil {
		status, outcome := http.StatusUnauthorized, "refused"
		switch {
		case errors.Is(err, store.ErrWait):
			status, outcome = http.StatusTooManyRequests, "held_back"
		case !errors.Is(err, store.ErrCredentials) && !errors.Is(err, store.ErrCode):
			s.deps.Logger.Error("a sign-in failed", zap.Error(err))
			status, err = http.StatusServiceUnavailable, errors.New("the console's database does not answer; its log says why")
		}
		s.metrics.signins.WithLabelValues(outcome).Inc()
		s.deps.Logger.Info("a sign-in was not let in", zap.String("address", c.Address), zap.String("outcome", outcome))
		s.show(w, status, "signin.html", signInPage{page: page{Title: "Sign in", Narrow: true, Wrong: sentence(err)}, Login: c.Login, To: within(r.PostFormValue("to"))})
		return
	}
	s.enter(w, r, u, u.TOTP, "session", within(r.PostFormValue("to")))
}

func sentence(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	first, n := utf8.DecodeRuneInString(text)
	return strings.ToUpper(string(first)) + text[n:] + "."
}

// enter signs a user in with a new session, whatever the browser had before.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, u *store.User, passed bool, through, to string) {
	longest := sessionsInAll * s.cfg.SessionAge
	var shown string
	actor := store.Actor{ID: u.ID, Name: u.Login, Through: through, Address: s.address(r)}
	err := s.store.Change(r.Context(), actor, func(tx *store.Tx) (err error) {
		if c, gone := r.Cookie(cookie); gone == nil {
			if err := tx.DropSession(c.Value); err != nil {
				return err
			}
		}
		shown, _, err = tx.AddSession(u, passed, clip(r.UserAgent(), 256), s.address(r), longest)
		return err
	})
	if err != nil {
		s.broken(w, err)
		return
	}
	s.metrics.signins.WithLabelValues("done").Inc()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: shown, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(longest.Seconds())})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func clip(text string, n int) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}

func (s *Server) broken(w http.ResponseWriter, err error) {
	s.deps.Logger.Error("a request failed", zap.Error(err))
	refuse(w, http.StatusServiceUnavailable, "the console's database does not answer; its log says why")
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	p := principal(r.Context())
	err := s.store.Change(r.Context(), p.actor(), func(tx *store.Tx) error { return absent(tx.EndSession(p.User.ID, p.Session.ID)) })
	if err != nil {
		s.broken(w, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

type linkPage struct {
	page
	Login, Zone          string
	FixedLogin, KeepZone bool
	Least                int
}

var linkTitles = map[string]string{store.LinkSetup: "Make the first owner", store.LinkInvite: "Welcome", store.LinkPassword: "Set a new password"}

// link finds the link of a request, or tells that there is none.
func (s *Server) linkOf(w http.ResponseWriter, r *http.Request) *store.Link {
	l, err := s.store.Link(r.Context(), r.PathValue("secret"))
	switch {
	case errors.Is(err, store.ErrNone):
		s.show(w, http.StatusNotFound, "signin.html", signInPage{page: page{Title: "Sign in", Narrow: true,
			Wrong: "This link was used, or its time is over. A restart of Tributary prints a new one while there is no owner; `tributary console owner` makes one at any time."}, To: "/"})
		return nil
	case err != nil:
		s.broken(w, err)
		return nil
	}
	return l
}

func (s *Server) showLink(w http.ResponseWriter, r *http.Request) {
	l := s.linkOf(w, r)
	if l == nil {
		return
	}
	if l.Kind == store.LinkDemo {
		u, err := s.store.User(r.Context(), l.UserID)
		if err != nil || u.Disabled {
			s.broken(w, errors.Join(err, errors.New("the demo's user cannot sign in")))
			return
		}
		s.enter(w, r, u, true, "link", "/")
		return
	}
	s.show(w, http.StatusOK, "link.html", s.linkPage(l, l.Login, "", ""))
}

func (s *Server) linkPage(l *store.Link, login, zone, wrong string) linkPage {
	if zone == "" {
		zone = "UTC"
	}
	return linkPage{page: page{Title: linkTitles[l.Kind], Narrow: true, Wrong: wrong}, Login: login, Zone: zone,
		FixedLogin: l.Login != "", KeepZone: l.Kind == store.LinkPassword, Least: store.MinPasswordRunes}
}

func (s *Server) useLink(w http.ResponseWriter, r *http.Request) {
	l := s.linkOf(w, r)
	if l == nil {
		return
	}
	if l.Kind == store.LinkDemo {
		refuse(w, http.StatusMethodNotAllowed, "open it, it takes nothing")
		return
	}
	login, password, zone := strings.ToLower(strings.TrimSpace(r.PostFormValue("login"))), r.PostFormValue("password"), strings.TrimSpace(r.PostFormValue("zone"))
	if l.Login != "" {
		login = l.Login
	}
	if zone == "" {
		zone = "UTC"
	}
	err := store.CheckPassword(password, login)
	if err == nil && password != r.PostFormValue("again") {
		err = errors.New("the two passwords differ")
	}
	if err == nil && l.UserID == "" {
		err = store.CheckLogin(login)
	}
	if err == nil {
		_, err = report.Zone(zone)
	}
	if err != nil {
		s.show(w, http.StatusUnprocessableEntity, "link.html", s.linkPage(l, login, zone, sentence(err)))
		return
	}
	var u *store.User
	err = s.store.Change(r.Context(), store.Actor{Name: login, Through: "link", Address: s.address(r)}, func(tx *store.Tx) (err error) {
		l, err := tx.UseLink(r.PathValue("secret"))
		if err != nil {
			return err
		}
		u, err = s.linked(r.Context(), tx, l, login, password, zone)
		return err
	})
	switch {
	case errors.Is(err, store.ErrTaken):
		s.show(w, http.StatusConflict, "link.html", s.linkPage(l, login, zone, "That name is taken; choose another one."))
	case errors.Is(err, store.ErrNone):
		s.linkOf(w, r)
	case err != nil:
		s.broken(w, err)
	default:
		s.enter(w, r, u, false, "link", "/account")
	}
}

// linked does what a link is for.
func (s *Server) linked(ctx context.Context, tx *store.Tx, l *store.Link, login, password, zone string) (*store.User, error) {
	switch l.Kind {
	case store.LinkPassword:
		u, err := tx.User(l.UserID)
		if err != nil {
			return nil, err
		}
		if u.TOTP {
			if err := tx.SetTOTP(u, "", 0); err != nil {
				return nil, err
			}
		}
		return u, tx.SetPassword(u, password, "")
	case store.LinkInvite:
		u := &store.User{Login: login, Name: login, Role: l.Role, Scope: l.Scope, Zone: zone}
		return u, tx.AddUser(u, password)
	case store.LinkSetup:
		if owned, err := tx.AnyOwner(); err != nil || owned {
			return nil, errors.Join(store.ErrNone, err) // somebody was faster
		}
		u := &store.User{Login: login, Name: login, Role: access.Owner, Scope: access.Everything, Zone: zone}
		return u, tx.AddUser(u, password)
	}
	return nil, fmt.Errorf("%w: a link of kind %q", store.ErrNone, l.Kind)
}

type accountPage struct {
	page
	Secret   string
	Address  template.URL
	Sessions []store.Session
	Tokens   []store.Token
	Roles    []access.Role
	Least    int
	Made     string // a token, shown once
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, status int, wrong, done string) {
	s.showAccountWith(w, r, status, wrong, done, "")
}

func (s *Server) showAccountWith(w http.ResponseWriter, r *http.Request, status int, wrong, done, made string) {
	p := principal(r.Context())
	data := accountPage{page: page{Title: "Account", Who: p, Wrong: wrong, Done: done}, Least: store.MinPasswordRunes, Made: made}
	var err error
	if p.May(access.WriteTokens) {
		for _, role := range access.Roles {
			if role.Within(p.Role()) {
				data.Roles = append(data.Roles, role)
			}
		}
		if data.Tokens, err = s.store.Tokens(r.Context(), p.User.ID); err != nil {
			s.broken(w, err)
			return
		}
	}
	if data.Sessions, err = s.store.Sessions(r.Context(), p.User.ID, s.cfg.SessionAge); err != nil {
		s.broken(w, err)
		return
	}
	if !p.User.TOTP {
		secret, address, err := store.NewTOTP(p.User.Login)
		if err != nil {
			s.broken(w, err)
			return
		}
		data.Secret, data.Address = secret, template.URL(address) //nolint:gosec // made here
	}
	s.show(w, status, "account.html", data)
}

// proved asks for the password again before something that a thief of a session must not do.
func (s *Server) proved(r *http.Request, p *Principal, password string) error {
	code := ""
	_, err := s.store.Check(r.Context(), store.Credentials{Login: p.User.Login, Password: password, Code: code, Address: s.address(r)})
	if errors.Is(err, store.ErrCode) { // the password is right
		return nil
	}
	return err
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	p := principal(r.Context())
	password := r.PostFormValue("password")
	err := s.proved(r, p, r.PostFormValue("old"))
	if err == nil {
		err = store.CheckPassword(password, p.User.Login)
	}
	if err == nil && password != r.PostFormValue("again") {
		err = errors.New("the two new passwords differ")
	}
	if err != nil {
		s.showAccount(w, r, http.StatusUnprocessableEntity, sentence(err), "")
		return
	}
	if err := s.store.Change(r.Context(), p.actor(), func(tx *store.Tx) error { return tx.SetPassword(p.User, password, p.Session.Hash()) }); err != nil {
		s.broken(w, err)
		return
	}
	s.showAccount(w, r, http.StatusOK, "", "The password is changed, and your other sessions have ended.")
}

func (s *Server) setFactor(w http.ResponseWriter, r *http.Request) {
	p := principal(r.Context())
	secret := r.PostFormValue("secret")
	step, fits := store.CodeStep(secret, r.PostFormValue("code"), s.deps.Now())
	err := s.proved(r, p, r.PostFormValue("password"))
	if err == nil && (!fits || len(secret) < 16 || len(secret) > 128 || p.User.TOTP) {
		err = errors.New("the code is not the one of this secret; look at the clock of your device")
	}
	if err != nil {
		s.showAccount(w, r, http.StatusUnprocessableEntity, sentence(err), "")
		return
	}
	err = s.store.Change(r.Context(), p.actor(), func(tx *store.Tx) error {
		if err := tx.SetTOTP(p.User, secret, step); err != nil {
			return err
		}
		return tx.Prove(p.Session)
	})
	if err != nil {
		s.broken(w, err)
		return
	}
	p.Unproved = false
	s.showAccount(w, r, http.StatusOK, "", "A code is asked for from now on.")
}
