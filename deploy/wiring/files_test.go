package wiring_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// A file of authorities that was cut is not half believed.
func TestCutAuthoritiesAreRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	one := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	file := filepath.Join(t.TempDir(), "ca.pem")
	for what, c := range map[string]struct{ text, want string }{
		"whole": {one + one, ""},
		"cut":   {one + one[:len(one)/2], "begins 2 blocks in PEM form and ends 1"},
		"empty": {"", "has no certificate in PEM form"},
		"half":  {one[:len(one)/2], "has no certificate in PEM form"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := wiring.TLSConfig(config.TLS{Enabled: true, CAFile: file})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

// No other password is made in the place of one that running engines were started with.
func TestPasswordsOfRunningEnginesAreKept(t *testing.T) {
	c := config.Defaults()
	c.DataDir = t.TempDir()
	for _, complete := range []func(*config.Config) error{wiring.MakePasswords, wiring.MakeKafkaLogin} {
		made := c
		if err := complete(&made); err != nil {
			t.Fatal(err)
		}
	}
	if err := wiring.PasswordsKept(&c); err != nil {
		t.Errorf("with all files: %v", err)
	}
	for _, name := range []string{"kafka_password", "clickhouse_password", "analyst_password"} {
		path := filepath.Join(c.DataDir, name)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if err := wiring.PasswordsKept(&c); err == nil || !strings.Contains(err.Error(), "the password in "+path+" is gone") {
			t.Errorf("without %s: %v", name, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	external := c
	external.Kafka.Mode, external.ClickHouse.Mode = config.ModeExternal, config.ModeExternal
	external.DataDir = t.TempDir()
	if err := wiring.PasswordsKept(&external); err != nil {
		t.Errorf("engines elsewhere: %v", err)
	}
}
