package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

const (
	// repeatKey names a write, so that sending it again does nothing twice.
	repeatKey = "Idempotency-Key"
	// maxKeyBytes bounds it, maxAnswerBytes what is kept of an answer.
	maxKeyBytes    = 128
	maxAnswerBytes = 64 << 10
)

// once answers a write that has a key: what was made under the key is not made again. The key is kept in the transaction of what it made
// (store.Tx); the answer after it, so that it may be lost, and then the repetition is told that it is one.
func (s *Server) once(w http.ResponseWriter, r *http.Request, row *Route, p *Principal, key string, next http.Handler) {
	if len(key) > maxKeyBytes || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		refuse(w, http.StatusBadRequest, "Idempotency-Key is 1 to 128 characters of ASCII, such as a UUID")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil { // it is in memory
		s.broken(w, err)
		return
	}
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.RequestURI() + "\n" + r.Header.Get("If-Match") + "\n" + string(body)))
	p.key, p.digest = key, hex.EncodeToString(sum[:])
	r.Body = io.NopCloser(bytes.NewReader(body))
	if s.repeated(w, r, row, p) {
		return
	}
	kept := &keeping{ResponseWriter: w}
	next.ServeHTTP(kept, r)
	if kept.repeated { // somebody sent it at the same time, and was faster
		if !s.repeated(w, r, row, p) {
			refuse(w, http.StatusConflict, "the same request is under way")
		}
		return
	}
	if kept.status < 300 && !row.Secret && kept.body.Len() <= maxAnswerBytes {
		if err := s.store.Answered(r.Context(), p.User.ID, key, kept.status, kept.body.String()); err != nil {
			s.deps.Logger.Warn("the answer to a write is not kept for its repetition", zap.Error(err))
		}
	}
}

// repeated answers a request whose key made something already.
func (s *Server) repeated(w http.ResponseWriter, r *http.Request, row *Route, p *Principal) bool {
	was, err := s.store.Repeated(r.Context(), p.User.ID, p.key)
	switch {
	case err != nil:
		s.broken(w, err)
	case was == nil:
		return false
	case was.Digest != p.digest:
		refuse(w, http.StatusUnprocessableEntity, "this Idempotency-Key was of another request; a new one would be right")
	case was.Status == 0 && row.Secret:
		refuse(w, http.StatusConflict, "it was made already, and what is secret of it is shown once; end it and make another one")
	case was.Status == 0:
		refuse(w, http.StatusConflict, "it was made already; its answer is not kept, read what you made")
	default:
		w.Header().Set("Idempotency-Replayed", "true")
		if was.Answer != "" {
			w.Header().Set("Content-Type", formJSON)
		}
		w.WriteHeader(was.Status)
		_, _ = io.WriteString(w, was.Answer) // a client that went away is no news
	}
	return true
}

// statusRepeated is how a handler says that store.ErrRepeated came of it; it is never sent.
const statusRepeated = 599

// keeping remembers an answer while it is sent, and holds back one of statusRepeated.
type keeping struct {
	http.ResponseWriter
	status   int
	repeated bool
	body     bytes.Buffer
}

func (k *keeping) WriteHeader(status int) {
	if status == statusRepeated {
		k.repeated = true
		return
	}
	if k.status == 0 {
		k.status = status
		k.ResponseWriter.WriteHeader(status)
	}
}

func (k *keeping) Write(b []byte) (int, error) {
	if k.repeated {
		return len(b), nil
	}
	if k.status == 0 {
		k.WriteHeader(http.StatusOK)
	}
	if k.body.Len() <= maxAnswerBytes {
		k.body.Write(b)
	}
	return k.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (k *keeping) Unwrap() http.ResponseWriter { return k.ResponseWriter }
