//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

func (h *hammer) run(context.Context, time.Duration) (*shot, error) {
	return nil, errors.New("the load generator polls as Linux does: measure on Linux")
}
