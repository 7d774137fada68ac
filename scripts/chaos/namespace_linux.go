package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable marks the process that has a mount namespace of its own.
const insideVariable = "CHAOS_INSIDE"

// errMount says why no small file systems can be mounted; nil when they can.
var errMount = errors.New("not asked for yet")

// enterNamespace starts this program again in a mount namespace of its own, with a user namespace where it is not root, and
// answers its exit code. Where the kernel allows none it answers done false and the run goes on without.
func enterNamespace() (code int, done bool) {
	if os.Getenv(insideVariable) != "" {
		// What is mounted here must not show outside.
		errMount = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		return 0, false
	}
	self, err := os.Executable()
	if err != nil {
		errMount = err
		return 0, false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := <-spawn(cmd); err != nil {
		signal.Stop(signals)
		errMount = fmt.Errorf("no mount namespace: %w", err)
		return 0, false
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM { // a Ctrl-C at the terminal reaches the child by itself
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), true
	}
	if err != nil {
		return 1, true
	}
	return 0, true
}

// A disk is a small file system that can be full.
type disk struct{ path string }

const diskSize = "size=4g"

func newDisk(path string) (*disk, error) {
	if errMount != nil {
		return nil, errMount
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("chaos", path, "tmpfs", 0, diskSize); err != nil {
		return nil, fmt.Errorf("mounting a small file system: %w", err)
	}
	return &disk{path}, nil
}

// fill shrinks the file system to what it holds: the next block does not fit.
func (d *disk) fill() error {
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		return err
	}
	used := (s.Blocks - s.Bfree) * uint64(s.Bsize)
	// What is written meanwhile makes a smaller size be refused.
	for extra := uint64(64 << 10); ; extra *= 2 {
		err := unix.Mount("chaos", d.path, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%d", used+extra))
		if err == nil || extra > 256<<20 {
			return err
		}
	}
}

func (d *disk) free() error {
	return unix.Mount("chaos", d.path, "tmpfs", unix.MS_REMOUNT, diskSize)
}

func (d *disk) unmount() { _ = unix.Unmount(d.path, unix.MNT_DETACH) }

// childAttributes make a child die with this process.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
