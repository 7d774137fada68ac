package process

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const crashVariable = "TRIBUTARY_TEST_CRASH"

func init() {
	switch os.Getenv(crashVariable) {
	case "panic":
		CrashBySignal()
		go func() { panic("of the test") }()
		select {}
	case "abort":
		CrashBySignal()
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	}
}

// A crash is no exit with code 2, after which a service manager leaves the process alone.
func TestACrashIsNoExitCode(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"panic", "abort"} {
		command := exec.Command(self)
		command.Env = append(os.Environ(), crashVariable+"="+how, "GOTRACEBACK=")
		command.Dir = t.TempDir()
		said, err := command.CombinedOutput()
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			t.Fatalf("%s: %v", how, err)
		}
		status := ended.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != syscall.SIGABRT || status.CoreDump() {
			t.Errorf("%s: %v", how, ended)
		}
		if !strings.Contains(string(said), "goroutine ") {
			t.Errorf("%s: it does not say where it was: %s", how, said)
		}
	}
}
