package main

import (
	"os"
	"os/exec"
	"runtime"
)

// busyVariable marks a process that only uses a processor.
const busyVariable = "CHAOS_BUSY"

func isBusyLoop() bool { return os.Getenv(busyVariable) != "" }

// beBusy never returns: the parent's end ends it.
func beBusy() {
	runtime.GOMAXPROCS(1)
	for n := uint64(1); ; n *= 3 {
		if n == 0 {
			os.Exit(1) // never: a power of three is odd; it keeps the loop from being left out
		}
	}
}

// keepBusy runs the loops beside the run until the function that it returns is called. Some faults bite only where processes wait
// for each other.
func (s *site) keepBusy() (relax func()) {
	self, err := os.Executable()
	if err != nil && s.options.busy > 0 {
		s.report.say("no busy loops: %v", err)
		return func() {}
	}
	var loops []*exec.Cmd
	for range s.options.busy {
		cmd := exec.Command(self, os.Args[1:]...)
		cmd.Env = append(os.Environ(), busyVariable+"=1")
		cmd.SysProcAttr = childAttributes()
		if err := <-spawn(cmd); err != nil {
			s.report.say("no busy loop: %v", err)
			continue
		}
		loops = append(loops, cmd)
	}
	return func() {
		for _, cmd := range loops {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed
		}
		loops = nil
	}
}
