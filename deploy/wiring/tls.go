package wiring

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"tributary/deploy/config"
)

// TLSConfig reads the files that the section names.
func TLSConfig(c config.TLS) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // the operator's documented choice
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading ca_file: %s has no certificate in PEM form", c.CAFile)
		}
		// The library takes the certificates before the place where a file was cut, and says nothing.
		if begun, ended := bytes.Count(pem, []byte("-----BEGIN ")), bytes.Count(pem, []byte("-----END ")); begun != ended {
			return nil, fmt.Errorf("reading ca_file: %s begins %d blocks in PEM form and ends %d: is it whole? Right would be the authorities' whole file", c.CAFile, begun, ended)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading cert_file and key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
