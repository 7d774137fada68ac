package process

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// CrashBySignal has a crash of this process (a panic, a fatal error of Go's runtime, the SIGABRT of a service manager's
// watchdog) end it by SIGABRT. Go's own way is exit code 2, which here says that the configuration is wrong and that another
// start would find the same: who restarts processes must tell the two apart. No core is written, for it would hold secrets,
// unless GOTRACEBACK=crash asks for one.
func CrashBySignal() {
	debug.SetTraceback("crash")
	if os.Getenv("GOTRACEBACK") == "crash" {
		return
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit) // lowering is always allowed
	}
}
