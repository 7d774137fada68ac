package trust

// Config is the section `ingest.trust`: what does not depend on the network.
type Config struct {
	IPPostbacksPerSecond int               `yaml:"ip_postbacks_per_second" doc:"postbacks a second that one client address (of IPv6, one /64) may send; more are answered 429; 0 for no limit"`
	IPBurst              int               `yaml:"ip_burst" doc:"postbacks that one client address may send at once within its rate"`
	IPUnprovedLetters    int               `yaml:"ip_unproved_letters_per_second" doc:"rows in dead_letters a second that one client address (of IPv6, one /64) may make with requests that prove nothing: an unknown campaign or network, a wrong button of a landing page, a failed proof, and a refused postback of a network that asks for no proof unless it names a click ID of ours; more are answered 429 and have no row; 0 for no limit. Neither a request that proves itself nor one from this machine is counted or refused"`
	IPUnprovedBurst      int               `yaml:"ip_unproved_letters_burst" doc:"such rows that one client address may make at once within its rate"`
	RateLimitedLetters   int               `yaml:"rate_limited_letters_per_second" doc:"postbacks answered 429 of which a row in dead_letters is kept, a second; more are counted only, their senders keep them"`
	ProxyProtocol        bool              `yaml:"proxy_protocol" doc:"connections from ingest.trusted_proxies begin with a PROXY protocol header (v1 or v2) that names the client; a connection from any other address with such a header is closed"`
	TLSCertFile          string            `yaml:"tls_cert_file" doc:"PEM file of the certificate and its chain: the edge then speaks HTTPS only; read again when it changes and at SIGHUP"`
	TLSKeyFile           string            `yaml:"tls_key_file" doc:"PEM file of the key of tls_cert_file"`
	ClicksTokens         map[string]Secret `yaml:"clicks_tokens" doc:"tokens, by a name of yours, each of at least 16 bytes, of servers that may POST /v1/clicks (Authorization: Bearer TOKEN); all are good, so declare the new one before the old one goes. With none declared only this machine and private networks may, with Content-Type: application/json and from no web page"`
	ManagementRoutes     bool              `yaml:"management_routes" doc:"serve /metrics and the reasons of /readyz on the edge's own port too, to requests with ops.token; false leaves them to ops.listen, and everybody else sees only whether the edge is ready"`
}

// Defaults believe as much as an edge without secrets can.
func Defaults() Config {
	return Config{IPBurst: 200, IPUnprovedLetters: 5, IPUnprovedBurst: 200, RateLimitedLetters: 10}
}

const (
	maxPerSecond = 1_000_000
	maxLetters   = 1000

	maxClicksTokens = 64
	minTokenBytes   = 16
)

// Validate reports every problem with its field.
func (c *Config) Validate(problem func(field, format string, args ...any)) {
	number := func(field string, n, low, high int) {
		if n < low || n > high {
			problem(field, "%d is not from %d to %d", n, low, high)
		}
	}
	number("ip_postbacks_per_second", c.IPPostbacksPerSecond, 0, maxPerSecond)
	number("ip_burst", c.IPBurst, 1, maxPerSecond)
	number("ip_unproved_letters_per_second", c.IPUnprovedLetters, 0, maxPerSecond)
	number("ip_unproved_letters_burst", c.IPUnprovedBurst, 1, maxPerSecond)
	number("rate_limited_letters_per_second", c.RateLimitedLetters, 0, maxLetters)
	if len(c.ClicksTokens) > maxClicksTokens {
		problem("clicks_tokens", "has %d entries, at most %d are allowed", len(c.ClicksTokens), maxClicksTokens)
	}
	for name, secret := range c.ClicksTokens {
		if len(secret) < minTokenBytes {
			problem("clicks_tokens."+name, "has %d bytes, give at least %d", len(secret), minTokenBytes)
		}
	}
	if c.TLSCertFile != "" && c.TLSKeyFile == "" {
		problem("tls_key_file", "is missing; give the key of tls_cert_file")
	}
	if c.TLSKeyFile != "" && c.TLSCertFile == "" {
		problem("tls_cert_file", "is missing; give the certificate of tls_key_file, or neither")
	}
}
