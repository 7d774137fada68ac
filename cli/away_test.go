package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mute listens, takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// TestEnginesAway: a command whose engine is not there, or says nothing, says which and where, and ends.
func TestEnginesAway(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte(blockCatalog), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"block", "add", "--source", "pushads", "--reason", "x"}, {"block", "list"}, {"block", "remove", "b7k2m9qxp"}, {"block", "undo"},
		{"catalog", "apply", file}, {"catalog", "apply", file, "--dry-run"}, {"catalog", "diff", file}, {"catalog", "export"},
		{"catalog", "history"},
		{"block", "history"}, {"archive", "run", "--keep-months", "1"}, {"archive", "list"}, {"report"}, {"report", "--by", "campaign"},
	} {
		for _, address := range []string{"127.0.0.1:1", mute(t)} {
			t.Run(strings.Join(command, " ")+" at "+address, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				data := t.TempDir()
				if err := os.WriteFile(filepath.Join(data, "analyst_password"), []byte(strings.Repeat("a", 64)+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				var stdout, stderr bytes.Buffer
				began := time.Now()
				code := Main(ctx, append(command, "--config", file, "--set", "data_dir="+data, "--set", "kafka.brokers="+address,
					"--set", "clickhouse.addr="+address, "--set", "log.level=error"), &stdout, &stderr, nil)
				said := stderr.String()
				if code != ExitFailure || stdout.Len() > 0 || !strings.Contains(said, address) || len(said) > 600 {
					t.Errorf("exit code %d after %s: %s%s", code, time.Since(began), stdout.String(), said)
				}
				if strings.Count(said, "Post ") > 0 ||
					!strings.Contains(said, "kafka.brokers") && !strings.Contains(said, "clickhouse.addr") {
					t.Errorf("it says %s", said)
				}
			})
		}
	}
}
