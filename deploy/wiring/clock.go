//go:build !chaos

package wiring

import "time"

// clock is the roles' wall clock: nil, the machine's. See clock_chaos.go for what fault drivers build.
func clock() func() time.Time { return nil }
