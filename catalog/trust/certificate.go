package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is the edge's own, read from two files, again whenever they change. Connections keep the one that they began
// with.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	outcomes          *prometheus.CounterVec
	applied, refused  prometheus.Counter
	until             prometheus.Gauge
}

// LoadCertificate reads a certificate with its chain and its key, both PEM files.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	c.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_ingest_tls_reloads_total", Help: "Readings of a changed certificate, by outcome: applied or refused."}, []string{"outcome"})
	c.applied, c.refused = c.outcomes.WithLabelValues("applied"), c.outcomes.WithLabelValues("refused")
	c.until = prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_ingest_tls_not_after_seconds", Help: "Unix time at which the certificate in force ends."})
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Collectors are the certificate's metrics.
func (c *Certificate) Collectors() []prometheus.Collector {
	return []prometheus.Collector{c.outcomes, c.until}
}

func (c *Certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("reading ingest.trust.tls_cert_file %s and tls_key_file %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	c.until.Set(float64(pair.Leaf.NotAfter.Unix()))
	return nil
}

// Reload reads the files again. After an error the certificate before stays in force.
func (c *Certificate) Reload() error {
	if err := c.load(); err != nil {
		c.refused.Inc()
		return fmt.Errorf("the certificate before stays in force: %w", err)
	}
	c.applied.Inc()
	return nil
}

// TLS is a server's configuration that answers each handshake with the certificate then in force. HTTP/1.1 only, as the edge.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// settle is how long the files must rest before they are read: certificate and key are written one after the other.
const settle = 200 * time.Millisecond

// Watch reloads whenever a file of the two folders changes and tells every outcome, until ctx is done. The error says why it
// cannot watch.
func (c *Certificate) Watch(ctx context.Context, told func(error)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the certificate: %w", err)
	}
	defer watcher.Close()
	// The folders, because ACME clients replace the files and Kubernetes swaps a link beside them.
	for _, file := range []string{c.certFile, c.keyFile} {
		if err := watcher.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watching the folder of %s: %w", file, err)
		}
	}
	rest := time.NewTimer(settle)
	rest.Stop()
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if event.Op != fsnotify.Chmod {
				rest.Reset(settle)
			}
		case err := <-watcher.Errors:
			// Lost events: what was missed is read now.
			told(errors.Join(err, c.Reload()))
		case <-rest.C:
			told(c.Reload())
		}
	}
}
