//go:build !linux

package chdb

import "syscall"

// childAttributes put the child in a process group of its own, out of the reach of a terminal's Ctrl-C. It learns of
// its parent's death by the end of its standard input.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
