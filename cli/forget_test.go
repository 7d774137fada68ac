package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestForgetAsksForClickIDs(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Main(t.Context(), []string{"forget"}, &stdout, &stderr, nil); code != ExitUsage {
		t.Errorf("exit code %d, want %d", code, ExitUsage)
	}
	if !strings.Contains(stderr.String(), "forget takes the click IDs of one visitor") {
		t.Errorf("stderr: %s", stderr.String())
	}
	stderr.Reset()
	if code := Main(t.Context(), []string{"forget", "--set", "clickhouse.addr=127.0.0.1:1", "06h08g6c4g000400040jb7ba0004hvg95gavgwc9"}, &stdout, &stderr, nil); code != ExitFailure {
		t.Errorf("exit code %d, want %d", code, ExitFailure)
	}
	if !strings.Contains(stderr.String(), "clickhouse.addr") {
		t.Errorf("stderr: %s", stderr.String())
	}
}
