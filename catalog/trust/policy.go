package trust

import (
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"tributary/catalog/query"
	"tributary/schemas"
)

// Rules are what a network's postbacks must prove, checked and decoded. Every kind that is declared must hold; the zero Rules
// believe everyone.
type Rules struct {
	// HMACKeys are the secrets of signatures by key ID. Several are good at the same time.
	HMACKeys map[string][]byte
	// MaxAge is how far a signature's timestamp may lie from the edge's clock, either way.
	MaxAge time.Duration
	// MaxNonces is how many nonces are remembered at the same time.
	MaxNonces int
	// Tokens are the shared tokens by key ID, in TokenParameter of query or form, or in TokenHeader when that is not empty.
	Tokens                      map[string][]byte
	TokenParameter, TokenHeader string
	// Allow are the client addresses that may send; empty for all.
	Allow []netip.Prefix
	Rate  Rate
}

// proofIndex is the place of a key or token among a policy's counters.
type proofIndex int

// Policy is Rules compiled for one network. It is immutable.
type Policy struct {
	network string
	rules   Rules
	keys    []*key
	tokens  Tokens
}

// NewPolicy compiles the rules of a network; nil rules that ask for nothing make a nil Policy.
func NewPolicy(network string, r Rules) *Policy {
	if len(r.HMACKeys)+len(r.Tokens)+len(r.Allow) == 0 && !r.Rate.limited() {
		return nil
	}
	p := &Policy{network: network, rules: r}
	for _, id := range slices.Sorted(maps.Keys(r.HMACKeys)) {
		k := newKey(id, r.HMACKeys[id])
		k.proof = proofIndex(len(p.keys))
		p.keys = append(p.keys, k)
	}
	for _, id := range slices.Sorted(maps.Keys(r.Tokens)) {
		p.tokens.add(id, r.Tokens[id])
	}
	return p
}

// TokenHeader is the header that may carry the token; empty for none, also of a nil Policy.
func (p *Policy) TokenHeader() string {
	if p == nil {
		return ""
	}
	return p.rules.TokenHeader
}

// IsToken tells whether value is one of the network's tokens, also of a nil Policy.
func (p *Policy) IsToken(value []byte) bool { return p != nil && p.tokens.Match(value) }

// Signed tells whether the policy, which is nil for none, asks for a signature.
func (p *Policy) Signed() bool { return p != nil && len(p.keys) > 0 }

// KnowsSender tells whether the policy, which is nil for none, lets only those in who prove that they are the network.
func (p *Policy) KnowsSender() bool {
	return p != nil && len(p.keys)+len(p.tokens.sums)+len(p.rules.Allow) > 0
}

// Request is what a proof is looked for in. It belongs to the caller and is not kept.
type Request struct {
	Query, Body []byte
	// Form: the body is application/x-www-form-urlencoded.
	Form bool
	// Token is one from elsewhere, a header or the path, decoded; empty for none. It comes before the parameter.
	Token []byte
	// Client is the address behind declared proxies.
	Client netip.Addr
	Now    time.Time
}

// proof is what a request proved.
type proof struct {
	key     *key // nil: the policy asks for no signature
	token   int  // -1: none was right
	stampMS int64
	nonce   []byte // points into the scratch
}

// prove checks everything that depends on the request alone.
func (p *Policy) prove(s *scratch, r *Request) (out proof, refused *Refusal) {
	out.token = -1
	if len(r.Query) > schemas.MaxURLBytes {
		return out, refuse(schemas.RejectTooLong, "", "the query has "+strconv.Itoa(len(r.Query))+" bytes", "at most "+strconv.Itoa(schemas.MaxURLBytes)+" bytes")
	}
	if len(p.tokens.sums) > 0 {
		out.token, refused = p.proveToken(s, r)
	}
	if len(p.rules.Allow) > 0 && !contains(p.rules.Allow, r.Client.Unmap()) {
		return out, refuse(schemas.RejectIPNotAllowed, "", r.Client.Unmap().String()+" may not send for network "+p.network,
			"an address in the network's trust.allow; behind a proxy, the proxy in ingest.trusted_proxies")
	}
	if refused == nil && len(p.keys) > 0 {
		refused = p.proveSignature(s, r, &out)
	}
	return out, refused
}

func (p *Policy) proveToken(s *scratch, r *Request) (int, *Refusal) {
	value := r.Token
	if len(value) == 0 {
		raw := find(r.Query, p.rules.TokenParameter)
		if len(raw) == 0 && r.Form {
			raw = find(r.Body, p.rules.TokenParameter)
		}
		// The limit keeps a hostile body from being decoded as a token.
		if value = raw; query.Encoded(raw) && len(raw) <= schemas.MaxURLBytes {
			s.plain = query.Decode(s.plain[:0], raw)
			value = s.plain
		}
	}
	if len(value) == 0 {
		return -1, p.badToken("the postback has no token")
	}
	token := p.tokens.match(value)
	if token < 0 {
		return -1, p.badToken("the token is none of the network's")
	}
	return token, nil
}

func (p *Policy) badToken(detail string) *Refusal {
	where := "the token of network " + p.network + " in parameter " + p.rules.TokenParameter
	if p.rules.TokenHeader != "" {
		where += " or header " + p.rules.TokenHeader
	}
	return refuse(schemas.RejectBadToken, p.rules.TokenParameter, detail, where)
}

const rightSignature = "sig_key, sig_ts (Unix seconds), sig_nonce and sig, the HMAC-SHA256 of the canonical query in hexadecimal digits"

func (p *Policy) proveSignature(s *scratch, r *Request, out *proof) *Refusal {
	got, problem := s.canonical(p.network, r.Query, r.Body)
	bad := func(field, detail, wouldBeRight string) *Refusal {
		return refuse(schemas.RejectBadSignature, field, detail, wouldBeRight)
	}
	switch {
	case problem != "":
		return bad("", problem, rightSignature+", each once")
	case len(got.sig) == 0:
		return bad(ParamSignature, "the postback is not signed", rightSignature)
	case len(got.sig) != hex.EncodedLen(len(s.sum)):
		return bad(ParamSignature, "the signature has "+strconv.Itoa(len(got.sig))+" characters", "64 hexadecimal digits")
	case !isNonce(got.nonce):
		return bad(ParamNonce, "the nonce is missing or is none", "8 to 64 of a-z A-Z 0-9 _ -, another one in each request")
	}
	if _, err := hex.Decode(s.given[:], got.sig); err != nil {
		return bad(ParamSignature, "the signature is not hexadecimal", "64 hexadecimal digits")
	}
	stampMS, ok := parseStamp(got.time)
	if !ok {
		return bad(ParamTime, "the timestamp is missing or is none", "Unix seconds, such as 1767225600")
	}
	// Which key IDs there are is no secret.
	i := slices.IndexFunc(p.keys, func(k *key) bool { return k.id == string(got.key) })
	if i < 0 {
		return bad(ParamKey, "network "+p.network+" has no such signing key", "the ID of a key in the network's trust.hmac_keys")
	}
	p.keys[i].sign(s.message, &s.sum)
	if s.sum.equal(&s.given) != 1 {
		return bad(ParamSignature, "the signature does not fit the request", rightSignature)
	}
	// Only now: a stranger learns nothing of the clock, and what is called stale was meant by the network.
	if age := time.Duration(r.Now.UnixMilli()-stampMS) * time.Millisecond; age.Abs() > p.rules.MaxAge {
		return stale("the request was signed " + age.Abs().Round(time.Second).String() + side(age))
	}
	out.key, out.stampMS, out.nonce = p.keys[i], stampMS, got.nonce
	return nil
}

func stale(detail string) *Refusal {
	return refuse(schemas.RejectStaleRequest, ParamTime, detail, "a request signed again, by a clock that is right")
}

func side(age time.Duration) string {
	if age < 0 {
		return " ahead of this server's clock"
	}
	return " ago"
}

// Prove looks at a request again that came before, as of r.Now: nonces and rates do not count. nonce is that of a signed
// request.
func (p *Policy) Prove(r *Request) (nonce string, refused *Refusal) {
	if p == nil {
		return "", nil
	}
	var s scratch
	got, refused := p.prove(&s, r)
	return string(got.nonce), refused
}

// Hide overwrites the token's parameter in a raw query or form, so that what is kept of a request is no secret.
func (p *Policy) Hide(raw []byte) {
	if p != nil && len(p.tokens.sums) > 0 {
		hide(raw, p.rules.TokenParameter)
	}
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range list {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
