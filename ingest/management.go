package ingest

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"
)

// reasonToken: not in the closed list, because no event is dropped.
const reasonToken = "token_missing"

// maySeeInside tells whether a request is told figures and reasons: which networks send what, names of brokers and
// files. On the public port nobody is unless management_routes declares it, and then who shows the token of ops.
func (e *Edge) maySeeInside(ctx *fasthttp.RequestCtx) bool {
	if !e.cfg.Trust.ManagementRoutes {
		return false
	}
	if e.opsToken == nil {
		site := ctx.Request.Header.Peek("Sec-Fetch-Site")
		return len(site) == 0 || string(site) == "none" || string(site) == "same-origin"
	}
	given, found := bytes.CutPrefix(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization), []byte("Bearer "))
	return found && e.opsToken.Match(given)
}

func (e *Edge) serveMetrics(ctx *fasthttp.RequestCtx) {
	if !e.maySeeInside(ctx) {
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
		e.answerError(ctx, fasthttp.StatusUnauthorized, answer{Error: &refusal{
			Reason: reasonToken, Detail: "/metrics is for who shows the token of ops.token", WouldBeRight: "Authorization: Bearer TOKEN",
		}})
		return
	}
	e.scrape(ctx)
}

// servePlainReady answers only whether the edge is ready: the reasons name brokers and files.
func (e *Edge) servePlainReady(ctx *fasthttp.RequestCtx) {
	if e.Ready() != nil {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		fmt.Fprintln(ctx, `{"status":"not ready"}`)
		return
	}
	fmt.Fprintln(ctx, `{"status":"ready"}`)
}
