package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSteps: scripts/steps, by which make ci runs its steps, ends at the first that fails, that which runs beside another too,
// and says how long each took however it ends.
func TestSteps(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed here")
	}
	dir := t.TempDir()
	script, err := os.ReadFile("../scripts/steps")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "scripts"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"Makefile": ".PHONY: one two bad long later\none two:\n\t@echo did $@\nbad:\n\t@exit 1\nlong:\n\t@echo $$$$ >pid; exec sleep 600\n" +
			"later:\n\t@until [ -s pid ]; do sleep .01; done; exit 1\n",
		"scripts/steps": string(script),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	line := regexp.MustCompile(`(?m)^ +\d+  (.*)$`)
	for _, c := range []struct {
		steps, took string
		right       bool
	}{
		{"one two", "one, two", true},
		{"one+two", "two, one, beside it", true},
		{"one bad two", "one, bad: failed", false},
		{"bad+one two", "one, bad, beside it: failed", false},
		{"long+later one", "later: failed", false},
		{"none", "none: failed", false},
	} {
		command := exec.Command(filepath.Join(dir, "scripts", "steps"), strings.Fields(c.steps)...)
		command.Env = append(os.Environ(), "MAKE=make", "MAKEFLAGS=")
		command.WaitDelay = 10 * time.Second
		out, err := command.CombinedOutput()
		_, table, _ := strings.Cut(string(out), "seconds of each step:\n")
		var lines []string
		for _, match := range line.FindAllStringSubmatch(table, -1) {
			lines = append(lines, match[1])
		}
		if took := strings.Join(lines, ", "); took != c.took || (err == nil) != c.right {
			t.Errorf("%s: %v, took %q, want %q:\n%s", c.steps, err, took, c.took, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what ran beside the step that failed goes on")
		}
	}
}

// TestOnly: scripts/only gives a pattern to the tests of one folder, and of no other whose name ends like it.
func TestOnly(t *testing.T) {
	script, err := filepath.Abs("../scripts/only")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct{ folder, rule, printed string }{
		{"a/b", "a/b=^Test(One|Two)", "-test.v -test.run=^Test(One|Two)\n"},
		{"a/b", "b=Test", "-test.v -test.run=Test\n"},
		{"xa/b", "a/b=Test", "-test.v\n"},
		{"a", "a/b=Test", "-test.v\n"},
	} {
		folder := filepath.Join(dir, c.folder)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(script, c.rule, "echo", "-test.v")
		command.Dir = folder
		if out, err := command.CombinedOutput(); err != nil || string(out) != c.printed {
			t.Errorf("%s in %s: %v, printed %q, want %q", c.rule, c.folder, err, out, c.printed)
		}
	}
	for _, wrong := range [][]string{nil, {"a/b=Test"}, {"Test", "echo"}, {"=Test", "echo"}} {
		if out, err := exec.Command(script, wrong...).CombinedOutput(); err == nil || !strings.Contains(string(out), "right would be") {
			t.Errorf("%q is taken: %s", wrong, out)
		}
	}
}
