package loadgen

import (
	"net/url"

	"github.com/valyala/fasthttp"
)

// impression loads an ad's image as a browser does: once. A repeated request would be another showing.
func (w *worker) impression(i *Impression) {
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	visit(request, "/i/"+i.Campaign.Name+"?"+url.Values{"source": {i.Source.Name}, "creative": {i.Creative}}.Encode(), i.IP, i.UserAgent, i.Language)
	w.d.Stats.Impressions.Add(1)
	if w.exchange(request, answer, func() { w.d.truth.doubtImpression(i) }, false, nil) == nil {
		return
	}
	if answer.StatusCode() != fasthttp.StatusOK || string(answer.Header.ContentType()) != "image/gif" {
		w.d.surprise("impression %s: %d %s, want 200 and a GIF", request.RequestURI(), answer.StatusCode(), cut(answer.Body()))
		return
	}
	w.d.truth.impression(i)
}

// press follows the button of a landing page, once. A click whose answer is unknown gave its page no ID to lead on with.
func (w *worker) press(c *Click) {
	if c.ID == "" {
		return
	}
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	visit(request, "/l/"+c.ID, c.IP, c.UserAgent, c.Language)
	w.d.Stats.Presses.Add(1)
	if w.exchange(request, answer, func() { w.d.truth.doubtPress(c) }, false, nil) == nil {
		return
	}
	if answer.StatusCode() != fasthttp.StatusFound || len(answer.Header.Peek("Location")) == 0 {
		w.d.surprise("press %s: %d %s, want 302 and the offer", request.RequestURI(), answer.StatusCode(), cut(answer.Body()))
		return
	}
	w.d.truth.press(c)
}

// visit is what a visitor's browser sends through a balancer.
func visit(request *fasthttp.Request, uri, ip, userAgent, language string) {
	request.SetRequestURI(uri)
	request.SetHost("tributary")
	request.Header.SetUserAgent(userAgent)
	request.Header.Set("Accept-Language", language)
	request.Header.Set("X-Forwarded-For", ip)
}
