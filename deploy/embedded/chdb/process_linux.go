package chdb

import "syscall"

// childAttributes put the child in a process group of its own, out of the reach of a terminal's Ctrl-C, and have the
// kernel end it when its parent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
