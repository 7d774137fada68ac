//go:build !linux

package chdb

import (
	"errors"
	"runtime"
)

func confine(_, _, _ string) (reason, err error) {
	return errors.New(runtime.GOOS + " has no Landlock"), nil
}

func isConfined() bool { return false }
