package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"
)

const (
	// maxBody bounds a request.
	maxBody = 1 << 20
	// answerWithin is how long an answer may take to be taken by its reader; streams have it for each piece.
	answerWithin = 2 * time.Minute
)

// policy of every page: what is not ours is not loaded, and nothing inside the page is executed.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard is in front of every route. What it does not know it does not let through.
func (s *Server) guard(mux *http.ServeMux) http.Handler {
	rows := map[string]*Route{}
	for i := range Routes {
		r := &Routes[i]
		rows[r.Method+" "+r.Path] = r
	}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		row := rows[pattern]
		name := "none"
		if row != nil {
			name = row.ID
		}
		began := s.deps.Now()
		seen := &watched{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			s.metrics.requests.WithLabelValues(name, strconv.Itoa(seen.status/100)+"xx").Inc()
			s.metrics.seconds.WithLabelValues(name).Observe(s.deps.Now().Sub(began).Seconds())
		}()
		s.admit(seen, r, row, mux)
	})
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusForbidden, "the request comes from another site's page")
	}))
	protected := crossOrigin.Handler(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if s.cfg.TLS.CertFile != "" || strings.HasPrefix(s.cfg.PublicURL, "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !s.ownName(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "the console is not called so; set console.public_url to the name that people use")
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin)) // a recorder of a test has none
		// A body is read as a whole before anybody looks at it: what is left of one must not be taken for the next request.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			h.Set("Connection", "close")
			refuse(w, http.StatusRequestEntityTooLarge, "the request is larger than 1 MiB, or did not arrive as a whole")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		protected.ServeHTTP(w, r)
	})
}

// admit lets a request through that is a row of Routes, and whose sender has its right.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, row *Route, next http.Handler) {
	if row == nil {
		refuse(w, http.StatusNotFound, "there is no such address")
		return
	}
	if row.Public {
		next.ServeHTTP(w, r)
		return
	}
	page := !strings.HasPrefix(row.Path, api)
	p, err := s.identify(r)
	switch {
	case err != nil:
		s.deps.Logger.Error("who asks is not known", zap.Error(err))
		refuse(w, http.StatusServiceUnavailable, "the console's database does not answer; the log says why")
		return
	case p == nil && page && row.Method == http.MethodGet:
		http.Redirect(w, r, "/signin?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	case p == nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="tributary"`)
		refuse(w, http.StatusUnauthorized, "sign in, or send Authorization: Bearer and a token that is in force")
		return
	case p.Unproved && page && row.Method == http.MethodGet && row.ID != "page-account":
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	case p.Unproved && !p.May(row.Right):
		refuse(w, http.StatusForbidden, "an owner or admin needs a second factor first: set it up at /account")
		return
	case !p.May(row.Right):
		refuse(w, http.StatusForbidden, "the role "+string(p.Role())+" has no right "+string(row.Right))
		return
	case row.Session && p.Session == nil:
		refuse(w, http.StatusForbidden, "this needs somebody who is signed in; a token will not do")
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), principalKey, p))
	if key := r.Header.Get(repeatKey); key != "" && row.writes() && !page {
		s.once(w, r, row, p, key, next)
		return
	}
	next.ServeHTTP(w, r)
}

// ownName tells whether a request asks for the console under a name of its own: another name may be one that a stranger lets point
// here, to have a browser of this network ask. An address is nobody's name; with a certificate of its own the browser has looked.
func (s *Server) ownName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || s.host != "" && strings.EqualFold(host, s.host) {
		return true
	}
	return s.cfg.TLS.CertFile != "" && s.host == ""
}

// refuse answers with application/problem+json.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (w *watched) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

func (w *watched) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
