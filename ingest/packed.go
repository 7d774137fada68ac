package ingest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"tributary/schemas"
)

const gzipMagic = "\x1f\x8b"

// unpack puts what a packed body says in its place, so that all that reads it, hides secrets in it and keeps it sees a
// text. Of a body that would have more than limit bytes it is the first limit+1, which whoever reads it refuses as too
// long; one that is damaged stays as it is. Whether a body is packed its own first bytes say, not a header: what was
// signed, the text, then says the same however it is delivered.
func unpack(ctx *fasthttp.RequestCtx, limit int) {
	body := ctx.Request.Body()
	if !bytes.HasPrefix(body, []byte(gzipMagic)) || isCoded(&ctx.Request.Header) && !isGzip(&ctx.Request.Header) {
		return
	}
	packed, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return
	}
	text, err := io.ReadAll(io.LimitReader(packed, int64(limit)+1))
	if err != nil {
		return
	}
	ctx.Request.SetBody(text)
	ctx.Request.Header.Del(fasthttp.HeaderContentEncoding)
}

// isCoded tells of a body that is said to be packed.
func isCoded(h *fasthttp.RequestHeader) bool {
	coding := bytes.TrimSpace(h.ContentEncoding())
	return len(coding) > 0 && !bytes.EqualFold(coding, []byte("identity"))
}

func isGzip(h *fasthttp.RequestHeader) bool {
	coding := bytes.TrimSpace(h.ContentEncoding())
	return bytes.EqualFold(coding, []byte("gzip")) || bytes.EqualFold(coding, []byte("x-gzip"))
}

func refuseCoded(h *fasthttp.RequestHeader) *refusal {
	if isGzip(h) || !isCoded(h) {
		return refuse(schemas.RejectBadBody, "", "the body is said or looks to be packed (gzip) and cannot be unpacked: "+
			"it is not, or damaged, cut off or packed twice", "the body as it is, without Content-Encoding, or packed once")
	}
	return refuse(schemas.RejectBadBody, "", "the content encoding "+quoted(h.ContentEncoding())+" is not unpacked",
		"the body as it is, without Content-Encoding, or gzip")
}

// rawRequest is the request as a dead letter keeps it: method, path and query, a blank line, the body. In a body that
// is still packed nobody finds the secrets and addresses that are to be hidden, and nobody reads it: it is not kept.
func rawRequest(ctx *fasthttp.RequestCtx) []byte {
	raw := requestLine(ctx)
	body := ctx.Request.Body()
	switch {
	case len(body) == 0:
		return raw
	case bytes.HasPrefix(body, []byte(gzipMagic)) || isCoded(&ctx.Request.Header) && !utf8.Valid(body):
		return fmt.Appendf(raw, "\n\n(%d bytes, packed, are not kept)", len(body))
	}
	raw = append(raw, "\n\n"...)
	return append(raw, clip(body, schemas.MaxRawBytes)...)
}

// rawUpload is rawRequest of an upload, which may be in UTF-16 too.
func rawUpload(ctx *fasthttp.RequestCtx) []byte {
	body := ctx.Request.Body()
	if !bytes.HasPrefix(body, []byte(gzipMagic)) && bytes.IndexByte(clip(body, schemas.MaxRawBytes), 0) < 0 {
		return rawRequest(ctx)
	}
	return fmt.Appendf(requestLine(ctx), "\n\n(%d bytes, packed or in UTF-16, are not kept)", len(body))
}

// requestLine is a copy of method, path and query.
func requestLine(ctx *fasthttp.RequestCtx) []byte {
	uri := ctx.Request.Header.RequestURI()
	raw := make([]byte, 0, min(len(uri)+256, schemas.MaxRawBytes))
	raw = append(raw, ctx.Method()...)
	raw = append(raw, ' ')
	return append(raw, clip(uri, schemas.MaxRawBytes)...)
}
