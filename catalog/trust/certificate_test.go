package trust

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a new self-signed certificate with that serial number.
func issue(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "edge"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"edge"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func dial(t *testing.T, address string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func serialOf(c *tls.Conn) int64 { return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() }

// TestReloadWithLiveConnections replaces the files under a server: a connection of before goes on, the next one sees the new
// certificate, and broken files change nothing but the counter.
func TestReloadWithLiveConnections(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "edge.crt"), filepath.Join(t.TempDir(), "edge.key")
	issue(t, certFile, keyFile, 1)
	c, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewReader(conn); ; {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					conn.Write([]byte(line))
				}
			}()
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	told, ended := make(chan error, 100), make(chan error, 1)
	go func() { ended <- c.Watch(ctx, func(err error) { told <- err }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	}()
	echo := func(conn net.Conn) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write([]byte("hi\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "hi\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	// until waits for an outcome; what is written before the watcher listens has to be written again.
	until := func(write func(), want func(error) bool) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			write()
			select {
			case err := <-told:
				if want(err) {
					return
				}
			case <-time.After(time.Second):
			case <-deadline:
				t.Fatal("the files were not read again")
			}
		}
	}
	old := dial(t, listener.Addr().String())
	echo(old)
	until(func() { issue(t, certFile, keyFile, 2) }, func(err error) bool { return err == nil && c.current.Load().Leaf.SerialNumber.Int64() == 2 })
	echo(old)
	if now := dial(t, listener.Addr().String()); serialOf(old) != 1 || serialOf(now) != 2 {
		t.Errorf("the old connection has certificate %d, the new one %d", serialOf(old), serialOf(now))
	}
	until(func() { os.WriteFile(certFile, []byte("broken"), 0o600) }, func(err error) bool {
		return err != nil && strings.Contains(err.Error(), certFile) && strings.Contains(err.Error(), "stays in force")
	})
	echo(old)
	if now := dial(t, listener.Addr().String()); serialOf(now) != 2 {
		t.Errorf("after broken files a connection has certificate %d", serialOf(now))
	}
	if count(t, c.applied) < 1 || count(t, c.refused) < 1 {
		t.Errorf("applied %v, refused %v", count(t, c.applied), count(t, c.refused))
	}
	issue(t, certFile, keyFile, 3)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if now := dial(t, listener.Addr().String()); serialOf(now) != 3 {
		t.Errorf("after Reload a connection has certificate %d", serialOf(now))
	}
}

func TestNoCertificate(t *testing.T) {
	if _, err := LoadCertificate("/nowhere/edge.crt", "/nowhere/edge.key"); err == nil || !strings.Contains(err.Error(), "tls_cert_file /nowhere/edge.crt") {
		t.Errorf("%v", err)
	}
}
