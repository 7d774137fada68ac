package ingest

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/url"

	"github.com/valyala/fasthttp"

	"tributary/catalog/query"
	"tributary/schemas"
)

const (
	// maxBoundaryBytes is the longest boundary that RFC 2046, section 5.1.1, allows.
	maxBoundaryBytes = 70
	maxParts         = 1000
)

// openBody makes a postback's body one that is read: unpacked, and a form where it is one in parts. That it is one its
// own first line says, and a Content-Type can only have it refused: a body that was signed says one thing.
func openBody(ctx *fasthttp.RequestCtx) {
	unpack(ctx, schemas.MaxBodyBytes)
	switch string(mediaType(ctx.Request.Header.ContentType())) {
	case "", mediaForm, mediaParts:
	default:
		return
	}
	form, ok := formOfParts(ctx.Request.Body())
	if !ok {
		return
	}
	ctx.Request.SetBody(clip(form, schemas.MaxBodyBytes+1))
	ctx.Request.Header.SetContentType(mediaForm)
}

// formOfParts writes multipart/form-data, which PHP's curl makes of an array and web forms make of their fields, as a
// form. Of a file it has the name. It returns false for anything that is not whole.
func formOfParts(body []byte) (form []byte, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte("--"))
	if !ok {
		return nil, false
	}
	boundary, _, _ := bytes.Cut(rest, []byte{'\n'})
	if boundary = bytes.TrimRight(boundary, " \t\r"); len(boundary) == 0 || len(boundary) > maxBoundaryBytes {
		return nil, false
	}
	parts := multipart.NewReader(bytes.NewReader(body), string(boundary))
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return form, n > 0
		}
		if err != nil || n == maxParts || part.FormName() == "" {
			return nil, false
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, false
		}
		if name := part.FileName(); name != "" {
			value = []byte(name)
		}
		if n > 0 {
			form = append(form, '&')
		}
		form = append(append(append(form, url.QueryEscape(part.FormName())...), '='), query.EncodeID(string(value))...)
	}
}
