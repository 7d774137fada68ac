//go:build !linux

package main

import (
	"errors"
	"syscall"
)

var errMount = errors.New("only Linux mounts small file systems for one process")

func enterNamespace() (int, bool) { return 0, false }

type disk struct{ path string }

func newDisk(string) (*disk, error) { return nil, errMount }
func (*disk) fill() error           { return errMount }
func (*disk) free() error           { return errMount }
func (*disk) unmount()              {}

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
