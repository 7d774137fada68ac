package ingest

import (
	"errors"
	"fmt"
	"net"
	"time"

	"tributary/catalog/trust"
	"tributary/ingest/geo"
	"tributary/ingest/privacy"
	"tributary/ingest/spool"
	"tributary/ingest/unique"
	"tributary/ingest/useragent"
	"tributary/schemas"
)

// Config is the edge's section of the configuration file, `ingest`.
type Config struct {
	Listen           string         `yaml:"listen" doc:"address of the HTTP edge, host:port"`
	TrustedProxies   []string       `yaml:"trusted_proxies" doc:"networks (CIDR) or addresses of proxies whose X-Forwarded-For, and PROXY header with trust.proxy_protocol, is believed"`
	MaxConnections   int            `yaml:"max_connections" doc:"connections served at the same time, each with buffers of max_header_bytes and about 20 KiB; more are answered 503 and closed. The edge serves fewer, with a warning and a metric, where the process may not open this many files and some hundreds more"`
	MaxHeaderBytes   int            `yaml:"max_header_bytes" doc:"largest request line and headers together, in bytes; also the read buffer of a connection"`
	MaxBodyBytes     int            `yaml:"max_body_bytes" doc:"largest request body, in bytes: room for a batch of clicks"`
	ReadTimeout      time.Duration  `yaml:"read_timeout" doc:"longest time to receive one request"`
	WriteTimeout     time.Duration  `yaml:"write_timeout" doc:"longest time to send one answer"`
	IdleTimeout      time.Duration  `yaml:"idle_timeout" doc:"how long a connection may stay open without a request"`
	DrainTimeout     time.Duration  `yaml:"drain_timeout" doc:"longest time to finish open requests when stopping"`
	AckBound         time.Duration  `yaml:"ack_bound" doc:"longest time that a request waits for Kafka; its record then goes to the spool, early enough for a sync at the disk's recent speed. Not used without a spool"`
	AckTimeout       time.Duration  `yaml:"ack_timeout" doc:"longest time a request waits before it is answered 503: for Kafka where there is no spool, else for the spool's disk"`
	Spool            spool.Config   `yaml:"spool"`
	Trust            trust.Config   `yaml:"trust"`
	Receipts         ReceiptsConfig `yaml:"receipts"`
	Geo              geo.Config     `yaml:"geo"`
	Privacy          privacy.Config `yaml:"privacy"`
	Linger           time.Duration  `yaml:"linger" doc:"how long a record waits at most for others to share a request to Kafka; the first after a pause does not wait"`
	Compression      string         `yaml:"compression" doc:"compression of records: none or lz4"`
	BatchBytes       int            `yaml:"batch_bytes" doc:"largest batch of records sent to one partition, in bytes"`
	BufferRecords    int            `yaml:"buffer_records" doc:"records that may wait for Kafka; more go to the spool, or are answered 503 without one"`
	BufferBytes      int            `yaml:"buffer_bytes" doc:"bytes of records that may wait for Kafka; more go to the spool, or are answered 503 without one"`
	UserAgentCache   int            `yaml:"user_agent_cache_bytes" doc:"memory for user agents that were seen before, in bytes"`
	Caps             string         `yaml:"caps" doc:"how a cap (clicks_per_day) is kept to: own, each edge counts its own clicks, see edges and caps_file; shared, all edges together, exactly, by leases that tributary control (and up) hands out, see docs/caps.md"`
	Edges            int            `yaml:"edges" doc:"with caps: own, number of edges that the clicks are spread over: each keeps to its part of an offer's clicks_per_day, rounded up, counted in its memory"`
	CapsFile         string         `yaml:"caps_file" doc:"with caps: own, file that keeps the counts of clicks_per_day over a restart, written every second when they changed: an edge that is killed or loses its power forgets a second of clicks at most. A file that cannot be read is renamed to .damaged, and the counts begin at 0; empty for none: then a restart counts from 0. Each edge needs a file of its own"`
	UniqueWindow     time.Duration  `yaml:"unique_window" doc:"a visitor's click is unique when it is the first of its campaign at this edge for this long, counted from the last unique one"`
	UniqueBytes      int            `yaml:"unique_bytes" doc:"memory for visitors within unique_window, in bytes: 8 for each visitor of a campaign, twice that so that none is forgotten; rounded down to a power of two"`
	VisitorCookie    string         `yaml:"visitor_cookie" doc:"name of the cookie that recognises a visitor on another IP; empty for none: then IP and user agent do. It needs the visitor's consent where the law says so"`
	LandingWindow    time.Duration  `yaml:"landing_window" doc:"how long after its click a landing page's button /l/{click_id} leads to an offer; later it is answered 410"`
	VisitorCookieAge time.Duration  `yaml:"visitor_cookie_age" doc:"how long browsers keep the visitor cookie"`
}

// What ingest.caps says.
const (
	CapsOwn    = "own"
	CapsShared = "shared"
)

// Defaults are for a machine of 2 cores: they keep the edge within 200 MiB under full load.
func Defaults() Config {
	return Config{
		Listen:           ":8080",
		MaxConnections:   4096,
		MaxHeaderBytes:   16 << 10,
		MaxBodyBytes:     1 << 20,
		ReadTimeout:      10 * time.Second,
		WriteTimeout:     10 * time.Second,
		IdleTimeout:      60 * time.Second,
		DrainTimeout:     10 * time.Second,
		AckBound:         50 * time.Millisecond,
		AckTimeout:       5 * time.Second,
		Spool:            spool.Defaults(),
		Trust:            trust.Defaults(),
		Receipts:         defaultReceipts(),
		Geo:              geo.Defaults(),
		Privacy:          privacy.Defaults(),
		Linger:           2 * time.Millisecond,
		Compression:      "lz4",
		BatchBytes:       1 << 20,
		BufferRecords:    50_000,
		BufferBytes:      64 << 20,
		UserAgentCache:   useragent.DefaultCacheBytes,
		Caps:             CapsOwn,
		Edges:            1,
		UniqueWindow:     24 * time.Hour,
		LandingWindow:    7 * 24 * time.Hour,
		UniqueBytes:      16 << 20,
		VisitorCookieAge: 30 * 24 * time.Hour,
	}
}

// Validate returns every problem at once, each a *schemas.FieldError.
func (c *Config) Validate() error {
	var problems []error
	problem := func(field, format string, args ...any) {
		problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		problem("listen", "%q is not an address; give host:port or :port, such as :8080", c.Listen)
	}
	if len(c.TrustedProxies) > maxTrustedProxies {
		problem("trusted_proxies", "has %d entries, at most %d are allowed; join them into wider networks", len(c.TrustedProxies), maxTrustedProxies)
	}
	for i, text := range c.TrustedProxies {
		if _, err := trust.ParsePrefix(text); err != nil {
			problem(fmt.Sprintf("trusted_proxies[%d]", i), "%q is neither a network such as 10.0.0.0/8 nor an address", text)
		}
	}
	number := func(field string, n, low, high int) {
		if n < low || n > high {
			problem(field, "%d is not from %d to %d", n, low, high)
		}
	}
	number("max_connections", c.MaxConnections, 1, 1_000_000)
	number("max_header_bytes", c.MaxHeaderBytes, schemas.MaxURLBytes+1024, 1<<20)
	number("max_body_bytes", c.MaxBodyBytes, schemas.MaxBodyBytes, 64<<20)
	number("batch_bytes", c.BatchBytes, schemas.MaxRecordBytes, 64<<20)
	number("buffer_records", c.BufferRecords, 1, 10_000_000)
	number("buffer_bytes", c.BufferBytes, schemas.MaxRecordBytes, 1<<33)
	number("user_agent_cache_bytes", c.UserAgentCache, 4<<10, 1<<30)
	span := func(field string, d, low, high time.Duration) {
		if d < low || d > high {
			problem(field, "%v is not from %v to %v", d, low, high)
		}
	}
	span("read_timeout", c.ReadTimeout, time.Millisecond, time.Hour)
	span("write_timeout", c.WriteTimeout, time.Millisecond, time.Hour)
	span("idle_timeout", c.IdleTimeout, time.Millisecond, 24*time.Hour)
	span("drain_timeout", c.DrainTimeout, time.Millisecond, time.Hour)
	// franz-go refuses a record delivery timeout below one second.
	span("ack_timeout", c.AckTimeout, time.Second, 5*time.Minute)
	span("linger", c.Linger, 0, time.Second)
	if c.AckBound < time.Millisecond || c.AckBound > c.AckTimeout {
		problem("ack_bound", "%v is not from 1ms to ack_timeout, %v", c.AckBound, c.AckTimeout)
	}
	if c.Spool.Dir != "" && c.Linger >= c.AckBound {
		problem("linger", "%v is not less than ack_bound, %v: every record would be late, and go to the spool",
			c.Linger, c.AckBound)
	}
	if c.Caps != CapsOwn && c.Caps != CapsShared {
		problem("caps", "%q is unknown; use %s or %s", c.Caps, CapsOwn, CapsShared)
	}
	number("edges", c.Edges, 1, 10_000)
	span("unique_window", c.UniqueWindow, time.Second, unique.MaxWindow)
	number("unique_bytes", c.UniqueBytes, unique.MinBytes, unique.MaxBytes)
	if !isCookieName(c.VisitorCookie) {
		problem("visitor_cookie", "%q is not a name of a cookie; use at most %d of a-z A-Z 0-9 _ -", c.VisitorCookie, schemas.MaxNameBytes)
	}
	span("landing_window", c.LandingWindow, time.Minute, 400*24*time.Hour)
	span("visitor_cookie_age", c.VisitorCookieAge, time.Second, 400*24*time.Hour)
	c.Receipts.validate(number, span)
	c.Geo.Validate(func(field, format string, args ...any) { problem("geo."+field, format, args...) })
	c.Privacy.Validate(func(field, format string, args ...any) { problem("privacy."+field, format, args...) })
	c.Trust.Validate(func(field, format string, args ...any) { problem("trust."+field, format, args...) })
	c.Spool.Validate(func(field, format string, args ...any) { problem("spool."+field, format, args...) })
	if c.Compression != "none" && c.Compression != "lz4" {
		problem("compression", "%q is unknown; use none or lz4", c.Compression)
	}
	return errors.Join(problems...)
}

// isCookieName takes the empty name too.
func isCookieName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) <= schemas.MaxNameBytes
}

const maxTrustedProxies = 256
