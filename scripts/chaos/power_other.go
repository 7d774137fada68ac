//go:build !linux

package main

import (
	"context"
	"errors"
)

var errPower = errors.New("mode power needs FUSE of Linux")

type power struct{}

func (s *site) powerData(string) error                          { return errPower }
func (s *site) cutAgainAndAgain(context.Context, *ledger) error { return errPower }
func (s *site) keepPower(bool)                                  {}
func (p *power) judge(*report, *verdict)                        {}
