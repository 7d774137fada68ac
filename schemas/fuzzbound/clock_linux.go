package fuzzbound

import (
	"syscall"
	"time"
)

// threadTime is the processor time of the calling thread so far.
func threadTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &usage); err != nil {
		panic("asking for the thread's times: " + err.Error())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
