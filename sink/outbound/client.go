package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"tributary/sink/outbound/protocol"
)

// Limits of a call.
const (
	dialTimeout  = 10 * time.Second
	idleTimeout  = 60 * time.Second
	maxIdle      = 2048
	maxIdleHost  = 64
	maxHeader    = 32 << 10
	drainedBytes = 256 << 10 // of an answer beyond what is kept, so that its connection can be used again
	dnsNameBytes = 253
)

// A Client is the Sender for the world: it calls public addresses only but where a Target says otherwise, follows no redirect, and
// asks no proxy. The address is checked as the connection is made, so a name that changes meanwhile does not get around it.
type Client struct {
	mu      sync.Mutex
	of      map[string]*http.Client
	resolve *net.Resolver
}

// NewClient returns a Client that keeps its connections.
func NewClient() *Client { return &Client{of: map[string]*http.Client{}} }

// Close ends connections that are not used.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, client := range c.of {
		client.CloseIdleConnections()
	}
}

// client is one for each set of addresses that may be called.
func (c *Client) client(t *Target) *http.Client {
	key := fmt.Sprint(t.AnyPort, t.PlainHTTP)
	if len(t.Private) > 0 {
		key += fmt.Sprint(t.Private)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	client := c.of[key]
	if client == nil {
		dialer := &net.Dialer{Timeout: dialTimeout, Control: guard(t), Resolver: c.resolve}
		client = &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: idleTimeout,
				MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdleHost, MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			},
		}
		c.of[key] = client
	}
	return client
}

// guard refuses addresses that are not public as a connection is made.
func guard(t *Target) func(network, address string, c syscall.RawConn) error {
	var v4, v6 []netip.Prefix
	for _, p := range t.Private {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	options := []ssrf.Option{ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...)}
	switch {
	case t.AnyPort:
		options = append(options, ssrf.WithAnyPort())
	case t.PlainHTTP:
		options = append(options, ssrf.WithPorts(80, 443))
	default:
		options = append(options, ssrf.WithPorts(443))
	}
	safe := ssrf.New(options...).Safe
	return func(network, address string, c syscall.RawConn) error {
		// IPv6 text of an IPv4 address, and of one behind NAT64, is that IPv4 address.
		if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().Is4In6() {
			address = netip.AddrPortFrom(at.Addr().Unmap(), at.Port()).String()
			network = "tcp4"
		}
		if err := safe(network, address, c); err != nil {
			return fmt.Errorf("%s is not an address that a destination may have (declare it as private where it is meant): %w", address, err)
		}
		return nil
	}
}

// check refuses a URL that is not of the destination.
func check(t *Target, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // its text may have secrets
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && t.PlainHTTP):
		return nil, errors.New("the URL begins with neither https:// nor, where the destination allows that, http://")
	case u.User != nil:
		return nil, errors.New("the URL has a user in it")
	case host == "" || len(host) > dnsNameBytes:
		return nil, errors.New("the URL has no host")
	case t.Hosts != nil && !slices.Contains(t.Hosts, host):
		return nil, fmt.Errorf("the URL's host is not the destination's, %s", strings.Join(t.Hosts, " or "))
	}
	return u, nil
}

// Send implements Sender.
func (c *Client) Send(ctx context.Context, t *Target, call *protocol.Call) (*protocol.Answer, error) {
	u, err := check(t, call.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	request := (&http.Request{Method: call.Method, URL: u, Host: u.Host, Header: call.Header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if _, ok := request.Header["User-Agent"]; !ok {
		request.Header = request.Header.Clone()
		request.Header.Set("User-Agent", userAgent)
	}
	if len(call.Body) > 0 {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(call.Body)), int64(len(call.Body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Body)), nil }
	}
	response, err := c.client(t).Do(request)
	if err != nil {
		return nil, failure(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, protocol.MaxAnswerBytes+1))
	answer := &protocol.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
	if len(body) > protocol.MaxAnswerBytes {
		answer.Body, answer.Cut = body[:protocol.MaxAnswerBytes], true
		_, _ = io.CopyN(io.Discard, response.Body, drainedBytes)
	}
	if err != nil {
		return nil, failure(err)
	}
	return answer, nil
}

const userAgent = "Tributary"

// failure is an error without the URL, which may have secrets; it says whether anything was sent.
func failure(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	for _, prohibited := range []error{ssrf.ErrProhibitedIP, ssrf.ErrProhibitedPort, ssrf.ErrProhibitedNetwork, ssrf.ErrInvalidHostPort} {
		if errors.Is(err, prohibited) {
			return fmt.Errorf("%w: %w", ErrNotSent, err)
		}
	}
	return err
}

// Plain is the client for what is no destination, such as the authorities that hand out tokens: public addresses over https only.
func (c *Client) Plain() *http.Client { return c.client(&Target{}) }
