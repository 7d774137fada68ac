package ingest

import "github.com/valyala/fasthttp"

func (e *Edge) serveBatch(ctx *fasthttp.RequestCtx, a asked, rawQuery []byte) {}
