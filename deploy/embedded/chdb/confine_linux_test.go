package chdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// probeCommand is the first argument of this test's executable where it is to confine itself and to tell what it can.
const probeCommand = "confined-probe"

// probed is what it tells.
type probed struct {
	Confined bool
	WhyNot   string
	Users    []User
	Does     map[string]string // by what was tried, the error
}

func init() {
	if len(os.Args) != 5 || os.Args[1] != probeCommand {
		return
	}
	dir, address := os.Args[2], os.Args[4]
	tables := filepath.Join(dir, "tables")
	cfg := ServerConfig{DataDir: tables, LibPath: os.Args[3], Passwords: dir}
	if err := cfg.enterSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found := probed{Confined: cfg.confined, Users: cfg.Users, Does: make(map[string]string)}
	if cfg.whyNot != nil {
		found.WhyNot = cfg.whyNot.Error()
	}
	from, to := filepath.Join(tables, "from"), filepath.Join(tables, "to")
	for what, try := range map[string]func() error{
		"make folders":      func() error { return errors.Join(os.Mkdir(from, 0o700), os.Mkdir(to, 0o700)) },
		"read the password": func() error { _, err := os.ReadFile(filepath.Join(dir, GuestPasswordFile)); return err },
		"write beside":      func() error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o600) },
		"list beside":       func() error { _, err := os.ReadDir(dir); return err },
		"read the parent's": func() error { _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid())); return err },
		"read its own":      func() error { _, err := os.ReadFile("/proc/self/statm"); return err },
		"read the memory's": func() error { _, err := os.ReadFile("/proc/meminfo"); return err },
		"connect":           func() error { conn, err := net.Dial("tcp", address); return errors.Join(err, closed(conn)) },
		"listen":            func() error { l, err := net.Listen("tcp", "127.0.0.1:0"); return errors.Join(err, closed(l)) },
		"execute":           func() error { return exec.Command("/bin/true").Run() },
	} {
		found.Does[what] = fmt.Sprint(rooted(try()))
	}
	name := filepath.Join(from, "file")
	found.Does["move between folders"] = fmt.Sprint(errors.Join(os.WriteFile(name, nil, 0o600), os.Rename(name, filepath.Join(to, "file"))))
	_ = json.NewEncoder(os.Stdout).Encode(found)
	os.Exit(0)
}

// closed closes what was opened, if it was.
func closed(opened interface{ Close() error }) error {
	switch o := opened.(type) {
	case *net.TCPConn:
		return o.Close()
	case *net.TCPListener:
		return o.Close()
	}
	return nil
}

// rooted is the system's own error, where it is one.
func rooted(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

func TestTheSandbox(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	library := filepath.Join(t.TempDir(), "library")
	if err := os.WriteFile(library, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(self, probeCommand, dir, library, listener.Addr().String()).Output()
	if err != nil {
		var failed *exec.ExitError
		_ = errors.As(err, &failed)
		t.Fatalf("%v: %s", err, failed.Stderr)
	}
	var found probed
	if err := json.Unmarshal(output, &found); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if len(found.Users) != 2 || found.Users[0].Name != RolesUser || len(found.Users[1].Password) < MinPasswordBytes {
		t.Errorf("the users are %v", found.Users)
	}
	if !found.Confined {
		if found.WhyNot == "" {
			t.Error("not confined, and no reason")
		}
		t.Skipf("this machine confines nobody: %s", found.WhyNot)
	}
	want := map[string]string{
		"make folders": "<nil>", "move between folders": "<nil>", "read its own": "<nil>", "read the memory's": "<nil>", "listen": "<nil>",
		"read the password": "permission denied", "write beside": "permission denied", "list beside": "permission denied", "read the parent's": "permission denied",
		"connect": "permission denied", "execute": "permission denied",
	}
	version, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if version < 4 { // it does not know the network
		delete(want, "connect")
	}
	for what, outcome := range want {
		if found.Does[what] != outcome {
			t.Errorf("%s: %s, want %s", what, found.Does[what], outcome)
		}
	}
}

// Where the kernel confines nobody, the reason says what would.
func TestWhatLandlockLacks(t *testing.T) {
	for _, c := range []struct {
		version int
		errno   unix.Errno
		want    string
	}{
		{0, unix.ENOSYS, "Linux 5.19 or later is needed"},              // before 5.13
		{1, 0, "(version 1, 2 is needed); Linux 5.19 or later"},        // before 5.19
		{0, unix.EOPNOTSUPP, "right would be landlock among the lsm="}, // built in, not switched on
		{0, unix.EPERM, "by a container's seccomp profile"},
		{landlockNeeded, 0, ""},
	} {
		err := lacksLandlock(c.version, c.errno)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("version %d, %v: %v, want %q", c.version, c.errno, err, c.want)
		}
	}
}
