package state

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// lastWords ends this process as the processor's logger does.
type lastWords struct{}

const lastWordsExit = 77

func (lastWords) Infof(string, ...any)  {}
func (lastWords) Errorf(string, ...any) {}
func (lastWords) Fatalf(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "last words: "+format+"\n", arguments...)
	os.Exit(lastWordsExit)
}
func (lastWords) Eventf(context.Context, string, ...any) {}
func (lastWords) IsTracingEnabled(context.Context) bool  { return false }

// A full disk ends the process in words, whatever the state was writing: a process of its own for each.
func TestAFullDiskEndsTheProcessInWords(t *testing.T) {
	const variable = "TRIBUTARY_TEST_FULL_DISK"
	writes := map[string]func(*Store, *Partition) error{
		// Smaller than what the log holds back, so that its own goroutine meets the disk; larger; and as much as makes a new log.
		"small flush": func(s *Store, p *Partition) error { return flush(p, 1, 100) },
		"large flush": func(s *Store, p *Partition) error { return flush(p, 64, 4<<10) },
		"rotation":    func(s *Store, p *Partition) error { return flush(p, 256, 8<<10) },
		"wipe":        func(s *Store, p *Partition) error { return p.Wipe() },
		"sync":        func(s *Store, p *Partition) error { return s.Sync() },
		"note":        func(s *Store, p *Partition) error { return s.SetNote("n", make([]byte, 128<<10)) },
	}
	if name := os.Getenv(variable); name != "" {
		var full atomic.Bool
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if full.Load() && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") {
				return syscall.ENOSPC
			}
			return nil
		}))
		s, err := Open(Options{Dir: "state", FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20, Logger: lastWords{}})
		must(t, err)
		p := s.Partition(1)
		full.Store(true)
		err = writes[name](s, p)
		t.Fatalf("written to a full disk: %v; synced: %v", err, s.Sync())
	}
	for name := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAFullDiskEndsTheProcessInWords$", "-test.timeout=60s")
			child.Env = append(os.Environ(), variable+"="+name)
			child.Stdout, child.Stderr = &out, &out
			_ = child.Run() // its exit code says more
			if code := child.ProcessState.ExitCode(); code != lastWordsExit || !strings.Contains(out.String(), "last words: writing the log of the state: no space left on device") {
				t.Errorf("a full disk ended the process with exit code %d:\n%.3000s", code, out.String())
			}
		})
	}
}

func flush(p *Partition, keys, size int) error {
	key := make([]byte, 64)
	for i := range keys {
		key[0], key[1] = byte(i), byte(i>>8)
		p.Namespace("n").Put(key, make([]byte, size))
	}
	return p.Flush()
}
