package catalog

import (
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/id"
)

// TrustConfig is what a network's postbacks have to prove. Every kind that is declared must hold; none declared believes
// everyone who knows a click ID.
type TrustConfig struct {
	HMACKeys           map[string]Secret `yaml:"hmac_keys" doc:"secrets of signed postbacks by key ID (sig_key): at least 32 hexadecimal digits, or plain text of at least 16 bytes; all are good, so declare the new one before the network uses it and drop the old one when trust_proofs_total no longer counts it"`
	HMACMaxAge         time.Duration     `yaml:"hmac_max_age" doc:"how far the timestamp of a signed postback may lie from the edge's clock, 1s to 15m; 5m when left out"`
	HMACMaxNonces      int               `yaml:"hmac_max_nonces" doc:"nonces that are remembered, about 20 bytes each: at least the signed postbacks of twice hmac_max_age, more are answered 503; 100000 when left out"`
	Tokens             map[string]Secret `yaml:"tokens" doc:"shared tokens by a name of yours, each of at least 16 bytes; all are good, rotate as hmac_keys"`
	TokenParameter     string            `yaml:"token_parameter" doc:"parameter of the query or form that carries the token; token when left out"`
	TokenHeader        string            `yaml:"token_header" doc:"header that may carry the token instead, as it is or behind Bearer; none when left out"`
	Allow              []string          `yaml:"allow" doc:"networks (CIDR) and addresses that may send, behind ingest.trusted_proxies; all when left out"`
	PostbacksPerSecond int               `yaml:"postbacks_per_second" doc:"postbacks a second that are taken from the network; more are answered 429; 0 for no limit"`
	PostbacksBurst     int               `yaml:"postbacks_burst" doc:"postbacks that are taken at once within postbacks_per_second; twice the rate when left out"`
}

const (
	defaultMaxAge, minMaxAge, maxMaxAge = 5 * time.Minute, time.Second, 15 * time.Minute
	defaultMaxNonces, maxMaxNonces      = 100_000, 10_000_000

	maxTrustKeys    = 16
	maxAllow        = 256
	maxRate         = 1_000_000
	defaultTokenKey = "token"
)

// Networks are the declared networks with what they have to prove, nil for nothing.
func (c *Catalog) Networks() iter.Seq2[string, *trust.Policy] {
	return func(yield func(string, *trust.Policy) bool) {
		for name, n := range c.networks {
			if !yield(name, n.Trust) {
				return
			}
		}
	}
}

// Secrets are the networks' tokens and signing keys, to be found in what is kept of requests.
func (c *Catalog) Secrets() *trust.Secrets { return c.secrets }

// trust checks and compiles a network's section trust. minToken is the shortest token, in bytes.
func (b *builder) trust(field, network string, c TrustConfig, minToken int) *trust.Policy {
	r := trust.Rules{MaxAge: defaultMaxAge, MaxNonces: defaultMaxNonces, TokenParameter: defaultTokenKey}
	r.HMACKeys = b.trustKeys(field+".hmac_keys", c.HMACKeys, true, id.MinKeyBytes)
	if c.HMACMaxAge != 0 {
		if r.MaxAge = c.HMACMaxAge; r.MaxAge < minMaxAge || r.MaxAge > maxMaxAge {
			b.problem(field+".hmac_max_age", "%v is not from %v to %v", c.HMACMaxAge, minMaxAge, maxMaxAge)
		}
	}
	if c.HMACMaxNonces != 0 {
		if r.MaxNonces = c.HMACMaxNonces; r.MaxNonces < 1 || r.MaxNonces > maxMaxNonces {
			b.problem(field+".hmac_max_nonces", "%d is not from 1 to %d", c.HMACMaxNonces, maxMaxNonces)
		}
	}
	r.Tokens = b.trustKeys(field+".tokens", c.Tokens, false, minToken)
	if c.TokenParameter != "" {
		if r.TokenParameter = c.TokenParameter; !isParameter(c.TokenParameter) || slices.Contains(reservedParameters, c.TokenParameter) {
			b.problem(field+".token_parameter", "%q is not a name for it; use at most %d of a-z A-Z 0-9 . _ - and none of %s", c.TokenParameter, schemas.MaxNameBytes, strings.Join(reservedParameters, ", "))
		}
	}
	if c.TokenHeader != "" {
		if r.TokenHeader = textproto.CanonicalMIMEHeaderKey(c.TokenHeader); !isParameter(c.TokenHeader) {
			b.problem(field+".token_header", "%q is not a header; give a name such as X-Postback-Token", c.TokenHeader)
		}
	}
	if len(c.Tokens) == 0 && (c.TokenParameter != "" || c.TokenHeader != "") {
		b.problem(field+".tokens", "is missing; give the token that token_parameter or token_header carries")
	}
	r.Allow = b.allow(field+".allow", c.Allow)
	if c.PostbacksPerSecond < 0 || c.PostbacksPerSecond > maxRate {
		b.problem(field+".postbacks_per_second", "%d is not from 0 to %d", c.PostbacksPerSecond, maxRate)
	} else {
		burst := c.PostbacksBurst
		if burst == 0 {
			burst = 2 * c.PostbacksPerSecond
		}
		r.Rate = trust.NewRate(c.PostbacksPerSecond, burst)
	}
	if c.PostbacksBurst < 0 || c.PostbacksBurst > maxRate {
		b.problem(field+".postbacks_burst", "%d is not from 1 to %d", c.PostbacksBurst, maxRate)
	}
	return trust.NewPolicy(network, r)
}

// reservedParameters are those that the edge reads itself: one that carried a token too would be overwritten with it.
var reservedParameters = []string{
	"network", "click_id", "event", "status", "payout", "currency", "txid", "ts",
	trust.ParamSignature, trust.ParamKey, trust.ParamTime, trust.ParamNonce,
}

func (b *builder) trustKeys(field string, list map[string]Secret, digits bool, minBytes int) map[string][]byte {
	if len(list) > maxTrustKeys {
		b.problem(field, "has %d entries, at most %d are allowed; drop the retired ones", len(list), maxTrustKeys)
	}
	out := make(map[string][]byte, len(list))
	for _, keyID := range slices.Sorted(maps.Keys(list)) {
		at := field + "." + keyID
		if !isParameter(keyID) {
			b.problem(at, "%q is not a key ID; use at most %d of a-z A-Z 0-9 . _ -", keyID, schemas.MaxNameBytes)
			continue
		}
		secret := []byte(list[keyID])
		if decoded, err := hex.DecodeString(string(secret)); digits && err == nil && len(decoded) >= id.MinKeyBytes {
			secret = decoded
		}
		if len(secret) < minBytes {
			b.problem(at, "the secret has %d bytes; at least %d are needed", len(secret), minBytes)
			continue
		}
		out[keyID] = secret
	}
	return out
}

func (b *builder) allow(field string, texts []string) []netip.Prefix {
	if len(texts) > maxAllow {
		b.problem(field, "has %d entries, at most %d are allowed; join them into wider networks", len(texts), maxAllow)
	}
	list := make([]netip.Prefix, 0, len(texts))
	for i, text := range texts {
		prefix, err := trust.ParsePrefix(text)
		if err != nil {
			b.problem(fmt.Sprintf("%s[%d]", field, i), "%q is neither a network such as 10.0.0.0/8 nor an address", text)
			continue
		}
		list = append(list, prefix)
	}
	return list
}

// isParameter tells whether name can stand in a query or a header as it is.
func isParameter(name string) bool {
	for _, c := range []byte(name) {
		if c >= 0x80 || !unreserved[c] || c == '~' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= schemas.MaxNameBytes
}
