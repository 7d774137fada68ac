package ingest

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/schemas"
)

// A body is read as exactly one thing, and its own first character says which: { begins a JSON object, anything else
// is a form. A signature covers the body and not its Content-Type, so that a type which chose the reader could make
// another postback of a signed one. The type can only have a body refused.
type bodyKind uint8

const (
	bodyEmpty bodyKind = iota
	bodyForm
	bodyJSON
	// bodyNoJSON is said to be JSON, and is not an object; bodyOther has a type, bodyCoded an encoding, that is not
	// read (see unpack).
	bodyNoJSON
	bodyOther
	bodyCoded
)

const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
	// mediaParts is written as a form; see openBody.
	mediaParts = "multipart/form-data"
)

// mediaType is a Content-Type without its parameters, in lower case. No charset changes how a body is read: all text
// is UTF-8.
func mediaType(contentType []byte) []byte {
	kind, _, _ := bytes.Cut(contentType, []byte{';'})
	return bytes.ToLower(bytes.TrimSpace(kind))
}

// textOf is a body without the byte order mark that some programs begin UTF-8 with.
func textOf(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }

// kindOf tells how the body is read.
func kindOf(ctx *fasthttp.RequestCtx) bodyKind {
	body := bytes.TrimSpace(textOf(ctx.Request.Body()))
	if len(body) == 0 {
		return bodyEmpty
	}
	if isCoded(&ctx.Request.Header) || bytes.HasPrefix(body, []byte(gzipMagic)) {
		return bodyCoded
	}
	kind := mediaType(ctx.Request.Header.ContentType())
	switch {
	case len(kind) > 0 && string(kind) != mediaJSON && string(kind) != mediaForm:
		return bodyOther
	case body[0] == '{':
		return bodyJSON
	case string(kind) == mediaJSON:
		return bodyNoJSON
	}
	return bodyForm
}

// isForm tells whether the body is read as a form.
func isForm(ctx *fasthttp.RequestCtx) bool { return kindOf(ctx) == bodyForm }

// bodyOf reads the body: a raw form, or an object that lasts as long as the parser, which is nil for an empty body.
func bodyOf(ctx *fasthttp.RequestCtx, parser *fastjson.Parser) (form []byte, object *fastjson.Object, refused *refusal) {
	body, kind := ctx.Request.Body(), kindOf(ctx)
	if kind != bodyEmpty && len(body) > schemas.MaxBodyBytes {
		size := strconv.Itoa(len(body))
		if len(body) == schemas.MaxBodyBytes+1 { // of a packed one no more was unpacked
			size = "more than " + strconv.Itoa(schemas.MaxBodyBytes)
		}
		return nil, nil, refuse(schemas.RejectTooLong, "", "the body has "+size+" bytes",
			"at most "+strconv.Itoa(schemas.MaxBodyBytes)+" bytes, unpacked")
	}
	switch body = textOf(body); kind {
	case bodyForm:
		return body, nil, nil
	case bodyJSON, bodyNoJSON:
		object, refused = objectOf(parser, body)
		return nil, object, refused
	case bodyCoded:
		return nil, nil, refuseCoded(&ctx.Request.Header)
	case bodyOther:
		return nil, nil, refuse(schemas.RejectBadBody, "", "the content type "+quoted(mediaType(ctx.Request.Header.ContentType()))+" cannot be read", mediaJSON+", "+mediaForm+" or a whole "+mediaParts)
	}
	return nil, nil, nil
}
