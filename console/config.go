package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"tributary/schemas"
)

// Config is the console's section of the configuration file, `console`.
type Config struct {
	Listen     string        `yaml:"listen" doc:"Address of the console: web pages and REST API, host:port. Everything needs a sign-in or a token. Empty: no console. Another address than loopback needs tls, or public_url with trusted_proxies."`
	PublicURL  string        `yaml:"public_url" doc:"Where people reach it, such as https://console.example.com: what links begin with, and the one name that requests may ask for beside addresses and localhost; empty: listen."`
	Proxies    []string      `yaml:"trusted_proxies" doc:"Networks (CIDR) or addresses of the proxies that encrypt for the console, whose X-Forwarded-For is believed."`
	TLS        TLS           `yaml:"tls"`
	Database   string        `yaml:"database" secret:"true" doc:"postgres://USER:PASSWORD@HOST/DATABASE of a PostgreSQL that several consoles share; empty: SQLite, the file console/console.db of data_dir."`
	SessionAge time.Duration `yaml:"session_age" doc:"How long a sign-in lasts without a request; it ends after 30 times as long in any case."`
	Questions  int           `yaml:"questions" doc:"Questions that are asked of ClickHouse at once, of all users."`
}

// TLS is the console's own certificate.
type TLS struct {
	CertFile string `yaml:"cert_file" doc:"PEM file of the certificate; read at the start."`
	KeyFile  string `yaml:"key_file" doc:"PEM file of its key."`
}

// sessionsInAll is how many times session_age a session lasts at most.
const sessionsInAll = 30

// Defaults listen where only this machine reaches.
func Defaults() Config {
	return Config{Listen: "127.0.0.1:8082", SessionAge: 12 * time.Hour, Questions: 3}
}

// Validate returns every problem at once, each a *schemas.FieldError.
func (c *Config) Validate() error {
	var problems []error
	problem := func(field, format string, args ...any) {
		problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if c.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		problem("listen", "%q is not an address; give host:port, such as 127.0.0.1:8082, or nothing for no console", c.Listen)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		problem("tls", "a certificate needs cert_file and key_file, and one of them is missing")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			problem("public_url", "%q is not such as https://console.example.com, without a path", c.PublicURL)
		} else if u.Scheme == "http" && !isLoopback(u.Hostname()) {
			problem("public_url", "%q is not encrypted, and browsers would keep no sign-in; https:// would be right", c.PublicURL)
		}
	}
	for i, text := range c.Proxies {
		if _, err := parsePrefix(text); err != nil {
			problem(fmt.Sprintf("trusted_proxies[%d]", i), "%q is neither a network such as 10.0.0.0/8 nor an address", text)
		}
	}
	if err == nil && !isLoopback(host) && c.TLS.CertFile == "" && (len(c.Proxies) == 0 || c.PublicURL == "") {
		problem("listen", "%s is reached from other machines, and passwords would travel in the clear; right would be 127.0.0.1, "+
			"or tls.cert_file and tls.key_file, or public_url (https://…) with trusted_proxies of the proxy that encrypts", c.Listen)
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		problem("database", "it does not begin with postgres://; right would be postgres://USER:PASSWORD@HOST/DATABASE, or nothing for SQLite")
	}
	if c.SessionAge < time.Minute || c.SessionAge > 30*24*time.Hour {
		problem("session_age", "%v is not from 1m to 30d", c.SessionAge)
	}
	if c.Questions < 1 || c.Questions > 64 {
		problem("questions", "%d is not from 1 to 64", c.Questions)
	}
	return errors.Join(problems...)
}

// Base is the address as a person types it, without a slash at its end.
func (c *Config) Base() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	scheme := "http"
	if c.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return scheme + "://" + c.Listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func parsePrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Prefix(ip.BitLen())
	}
	return netip.ParsePrefix(text)
}
