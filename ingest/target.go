package ingest

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/query"
)

// target splits the request line's target, which is a path or, from a proxy, a whole URL.
func target(ctx *fasthttp.RequestCtx) (path, rawQuery []byte) {
	uri := ctx.Request.Header.RequestURI()
	if len(uri) == 0 || uri[0] != '/' {
		return ctx.URI().PathOriginal(), ctx.URI().QueryString()
	}
	path, rawQuery, _ = bytes.Cut(uri, []byte{'?'})
	// No client sends a fragment. What looks like one in a query is a macro in number signs, or what is left of an ampersand (&#38;).
	path, _, cut := bytes.Cut(path, []byte{'#'})
	if cut {
		rawQuery = nil
	}
	return path, rawQuery
}

// spelled is path where the request's target names it so, letter by letter; nil where it had to be read as it was
// meant. What is not for everybody is found by its own spelling alone: whoever guards /metrics in front of the edge
// knows of no //metrics.
func spelled(ctx *fasthttp.RequestCtx, path []byte) []byte {
	uri, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	if _, behind, whole := bytes.Cut(uri, []byte("://")); whole && uri[0] != '/' {
		uri = behind[max(0, bytes.IndexByte(behind, '/')):]
	}
	if bytes.Equal(uri, path) {
		return path
	}
	return nil
}

// Meant returns path and query as whoever put the URL together meant them, where that is beyond doubt:
//
//   - several slashes are one: //postback/usd, /c//summer (but see spelled);
//   - what stands behind & (also \u0026) or an encoded ? or & in a path is the query, for no campaign, click ID or path
//     of another tracker has such a character: /c/summer&sub1=x, /c/summer%3Fsub1=x. A declared network's name may have
//     one, and keeps it;
//   - a path of ours that was written in capitals is that path: /Postback/usd;
//   - an encoded space at the end of a path is none of it;
//   - a second ? at the beginning of the query is none of a parameter's name.
//
// A path that is right, which is almost every one, is looked at once and copied never. The answer may share memory with
// the request.
func Meant(cat *catalog.Catalog, path, rawQuery []byte) (tidyPath, tidyQuery []byte) {
	rawQuery = bytes.TrimLeft(rawQuery, "?")
	if !isOdd(path) {
		return path, rawQuery
	}
	path = singleSlashes(path)
	if a, ok := askedAt(path); !ok || !a.named || cat.Network(a.network) == nil {
		path, rawQuery = parted(path, rawQuery)
	}
	for bytes.HasSuffix(path, encodedSpace) {
		path = path[:len(path)-len(encodedSpace)]
	}
	return ownWord(cat, path), rawQuery
}

// encodedSpace at the end of a path came with copying: no name ends with a space.
var encodedSpace = []byte("%20")

// isOdd tells of a path that may not be meant as it is written.
func isOdd(path []byte) bool {
	if len(path) > 1 && path[1] >= 'A' && path[1] <= 'Z' {
		return true
	}
	before := byte(0)
	for _, c := range path {
		if c == '&' || c == '%' || c == '\\' || c == '/' && before == '/' {
			return true
		}
		before = c
	}
	return false
}

func singleSlashes(path []byte) []byte {
	if !bytes.Contains(path, []byte("//")) {
		return path
	}
	single := make([]byte, 0, len(path))
	for i, c := range path {
		if c != '/' || i == 0 || path[i-1] != '/' {
			single = append(single, c)
		}
	}
	return single
}

// parted cuts a path where its query begins.
func parted(path, rawQuery []byte) (before, after []byte) {
	at, width := -1, 0
	for i, c := range path {
		if c == '&' {
			at, width = i, 1
			break
		}
		if c != '%' && c != '\\' || i+2 >= len(path) {
			continue
		}
		if n, _ := query.ScriptAmpersand(path[i:]); n > 0 {
			at, width = i, n
			break
		}
		if mark, ok := query.HexByte(path[i+1], path[i+2]); c == '%' && ok && (mark == '?' || mark == '&') {
			at, width = i, 3
			break
		}
	}
	if at < 0 {
		return path, rawQuery
	}
	before, after = path[:at], path[at+width:]
	if width == 3 && bytes.IndexByte(after, '=') < 0 {
		after = query.DecodePath(nil, after) // all of it was encoded once more
	}
	if len(rawQuery) == 0 {
		return before, after
	}
	return before, append(append(append(make([]byte, 0, len(after)+1+len(rawQuery)), after...), '&'), rawQuery...)
}

// ownWords are the first segments of our routes.
var ownWords = [...]string{"postback", "c", "i", "l"}

// ownWord writes the first segment of a path as our routes have it, unless a campaign of another tracker's link is
// named so.
func ownWord(cat *catalog.Catalog, path []byte) []byte {
	word := bytes.TrimPrefix(path, []byte{'/'})
	if i := bytes.IndexByte(word, '/'); i >= 0 {
		word = word[:i]
	}
	for _, own := range ownWords {
		if string(word) != own && bytes.EqualFold(word, []byte(own)) && cat.Campaign(word) == nil {
			return append(append(make([]byte, 0, len(path)), "/"+own...), path[1+len(word):]...)
		}
	}
	return path
}

// saidIn are the parts of a request's target in which parameters may stand: what is behind its first & or ?, and behind the ?
// that comes after that &.
func saidIn(ctx *fasthttp.RequestCtx) (parts [2][]byte) {
	uri := ctx.Request.Header.RequestURI()
	i := bytes.IndexAny(uri, "?&")
	if i < 0 {
		return parts
	}
	parts[0] = uri[i+1:]
	if uri[i] == '&' {
		parts[0], parts[1], _ = bytes.Cut(parts[0], []byte{'?'})
	}
	return parts
}
