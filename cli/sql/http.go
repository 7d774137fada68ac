package sql

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Server is where to ask, and as whom.
type Server struct {
	// Address is host:port of ClickHouse's HTTP interface, or of its native protocol for AskNative.
	Address  string
	Database string
	User     string
	Password string
	TLS      *tls.Config // nil: none
}

// maxErrorBytes is what is read of a refusal.
const maxErrorBytes = 64 << 10

// askReadonly asks whether the user is read-only already: such a one may not say so again, and needs not.
const askReadonly = "SELECT toUInt8(getSetting('readonly'))"

// Ask sends a query over HTTP and writes its result, in the format unless the query names one itself. The query is sent
// once, and as read-only unless the user cannot write anyway.
func Ask(ctx context.Context, s Server, query, format string, out io.Writer) error {
	var level strings.Builder
	if err := s.ask(ctx, askReadonly, "TSV", false, &level); err != nil {
		return err
	}
	return s.ask(ctx, query, format, strings.TrimSpace(level.String()) == "0", out)
}

func (s Server) ask(ctx context.Context, query, format string, readonly bool, out io.Writer) error {
	address := url.URL{Scheme: "http", Host: s.Address, Path: "/"}
	transport := &http.Transport{DisableKeepAlives: true}
	if s.TLS != nil {
		address.Scheme, transport.TLSClientConfig = "https", s.TLS
	}
	params := url.Values{"default_format": {format}}
	if s.Database != "" {
		params.Set("database", s.Database)
	}
	if readonly {
		params.Set("readonly", "1")
	}
	address.RawQuery = params.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(query))
	if err != nil {
		return err
	}
	request.Header.Set("X-ClickHouse-User", s.User)
	request.Header.Set("X-ClickHouse-Key", s.Password)
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the address is named by the caller, the parameters help nobody
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes))
		if err != nil {
			return fmt.Errorf("reading why it refused: %w", err)
		}
		return errors.New(plain(string(text)))
	}
	return copyResult(out, response.Body, response.Header.Get("X-ClickHouse-Exception-Tag"))
}

// ErrUnreachable is wrapped where nobody answered.
var ErrUnreachable = errors.New("nobody answers")

// copyResult copies until the body's end, or until the frame in which ClickHouse says why it breaks off.
func copyResult(out io.Writer, body io.Reader, tag string) error {
	marker := []byte("\r\n__exception__\r\n" + tag)
	held := make([]byte, 0, 64<<10+len(marker)) // not written yet, as it may be the beginning of the frame
	for {
		n, err := body.Read(held[len(held):cap(held)])
		held = held[:len(held)+n]
		if at := bytes.Index(held, marker); at >= 0 && tag != "" {
			if _, err := out.Write(held[:at]); err != nil {
				return fmt.Errorf("writing the result: %w", err)
			}
			rest, _ := io.ReadAll(io.LimitReader(body, maxErrorBytes)) // it ends in a cut connection
			text, _, _ := strings.Cut(strings.TrimPrefix(string(held[at+len(marker):])+string(rest), "\r\n"), "\n")
			return fmt.Errorf("the result is incomplete: %s", plain(text))
		}
		keep := min(len(held), len(marker)-1)
		if err != nil {
			keep = 0
		}
		if _, wrong := out.Write(held[:len(held)-keep]); wrong != nil {
			return fmt.Errorf("writing the result: %w", wrong)
		}
		held = append(held[:0], held[len(held)-keep:]...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the result is incomplete: %w", err)
		}
	}
}

var versionNote = regexp.MustCompile(` ?\(version [^()]*(?:\([^()]*\))?\)$`)

// plain is ClickHouse's text without what helps its developers only.
func plain(text string) string {
	return versionNote.ReplaceAllString(strings.TrimSpace(text), "")
}
