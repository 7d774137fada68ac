package ingest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/trust"
	"tributary/schemas"
)

// errNonces says that a signed postback cannot be told from a replay, because no more nonces may be remembered.
var errNonces = errors.New("as many nonces of the network are remembered as its trust.hmac_max_nonces allows")

// trusting makes what the edge believes: proxies, gate, certificate. It answers the listener to serve on and the metrics.
func (e *Edge) trusting(cfg *Config, listener net.Listener) (net.Listener, []prometheus.Collector, error) {
	declared, err := trust.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, nil, err
	}
	e.proxies, e.gate = proxies(declared), trust.NewGate(cfg.Trust)
	e.clicksTokens = tokensOf(cfg.Trust.ClicksTokens)
	e.secrets = &trust.Secrets{}
	for _, token := range cfg.Trust.ClicksTokens {
		e.secrets.Add([]byte(token))
	}
	collectors := e.gate.Collectors()
	if cfg.Trust.ProxyProtocol {
		// Before TLS: the header is the proxy's, in front of what the client encrypts.
		listener = trust.ListenPROXY(listener, declared, cfg.ReadTimeout)
	}
	if cfg.Trust.TLSCertFile != "" {
		if e.certificate, err = trust.LoadCertificate(cfg.Trust.TLSCertFile, cfg.Trust.TLSKeyFile); err != nil {
			return nil, nil, err
		}
		collectors = append(collectors, e.certificate.Collectors()...)
		listener = tls.NewListener(listener, e.certificate.TLS())
	}
	return listener, collectors, nil
}

// knowNetworks tells the gate of a catalog's networks before the catalog is in force.
func (e *Edge) knowNetworks(c *catalog.Catalog) {
	if c != nil {
		e.gate.Use(c.Networks())
	}
}

// ReloadCertificate reads the certificate's files again; it does nothing without TLS. After an error the one before stays in
// force. Open connections keep theirs.
func (e *Edge) ReloadCertificate() error {
	if e.certificate == nil {
		return nil
	}
	err := e.certificate.Reload()
	e.toldCertificate(err)
	return err
}

func (e *Edge) toldCertificate(err error) {
	if err != nil {
		e.log.Error("ingest: the changed certificate is refused", zap.Error(err))
		return
	}
	e.log.Info("ingest: the certificate was read again")
}

func (e *Edge) watchCertificate(ctx context.Context) {
	if e.certificate == nil {
		return
	}
	if err := e.certificate.Watch(ctx, e.toldCertificate); err != nil {
		e.log.Warn("ingest: the certificate is read again at SIGHUP only", zap.Error(err))
	}
}

// believe looks for the proof that a postback comes from its network, before any of its parameters counts. What it says of
// its network is the only thing taken as said.
func (e *Edge) believe(ctx *fasthttp.RequestCtx, p *postback, rawQuery []byte) *refusal {
	if p.proved {
		return nil
	}
	r := trust.Request{Query: rawQuery, Body: ctx.Request.Body(), Form: isForm(ctx), Client: p.addr, Now: time.UnixMilli(p.event.EventMs)}
	var name string
	var policy *trust.Policy
	var member []byte
	if p.network != nil {
		name, policy = p.network.Name, p.network.Trust
		if header := policy.TokenHeader(); header != "" {
			r.Token = bytes.TrimPrefix(ctx.Request.Header.Peek(header), []byte("Bearer "))
		}
		if len(r.Token) == 0 {
			r.Token = p.asked.key
		}
		// The member of a JSON body counts when it stands there word for word, so that it can be overwritten.
		if token := &p.reading.Values[dialect.Token]; len(token.Text) > 0 && token.Raw == nil && bytes.Contains(r.Body, token.Text) {
			if member = token.Text; len(r.Token) == 0 {
				r.Token = member
			}
		}
	}
	var refused *trust.Refusal
	if e.gate == nil {
		p.admission.Nonce, refused = policy.Prove(&r)
	} else {
		p.admission, refused = e.gate.Admit(name, policy, &r)
	}
	if p.admission.Shown {
		hideToken(ctx, policy, rawQuery)
		hideKey(ctx, p.asked.key)
		overwrite(r.Body, member)
	}
	if refused == nil {
		return nil
	}
	if refused.Full {
		return &refusal{unavailable: errNonces}
	}
	out := refuse(refused.Reason, refused.Field, refused.Detail, refused.WouldBeRight)
	if refused.Reason == schemas.RejectBadToken && p.reader.Dialect().KeyInPath() {
		out.WouldBeRight += ", or as KEY of the path /KEY/postback"
	}
	out.unbelieved = true
	if out.wait, out.unkept = refused.Wait, refused.Unkept; out.unkept {
		out.Detail += "; enough of its kind is on record, this one is not"
	}
	return out
}

// hideToken overwrites a token where the request is kept from: its target, its query (a copy in a request of a proxy) and
// its form.
func hideToken(ctx *fasthttp.RequestCtx, policy *trust.Policy, rawQuery []byte) {
	policy.Hide(rawQuery)
	for _, said := range saidIn(ctx) {
		policy.Hide(said)
	}
	if isForm(ctx) {
		policy.Hide(ctx.Request.Body())
	}
}

// tokenNames are the parameters that carry a token in any dialect.
var tokenNames = func() (names []string) {
	for _, d := range dialect.All {
		for _, n := range d.Postback.Names {
			if n.Param == dialect.Token {
				names = append(names, n.Name)
			}
		}
	}
	return names
}()

// hideOtherTokens overwrites what carries a token with other trackers, in a refused postback of a network that has tokens and reads no such
// parameter. The network's own stays unless it is right: one that is declared later proves the postback when it is looked at again.
func (p *postback) hideOtherTokens(ctx *fasthttp.RequestCtx) {
	if p.network == nil {
		return
	}
	said := saidIn(ctx)
	for _, name := range tokenNames {
		switch p.reader.Param([]byte(name)) {
		case dialect.Token, dialect.ParamUnknown, dialect.ParamIgnored:
			p.network.Trust.HideOther(said[0], name)
			p.network.Trust.HideOther(said[1], name)
			if isForm(ctx) {
				p.network.Trust.HideOther(ctx.Request.Body(), name)
			}
		}
	}
}

// hideKey overwrites the secret in a path, which stays a path of its dialect.
func hideKey(ctx *fasthttp.RequestCtx, key []byte) {
	if len(key) == 0 {
		return
	}
	path, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	overwrite(path, bytes.Clone(key))
}

// overwrite writes over every occurrence of secret.
func overwrite(text, secret []byte) {
	for len(secret) > 0 {
		i := bytes.Index(text, secret)
		if i < 0 {
			return
		}
		for n := range secret {
			text[i+n] = hidden
		}
		text = text[i+len(secret):]
	}
}

// hidden stands for a letter of a secret; it may stand in a path.
const hidden = 'x'

// retryAfter says when the same request would be taken.
func retryAfter(ctx *fasthttp.RequestCtx, wait time.Duration) {
	if wait > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(trust.Seconds(wait)))
	}
}

// hideTokens overwrites every network's token in the target of a request whose network was not read.
func (e *Edge) hideTokens(ctx *fasthttp.RequestCtx) {
	cat := e.catalog.Load()
	if cat == nil {
		return
	}
	said := saidIn(ctx)
	for _, policy := range cat.Networks() {
		policy.Hide(said[0])
		policy.Hide(said[1])
	}
	path, rawQuery := target(ctx)
	if m, ok := cat.Router().Match(path, rawQuery); ok && m.Kind == dialect.KindPostback {
		hideKey(ctx, m.Key)
	}
}
