//go:build !chaos

package wiring

// bootText names the machine's boot. See boot_chaos.go for what fault drivers build.
func bootText() string { return readBoot() }
