package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Catcher is a test that catches a mutant where no scenario could: of the edge, which the simulation leaves out, or
// of what happens between two goroutines.
type Catcher struct {
	// Package is the test's, as `go test` takes it: ./ingest
	Package string `json:"package"`
	// Run is its name, as `go test -run` takes it: ^TestDrain$
	Run string `json:"run"`
}

func (c *Catcher) String() string { return "go test " + c.Package + " -run " + c.Run }

// catcherLimit is how long a test may take, of which the mutant may be stuck.
const catcherLimit = "120s"

// failedMark stands before the name of each test that failed.
const failedMark = "--- FAIL: "

// huntByTest runs the mutant's test with the mutated file and without. It returns what failed first, empty for a
// survivor. A test that fails without the mutant too catches nothing, nor does one that is not there; a mutant that
// cannot be compiled is none.
func (m Mutant) huntByTest(ctx context.Context, root string) (string, error) {
	replaced, err := m.apply(root)
	if err != nil {
		return "", err
	}
	out, err := m.Test.play(ctx, root, nil)
	if err != nil {
		return "", fmt.Errorf("%s fails without the mutant: %w\n%s", m.Test, err, tail(out))
	}
	if !strings.Contains(out, "--- PASS: ") {
		return "", fmt.Errorf("%s runs no test", m.Test)
	}
	out, err = m.Test.play(ctx, root, replaced)
	if err == nil {
		return "", nil
	}
	var exit *exec.ExitError
	_, failed, ok := strings.Cut(out, failedMark)
	if ctx.Err() != nil || !errors.As(err, &exit) || !ok && !strings.Contains(out, "\npanic: ") && !strings.HasPrefix(out, "panic: ") {
		return "", fmt.Errorf("%s with the mutant %s: %w\n%s", m.Test, m.Name, errors.Join(err, ctx.Err()), tail(out))
	}
	first, _, _ := strings.Cut(failed, "\n")
	return strings.TrimSpace("FAIL " + first), nil
}

// play runs the test once and returns what it printed.
func (c *Catcher) play(ctx context.Context, root string, replaced map[string][]byte) (string, error) {
	work, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	files := map[string]string{}
	for path, text := range replaced {
		copied := filepath.Join(work, fmt.Sprint(len(files), filepath.Ext(path)))
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return "", err
		}
		files[filepath.Join(root, path)] = copied
	}
	overlay, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return "", err
	}
	list := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-vet=off", "-timeout="+catcherLimit, "-overlay="+list, "-run="+c.Run, c.Package)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}
