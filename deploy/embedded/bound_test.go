package embedded

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// heapBytes is what is in use.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAConnectionThatEndedTakesNoMemory: whoever comes and goes, without a password, leaves nothing.
func TestAConnectionThatEndedTakesNoMemory(t *testing.T) {
	const big, times = 4 << 20, 40
	k := withLogin(t, filepath.Join(t.TempDir(), "kafka"), "secret")
	records := append([]byte{0xff, 0xff, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0, 0, 0, 1, 0, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, big)...)
	produce := frame(0, 3, append(records, make([]byte, big)...))
	before := heapBytes()
	for range times {
		c, err := net.Dial("tcp", k.Address())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(frame(18, 0, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(produce) // refused, at once or when it is there
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for grown := heapBytes() - before; grown > times*16<<10; grown = heapBytes() - before {
		select {
		case <-ctx.Done():
			t.Fatalf("%d connections that ended hold %d bytes", times, grown)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
