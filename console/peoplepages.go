package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tributary/console/access"
	"tributary/console/store"
)

// said makes the status and the sentence of an error of the API's.
func said(err error) (int, string) {
	var known huma.StatusError
	if errors.As(err, &known) {
		return known.GetStatus(), sentence(known)
	}
	return http.StatusServiceUnavailable, sentence(err)
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request) {
	days, err := strconv.Atoi(r.PostFormValue("days"))
	name := strings.TrimSpace(r.PostFormValue("name"))
	if err != nil || days < 1 || days > 400 || name == "" || len(name) > 128 {
		s.showAccount(w, r, http.StatusUnprocessableEntity, "A token has a name of at most 128 bytes, and lasts 1 to 400 days.", "")
		return
	}
	made, err := s.makeToken(r.Context(), principal(r.Context()), NewToken{Name: name, Role: access.Role(r.PostFormValue("role")), Days: days})
	if err != nil {
		status, text := said(err)
		s.showAccount(w, r, status, text, "")
		return
	}
	s.showAccountWith(w, r, http.StatusOK, "", "", made.Secret)
}

func (s *Server) endToken(w http.ResponseWriter, r *http.Request) {
	p := principal(r.Context())
	err := s.store.Change(r.Context(), p.actor(), func(tx *store.Tx) error { return tx.EndToken(p.User.ID, r.PathValue("id")) })
	if err != nil {
		status, text := said(s.kept(err))
		s.showAccount(w, r, status, text, "")
		return
	}
	s.showAccount(w, r, http.StatusOK, "", "The token has ended.")
}

type usersPage struct {
	page
	Users  []store.User
	Roles  []access.Role
	Link   string // shown once
	Login  string
	Chosen Invitation
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request, status int, data usersPage) {
	p := principal(r.Context())
	data.Title, data.Who = "Users", p
	for _, role := range access.Roles {
		if p.User.Role.Manages(role) {
			data.Roles = append(data.Roles, role)
		}
	}
	var err error
	if data.Users, err = s.seenUsers(r.Context(), p); err != nil {
		s.broken(w, err)
		return
	}
	s.show(w, status, "users.html", data)
}

func (s *Server) postInvite(w http.ResponseWriter, r *http.Request) {
	names := func(field string) (list []string) {
		for name := range strings.SplitSeq(r.PostFormValue(field), ",") {
			if name = strings.TrimSpace(name); name != "" {
				list = append(list, name)
			}
		}
		return list
	}
	v := Invitation{Login: strings.TrimSpace(r.PostFormValue("login")), Role: access.Role(r.PostFormValue("role")),
		Scope: access.Scope{All: r.PostFormValue("all") != "", Campaigns: names("campaigns"), Buyers: names("buyers"), Teams: names("teams"), Tags: names("tags")}}
	made, err := s.invite(r.Context(), principal(r.Context()), v)
	if err != nil {
		status, text := said(err)
		s.showUsers(w, r, status, usersPage{page: page{Wrong: text}, Chosen: v})
		return
	}
	s.showUsers(w, r, http.StatusOK, usersPage{Link: made.Body.Link, Login: v.Login})
}
